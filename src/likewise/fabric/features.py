"""What references look like to the network, kept between pictures and rounds.

A reference's keys and values at a step depend on its latents, the noise on it, the network and the noise level, and on
nothing else: not on the prompt, the seed, the guidance or on other references. With noise that is always the same for a
reference and a step, a round computes those of its new references alone.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from likewise.fabric.merging import Seen
from likewise.fabric.packing import Packed

MEGABYTE = 2**20
Entry = dict[str, tuple[Packed, Packed, Tensor | None]]  # layer -> keys, values, log counts of one reference
Key = tuple[str, int, str]  # the reference, the step, and all else that counts


class Features:
    """Features of references, up to a budget; those that were not used for longest make room.

    What one generation needs never makes room for itself: where a generation needs more than the budget, a part of it
    stays and the rest is computed each time. hits, misses: (reference, step) pairs found and not found, since the
    beginning. computed: network rows that were spent on references.
    """

    def __init__(self, megabytes: float = 512) -> None:
        """Nothing is kept yet."""
        self.limit(megabytes)
        self.bytes = self.hits = self.misses = self.computed = 0
        self._kept: OrderedDict[Key, tuple[Entry, int]] = OrderedDict()  # with the turn that last needed it
        self._turn = 0

    def __len__(self) -> int:
        """How many (reference, step) pairs are kept."""
        return len(self._kept)

    def limit(self, megabytes: float) -> None:
        """Set the budget; what is kept already goes when room is next needed."""
        self.budget = int(megabytes * MEGABYTE)

    def begin(self, keys: Sequence[Key]) -> None:
        """A generation begins that needs these."""
        self._turn += 1
        found = [key for key in keys if key in self._kept]
        self.hits, self.misses = self.hits + len(found), self.misses + len(keys) - len(found)
        for key in found:
            self._kept[key] = (self._kept.pop(key)[0], self._turn)

    def get(self, key: Key) -> Entry | None:
        """What is kept, if it is."""
        return self._kept[key][0] if key in self._kept else None

    def put(self, key: Key, entry: Entry) -> None:
        """Keep it, if there is room or room can be made."""
        size = size_of(entry)
        while self._kept and self.bytes + size > self.budget and self._oldest() < self._turn:
            _, (old, _) = self._kept.popitem(last=False)
            self.bytes -= size_of(old)
        if self.bytes + size <= self.budget:
            self._kept[key] = (entry, self._turn)
            self.bytes += size

    def clear(self) -> None:
        """Free all memory."""
        self._kept.clear()
        self.bytes = 0

    def _oldest(self) -> int:
        return next(iter(self._kept.values()))[1]


def size_of(entry: Entry) -> int:
    """Bytes of the keys, values and counts of one reference at one step."""
    logs = sum(log.numel() * log.element_size() for _, _, log in entry.values() if log is not None)
    return logs + sum(keys.bytes + values.bytes for keys, values, _ in entry.values())


class Stacked:
    """Several references' features by layer, unpacked when the network gets there: one layer is in memory at a time."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries

    def joined(self, layer: str, references: slice) -> Seen:
        """See feeding.Held."""
        keys, values, logs = zip(*(entry[layer] for entry in self.entries[references]), strict=True)
        counts = None if logs[0] is None else torch.stack(logs)
        return _listed(keys), _listed(values), counts


def _listed(parts: Sequence[Packed]) -> Tensor:
    return torch.cat([one.open() for one in parts], 1)[None] if len(parts) > 1 else parts[0].open()[None]
