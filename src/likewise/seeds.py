"""Randomness is named, not carried along: the same seed and names give the same numbers, in any order, anywhere.

A stream is asked for by its purpose and its counters, `stream(seed, "noise", step)`, and thrown away after use. So
there is no generator state to save, and batch layout, worker count, previews and resuming cannot change a result.
"""

import hashlib
import json
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import SupportsIndex

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def key(seed: SupportsIndex, *names: str | SupportsIndex) -> int:
    """A number in [0, 2^63) that belongs to this seed and these names: BLAKE2b of their JSON list.

    JSON keeps "1" apart from 1, and ("ab", "c") from ("a", "bc").
    """
    parts = [name if isinstance(name, str) else operator.index(name) for name in names]
    digest = hashlib.blake2b(json.dumps([operator.index(seed), *parts]).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def stream(seed: SupportsIndex, *names: str | SupportsIndex) -> torch.Generator:
    """A fresh CPU generator for this seed and these names.

    torch's CPU generator keeps 32 of the bits that it is seeded with, so among 10,000 streams the odds of two equal
    ones are about 1 %. That is harmless for the noise of training steps; where rows must differ, draw all of them
    from one stream, or take `numpy_stream` or `randn`, which keep 63 bits.
    """
    return torch.Generator().manual_seed(key(seed, *names))


def numpy_stream(seed: SupportsIndex, *names: str | SupportsIndex) -> np.random.Generator:
    """A fresh NumPy generator (Philox, a counter-based cipher) for this seed and these names."""
    return np.random.Generator(np.random.Philox(key=key(seed, *names)))


def randn(shape: Sequence[int], seed: SupportsIndex, *names: str | SupportsIndex) -> Float[Tensor, "..."]:
    """Standard normal float32 on the CPU. A longer batch starts with the values of a shorter one."""
    return torch.from_numpy(numpy_stream(seed, *names).standard_normal(tuple(shape), dtype=np.float32))


@contextmanager
def initialising(seed: int, *names: str | int) -> Iterator[None]:
    """A scope in which torch's own weight initialisation is keyed; the global generator is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(key(seed, *names))
        yield
