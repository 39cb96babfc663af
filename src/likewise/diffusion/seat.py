"""Which networks are on the device: all of them, or, where memory is short, those that are in use.

The U-Net lives on the device. A spared autoencoder or text tower waits in main memory and comes for the length of a
call; a spared U-Net makes room for it meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

CPU = torch.device("cpu")


class Seat:
    """A device and the networks that compute there."""

    def __init__(self, networks: Mapping[str, Sequence[nn.Module]]) -> None:
        """networks: "unet", "vae" and "text" -> modules that come and go together; all are on the CPU."""
        self._networks = {name: tuple(modules) for name, modules in networks.items()}
        self._spared: frozenset[str] = frozenset()
        self.device = CPU

    def to(self, device: str | torch.device) -> None:
        """Compute there from now on."""
        self.device = torch.device(device)
        self.spare(*self._spared)

    def spare(self, *names: str) -> None:
        """Let these wait in main memory while they are not in use, and no others; none: all stay on the device."""
        assert self._networks.keys() >= set(names), f"there are only {', '.join(self._networks)}"
        self._spared = frozenset(names)
        for name in self._networks:
            self._move(name, CPU if name in self._spared - {"unet"} else self.device)

    @contextmanager
    def using(self, name: str) -> Iterator[None]:
        """While inside, a network other than the U-Net is on the device."""
        if name not in self._spared:
            yield
            return
        away = "unet" in self._spared
        try:
            if away:
                self._move("unet", CPU)
            self._move(name, self.device)
            yield
        finally:
            self._move(name, CPU)
            if away:
                self._move("unet", self.device)

    def _move(self, name: str, device: torch.device) -> None:
        for module in self._networks[name]:
            module.to(device)
