"""What must hold of likes and dislikes whatever the model: laws of their weights, their number and their company."""

import pytest
import torch
from fabric_made import Colours, doubled, encoded, picture
from PIL import Image

from likewise.diffusion import attention, sampling
from likewise.diffusion.backbone import join
from likewise.fabric import strength, weighted
from likewise.fabric.config import Config
from likewise.fabric.feeding import Call, Feeder, Side
from likewise.fabric.generation import generate
from likewise.fabric.guided import Fed, predict
from likewise.fabric.references import Reference, encode

TIME = torch.tensor(400)


def said(backbone, prompt="a photo of a dog"):
    with torch.no_grad():
        return backbone.encode_text([prompt]), backbone.encode_text([""])


def answer(backbone, likes, dislikes, scale, weights=None, fused=True):
    """The guided output for one picture. likes, dislikes: Encoded; weights: of each, likes first."""
    (text, blank), latents = said(backbone), sampling.noise(backbone, [5]).to(likes[0].latents.dtype)
    weights = weights or [0.8] * (len(likes) + len(dislikes))
    noised = torch.stack([one.at(0.6, 0.8, one.noise(0, 0)) for one in [*likes, *dislikes]])
    fed = Fed(noised, tuple(weights[: len(likes)]), tuple(weights[len(likes) :]), blank)
    with torch.no_grad():
        return predict(
            Feeder(backbone.unet), backbone, latents, TIME, text, blank, fed, scale=scale, rows=2, fused=fused
        )


@pytest.mark.parametrize("backbone", ["sd1"], indirect=True)
def test_three_copies_are_one_reference_at_three_times_the_weight(double):
    one = doubled(encoded(double, [1]))
    three = answer(double, one * 3, [], 5.0, [0.3] * 3)
    assert float((three - answer(double, one, [], 5.0, [0.9])).abs().max()) <= 1e-10


@pytest.mark.parametrize("backbone", ["sd1"], indirect=True)
def test_unequal_sides_are_each_what_they_are_alone(double):
    """Three likes and one dislike: nothing is filled up, so neither side hears of the other's number."""
    likes, dislikes = doubled(encoded(double, [1, 2, 3])), doubled(encoded(double, [4]))
    (text, blank), latents = said(double), sampling.noise(double, [5]).double()
    with torch.no_grad():
        free, bound = (double.predict(latents, TIME.expand(1), one) for one in (blank, text))
    scale = 4.0
    both = answer(double, likes, dislikes, scale)
    liked = (answer(double, likes, [], scale) - free) / scale + free  # the prompt's half, with likes
    disliked = answer_free(double, dislikes, bound, scale)
    assert float((both - (disliked + scale * (liked - disliked))).abs().max()) <= 1e-10


def answer_free(backbone, dislikes, bound, scale):
    """The half without the prompt, with dislikes: (1 - s) free + s bound, solved for free."""
    (text, blank), latents = said(backbone), sampling.noise(backbone, [5]).double()
    noised = torch.stack([one.at(0.6, 0.8, one.noise(0, 0)) for one in dislikes])
    fed = Fed(noised, (), tuple([0.8] * len(dislikes)), blank)
    with torch.no_grad():
        guided = predict(Feeder(backbone.unet), backbone, latents, TIME, text, blank, fed, scale=scale, rows=2)
    return (guided - scale * bound) / (1 - scale)


def test_what_a_reference_shows_depends_neither_on_prompt_nor_pictures_nor_company(sd1):
    (text, blank), other = said(sd1), said(sd1, "a red cat in the snow")[0]
    one, two = encoded(sd1, [1, 2])
    shown = []
    for prompt, seed, company in ((text, 3, [one]), (other, 4, [one]), (text, 3, [one, two])):
        latents = sampling.noise(sd1, [seed])
        call = Call(1, (Side(slice(0, 1), slice(0, len(company)), (0.8,) * len(company)),), keep=True)
        rows = torch.cat([latents, *(one.latents[None] for one in company)])
        with torch.no_grad(), Feeder(sd1.unet).feeding(call):
            sd1.predict(rows, TIME.expand(len(rows)), join([prompt, blank[[0] * len(company)]]))
        shown.append(call.kept)
    for layer, (keys, values, _) in shown[0].items():
        for again in shown[1:]:
            assert float((again[layer][0][0] - keys[0]).abs().max()) <= 1e-5 * float(keys.abs().max())
            assert float((again[layer][1][0] - values[0]).abs().max()) <= 1e-5 * float(values.abs().max())


def mass(weights, tokens=6, alike=False):
    """What references with these weights have of a query's attention."""
    rng = torch.Generator().manual_seed(0)
    q, k = (torch.randn(1, 2, tokens, 8, generator=rng, dtype=torch.float64) for _ in range(2))
    own = torch.zeros(1, 2, tokens, 1, dtype=torch.float64)
    keys = torch.cat([k if alike else torch.randn(k.shape, generator=rng, dtype=k.dtype) for _ in weights], 2)
    bias = torch.tensor(weights, dtype=torch.float64).log().repeat_interleave(tokens)
    with torch.no_grad():
        ones = torch.ones_like(keys[..., :1])
        return float(weighted.attend(q, k, own.expand(k.shape), keys, ones.expand(keys.shape), bias).mean())


def test_attention_on_references_grows_with_their_weight_and_their_number():
    rising = [mass([w]) for w in (0.05, 0.3, 1.0, 2.0)]
    assert rising == sorted(rising)
    assert len({round(one, 12) for one in rising}) == 4
    rising = [mass([0.8] * n) for n in (1, 2, 4, 8)]
    assert rising == sorted(rising)
    assert len({round(one, 12) for one in rising}) == 4
    assert mass([0.8] * 8, alike=True) == pytest.approx(8 * 0.8 / (1 + 8 * 0.8))


@pytest.mark.parametrize("full", [1, 3])
def test_a_crowd_never_has_more_attention_than_those_that_count_in_full(full):
    for count in (1, 3, 6, 20):
        weights = strength.table(Config(full=full), 1, [Reference(picture(1))] * count)[0]
        assert mass(weights, alike=True) <= full * 0.8 / (1 + full * 0.8) + 1e-12


def test_without_feedback_the_network_is_called_as_plainly_and_nothing_else_is_touched(sd1, monkeypatch):
    text, blank = said(sd1)
    calls, original = [], sd1.predict
    monkeypatch.setattr(sd1, "predict", lambda x, t, text: calls.append(len(x)) or original(x, t, text))
    state, before = torch.random.get_rng_state(), [one.module.processor for one in attention.sites(sd1.unet)]
    how = {"noise": sampling.noise(sd1, [3]), "rows": 2, "config": Config(steps=3)}
    sampling.last(generate(sd1, text, blank, **how))
    assert calls == [2, 2, 2]
    sampling.last(generate(sd1, text, blank, likes=encoded(sd1, [1]), **how))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [one.module.processor for one in attention.sites(sd1.unet)] == before


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_likes_pull_and_dislikes_push_on_a_model_that_has_learned():
    """Twelve pairs of one seed each, a plain red picture and the embedded model: sign tests at p < 0.01."""
    import likewise
    from likewise import images
    from likewise.metrics.neighbours import unit

    backbone = likewise.load()
    red = encode(backbone, [Reference(Image.new("RGB", (128, 128), (225, 20, 20)))], 128)
    text, blank = said(backbone, "a 3d dog")
    noise = sampling.noise(backbone, range(12))

    def drawn(**references):
        config = Config(steps=5, scheduler="ddim")
        return sampling.last(generate(backbone, text, blank, noise=noise, config=config, **references))

    def redness(found):
        return found.images[:, 0].mean((1, 2)) - found.images[:, 1:].mean((1, 2, 3))

    plain, liked, disliked = drawn(), drawn(likes=red), drawn(dislikes=red)
    most = 11  # of 12 coins: p = 0.003
    assert int((redness(liked) > redness(plain)).sum()) >= most
    assert int((redness(disliked) < redness(plain)).sum()) >= most
    rows = [unit(Colours().embed(images.to_pil(one.images))) for one in (plain, liked, disliked)]
    target = Colours().embed([red[0].reference.image])[0]
    assert int((rows[1] @ target > rows[0] @ target).sum()) >= most
    assert int((rows[2] @ target < rows[0] @ target).sum()) >= most
    spread = [1 - (one @ one.T).mean() for one in rows]
    assert spread[1] < spread[0]  # pictures gather near what is liked

    from test_fabric_generate import slow

    few = {"scheduler": "ddim", "steps": 5, "seeds_": (0, 1), "prompt": "a 3d dog"}
    expected = sampling.decode(backbone, slow(backbone, red, [], **few).float())
    effect = (redness(liked) - redness(plain))[:2].mean()
    again = (expected[:, 0].mean((1, 2)) - expected[:, 1:].mean((1, 2, 3)) - redness(plain)[:2]).mean()
    assert float(effect / again) == pytest.approx(1, abs=0.05)
