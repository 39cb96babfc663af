"""Weighted attention is the paper's, in every form of it, and the layers are put back."""

import math

import pytest
import torch
import torch.nn.functional as F

from likewise.fabric import weighted


def plain(q, k, v, other_k, other_v, bias):
    """Probabilities times weights, renormalised."""
    keys = torch.cat([k, other_k.expand(len(k), -1, -1, -1)], 2)
    values = torch.cat([v, other_v.expand(len(v), -1, -1, -1)], 2)
    p = (q @ keys.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)
    p = p * torch.cat([torch.ones(k.shape[2], dtype=q.dtype), bias.exp()])
    return p / p.sum(-1, keepdim=True) @ values


def widened(q, k, v, other_k, other_v, bias):
    """Plain attention with a channel more: queries have sqrt(d) there, keys log w, so q k / sqrt(d) gains log w."""
    keys = torch.cat([k, other_k.expand(len(k), -1, -1, -1)], 2)
    values = torch.cat([v, other_v.expand(len(v), -1, -1, -1)], 2)
    logs = torch.cat([torch.zeros(k.shape[2], dtype=q.dtype), bias]).expand(*keys.shape[:3])[..., None]
    root = math.sqrt(q.shape[-1])
    wide = torch.cat([q, torch.full_like(q[..., :1], root)], -1), torch.cat([keys, logs], -1)
    return F.scaled_dot_product_attention(*wide, values, scale=1 / root)


def tensors(rng, rows=3, tokens=5, others=7, dtype=torch.float64):
    q, k, v = (torch.randn(rows, 2, tokens, 8, generator=rng, dtype=dtype) for _ in range(3))
    other = [torch.randn(1, 2, others, 8, generator=rng, dtype=dtype) for _ in range(2)]
    return q, k, v, *other


@pytest.mark.parametrize("form", [weighted.concatenated, weighted.split, weighted.attend, widened])
@pytest.mark.parametrize("weight", [0.05, 0.3, 1.0, 2.0])
def test_every_form_is_scaled_and_renormalised_probabilities(form, weight, rng):
    inputs = tensors(rng)
    bias = torch.full((7,), math.log(weight), dtype=torch.float64)
    with torch.no_grad():
        assert (form(*inputs, bias) - plain(*inputs, bias)).abs().max() <= 1e-12


@pytest.mark.parametrize("form", [weighted.concatenated, weighted.split])
def test_every_key_may_have_a_weight_of_its_own(form, rng):
    inputs, bias = tensors(rng), torch.linspace(0.1, 3, 7, dtype=torch.float64).log()
    with torch.no_grad():
        assert (form(*inputs, bias) - plain(*inputs, bias)).abs().max() <= 1e-12


@pytest.mark.parametrize("form", [weighted.concatenated, weighted.split])
def test_three_copies_are_one_at_three_times_the_weight(form, rng):
    q, k, v, ok, ov = tensors(rng)
    with torch.no_grad():
        one = form(q, k, v, ok, ov, torch.full((7,), math.log(1.5), dtype=torch.float64))
        three = form(
            q, k, v, ok.repeat(1, 1, 3, 1), ov.repeat(1, 1, 3, 1), torch.full((21,), math.log(0.5), dtype=v.dtype)
        )
    assert (one - three).abs().max() <= 1e-12


@pytest.mark.parametrize("form", [weighted.concatenated, weighted.split])
def test_rows_that_are_no_neighbours_in_memory_are_read_rightly(form, rng):
    q, k, v, ok, ov = tensors(rng)
    bias, strewn = torch.full((7,), 0.3, dtype=torch.float64), [each.mT.contiguous().mT for each in (v, ov)]
    with torch.no_grad():
        assert (form(q, k, strewn[0], ok, strewn[1], bias) - plain(q, k, v, ok, ov, bias)).abs().max() <= 1e-12
        one = (q, k, v[..., :1].expand(v.shape), ok, ov[..., :1].expand(ov.shape), bias)
        assert (form(*one) - plain(*one)).abs().max() <= 1e-12


def test_a_vanishing_weight_is_no_reference(rng):
    q, k, v, ok, ov = tensors(rng)
    with torch.no_grad():
        fed = weighted.attend(q, k, v, ok, ov, torch.full((7,), -60.0, dtype=torch.float64))
    assert (fed - F.scaled_dot_product_attention(q, k, v)).abs().max() <= 1e-12
