"""Adapters in the branches of an ensemble while it is tuned: of the paper's rank and scale, with dropout."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor, nn

from likewise.diffusion.lora import Lora, Pair, inject
from likewise.dreamsim.ensemble import Ensemble


class Dropped(Pair):
    """An adapter whose inputs are dropped at random while it learns; torch's own generator decides, so key it."""

    def __init__(self, pair: Pair, dropout: float) -> None:
        super().__init__(pair.down.data, pair.up.data, pair.scale, **pair.window)
        self.dropout = dropout

    def entering(self, x: Tensor) -> Tensor:
        """x with `dropout` of its numbers at 0 and the others larger for it, while it learns."""
        return F.dropout(x, self.dropout, self.training)


class Adapters:
    """Live adapters on every branch; `merge` adds them to the weights, `remove` leaves no trace."""

    def __init__(self, ensemble: Ensemble, rank: int, alpha: float, dropout: float, seed: int) -> None:
        self.loras = []
        for index, branch in enumerate(ensemble.branches):
            plain = inject(branch.network, f"branch{index}", rank=rank, alpha=alpha, targets=branch.targets, seed=seed)
            plain.remove()
            pairs = {path: Dropped(pair, dropout) for path, pair in plain.pairs.items() if branch.adapts(path)}
            self.loras.append(Lora(f"branch{index}", branch.network, pairs, branch.targets))
        self._train(False)

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """The trained tensors, named branch.layer.down or .up."""
        return {
            f"{index}.{path}.lora_{part}": getattr(pair, part)
            for index, lora in enumerate(self.loras)
            for path, pair in lora.pairs.items()
            for part in ("down", "up")
        }

    @contextmanager
    def learning(self) -> Iterator[None]:
        """A scope in which inputs are dropped; outside of it none are."""
        self._train(True)
        try:
            yield
        finally:
            self._train(False)

    def _train(self, mode: bool) -> None:
        for lora in self.loras:
            for pair in lora.pairs.values():
                pair.train(mode)

    def merge(self) -> None:
        """Add the adapters to the weights for good."""
        for lora in self.loras:
            lora.merge()

    def remove(self) -> None:
        """Take them off; every weight is what it was."""
        for lora in self.loras:
            lora.remove()
