"""CLIP's loss against the formula, pair by pair."""

import math

import pytest
import torch

from likewise.contrastive.losses import clip_loss
from likewise.errors import ShapeError


def slow(images, texts, scale):
    """Mean over both directions of -log softmax at the right partner, in plain Python."""
    count, total = len(images), 0.0
    for i in range(count):
        row = [scale * sum(a * b for a, b in zip(images[i], texts[j], strict=True)) for j in range(count)]
        column = [scale * sum(a * b for a, b in zip(images[j], texts[i], strict=True)) for j in range(count)]
        for scores in (row, column):
            total += math.log(sum(math.exp(score) for score in scores)) - scores[i]
    return total / (2 * count)


def unit(rows):
    return rows / rows.norm(dim=1, keepdim=True)


@pytest.mark.parametrize(("pairs", "dim", "scale"), [(2, 3, 1.0), (5, 4, 14.3), (9, 2, 0.5)])
def test_equals_the_formula(pairs, dim, scale, rng):
    images, texts = (unit(torch.randn(pairs, dim, generator=rng, dtype=torch.float64)) for _ in range(2))
    expected = slow(images.tolist(), texts.tolist(), scale)
    assert clip_loss(images, texts, torch.tensor(scale, dtype=torch.float64)).item() == pytest.approx(
        expected, abs=1e-12
    )


def test_pictures_and_texts_may_change_places(rng):
    images, texts = (unit(torch.randn(4, 3, generator=rng, dtype=torch.float64)) for _ in range(2))
    scale = torch.tensor(3.0, dtype=torch.float64)
    assert clip_loss(images, texts, scale).item() == pytest.approx(clip_loss(texts, images, scale).item(), abs=1e-12)


def test_knowing_nothing_costs_the_logarithm_of_the_batch():
    same = torch.ones(6, 1)
    assert clip_loss(same, same, torch.tensor(5.0)).item() == pytest.approx(math.log(6))


def test_perfect_pairs_cost_nothing_when_the_temperature_is_low():
    assert clip_loss(torch.eye(4), torch.eye(4), torch.tensor(100.0)).item() == pytest.approx(0, abs=1e-6)


def test_the_gradient_is_that_of_the_formula(rng):
    images, texts = (torch.randn(3, 2, generator=rng, dtype=torch.float64, requires_grad=True) for _ in range(2))
    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(clip_loss, (images, texts, scale))


@pytest.mark.parametrize("shapes", [((1, 3), (1, 3)), ((2, 3), (3, 3))])
def test_unequal_or_single_batches_are_refused(shapes):
    with pytest.raises((ShapeError, TypeError), match=r"B >= 2|pairs"):
        clip_loss(torch.ones(shapes[0]), torch.ones(shapes[1]), torch.tensor(1.0))
