"""Acceptance checks 7, 8 and 11: each loss is its formula, and its lean forms are the plain one with less memory."""

import math

import pytest
import torch

from likewise.contrastive.cached import accumulate
from likewise.contrastive.contrast import Pairs, contrast
from likewise.contrastive.losses import clip_loss, ntxent_loss, siglip_loss, spectral_loss, view_pairs
from likewise.encoders.towers import LOGIT_SCALE_MAX
from likewise.errors import ShapeError
from oracles import contrastive as oracle


def draw(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64, requires_grad=True)


def unit(rows):
    return rows / rows.norm(dim=-1, keepdim=True)


def gradients(loss, *inputs):
    return [loss, *torch.autograd.grad(loss, inputs)]


def same(first, second, tolerance):
    return all(torch.allclose(a, b, rtol=0, atol=tolerance) for a, b in zip(first, second, strict=True))


def scalar(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("images", [2, 7])
@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("views", [2, 3])
def test_check_7_ntxent_is_its_formula(views, images, temperature, rng):
    z = draw(rng, views, images, 4)
    slow = oracle.ntxent(z.flatten(0, 1).tolist(), images, temperature)
    assert ntxent_loss(z, temperature).item() == pytest.approx(slow, abs=1e-12)


def peer_ntxent(z, temperature):
    """Four blocks of cosines, the diagonals of two cut out, cross-entropy: how lightly's NTXentLoss counts."""
    a, b = unit(z[0]), unit(z[1])
    count = len(a)
    off = ~torch.eye(count, dtype=torch.bool)
    same_a, same_b = ((x @ x.T / temperature)[off].view(count, -1) for x in (a, b))
    cross = a @ b.T / temperature
    logits = torch.cat([torch.cat([cross, same_a], 1), torch.cat([cross.T, same_b], 1)])
    return torch.nn.functional.cross_entropy(logits, torch.arange(count).repeat(2))


@pytest.mark.parametrize("images", [2, 64, 257])
@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("chunk", [None, 0, 33])
def test_check_7_ntxent_and_its_gradient_equal_the_peers_way_of_counting(images, temperature, chunk, rng):
    z = draw(rng, 2, images, 16)
    assert same(
        gradients(ntxent_loss(z, temperature, chunk=chunk), z), gradients(peer_ntxent(z, temperature), z), 1e-12
    )


@pytest.mark.parametrize("scale", [14.3, LOGIT_SCALE_MAX])
@pytest.mark.parametrize("chunk", [0, 1, 5])
def test_check_8_clip_in_blocks_equals_clip_at_the_clamp_too(scale, chunk, rng):
    x, y, s = draw(rng, 23, 6), draw(rng, 23, 6), scalar(scale)
    plain = gradients(clip_loss(unit(x), unit(y), s), x, y, s)
    assert same(plain, gradients(clip_loss(unit(x), unit(y), s, chunk=chunk), x, y, s), 1e-11)


@pytest.mark.parametrize("name", ["ntxent", "clip"])
def test_check_8_half_precision_stays_within_a_hundredth(name, rng):
    z = unit(torch.randn(2, 64, 32, generator=rng))
    z[1] = unit(z[0] + 0.7 * z[1])
    losses = []
    for kind in (torch.float32, torch.bfloat16):
        rows = z.to(kind)
        losses.append(
            float(ntxent_loss(rows, 0.1) if name == "ntxent" else clip_loss(*rows, torch.tensor(14.0).to(kind)))
        )
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


@pytest.mark.parametrize("chunk", [None, 0, 4])
def test_siglip_is_its_formula_in_every_form(chunk, rng):
    x, y, s, b = draw(rng, 9, 4), draw(rng, 9, 4), scalar(3.0), scalar(-2.0)
    found = siglip_loss(x, y, s, b, chunk)
    assert found.item() == pytest.approx(oracle.siglip(x.tolist(), y.tolist(), 3.0, -2.0), abs=1e-12)
    assert same(gradients(siglip_loss(x, y, s, b), x, y, s, b), gradients(found, x, y, s, b), 1e-12)


@pytest.mark.parametrize("chunk", [None, 0])
def test_the_spectral_loss_is_its_formula_in_every_form(chunk, rng):
    f, g = draw(rng, 9, 4), draw(rng, 9, 4)
    found = spectral_loss(f, g, chunk)
    assert found.item() == pytest.approx(oracle.spectral(f.tolist(), g.tolist()), abs=1e-12)
    assert same(gradients(spectral_loss(f, g), f, g), gradients(found, f, g), 1e-12)


@pytest.mark.parametrize("radius", [1.0, 10.0])
def test_orthogonal_pairs_are_rewarded_without_limit_by_the_spectral_loss(radius):
    assert spectral_loss(radius * torch.eye(4), radius * torch.eye(4)).item() == -2 * radius**2


@pytest.mark.parametrize("chunk", [1, 3, 64])
def test_check_11_any_pairs_in_blocks_equal_the_plain_form(chunk, rng):
    q, k, s = draw(rng, 7, 5), draw(rng, 11, 5), scalar(4.0)
    keep = torch.rand(7, 11, generator=rng) < 0.6
    index = torch.randint(0, 11, (7, 2), generator=rng)
    weight = torch.rand(7, 2, generator=rng, dtype=torch.float64)
    weight[2] = 0
    keep.scatter_(1, index, True)
    keep[2, index[2]] = False  # a silent positive, not even in its own denominator
    pairs = Pairs(index, weight, None, keep)
    plain, lean = (gradients(contrast(q, k, s, pairs, c), q, k, s) for c in (None, chunk))
    assert same(plain, lean, 1e-11) and all(torch.isfinite(x).all() for x in plain)


@pytest.mark.parametrize("parts", [3, 5, 16])
@pytest.mark.parametrize("objective", ["ntxent", "clip"])
def test_check_11_cached_accumulation_gives_the_gradient_of_the_whole_batch(parts, objective, rng):
    with torch.random.fork_rng():
        net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)).double()
    data = torch.randn(2, 16, 6, generator=rng, dtype=torch.float64)
    scale = scalar(5.0)

    def embed(rows):
        return [net(view[rows]) for view in data]

    def loss(first, second):
        if objective == "ntxent":
            return ntxent_loss(torch.stack([first, second]), 0.1, chunk=0)
        return clip_loss(unit(first), unit(second), scale, chunk=0)

    every = torch.arange(16)
    plain = loss(*embed(every))
    plain.backward()
    wanted = [p.grad.clone() for p in net.parameters()] + ([scale.grad.clone()] if objective == "clip" else [])
    net.zero_grad()
    scale.grad = None
    value = accumulate(embed, every, parts, loss, net)
    found = [p.grad for p in net.parameters()] + ([scale.grad] if objective == "clip" else [])
    assert value.item() == pytest.approx(plain.item(), abs=1e-12) and same(wanted, found, 1e-8)


def test_check_11_batch_normalisation_moves_its_averages_once():
    net = torch.nn.BatchNorm1d(3, momentum=0.5)
    rows = torch.arange(12.0).reshape(4, 3)
    once = torch.nn.BatchNorm1d(3, momentum=0.5)
    once(rows)
    accumulate(lambda which: [net(rows[which])], torch.arange(4), 4, lambda z: z.square().sum(), net)
    assert torch.equal(net.running_mean, once.running_mean) and net.num_batches_tracked == 1 and net.momentum == 0.5


@pytest.mark.parametrize("name", ["ntxent", "clip", "siglip", "spectral"])
def test_check_11_what_is_kept_for_backward_grows_with_the_batch_and_not_with_its_square(name):
    def kept(count, chunk):
        total = 0

        def see(tensor):
            nonlocal total
            total += tensor.untyped_storage().nbytes()
            return tensor

        z = torch.ones(2, count, 8, requires_grad=True)
        s, b = torch.ones((), requires_grad=True), torch.zeros((), requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(see, lambda tensor: tensor):
            _ = {
                "ntxent": lambda: ntxent_loss(z, 0.5, chunk=chunk),
                "clip": lambda: clip_loss(z[0], z[1], s, chunk=chunk),
                "siglip": lambda: siglip_loss(z[0], z[1], s, b, chunk),
                "spectral": lambda: spectral_loss(z[0], z[1], chunk),
            }[name]()
        return total

    assert kept(1024, 64) / kept(256, 64) < 5  # four times the rows
    assert kept(1024, None) / kept(256, None) > 10  # the plain form, which shows that the test can see it


def test_knowing_nothing_costs_the_logarithm_of_what_there_is_to_choose_from():
    assert ntxent_loss(torch.ones(2, 5, 3)).item() == pytest.approx(math.log(9), abs=1e-5)


def test_the_positives_of_a_row_are_its_other_views():
    index = view_pairs(3, 2, torch.ones(1)).index
    assert [sorted(row) for row in index.tolist()] == [[2, 4], [3, 5], [0, 4], [1, 5], [0, 2], [1, 3]]


@pytest.mark.parametrize("shape", [(1, 4, 3), (2, 1, 3)])
def test_one_view_or_one_image_is_refused(shape):
    with pytest.raises(ShapeError, match="2 views of 2 images"):
        ntxent_loss(torch.ones(shape))
