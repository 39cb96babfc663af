"""Exports load in stock diffusers, in a fresh process with warnings as errors, and answer as our model does."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from concepts import with_lora, with_weights, with_words
from safetensors.torch import load_file

from likewise import diffusion
from likewise.concept.exporting import Choices, export
from likewise.diffusion import lora_formats

ORACLE = Path(__file__).parents[1] / "oracles/stock_files.py"
FAMILIES = ("sd1", "sd2", "sdxl")
OURS, OTHERS = "pytorch_lora_weights.safetensors", "rob-lora.safetensors"
LOADS = {  # what is loaded: the concept, the format, the keyword of the job, the file
    "diffusers": ("lora", "diffusers", "lora", OURS),
    "kohya": ("lora", "kohya", "lora", OTHERS),
    "merged": ("lora", "pipeline", "pipeline", "pipeline"),
    "one file": ("lora", "single-file", "single-file", "rob.safetensors"),
    "own weights": ("weights", "single-file", "single-file", "rob.safetensors"),
    "word": ("word", "diffusers", "word", "learned_embeds.safetensors"),
    "convolutions": ("conv", "diffusers", "lora", OURS),
    "kohya's convolutions": ("conv", "kohya", "lora", OTHERS),
    "zeroed": ("lora", "diffusers", "lora", OURS),
}
QUICK = [(family, load) for family in ("sd1", "sdxl") for load in ("diffusers", "kohya", "one file", "word")]
QUICK += [("sd1", "zeroed"), ("sd2", "one file"), ("sd1", "convolutions"), ("sd1", "kohya's convolutions")]
EVERY = [(family, load) for family in FAMILIES for load in LOADS]
RUNS = [
    pytest.param(*run, marks=[] if run in QUICK else [pytest.mark.slow], id="-".join(run))
    for run in EVERY
    if run[1] != "zeroed"
]
PROMPTS = {
    "lora": "a photo of a dog",
    "conv": "a photo of a dog",
    "weights": "a photo of a dog",
    "word": "a photo of <rob> on the beach",
}


def answers(model, prompt, words=None):
    latents = torch.randn(model.facts.latent_shape(1), generator=torch.Generator().manual_seed(0))
    text = model.encode_text([prompt], words)
    with torch.no_grad():
        found = {"embeds": text.embeds, "noise": model.predict(latents, torch.tensor([500]), text)}
    return found | ({"pooled": text.pooled} if text.pooled is not None else {})


def mixed(model, folder):
    """Adapters whose alpha is not their rank, and of two ranks."""
    concept = with_lora(model, folder)
    tensors = load_file(concept.parts()["lora"])
    for name in sorted(tensors)[::4]:
        up = name.replace(".down.", ".up.")
        tensors[name], tensors[up] = tensors[name][:1].contiguous(), tensors[up][:, :1].contiguous()
    lora_formats.write(concept.parts()["lora"], tensors, alpha=1.0)
    return concept


def made(folders, place, runs):
    """For each (family, load) -> their answers, their report, ours, ours without the concept."""
    jobs, found = [], {}
    for family in FAMILIES:
        model = diffusion.load(folders[family])
        widths = [one.config.hidden_size for one in model.text_encoders]
        makers = {
            "lora": mixed,
            "conv": partial(with_lora, choice="attn+mlp+conv"),
            "weights": with_weights,
            "word": partial(with_words, widths=widths),
        }
        concepts = {kind: maker(model, place / f"{family}-taught-{kind}" / "rob") for kind, maker in makers.items()}
        for load in [load for at, load in runs if at == family]:
            kind, format, keyword, file = LOADS[load]
            out = place / f"{family}-{load}"
            export(concepts[kind], out, Choices(format, str(model.folder), dtype="float32"))
            if keyword == "lora":  # the very file: of several ranks the export has made one, which rounds differently
                loras, _ = lora_formats.load_into(model, out / file)
                ours = answers(model, PROMPTS[kind])
                for one in loras:
                    one.remove()
            else:
                with concepts[kind].apply(model) as words:
                    ours = answers(model, PROMPTS[kind], words)
            if load == "zeroed":
                zeros = {name: torch.zeros_like(value) for name, value in load_file(out / file).items()}
                lora_formats.write(out / file, zeros, None)
            plain = answers(model, PROMPTS[kind].replace("<rob>", "toy"))
            found[family, load] = (out, ours, plain)
            jobs.append({"family": family, "base": str(model.folder), "load": {keyword: str(out / file)},
                         "prompt": PROMPTS[kind], "out": f"{out}-out"})  # fmt: skip
    (place / "jobs.json").write_text(json.dumps(jobs))
    subprocess.run([sys.executable, "-W", "error", ORACLE, place / "jobs.json"], check=True, timeout=280)
    return {
        key: (load_file(f"{out}-out.safetensors"), json.loads(Path(f"{out}-out.json").read_text()), ours, plain)
        for key, (out, ours, plain) in found.items()
    }


@pytest.fixture(scope="module")
def stock(folders, tmp_path_factory):
    return made(folders, tmp_path_factory.mktemp("stock"), QUICK)


@pytest.fixture(scope="module")
def more_stock(folders, tmp_path_factory):
    return made(folders, tmp_path_factory.mktemp("more"), [run for run in EVERY if run not in QUICK])


@pytest.mark.parametrize(("family", "load"), RUNS)
def test_stock_diffusers_answers_as_our_model_does(request, family, load):
    theirs, report, ours, plain = request.getfixturevalue("stock" if (family, load) in QUICK else "more_stock")[
        family, load
    ]
    assert report["complaints"] == []
    assert theirs.keys() == ours.keys()
    for part, value in ours.items():
        close = 3e-5 if load in ("merged", "one file") else 1e-6  # merged weights are rounded once more
        assert (theirs[part] - value).abs().max() <= close * max(1, value.abs().max().item()), part
    assert (theirs["noise"] - plain["noise"]).abs().max() > 1e-3, "the file made no difference"


def test_the_comparison_notices_a_file_of_zeros(stock):
    theirs, _, ours, plain = stock["sd1", "zeroed"]
    assert (theirs["noise"] - ours["noise"]).abs().max() > 1e-3
    assert (theirs["noise"] - plain["noise"]).abs().max() < 1e-5


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
@pytest.mark.parametrize("load", ["diffusers", "kohya"])
def test_every_trained_part_is_listed(stock, family, load):
    parts = {"unet", "text_encoder"} | ({"text_encoder_2"} if family == "sdxl" else set())
    assert set(stock[family, load][1]["adapters"]) == parts


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_word_is_read_as_its_rows_in_order(stock, family):
    for ids in stock[family, "word"][1]["ids"]:
        added = [one for one in ids if one == max(ids) or one == max(ids) - 1]
        assert added == [max(ids) - 1, max(ids)] and ids.index(added[1]) == ids.index(added[0]) + 1
