"""Looks at references for a generation, as few times as it can.

Features are always computed in network calls of one size, in which a row's bits depend on that row alone; so what is
drawn does not depend, to the last bit, on what was kept from before. Calls are filled with steps to come.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise import checkpoint, seeds
from likewise.diffusion.backbone import Backbone, Text
from likewise.fabric.features import Entry, Features, Key, Stacked
from likewise.fabric.feeding import Call, Feeder
from likewise.fabric.merging import Seen
from likewise.fabric.packing import Packed, Precision, pack
from likewise.fabric.references import Encoded


@dataclass(frozen=True)
class Sight:
    """How references are looked at. levels: (t, signal, spread) of every step; blank: the encoded empty prompt."""

    backbone: Backbone
    feeder: Feeder
    levels: Sequence[tuple[float, float, float]]
    blank: Text
    rows: int
    merge: float = 0.0
    precision: Precision = "full"

    def name(self, latents: Tensor) -> str:
        """What tells this sight from every other: what the network, adapters and all, says to a probe, and the steps.

        Asking the network costs a row, and sees whatever was done to it, by whomever.
        """
        probe = seeds.randn((1, *latents.shape), 0, "probe").to(latents)
        said = self.backbone.predict(probe, torch.full((1,), 500.0, device=probe.device).long(), self.blank)
        facts = f"{said.dtype} {said.device} {self.rows} {self.merge} {self.precision} {list(self.levels)} "
        return checkpoint.hash_bytes(facts.encode() + _bytes(said))

    def compute(self, pairs: Sequence[tuple[Encoded, int]]) -> list[Entry]:
        """Features of `rows` references, each at a step of its own, or of fewer: the rest is filled with copies."""
        filled = [pairs[min(place, len(pairs) - 1)] for place in range(self.rows)]
        noisy = torch.stack([one.at(*self.levels[step][1:], one.noise(0, step)) for one, step in filled])
        t = torch.tensor([self.levels[step][0] for _, step in filled], device=noisy.device)
        call = Call(0, keep=True, merge=self.merge)
        with self.feeder.feeding(call):
            self.backbone.predict(noisy, t, self.blank[[0] * self.rows])
        return [{layer: self._packed(seen, place) for layer, seen in call.kept.items()} for place in range(len(pairs))]

    def _packed(self, seen: Seen, place: int) -> tuple[Packed, Packed, Tensor | None]:
        keys, values, logs = seen
        counts = None if logs is None else logs[place].clone()
        return pack(keys[place], self.precision), pack(values[place], self.precision), counts


class Gallery:
    """The features of one generation's references, step by step, computed as far ahead as fills a network call."""

    def __init__(self, sight: Sight, kept: Features, wanted: Sequence[Sequence[Encoded]]) -> None:
        """wanted: the references of every step, in the order in which they are read."""
        self.sight, self.kept, self.wanted = sight, kept, wanted
        self._ready: dict[Key, Entry] = {}
        first = next(one for step in wanted for one in step)
        self._name = sight.name(first.latents) if kept.budget else ""  # where nothing is kept, nothing is mistaken
        each = {one.reference.id: one for step in wanted for one in step}
        self._ids = {id: f"{id} {checkpoint.hash_bytes(_bytes(one.latents))}" for id, one in each.items()}
        kept.begin(list(dict.fromkeys(self._key(one, step) for step, side in enumerate(wanted) for one in side)))

    def at(self, step: int) -> Stacked:
        """The features that this step reads."""
        keys = [self._key(one, step) for one in self.wanted[step]]
        if any(self._find(key) is None for key in keys):
            self._look(step)
        entries = [entry for key in keys if (entry := self._find(key)) is not None]
        assert len(entries) == len(keys), "what was looked at is there until it is read"
        for key in keys:
            self._ready.pop(key, None)
        return Stacked(entries)

    def _look(self, step: int) -> None:
        """Compute what this step lacks, and of later steps as much as fills the calls."""
        missing: dict[Key, tuple[Encoded, int]] = {}
        needed = 0
        for later in range(step, len(self.wanted)):
            for one in self.wanted[later]:
                if self._find(self._key(one, later)) is None:
                    missing.setdefault(self._key(one, later), (one, later))
            needed = needed or -(-len(missing) // self.sight.rows) * self.sight.rows
            if len(missing) >= needed:
                break
        pairs = list(missing.items())[:needed]
        for start in range(0, len(pairs), self.sight.rows):
            part = pairs[start : start + self.sight.rows]
            for (key, _), entry in zip(part, self.sight.compute([pair for _, pair in part]), strict=True):
                self._ready[key] = entry
                self.kept.put(key, entry)
        self.kept.computed += len(pairs)

    def _find(self, key: Key) -> Entry | None:
        return self._ready.get(key) or self.kept.get(key)

    def _key(self, one: Encoded, step: int) -> Key:
        return self._ids[one.reference.id], step, self._name


def _bytes(x: Tensor) -> bytes:
    return x.double().cpu().contiguous().numpy().tobytes()  # NumPy knows no bfloat16; float64 holds each number exactly
