"""The adapters of a rank that are nearest to a change: exact where the rank suffices, the best where it does not."""

import pytest
import torch

from likewise.diffusion.formats import ranks
from likewise.diffusion.lora_formats import LoraFile

SHAPES = {("unet", "a"): (6, 10), ("unet", "b"): (10, 6), ("unet", "conv"): (8, 5, 3, 3), ("text_encoder", "c"): (7, 7)}


def delta(pair):
    down, up, scale = pair
    return scale * (up.flatten(1) @ down.flatten(1)).reshape(len(up), *down.shape[1:])


def weights(rng):
    return {place: torch.randn(shape, generator=rng) for place, shape in SHAPES.items()}


def low_rank(rng, rank):
    """Changes that have exactly this rank."""
    return {
        place: (torch.randn(len(w), rank, generator=rng) @ torch.randn(rank, w[0].numel(), generator=rng)).reshape(
            w.shape
        )
        for place, w in weights(rng).items()
    }


def test_a_change_of_that_rank_is_found_exactly(rng):
    base, change = weights(rng), low_rank(rng, 3)
    file, kept = ranks.extract(base, {place: base[place] + change[place] for place in base}, 3)
    assert file.pairs.keys() == base.keys()
    for place, pair in file.pairs.items():
        assert (delta(pair) - change[place]).abs().max() < 1e-4
        assert len(pair[0]) == 3
    assert kept.total == pytest.approx(1, abs=1e-6)


def test_a_lower_rank_is_the_best_that_there_is(rng):
    base, learned = weights(rng), weights(rng)
    file, kept = ranks.extract(base, learned, 2)
    lost = total = 0.0
    for place, pair in file.pairs.items():
        change = (learned[place] - base[place]).flatten(1)
        u, s, vt = torch.linalg.svd(change, full_matrices=False)
        best = (u[:, :2] * s[:2]) @ vt[:2]
        assert (delta(pair).flatten(1) - best).abs().max() < 1e-3
        lost, total = lost + s[2:].square().sum().item(), total + s.square().sum().item()
    assert kept.total == pytest.approx(1 - lost / total, abs=1e-5)
    assert kept.worst < kept.total


def test_what_did_not_change_gets_no_adapter(rng):
    base = weights(rng)
    file, kept = ranks.extract(base, {**base, ("unet", "a"): base["unet", "a"] + 1}, 4)
    assert list(file.pairs) == [("unet", "a")]
    assert (len(file.pairs["unet", "a"][0]), kept.total) == (1, pytest.approx(1, abs=1e-6))


def test_resizing_is_the_same_as_extracting_from_the_product(rng):
    pairs = {
        place: (
            torch.randn(5, *shape[1:], generator=rng),
            torch.randn(shape[0], 5, *(1,) * (len(shape) - 2), generator=rng),
            0.5,
        )
        for place, shape in SHAPES.items()
    }
    file, kept = ranks.resize(LoraFile(pairs, (), {}), 2)
    zero = {place: torch.zeros(shape) for place, shape in SHAPES.items()}
    other, again = ranks.extract(zero, {place: delta(pair) for place, pair in pairs.items()}, 2)
    for place, pair in file.pairs.items():
        assert [one.ndim for one in pair[:2]] == [len(SHAPES[place])] * 2
        assert (delta(pair) - delta(other.pairs[place])).abs().max() < 1e-3
    assert kept.total == pytest.approx(again.total, abs=1e-5)


def test_a_rank_that_suffices_changes_nothing(rng):
    pairs = {("unet", "a"): (torch.randn(2, 10, generator=rng), torch.randn(6, 2, generator=rng), 0.5)}
    file, kept = ranks.resize(LoraFile(pairs, (), {}), 8)
    assert torch.equal(delta(file.pairs["unet", "a"]), delta(pairs["unet", "a"])) and kept.total == 1
