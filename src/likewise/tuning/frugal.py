"""Less memory for more time: activations of the U-Net computed again instead of kept (arXiv:1604.06174)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def recomputing(unet: Any, on: bool) -> Iterator[None]:
    """Inside this scope the U-Net recomputes its activations, if `on`; by the two methods of diffusers' models."""
    if on:
        unet.enable_gradient_checkpointing()
    try:
        yield
    finally:
        unet.disable_gradient_checkpointing()
