"""Features of references: kept ones are new ones bit for bit, found only where nothing changed; merged and packed."""

import copy
import dataclasses

import pytest
import torch
import torch.nn.functional as F
from fabric_made import encoded

from likewise import seeds, settings
from likewise.diffusion import attention, lora, sampling
from likewise.errors import BadSettingError
from likewise.fabric import Session, feeding, weighted
from likewise.fabric.config import Config
from likewise.fabric.features import Features
from likewise.fabric.feeding import Call, Feeder, Side
from likewise.fabric.gallery import Sight
from likewise.fabric.generation import generate
from likewise.fabric.merging import merged
from likewise.fabric.packing import pack
from likewise.fabric.references import encode

STEPS = 4  # of which the first two are the window's
FIXED = {"full": 0, "newest": 0, "steps": STEPS, "noise": "fixed", "end": 0.25, "scheduler": "ddim"}
ROWS = 3


def draw(backbone, likes, dislikes=(), features=None, prompt="a photo of a dog", seeds=(3,), size=None, **config):
    with torch.no_grad():
        text, blank = backbone.encode_text([prompt]), backbone.encode_text([""])
    noise = sampling.noise(backbone, seeds, size)
    how = {"noise": noise, "likes": likes, "dislikes": dislikes, "features": features, "rows": ROWS, "ahead": ROWS}
    return sampling.last(generate(backbone, text, blank, config=Config(**FIXED | config), **how)).latents


@pytest.fixture(scope="module")
def once(sd1):
    kept = Features()
    draw(sd1, encoded(sd1, [1, 2]), encoded(sd1, [3]), kept)
    return kept


@pytest.fixture
def three(once):
    """Features after a round with the likes 1, 2 and the dislike 3."""
    return copy.deepcopy(once)


def test_kept_features_are_computed_ones_bit_for_bit_whatever_was_kept(sd1, three):
    likes, dislikes = encoded(sd1, [1, 2, 4]), encoded(sd1, [3])
    cold = draw(sd1, likes, dislikes)
    assert torch.equal(draw(sd1, likes, dislikes, three), cold)  # three from before, one new
    assert torch.equal(draw(sd1, likes, dislikes, three), cold)  # all from before
    scarce = Features(three.bytes / 2**20 / 3)  # room for a part of them
    assert torch.equal(draw(sd1, likes, dislikes, scarce), cold)
    assert torch.equal(draw(sd1, likes, dislikes, scarce), cold)
    assert 0 < scarce.bytes <= scarce.budget
    assert 0 < scarce.hits < 8


@pytest.mark.parametrize(
    "backbone", ["sdxl", *(pytest.param(one, marks=pytest.mark.slow) for one in ("toybox", "sd2"))], indirect=True
)
def test_in_every_family_kept_features_are_computed_ones(backbone):
    likes, dislikes, kept = encoded(backbone, [1, 2]), encoded(backbone, [3]), Features()
    cold = draw(backbone, likes[:1], dislikes, kept), draw(backbone, likes, dislikes)
    assert torch.equal(draw(backbone, likes, dislikes, kept), cold[1])
    assert (kept.hits, kept.computed) == (4, 6)
    fused = draw(backbone, likes, dislikes, noise="fresh")  # the same noise, as seed 0 is that of fixed noise
    assert float((fused - cold[1]).abs().max()) <= 1e-4 * float(fused.abs().max())


def test_a_round_computes_its_new_references_alone_once_a_step_of_the_window(sd1, three):
    assert (three.hits, three.misses, three.computed) == (0, 6, 6)  # three references, two steps
    draw(sd1, encoded(sd1, [1, 2, 4]), encoded(sd1, [3]), three)
    assert (three.hits, three.misses, three.computed) == (6, 8, 8)


@pytest.mark.parametrize(
    "change", [{"prompt": "a cat"}, {"seeds": (9, 10)}, {"guidance": 2.0}, {"strength": 0.3}, {"full": 1}]
)
def test_prompt_seed_guidance_and_weights_miss_nothing(change, sd1, three):
    draw(sd1, encoded(sd1, [2, 1]), encoded(sd1, [3]), three, **change)
    assert (three.hits, three.misses) == (6, 6)


@pytest.mark.parametrize(
    "change", [{"steps": 5}, {"scheduler": "euler"}, {"size": 48}, {"merge": 0.5}, {"precision": "half"}]
)
def test_steps_sampler_size_and_precision_miss_everything(change, sd1, three):
    size = change.get("size", sd1.facts.image_size)
    likes = encode(sd1, [one.reference for one in encoded(sd1, [1, 2])], size)
    draw(sd1, likes, features=three, **change)
    assert three.hits == 0


def test_an_adapter_its_strength_and_its_absence_each_miss_everything(sd1, three):
    likes = encoded(sd1, [1])
    adapter = lora.inject(sd1.unet, "unet", rank=2, alpha=8, targets=("attn1.to_k",), seed=0)
    try:
        for pair in adapter.pairs.values():
            pair.up.data += 0.5
        adapted = draw(sd1, likes, features=three)
        adapter.strength = 0.5
        draw(sd1, likes, features=three)
        assert three.hits == 0
        adapter.strength = 1.0
        assert torch.equal(draw(sd1, likes, features=three), adapted)
        assert three.hits == 2
    finally:
        adapter.remove()
    draw(sd1, likes, features=three)
    assert three.hits == 4


def test_memory_is_numbers_times_bytes_and_no_more(sd1):
    kept = Features()
    draw(sd1, encoded(sd1, [1, 2]), features=kept)
    cells = {"down_blocks.0": 16, "down_blocks.1": 8, "mid_block": 8, "up_blocks.0": 8, "up_blocks.1": 16}
    sites = [site for site in attention.sites(sd1.unet) if not site.cross]
    side = sd1.facts.latent_shape(1)[-1]
    numbers = sum(
        (cells[next(name for name in cells if site.name.startswith(name))] * side // 16) ** 2 * site.width
        for site in sites
    )
    assert kept.bytes == 2 * 4 * numbers * 2 * 2  # keys and values, float32, two references, two steps
    kept.clear()
    assert (kept.bytes, len(kept)) == (0, 0)


def test_a_references_features_do_not_depend_on_its_company(sd1):
    with torch.no_grad():
        sight = Sight(sd1, Feeder(sd1.unet), [(500.0, 0.6, 0.8), (300.0, 0.8, 0.6)], sd1.encode_text([""]), ROWS)
        one, two, three = encoded(sd1, [1, 2, 3])
        alone = sight.compute([(one, 1)])[0]
        among = sight.compute([(two, 0), (three, 1), (one, 1)])[2]
    for layer, (keys, values, _) in alone.items():
        assert torch.equal(keys.open(), among[layer][0].open())
        assert torch.equal(values.open(), among[layer][1].open())


def counted(monkeypatch, owner, name):
    """The calls of a function from here on, by their arguments."""
    calls, original = [], getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *a, **named: calls.append(a) or original(*a, **named))
    return calls


def test_what_is_known_needs_no_noise_and_what_is_not_kept_needs_no_probe(sd1, three, monkeypatch):
    likes, dislikes = encoded(sd1, [1, 2]), encoded(sd1, [3])
    noise, rows = counted(monkeypatch, seeds, "randn"), counted(monkeypatch, sd1, "predict")
    warm = draw(sd1, likes, dislikes, three)
    assert not [call for call in noise if "reference noise" in call]
    assert [len(call[0]) for call in rows] == [1, 2, 2, 2, 2]  # the probe, and four steps
    for nowhere in (None, Features(0)):
        rows.clear()
        assert torch.equal(draw(sd1, likes, dislikes, nowhere), warm)
        assert [len(call[0]) for call in rows] == [3, 2, 3, 2, 2, 2]  # three references before each step of the window


def test_a_look_at_references_ends_with_the_last_layer_that_is_kept(sd1):
    behind = []
    hook = sd1.unet.conv_out.register_forward_hook(lambda *_: behind.append(1))
    try:
        with torch.no_grad():
            sight = Sight(sd1, Feeder(sd1.unet), [(500.0, 0.6, 0.8)], sd1.encode_text([""]), ROWS)
            seen = sight.compute([(encoded(sd1, [1])[0], 0)])[0]
    finally:
        hook.remove()
    assert not behind
    assert set(seen) == {site.name for site in Feeder(sd1.unet).sites}
    assert not [site for site in Feeder(sd1.unet).sites if site.module.processor.__class__.__name__ == "FedAttention"]


def test_the_look_for_an_effect_ends_where_one_is_seen(sd1, monkeypatch):
    text, (one,) = sd1.encode_text([""]), encoded(sd1, [1])
    rows, t = torch.stack([one.latents.flip(-1), one.latents]), torch.tensor([500, 500])
    plain, counts, said = counted(monkeypatch, F, "scaled_dot_product_attention"), [], []
    for check in (False, True):
        plain.clear()
        call = Call(1, (Side(slice(0, 1), slice(0, 1), (0.8,)),), check=check)
        with torch.no_grad(), Feeder(sd1.unet).feeding(call):
            said.append(sd1.predict(rows, t, text[[0, 0]]))
        counts.append(len(plain))
    assert counts[1] == counts[0] + 1
    assert torch.equal(*said)


@pytest.mark.parametrize("config", [{}, {"noise": "fresh", "merge": 0.5}, {"noise": "fresh", "like_bottleneck": 0.0}])
def test_joined_attention_draws_what_one_attention_over_all_keys_draws(config, sd1, monkeypatch):
    likes, dislikes = encoded(sd1, [1, 2], [1.0, 0.4]), encoded(sd1, [3])
    fast = draw(sd1, likes, dislikes, **config)
    monkeypatch.setattr(feeding, "splits", lambda q: False)
    assert float((draw(sd1, likes, dislikes, **config) - fast).abs().max()) <= 1e-4 * float(fast.abs().max())


def test_a_session_with_fixed_noise_is_replayed_bit_for_bit_and_keeps_features(sd1, tmp_path):
    how = {"encoder": "none", "n": 1, "steps": 2, "noise": "fixed"}
    session = Session.begin(tmp_path / "s", "a photo of a dog", backbone=sd1, **how)
    session.next()
    session.like(1)
    session.next()
    session.like(1)
    session.next()
    assert session.easel.features.hits == 2  # 1-1 at both steps
    found = Session.open(tmp_path / "s", backbone=sd1).replay()
    assert len(found) == 3
    assert all(one.same for one in found)


# -- merging


def heads(rng, references=2, tokens=8, dtype=torch.float64):
    return torch.randn(references, 2, tokens, 4, generator=rng, dtype=dtype)


def fed(q, k, v, seen, weight=0.7):
    keys, values, counts = seen
    bias = torch.full(keys.shape[::2], weight, dtype=torch.float64).log()  # (references, tokens)
    bias = (bias if counts is None else bias + counts).flatten()
    joined = [each.transpose(0, 1).flatten(1, 2)[None] for each in (keys, values)]
    with torch.no_grad():
        return weighted.attend(q, k, v, *joined, bias)


def test_merging_tokens_that_are_twins_changes_nothing_because_they_count_for_two(rng):
    q, k, v = (heads(rng) for _ in range(3))
    keys, values = (heads(rng, tokens=6).repeat_interleave(2, dim=2) for _ in range(2))
    plain, seen = fed(q, k, v, (keys, values, None)), merged(keys, values, 0.5)
    assert seen[0].shape[2] == 6
    assert (fed(q, k, v, seen) - plain).abs().max() <= 1e-10
    assert (fed(q, k, v, (*seen[:2], None)) - plain).abs().max() > 1e-2  # what it is without the count


def test_merging_loses_that_many_tokens_and_no_weight(rng):
    keys, values = heads(rng, tokens=9), heads(rng, tokens=9)
    for part, left in ((0.25, 7), (0.5, 5)):
        found, _, counts = merged(keys, values, part)
        assert found.shape[2] == left
        assert torch.allclose(counts.exp().sum(-1), torch.tensor(9.0, dtype=torch.float64))
        means = (found * counts.exp()[:, None, :, None]).sum(2) / 9
        assert torch.allclose(means, keys.mean(2))
    assert merged(keys, values, 0.0)[0] is keys
    first, second = merged(keys, values, 0.5), merged(keys[1:], values[1:], 0.5)
    assert torch.equal(first[0][1:], second[0])  # each reference on its own


def test_merging_is_off_bit_for_bit_at_0_and_on_where_asked(sd1):
    likes = encoded(sd1, [1])
    plain = draw(sd1, likes, noise="fresh")
    assert torch.equal(draw(sd1, likes, noise="fresh", merge=0.0), plain)
    half = draw(sd1, likes, noise="fresh", merge=0.5)
    assert 0 < float((half - plain).abs().max()) < 0.5 * float(plain.abs().max())
    with pytest.raises(BadSettingError, match="merge"):
        settings.build(Config, {"merge": 0.6})


# -- packing


@pytest.mark.parametrize(("precision", "bytes_", "error"), [("full", 4, 0), ("half", 2, 1e-3), ("byte", 1, 1e-2)])
def test_packing_takes_its_bytes_and_errs_within_its_bound(precision, bytes_, error, rng):
    x = torch.randn(2, 64, 8, generator=rng) * torch.logspace(-3, 6, 8)  # columns of very different sizes
    packed = pack(x, precision)
    assert packed.data.element_size() == bytes_
    opened = packed.open()
    assert opened.dtype == x.dtype
    assert float((opened - x).norm() / x.norm()) <= error
    assert dataclasses.replace(packed, scale=None).bytes == bytes_ * x.numel()


@pytest.mark.parametrize(("precision", "error"), [("half", 1e-3), ("byte", 1e-2)])
def test_each_layer_errs_less_than_a_hundredth_with_packed_features(precision, error, rng):
    q, k, v, keys, values = (heads(rng, tokens=32, dtype=torch.float32) for _ in range(5))
    packed = [torch.stack([pack(one, precision).open() for one in each]) for each in (keys, values)]
    exact = fed(q, k, v, (keys, values, None))
    assert float((fed(q, k, v, (*packed, None)) - exact).norm() / exact.norm()) <= error
