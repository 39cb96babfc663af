"""Muon: orthogonal updates by the Gram matrix equal the plain iteration, and a saved state goes on bit for bit."""

import pytest
import torch
from torch import nn

from likewise.contrastive.learn import restore, snapshot
from likewise.seeds import randn
from likewise.toybox.muon import ITERATIONS, QUINTIC, RMS, Muon, orthogonal, split


def plain(matrix: torch.Tensor) -> torch.Tensor:
    """The Newton-Schulz iteration as it is usually written, on the matrix itself."""
    a, b, c = QUINTIC
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16), (1, 9)])
def test_the_gram_form_equals_the_plain_iteration(shape):
    matrix = randn(shape, 0, "muon").double()
    expected = plain(matrix) if shape[0] <= shape[1] else plain(matrix.T).T
    assert torch.allclose(orthogonal(matrix), expected, atol=1e-9)


def test_an_update_keeps_the_singular_vectors_and_evens_the_singular_values():
    u, s, v = torch.linalg.svd(randn((12, 60), 0, "muon"), full_matrices=False)
    turned = u.T @ orthogonal(u * s.new_tensor([1.0] * 6 + [0.05] * 6) @ v) @ v.T
    assert torch.allclose(turned, turned.diagonal().diag(), atol=1e-4)
    assert (turned.diagonal() > 0.5).all() and (turned.diagonal() < 1.3).all()


def test_updates_have_the_size_that_the_learning_rate_says():
    layer = nn.Conv2d(16, 16, 3, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = randn(layer.weight.shape, 0, "gradient")
    Muon([layer.weight], [], 0.1, weight_decay=0.0).step()
    moved = (layer.weight.detach() - before).square().mean().sqrt()
    assert 0.1 * RMS * 0.6 < moved < 0.1 * RMS * 1.2


def test_the_rest_moves_as_adamw_moves_it():
    ours, theirs = nn.Parameter(torch.ones(5)), nn.Parameter(torch.ones(5))
    muon = Muon([], [ours], 1e-2, betas=(0.9, 0.99), weight_decay=0.1)
    adam = torch.optim.AdamW([theirs], 1e-2, betas=(0.9, 0.99), weight_decay=0.1)
    for index in range(5):
        ours.grad = theirs.grad = randn((5,), index, "gradient")
        muon.step(), adam.step()
    assert torch.allclose(ours, theirs, atol=1e-7)


def network() -> tuple[nn.Module, Muon]:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for tensor in net.parameters():
        tensor.data = randn(tensor.shape, 0, "weights")
    return net, Muon(*split(net, ("0",)), 1e-2)


def train(net: nn.Module, optimiser: Muon, steps: range) -> None:
    for index in steps:
        net(randn((3, 4), index, "input")).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()


def test_a_saved_state_goes_on_bit_for_bit():
    whole, optimiser = network()
    train(whole, optimiser, range(6))
    first, half = network()
    train(first, half, range(3))
    again, rest = network()
    assert restore(again, rest, snapshot(first, half, 3)) == 3
    train(again, rest, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_every_tensor_is_learned_once():
    net, _ = network()
    matrices, others = split(net, ("0",))
    assert [tuple(tensor.shape) for tensor in matrices] == [(4, 4)]
    assert len(others) == 3
