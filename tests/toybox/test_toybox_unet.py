"""The U-Net's training: it learns, an average follows, every row is seen once an epoch, and it resumes exactly."""

import pytest
import torch
from toybox_made import changed, weights

from likewise.seeds import initialising
from likewise.toybox import publish, unet

COUNT, WIDTH = 5, 16


def fresh():
    with initialising(0, "test"):
        return unet.build(4, WIDTH, (32, 32))


@pytest.fixture(scope="module")
def data():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(COUNT, 4, 1, 1, generator=rng).expand(-1, -1, 8, 8), torch.randn(COUNT, 3, WIDTH, generator=rng)


def learn(data, net, average, config, resume=None, asked=None):
    def batches(rows, dropped):
        if asked is not None:
            asked.append((rows.tolist(), dropped.tolist()))
        latents, text = data
        covered = torch.zeros(len(rows), 1, 8, 8)
        covered[..., 2:6, 2:6] = 1
        return latents[rows], text[rows].masked_fill(dropped[:, None, None], 0), covered

    average.load_state_dict(net.state_dict())
    return unet.learn(net, average, publish.schedule(), batches, COUNT, config, resume)


def test_the_loss_falls(data):
    net, average = fresh(), fresh()
    config = unet.Config(steps=40, batch=5, lr=1e-2, warmup=4)
    losses = [step.losses["plain"] for step in learn(data, net, average, config)]
    assert sum(losses[-8:]) < 0.6 * sum(losses[:8])


def test_a_resumed_training_ends_in_the_same_bits_average_included(data):
    config = unet.Config(steps=4, batch=2, warmup=2)
    nets = fresh(), fresh()
    states = [step.state() for step in learn(data, *nets, config)]
    again = fresh(), fresh()
    later = [step.state() for step in learn(data, *again, config, states[1])]
    assert len(later) == 2
    assert [changed(weights(one), other) for one, other in zip(nets, again, strict=True)] == [set(), set()]
    assert all(torch.equal(value, later[-1].tensors[name]) for name, value in states[-1].tensors.items())


def test_the_average_follows_the_weights(data):
    net, average = fresh(), fresh()
    config = unet.Config(steps=3, batch=2, ema=0.25)
    expected = weights(net)
    for index, _ in enumerate(learn(data, net, average, config), start=1):
        decay = min(0.25, index / (10 + index))
        expected = {name: decay * expected[name] + (1 - decay) * value for name, value in weights(net).items()}
    for name, value in average.state_dict().items():
        assert torch.allclose(value, expected[name], atol=1e-6)


def test_every_row_is_seen_once_an_epoch_whatever_the_batch(data):
    asked = []
    for _ in learn(data, fresh(), fresh(), unet.Config(steps=5, batch=3), asked=asked):
        pass
    rows = [row for rows, _ in asked for row in rows]
    assert [sorted(rows[start : start + COUNT]) for start in (0, 5, 10)] == [list(range(COUNT))] * 3
    assert rows[:5] != rows[5:10]


def test_the_asked_share_of_captions_is_dropped(data):
    shares = []
    for drop in (0.0, 1.0):
        asked = []
        next(learn(data, fresh(), fresh(), unet.Config(steps=1, batch=8, drop=drop), asked=asked))
        shares.append(sum(asked[0][1]) / 8)
    assert shares == [0.0, 1.0]


def test_gamma_changes_the_weighted_loss_alone(data):
    plain, weighted = (
        next(learn(data, fresh(), fresh(), unet.Config(steps=1, batch=5, gamma=gamma, focus=0))).losses
        for gamma in (0.0, 5.0)
    )
    assert plain["plain"] == pytest.approx(plain["weighted"])
    assert plain["plain"] == weighted["plain"] != pytest.approx(weighted["weighted"])


def test_the_rate_rises_stays_and_falls_to_nearly_nothing():
    config = unet.Config(steps=100, warmup=10, cooldown=0.2, lr=1.0)
    rates = [unet.rate(config, index) for index in range(1, 101)]
    assert rates[0] == pytest.approx(0.1) and rates[20] == rates[79] == 1.0 and rates[-1] == pytest.approx(0.05)


def test_attention_is_at_every_level():
    net = fresh()
    for block in (*net.down_blocks, net.mid_block, *net.up_blocks):
        kinds = {name.split(".")[-2] for name, _ in block.named_modules() if name.endswith((".attn1", ".attn2"))}
        assert block.attentions and len(kinds) > 0


def test_emphasis_draws_noisy_timesteps_more_often():
    def share_above_three_quarters(emphasis):
        drawn = unet.timesteps(unet.Config(batch=4000, emphasis=emphasis), 1000, torch.Generator().manual_seed(0))
        assert drawn.min() >= 0 and drawn.max() <= 999
        return (drawn >= 750).float().mean().item()

    assert share_above_three_quarters(1.0) == pytest.approx(0.25, abs=0.03)
    assert share_above_three_quarters(2.0) == pytest.approx(0.5, abs=0.03)


def test_focus_weighs_what_subjects_cover_and_leaves_photos_alone():
    covered = torch.zeros(2, 1, 4, 4)
    covered[0, :, :2] = 1
    weight = unet.focused(covered, 3.0)
    assert torch.allclose(weight.mean((1, 2, 3)), torch.ones(2))
    assert torch.allclose(weight[0, 0, 0] / weight[0, 0, 3], torch.full((4,), 4.0))
    assert torch.equal(weight[1], torch.ones(1, 4, 4))


def test_focus_changes_the_weighted_loss_alone(data):
    first, second = [
        next(learn(data, fresh(), fresh(), unet.Config(steps=1, batch=5, focus=focus))).losses for focus in (0.0, 3.0)
    ]
    assert first["plain"] == pytest.approx(first["weighted"])
    assert first["plain"] == second["plain"] != second["weighted"]
