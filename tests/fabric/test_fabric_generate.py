"""Generation with likes and dislikes equals the slow oracle, without them plain sampling, bit for bit."""

import pytest
import torch
from fabric_made import doubled, encoded, picture, run

from likewise import seeds
from likewise.diffusion import attention, guidance, sampling, solvers
from likewise.diffusion.backbone import join
from likewise.errors import AttentionTakenError, DislikesIdleWarning, NoEffectError, NoSelfAttentionError
from likewise.fabric import strength
from likewise.fabric.config import Config
from likewise.fabric.feeding import Feeder
from likewise.fabric.generation import Start, generate
from likewise.fabric.guided import Fed, predict
from likewise.fabric.references import Reference, level
from oracles import fabric as oracle

STEPS = 3
PAPER = {"full": 0, "newest": 0, "steps": STEPS}


def texts(backbone, prompt="a photo of a dog"):
    with torch.no_grad():
        return backbone.encode_text([prompt]), backbone.encode_text([""])


def made(backbone, seeds_=(3,), prompt="a photo of a dog", dtype=torch.float32, **how):
    config = Config(**{**PAPER, **how.pop("config", {})})
    noise = sampling.noise(backbone, seeds_).to(dtype)
    how = {"rows": 2 * len(noise), **how}  # no more than there is: slow machines run these too
    return sampling.last(generate(backbone, *texts(backbone, prompt), noise=noise, config=config, **how))


def unet_call(backbone, prompt="a photo of a dog"):
    """The U-Net as the oracle calls it: rows of latents, and which text each reads."""
    bound, free = texts(backbone, prompt)

    def call(latents, which, t):
        rows = [bound if one == "bound" else free for one in which]
        return run(backbone, latents, t.expand(len(latents)), join(rows))

    return call


def slow(
    backbone, likes, dislikes, scheduler, scale=5.0, seed=0, seeds_=(3,), window=(0.0, 0.8), weights=(0.8, 0.0),
    steps=STEPS, prompt="a photo of a dog",
):  # fmt: skip
    solver = solvers.build(backbone.scheduler_config, scheduler, steps)
    sigmas = getattr(solver, "sigmas", None)

    def signal(i):
        if sigmas is not None:
            return 1 / (1 + float(sigmas[i]) ** 2)
        return float(solver.alphas_cumprod[int(solver.timesteps[i])])

    sides = (likes, dislikes)

    def eps(side, index, step):
        one = sides[side][index]
        drawn = seeds.randn(one.latents.shape, seed, "reference noise", one.reference.id, step)
        return drawn.to(one.latents.dtype)

    latents = [[one.latents for one in side] for side in sides]
    noise = sampling.noise(backbone, seeds_).to((*likes, *dislikes)[0].latents.dtype)
    with torch.no_grad():
        call = unet_call(backbone, prompt)
        return oracle.loop(
            solver, signal, call, backbone.unet, noise, latents, eps, scale, *weights, 0.5, window
        )  # fmt: skip


def apart(first, second):
    return float((first - second).abs().max())


@pytest.mark.parametrize(
    ("backbone", "fused"),
    [
        ("toybox", True),
        ("sdxl", True),
        *(pytest.param(family, True, marks=pytest.mark.slow) for family in ("sd1", "sd2")),
        *(pytest.param(family, False, marks=pytest.mark.slow) for family in ("toybox", "sd1", "sd2", "sdxl")),
    ],
    indirect=["backbone"],
)
def test_every_family_is_the_oracle_in_double_precision(double, fused):
    likes, dislikes = doubled(encoded(double, [1, 2])), doubled(encoded(double, [3]))
    how = {"config": {"scheduler": "ddim"}, "likes": likes, "dislikes": dislikes, "dtype": torch.float64}
    assert apart(made(double, fused=fused, **how).latents, slow(double, likes, dislikes, "ddim")) <= 1e-10


@pytest.mark.parametrize(
    "scheduler",
    ["euler", *(pytest.param(one, marks=pytest.mark.slow) for one in sorted({*solvers.SOLVERS} - {"euler"}))],
)
@pytest.mark.parametrize("backbone", ["sd1"], indirect=True)
def test_every_sampler_is_the_oracle(double, scheduler):
    """Samplers step in float32 themselves, which is what sets the bound."""
    likes, dislikes = doubled(encoded(double, [1, 2])), doubled(encoded(double, [3]))
    how = {"likes": likes, "dislikes": dislikes, "dtype": torch.float64}
    window = {"start": 0.33, "end": 0.66, "strength": 1.0, "strength_outside": 0.1, "scheduler": scheduler}
    expected = slow(double, likes, dislikes, scheduler, window=(0.33, 0.66), weights=(1.0, 0.1))
    found = made(double, config=window, **how).latents
    assert apart(found, expected) <= (1e-9 if scheduler == "ddim" else 1e-5)


@pytest.mark.parametrize("bottlenecks", [(1.5, 0.25), pytest.param((0.5, 1.0), marks=pytest.mark.slow)])
@pytest.mark.parametrize("backbone", ["sdxl"], indirect=True)
def test_weights_of_their_own_and_bottlenecks_are_the_oracles(double, bottlenecks):
    likes, dislikes = doubled(encoded(double, [1, 2])), doubled(encoded(double, [3]))
    noised = [torch.stack([one.latents for one in side]) for side in (likes, dislikes)]
    latents, t = sampling.noise(double, [5]).double(), torch.tensor(400)
    weights, (text, blank) = ((0.3, 1.2), (0.7,)), texts(double)
    fed = Fed(torch.cat(noised), *weights, blank, *bottlenecks)
    call = unet_call(double)
    with torch.no_grad():
        found = predict(Feeder(double.unet), double, latents, t, text, blank, fed, scale=6.0)
        expected = oracle.predict(
            lambda z, which: call(z, which, t), double.unet, latents, None, None, noised, weights, 6.0, bottlenecks
        )
    assert apart(found, expected) <= 1e-10


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("backbone", ["sd2", pytest.param("toybox", marks=pytest.mark.slow)], indirect=True)
def test_in_single_precision_it_is_the_oracle_too(backbone, fused):
    noised = [torch.stack([one.latents for one in encoded(backbone, side)]) for side in ([1, 2], [3])]
    latents, t, (text, blank) = sampling.noise(backbone, [5]), torch.tensor(400), texts(backbone)
    fed = Fed(torch.cat(noised), (0.8, 0.8), (0.4,), blank)
    call = unet_call(backbone)
    with torch.no_grad():
        how = {"scale": 5.0, "rows": 2, "fused": fused}
        found = predict(Feeder(backbone.unet), backbone, latents, t, text, blank, fed, **how)
        expected = oracle.predict(
            lambda z, which: call(z, which, t), backbone.unet, latents, None, None, noised, ((0.8, 0.8), (0.4,)), 5.0
        )
    assert apart(found, expected) <= 1e-5 * float(expected.abs().max().clamp(min=1))


@pytest.mark.parametrize("backbone", ["sd1"], indirect=True)
def test_in_single_precision_one_call_or_two_agree(backbone):
    likes, dislikes = encoded(backbone, [1, 2]), encoded(backbone, [3])
    config = {"scheduler": "ddim", "guidance": 2.0}
    one = made(backbone, likes=likes, dislikes=dislikes, config=config, fused=True).latents
    two = made(backbone, likes=likes, dislikes=dislikes, config=config, fused=False).latents
    assert apart(one, two) <= 1e-5 * float(one.abs().max())


@pytest.mark.parametrize(
    ("backbone", "config"),
    [
        *((family, {}) for family in ("toybox", "sdxl")),
        *(pytest.param(family, {}, marks=pytest.mark.slow) for family in ("sd1", "sd2")),
        ("sd1", {"strength": 0.0}),
        ("sdxl", {"strength": 0.0, "strength_outside": 0.0, "dislike_strength": 0.0}),
    ],
    indirect=["backbone"],
)
def test_without_feedback_it_is_plain_sampling_bit_for_bit(backbone, config):
    text, free = texts(backbone)
    noise = sampling.noise(backbone, [3, 4])
    plain = sampling.last(sampling.generate(backbone, text, free, noise=noise, steps=STEPS, rows=4))
    likes = encoded(backbone, [1]) if config else []
    weightless = encoded(backbone, [2], [0.0])
    fed = made(backbone, (3, 4), likes=[*likes, *weightless], dislikes=likes, config=config)
    assert torch.equal(fed.latents, plain.latents)
    assert torch.equal(fed.images, plain.images)


def test_likes_leave_the_other_half_of_guidance_alone_and_dislikes_theirs(sd1):
    (text, blank), latents, t = texts(sd1), sampling.noise(sd1, [0, 1, 2, 3]), torch.tensor(300)
    noised = torch.stack([one.latents for one in encoded(sd1, [1])])
    outputs = []
    original = sd1.predict
    sd1.predict = lambda *a: outputs.append(original(*a)) or outputs[-1]
    try:
        with torch.no_grad():
            guidance.predict(sd1, latents, t, text, blank)
            feeder = Feeder(sd1.unet)
            for likes, dislikes in (((1.0,), ()), ((), (1.0,))):
                fed = Fed(noised, likes, dislikes, blank)
                predict(feeder, sd1, latents, t, text, blank, fed, scale=5.0, fused=False)
    finally:
        del sd1.predict
    plain, liked, disliked = outputs  # looks at references end before they say anything
    assert torch.equal(liked[:4], plain[:4])
    assert apart(liked[4:], plain[4:]) > 1e-3
    assert torch.equal(disliked[4:], plain[4:])
    assert apart(disliked[:4], plain[:4]) > 1e-3


@pytest.mark.parametrize(("window", "steps", "active"), [
    ((0.33, 0.66), 20, range(7, 14)), ((0, 0.8), 20, range(17)), ((0, 0.5), 20, range(11)), ((0, 1), 20, range(20)),
    ((0, 0), 20, range(1)), ((0, 0), 1, range(1)), ((1, 1), 20, range(0)),
])  # fmt: skip
def test_the_window_includes_its_end(window, steps, active):
    config = Config(start=window[0], end=window[1])
    rows = strength.table(config, steps, [Reference(picture(1))])
    assert [step for step, row in enumerate(rows) if row[0] > 0] == list(active)


def test_the_network_computes_each_reference_once_a_step_of_its_window_and_no_more(sd1, monkeypatch):
    likes, dislikes = encoded(sd1, [1, 2]), encoded(sd1, [3])
    counts, original = [], sd1.predict
    monkeypatch.setattr(sd1, "predict", lambda x, t, text: counts.append(len(x)) or original(x, t, text))
    made(sd1, likes=likes, dislikes=dislikes, config={"end": 0.4, "scheduler": "ddim"}, rows=8)
    assert counts == [11, 11, 8]  # one fused call: two times four rows, and three references
    counts.clear()
    made(sd1, range(5), likes=likes, dislikes=dislikes, config={"end": 0.0, "steps": 2}, rows=8)
    assert counts == [3, 8, 8, 8, 8]  # too many pictures for one call: references once, features held
    counts.clear()
    made(sd1, (0,), likes=likes, rows=2, config={"end": 0.0})
    assert counts == [4, 2, 2]


def test_a_window_of_its_own_and_a_rating_change_one_reference_alone(sd1):
    references = [Reference(picture(1), 0.5, (0.0, 0.0)), Reference(picture(2))]
    assert strength.table(Config(end=0.5, full=0), 4, references) == [[0.4, 0.8], [0, 0.8], [0, 0.8], [0, 0]]
    assert strength.table(Config(full=0), 1, references, disliked=True) == [[0.2, 0.4]]
    assert [strength.rated(stars) for stars in range(1, 6)] == [(-1, 1.0), (-1, 0.5), (0, 0.0), (1, 0.5), (1, 1.0)]


def test_crowds_share_what_a_few_count():
    references = [Reference(picture(number)) for number in range(6)]
    rows = strength.table(Config(), 1, references)
    assert sum(rows[0]) == pytest.approx(3 * 0.8)
    assert strength.table(Config(), 1, references[:3])[0] == [0.8] * 3
    assert strength.capped([1, 2, 3, 4, 5], [6, 7, 8], 4) == ([4, 5], [7, 8])
    assert strength.capped([1, 2, 3, 4, 5], [6], 4) == ([3, 4, 5], [6])
    assert strength.capped([1], [2, 3], 0) == ([1], [2, 3])


@pytest.mark.parametrize("scheduler", sorted(solvers.SOLVERS))
def test_references_are_noised_as_the_sampler_says(sd1, scheduler, rng):
    x, eps = torch.randn(200, 4, 4, 4, generator=rng), torch.randn(200, 4, 4, 4, generator=rng)
    solver = solvers.build(sd1.scheduler_config, scheduler, 6)
    for index, t in enumerate(solver.timesteps):
        signal, spread = level(solver, index)
        ours = signal * x + spread * eps
        assert apart(ours, solver.scale_model_input(solver.add_noise(x, eps, t.expand(200)), t)) <= 1e-5
        assert float(ours.std()) == pytest.approx(1, abs=0.02)
        solver.step(torch.zeros_like(x), t, x)


@pytest.mark.parametrize("backbone", ["sd1"], indirect=True)
def test_order_of_references_does_not_matter_and_one_without_weight_is_not_there(double):
    likes = doubled(encoded(double, [1, 2]))
    how = {"dtype": torch.float64, "config": {"scheduler": "ddim"}}
    forth, back = (made(double, likes=order, **how).latents for order in (likes, likes[::-1]))
    assert apart(forth, back) <= 1e-9
    silent = doubled(encoded(double, [4], [0.0]))
    assert torch.equal(made(double, likes=[*likes, *silent], **how).latents, forth)


def test_a_picture_is_the_same_in_any_company(sd1):
    likes = encoded(sd1, [1, 2])
    five = made(sd1, range(5), likes=likes, rows=4).latents  # in three calls; references go first
    two = made(sd1, (3, 1), likes=likes, rows=4).latents
    assert apart(two[0], five[3]) <= 1e-5 * float(five.abs().max())
    assert torch.equal(made(sd1, (1,), likes=likes, rows=4).latents[0], two[1])


def test_seeds_name_the_noise_on_references_unless_it_is_fixed(sd1):
    likes = encoded(sd1, [1])
    assert torch.equal(made(sd1, likes=likes, seed=1).latents, made(sd1, likes=likes, seed=1).latents)
    assert not torch.equal(made(sd1, likes=likes, seed=1).latents, made(sd1, likes=likes, seed=2).latents)
    fixed = {"noise": "fixed"}
    one, two = (made(sd1, likes=likes, seed=seed, config=fixed).latents for seed in (1, 2))
    assert torch.equal(one, two)


def test_dislikes_without_guidance_are_told_of_and_left_out(sd1):
    one, two = encoded(sd1, [1]), encoded(sd1, [2])
    with pytest.warns(DislikesIdleWarning, match=r"1 disliked.*guidance is 1.*above 1"):
        both = made(sd1, likes=one, dislikes=two, config={"guidance": 1.0})
    assert torch.equal(both.latents, made(sd1, likes=one, config={"guidance": 1.0}).latents)


def test_references_without_effect_are_an_error(sd1, monkeypatch):
    with pytest.raises(NoEffectError, match="no effect"):
        made(sd1, likes=encoded(sd1, [1], [1e-12]))


def test_the_layers_are_what_they_were_even_after_an_error(sd1, monkeypatch):
    before = [site.module.processor for site in attention.sites(sd1.unet)]
    steps = generate(
        sd1, *texts(sd1), noise=sampling.noise(sd1, [0]), likes=encoded(sd1, [1]), config=Config(steps=3), rows=2
    )
    next(steps)  # between steps nothing is hooked: another pipeline may use the U-Net
    assert [site.module.processor for site in attention.sites(sd1.unet)] == before
    mid, original = sd1.unet.mid_block, sd1.unet.mid_block.forward

    def boom(*_a, **_k):
        raise RuntimeError("boom")

    monkeypatch.setattr(mid, "forward", boom)
    with pytest.raises(RuntimeError, match="boom"):
        next(steps)
    assert [site.module.processor for site in attention.sites(sd1.unet)] == before
    monkeypatch.setattr(mid, "forward", original)


def test_layers_that_another_method_computes_are_left_to_it(sd1):
    class Other:
        def __call__(self, attn, hidden_states, *_a, **_k):
            return hidden_states

    swap = attention.swapped(sd1.unet, lambda site: None if site.cross else Other())
    with swap, pytest.raises(AttentionTakenError, match=r"attn1 is computed by Other"):
        made(sd1, likes=encoded(sd1, [1]))


def test_a_unet_without_self_attention_is_refused_by_name():
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shape = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "mid_block_type": None}
    bare = UNet2DConditionModel(block_out_channels=(8,), norm_num_groups=4, layers_per_block=1, **shape)
    with pytest.raises(NoSelfAttentionError, match="plain-net has no self-attention"):
        Feeder(bare, "plain-net")


def test_it_begins_from_a_picture_where_asked(sd1):
    likes, begin = encoded(sd1, [1]), encoded(sd1, [9])[0].latents
    distances = []
    for change in (0.2, 0.6, 1.0):
        steps = list(
            generate(
                sd1, *texts(sd1), noise=sampling.noise(sd1, [0]), likes=likes, start=Start(begin, change),
                config=Config(steps=5),
                rows=2,
            )
        )  # fmt: skip
        assert len(steps) == {0.2: 1, 0.6: 3, 1.0: 5}[change]
        distances.append(float((steps[-1].latents[0] - begin).square().mean()))
    assert distances[0] < distances[1] < distances[2]
