"""All that a run must remember to go on as if it had never stopped: weights, AdamW's moments, averages, the step."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from likewise import checkpoint, settings
from likewise.diffusion.backbone import Backbone
from likewise.errors import BrokenCheckpointError, ResumeMismatchError
from likewise.training import State
from likewise.tuning.config import Tuning

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def origin(backbone: Backbone, photos: str, config: Tuning, seed: int, **more: Any) -> dict[str, Any]:
    """What a state was made from; another origin is another run. photos: a hash of the data; more: JSON values."""
    made_from = {"settings": settings.record(config), "seed": seed, "base model": backbone.hash, "photos": photos}
    return {**made_from, **more}


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In words, where two origins differ."""
    before, after = dict(saved.get("settings", {})), dict(now["settings"])
    found = [
        f"{name} was {before.get(name)!r} and is {after.get(name)!r}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    others = [name for name in now if name != "settings" and saved.get(name) != now[name]]
    return found + [f"the {name} {'were' if name.endswith('s') else 'was'} another" for name in others]


def weights(state: State) -> dict[str, Tensor]:
    """The weights that a state stands for, by the names that Memory was given: averaged ones if the run keeps them."""
    kind = "ema/" if any(name.startswith("ema/") for name in state.tensors) else "weights/"
    return {name.removeprefix(kind): value for name, value in state.tensors.items() if name.startswith(kind)}


class Memory:
    """Reads and restores the whole state of a run; keeps the averaged weights (decay 0: none)."""

    def __init__(
        self,
        named: Mapping[str, nn.Parameter],
        optimiser: torch.optim.Optimizer,
        decay: float,
        made_from: Mapping[str, object],
    ) -> None:
        """named: the trained tensors, which the optimiser updates."""
        self._values = {name: p.detach() for name, p in named.items()}  # outlives the scope in which the model learns
        self._named, self._optimiser, self._decay, self._origin = named, optimiser, decay, made_from
        self._averaged = {name: p.detach().clone() for name, p in named.items()} if decay else {}
        self._updates = 0

    @torch.no_grad()
    def average(self) -> None:
        """Count an update and move the averages towards the weights, faster in the first steps."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for name, average in self._averaged.items():
            average.lerp_(self._named[name], 1 - decay)

    def snapshot(self, index: int) -> Callable[[], State]:
        """A function that copies the state after step `index`, until the next step is made."""
        updates = self._updates

        def state() -> State:
            assert self._updates == updates, "the state of a step must be taken before the next step"
            tensors = self._tensors()
            now = {name: value for name, value in tensors.items() if name.startswith("weights/")}
            data = {"step": index, "updates": updates, "made_from": dict(self._origin)}
            return State(tensors, {**data, "weights_hash": checkpoint.hash_tensors(now)})

        return state

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"weights/{name}": value for name, value in self._values.items()}
        tensors |= {f"ema/{name}": value for name, value in self._averaged.items()}
        for name, parameter in self._named.items():
            kept = self._optimiser.state.get(parameter, {})
            tensors |= {f"adam/{moment}/{name}": kept[moment] for moment in MOMENTS if kept}
        return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}

    @torch.no_grad()
    def restore(self, state: State) -> int:
        """Take a state over and return its step. ResumeMismatchError, or BrokenCheckpointError if it does not fit."""
        wrong = differences(state.data["made_from"], self._origin)
        if wrong:
            raise ResumeMismatchError(wrong)
        for name, parameter in self._named.items():
            parameter.copy_(state.tensors[f"weights/{name}"])
        for name, average in self._averaged.items():
            average.copy_(state.tensors[f"ema/{name}"])
        self._updates = state.data["updates"]
        self._restore_moments(state)
        self._check(state)
        return state.data["step"]

    def _restore_moments(self, state: State) -> None:
        for name, parameter in self._named.items():
            if f"adam/exp_avg/{name}" in state.tensors:
                kept = {moment: state.tensors[f"adam/{moment}/{name}"].clone() for moment in MOMENTS}
                count = kept.pop("step")  # stays on the CPU, where AdamW keeps it
                self._optimiser.state[parameter] = {"step": count, **{k: v.to(parameter) for k, v in kept.items()}}

    def _check(self, state: State) -> None:
        """A resume that leaves the weights as they were is the oldest bug there is: compare what is really loaded."""
        loaded = {f"weights/{name}": parameter for name, parameter in self._named.items()}
        if checkpoint.hash_tensors(loaded) != state.data["weights_hash"]:
            raise BrokenCheckpointError(Path("the checkpoint"), "its weights are not those that were saved")
