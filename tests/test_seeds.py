"""Streams are named by purpose: equal names give equal numbers, and nothing else does."""

import numpy as np
import pytest
import torch

from likewise import seeds


def test_keys_are_pinned_for_good():  # a change here would change every saved seed's pictures
    assert seeds.key(0) == 6197007067532723406
    assert seeds.key(0, "noise", 1) == 8489297299924972283
    assert seeds.key(-1, "é") == 2942003735686045152


def test_names_that_read_alike_have_different_keys():
    alike = [(0, "a", "b"), (0, "ab"), (0, "a", "b", ""), (0, "b", "a"), (0, "1"), (0, 1), (1,), (0,), (0, '"a","b"')]
    assert len({seeds.key(*names) for names in alike}) == len(alike)


def test_numpy_integers_count_as_integers():
    assert seeds.key(np.int64(3), np.int32(4)) == seeds.key(3, 4)


@pytest.mark.parametrize("name", [1.5, None, b"noise"])
def test_names_that_are_neither_text_nor_integers_are_refused(name):
    with pytest.raises(TypeError):
        seeds.key(0, name)


def test_keys_fill_63_bits():
    keys = np.array([seeds.key(0, i) for i in range(2000)], dtype=np.uint64)
    bits = ((keys[:, None] >> np.arange(64, dtype=np.uint64)) & 1).mean(axis=0)
    assert bits[63] == 0
    assert np.abs(bits[:63] - 0.5).max() < 0.06  # five standard errors


def test_a_stream_can_be_asked_for_again():
    first = torch.randn(5, generator=seeds.stream(1, "noise", 7))
    assert torch.equal(first, torch.randn(5, generator=seeds.stream(1, "noise", 7)))
    assert not torch.equal(first, torch.randn(5, generator=seeds.stream(1, "noise", 8)))


def test_numpy_streams_can_be_asked_for_again():
    first = seeds.numpy_stream(1, "scene", 7).random(5)
    assert (first == seeds.numpy_stream(1, "scene", 7).random(5)).all()
    assert (first != seeds.numpy_stream(1, "scene", 8).random(5)).all()


def test_a_longer_batch_starts_with_the_shorter_one():
    assert torch.equal(seeds.randn((8, 4, 3), 5, "x")[:2], seeds.randn((2, 4, 3), 5, "x"))


def test_randn_is_standard_normal_float32_on_the_cpu():
    values = seeds.randn((100_000,), 0, "x")
    assert values.dtype == torch.float32
    assert values.device.type == "cpu"
    assert abs(values.mean().item()) < 0.02
    assert abs(values.std().item() - 1) < 0.02


def test_a_scalar_and_an_empty_batch_are_shapes_too():
    assert seeds.randn((), 0).shape == ()
    assert seeds.randn((0, 3), 0).shape == (0, 3)


def test_global_generators_are_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    seeds.stream(3, "x"), seeds.numpy_stream(3, "x"), seeds.randn((4,), 3)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()


def test_initialising_keys_a_layer_and_puts_the_global_generator_back():
    before = torch.get_rng_state()
    layers = []
    for name in ("a", "a", "b"):
        with seeds.initialising(1, name):
            layers.append(torch.nn.Linear(3, 3).weight)
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])
    assert torch.equal(before, torch.get_rng_state())
