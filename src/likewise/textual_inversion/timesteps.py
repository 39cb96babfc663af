"""Which timestep a sample gets where late ones, at which the layout of a picture is decided, shall come oftener.

P(t) = (1 - alpha cos(pi t / T)) / sum of the same, t = 0 .. T - 1: the law of ReVersion (arXiv:2303.13495), which
Concept Decomposition (arXiv:2305.18203) uses with alpha = 0.5; t = T - 1 then comes three times as often as t = 0.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from likewise import seeds


def weights(timesteps: int, alpha: float) -> Float[np.ndarray, " timesteps"]:
    """The weights (1 - alpha cos(pi t / T)) / T of the T timesteps, float64; they sum to almost 1."""
    t = np.arange(timesteps)
    return (1 - alpha * np.cos(np.pi * t / timesteps)) / timesteps


def timestep(seed: int, n: int, timesteps: int, alpha: float) -> int:
    """The timestep of sample n of a seed."""
    return int(pick(seeds.numpy_stream(seed, "timestep", n).random(1), timesteps, alpha)[0])


def pick(draws: Float[np.ndarray, " n"], timesteps: int, alpha: float) -> Int[np.ndarray, " n"]:
    """The timesteps that uniform draws in [0, 1) stand for."""
    return np.searchsorted(_upto(timesteps, alpha), draws, side="right")


@lru_cache(maxsize=8)
def _upto(timesteps: int, alpha: float) -> Float[np.ndarray, " timesteps"]:
    """P(at most t), which ends at 1 exactly."""
    total = np.cumsum(weights(timesteps, alpha))
    return total / total[-1]
