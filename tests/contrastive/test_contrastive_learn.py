"""Contrastive training: partners find each other, every tensor moves, and a resumed run ends in the same bits."""

import pytest
import torch

from likewise.contrastive.learn import Config, learn, restore, snapshot
from likewise.encoders.towers import ImageTower, Towers, text_tower
from likewise.seeds import initialising

COUNT, LENGTH, VOCABULARY = 8, 5, 20


def fresh():
    with initialising(0, "test"):
        return Towers(ImageTower((8,), 1, 16), text_tower(VOCABULARY, LENGTH, 48, 1), 8)


@pytest.fixture(scope="module")
def data():
    """Pictures of coloured squares, and a word for each."""
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(COUNT, 3, 2, 2, generator=rng).repeat_interleave(32, 2).repeat_interleave(32, 3)
    ids = torch.full((COUNT, LENGTH), VOCABULARY - 1)
    ids[:, 0], ids[:, 1] = VOCABULARY - 2, torch.arange(COUNT)
    return images, ids


def steps(data, towers, config, resume=None, asked=None):
    def pairs(rows):
        if asked is not None:
            asked.append(rows.tolist())
        return data[0][rows], data[1][rows]

    return learn(towers, pairs, COUNT, config, resume)


def test_the_loss_falls_and_partners_find_each_other(data):
    towers = fresh()
    before = {name: value.clone() for name, value in towers.state_dict().items()}
    config = Config(steps=80, batch=8, lr=5e-3, warmup=5)
    losses = [step.losses["contrastive"] for step in steps(data, towers, config)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    with torch.no_grad():
        found = (towers.embed_images(data[0]) @ towers.embed_texts(data[1]).T).argmax(1)
    assert (found == torch.arange(COUNT)).float().mean() >= 0.75
    still = {name for name, value in towers.state_dict().items() if torch.equal(before[name], value)}
    assert {name for name in still if "position_ids" not in name} == set()


def test_a_resumed_training_ends_in_the_same_bits(data):
    config = Config(steps=5, batch=4, warmup=2)
    straight, resumed = fresh(), fresh()
    states = [step.state() for step in steps(data, straight, config)]
    again = [step.state() for step in steps(data, resumed, config, states[2])]
    assert len(again) == 2 and states[-1].tensors.keys() == again[-1].tensors.keys()
    assert all(torch.equal(value, again[-1].tensors[name]) for name, value in states[-1].tensors.items())


def test_no_pair_is_twice_in_a_batch_and_batches_differ(data):
    asked = []
    for _ in steps(data, fresh(), Config(steps=3, batch=6), asked=asked):
        pass
    assert all(len(set(rows)) == 6 for rows in asked) and len({tuple(rows) for rows in asked}) == 3


def test_a_snapshot_is_flat_and_restores_weights_and_moments():
    layer = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    state = snapshot(layer, optimiser, 7)
    assert {"weight/weight", "weight/bias", "optimiser/0/exp_avg", "optimiser/1/step"} <= state.tensors.keys()
    other = torch.nn.Linear(2, 2)
    fresh_optimiser = torch.optim.AdamW(other.parameters())
    assert restore(other, fresh_optimiser, state) == 7
    assert torch.equal(other.weight, layer.weight)
    moment = fresh_optimiser.state_dict()["state"][0]["exp_avg"]
    assert torch.equal(moment, state.tensors["optimiser/0/exp_avg"])
