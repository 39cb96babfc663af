"""The rehearsal counts what autograd really keeps; the estimate adds it up as its formulas say."""

import pytest
import torch

from likewise.diffusion import lora, rehearsal
from likewise.diffusion.estimate import GIB, Estimate, Job, Rehearsed, rehearse
from likewise.diffusion.folder import Folder
from likewise.diffusion.guidance import ROWS


def really_kept(backbone):
    """Bytes that autograd keeps in a forward pass with adapters, beside weights, with numbers in them."""
    seen = {value.untyped_storage()._cdata: 0 for value in backbone.unet.parameters()}

    def save(value):
        storage = value.untyped_storage()
        seen.setdefault(storage._cdata, storage.nbytes())
        return value

    noisy, text = torch.zeros(backbone.facts.latent_shape(1)), backbone.encode_text(["a dog"])
    with torch.autograd.graph.saved_tensors_hooks(save, lambda value: value):
        output = backbone.predict(noisy, torch.tensor([1]), text)
    assert output.requires_grad
    return sum(seen.values())


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_rehearsal_keeps_what_a_real_pass_keeps(folders, sd1, sdxl, family):
    backbone, model = {"sd1": sd1, "sdxl": sdxl}[family], rehearse(Folder(folders[family]))
    adapters = lora.inject(backbone.unet, "unet", rank=4, alpha=4, targets=lora.UNET_TARGETS["attn"], seed=0)
    try:
        real = really_kept(backbone)
    finally:
        adapters.remove()
    job = Job("lora", rank=4)
    found = model._activations(job)
    assert real <= found.outside + found.inside <= 1.08 * real  # a CPU keeps a little less of attention
    assert model.estimate(job).learning == 4 * sum(value.numel() for value in adapters.parameters().values())
    assert model.facts == backbone.facts


def test_views_and_freed_tensors_are_not_counted():
    weight = torch.zeros(1000)
    with rehearsal.live() as meter:
        first = weight.view(10, 100)  # a view of what was there before
        second = first + 1  # 4000 bytes
        third = second.t()  # a view of what was made
        del second
        third = third.sum()  # 4 bytes, beside the 4000 that it is made from
    assert (meter.most, meter.now) == (4004, 4)


def test_the_sums_are_those_of_the_formulas(folders):
    model = rehearse(Folder(folders["sdxl"]))
    unet, vae = (sum(p.numel() for p in model._networks[part].parameters()) for part in ("unet", "vae"))
    text = sum(p.numel() for tower in model._towers.values() for p in tower.parameters())
    plain = model.estimate(Job("full", train_text=True))
    assert plain.networks == 4 * vae and plain.learning == plain.gradients == 4 * (unet + text)
    assert plain.moments == 2 * plain.learning and plain.averages == 0
    assert model.estimate(Job("full", ema=True)).averages == 4 * unet
    assert model.estimate(Job("full", teacher=True)).networks == 4 * (unet + vae + text)
    assert model.estimate(Job("lora", precision="bfloat16")).networks == 2 * (unet + text) + 4 * vae
    frugal = model.estimate(Job("lora", precision="bfloat16", spared=("unet", "vae", "text")))
    assert frugal.networks == 2 * unet
    words = model.estimate(Job("words"))
    assert words.learning == 0 and words.activations > 0
    kept = model._activations(Job("lora"))
    assert model.estimate(Job("lora", rows=3)).activations == 3 * (kept.outside + kept.inside + kept.largest)
    again = 3 * (kept.outside + kept.inputs + 2 * kept.largest)
    assert model.estimate(Job("lora", rows=3, checkpointing=True)).activations == again


def test_drawing_counts_when_it_needs_more_than_training():
    parts = {"learning": 10, "gradients": 10, "moments": 20, "averages": 0, "activations": 50}
    assert Estimate(networks=100, drawing=150, **parts).needed == int(1.05 * 190) + 0.75 * GIB
    assert Estimate(networks=100, drawing=250, **parts).needed == int(1.05 * 250) + 0.75 * GIB
    assert str(Estimate(networks=2 * GIB, drawing=GIB, **parts)).startswith("2.9 GiB (weights 2.0, gradients")


def test_bfloat16_takes_half_and_autocast_copies_weights_that_are_not_in_it(folders):
    model = rehearse(Folder(folders["sd1"]))
    wide = model._activations(Job("lora"))
    low = model._activations(Job("lora", precision="bfloat16", autocast=True))
    assert low.inside < wide.inside
    assert low.copies < model._activations(Job("lora", autocast=True)).copies
    assert wide.copies == 0 and wide.drawing > 0
    drawn = model.estimate(Job("lora")).drawing
    assert drawn >= ROWS * wide.drawing


@pytest.mark.slow
@pytest.mark.parametrize(("family", "adapters"), [("sd1", 797_184), ("sdxl", 5_806_080)])
def test_the_published_models_have_the_adapters_and_need_the_memory_that_is_known(family, adapters):
    from likewise.diffusion.backbone import Facts
    from likewise.diffusion.formats import skeleton

    facts = {
        "sd1": Facts("sd1", "epsilon", 512, 4, 8, 0.18215, 768, 77, 1000),
        "sdxl": Facts("sdxl", "epsilon", 1024, 4, 8, 0.13025, 2048, 77, 1000, sized=True),
    }[family]
    model = Rehearsed(skeleton.of_family(family).parts, facts)
    look = {"precision": "bfloat16", "autocast": True, "checkpointing": True, "rows": 2}
    small = model.estimate(Job("lora", rank=4, spared=("unet", "vae", "text"), **look))
    assert small.learning == 4 * adapters  # specification, section 3
    low, high = {"sd1": (2, 6), "sdxl": (7, 10)}[family]
    assert low * GIB < small.needed < high * GIB
    full = model.estimate(Job("full", **look))
    assert full.learning + full.gradients + full.moments == 16 * sum(
        p.numel() for p in model._networks["unet"].parameters()
    )
    assert full.needed > {"sd1": 16, "sdxl": 24}[family] * GIB
