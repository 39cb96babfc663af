"""Which networks are on the device: all of them, or, where memory is short, those that are in use.

A network that may be spared waits in main memory until it is called, and then takes the place of the one before.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn


class Seat:
    """A device and the networks that compute there."""

    def __init__(self, networks: Mapping[str, Sequence[nn.Module]]) -> None:
        """networks: name -> modules that come and go together; all are on the CPU."""
        self._networks = {name: tuple(modules) for name, modules in networks.items()}
        self._spared: frozenset[str] = frozenset()
        self.device = torch.device("cpu")

    def to(self, device: str | torch.device) -> None:
        """Compute there from now on."""
        self.device = torch.device(device)
        self.spare(*self._spared)

    def spare(self, *names: str) -> None:
        """Let these wait in main memory while they are not in use, and no others; none: all stay on the device."""
        assert self._networks.keys() >= set(names), f"there are only {', '.join(self._networks)}"
        self._spared = frozenset(names)
        for name, modules in self._networks.items():
            _move(modules, torch.device("cpu") if name in self._spared else self.device)

    def take(self, name: str) -> None:
        """Make sure that a network is on the device; of the spared ones it is then the only one there."""
        if name in self._spared:
            for other in self._spared - {name}:
                _move(self._networks[other], torch.device("cpu"))
            _move(self._networks[name], self.device)


def _move(modules: Sequence[nn.Module], device: torch.device) -> None:
    for module in modules:
        module.to(device)
