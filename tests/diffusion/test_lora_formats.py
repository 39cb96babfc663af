"""A LoRA file means the same to us and to stock diffusers, and says so when it means nothing."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from likewise import diffusion
from likewise.diffusion import lora, lora_formats, tiny
from likewise.errors import BrokenFileError, LoraCoverageWarning, LoraFileError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.pipeline(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def backbone(folder):
    return diffusion.load(folder)


def adapted(backbone, choice="attn+mlp", rank=4, alpha=2.0):
    loras = [
        lora.inject(model, name, rank=rank, alpha=alpha, targets=lora.targets_for(name, choice), seed=1)
        for name, model in lora_formats.components(backbone).items()
    ]
    for one in loras:
        for index, parameter in enumerate(one.parameters().values()):
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index))
            parameter.data += 0.1 * noise
    return loras


def tensors_of(loras):
    return {name: value.detach() for one in loras for name, value in one.parameters().items()}


def outputs(backbone):
    """The U-Net's and the text tower's answers to fixed questions."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(backbone.facts.latent_shape(2), generator=generator)
    text = torch.randn(2, backbone.facts.text_length, backbone.facts.text_width, generator=generator)
    with torch.no_grad():
        noise = backbone.unet(latents, torch.tensor([10, 700]), encoder_hidden_states=text).sample
        return noise, backbone.encode_text(["a photo of a dog"]).embeds


def mixed(loras):
    """Adapters of two ranks in one file: every second pair keeps half of its rows."""
    tensors = tensors_of(loras)
    for name in sorted(tensors)[::4]:
        stem = name.removesuffix(".down.weight")
        tensors[name], tensors[f"{stem}.up.weight"] = tensors[name][:2], tensors[f"{stem}.up.weight"][:, :2]
    return {name: value.contiguous() for name, value in tensors.items()}


@pytest.mark.parametrize("choice", ["attn+mlp", "attn+mlp+conv"])
def test_a_round_trip_gives_the_outputs_that_training_saw(backbone, tmp_path, choice):
    loras = adapted(backbone, choice)
    assert any("resnets" in path for path in loras[0].pairs) == (choice == "attn+mlp+conv")
    during = outputs(backbone)
    lora_formats.write(tmp_path / "a.safetensors", tensors_of(loras), alpha=2.0)
    for one in loras:
        one.remove()
    loaded, coverage = lora_formats.load_into(backbone, tmp_path / "a.safetensors")
    assert coverage.matched == len(tensors_of(loras)) and coverage.unmatched == ()
    for mine, before in zip(outputs(backbone), during, strict=True):
        assert (mine - before).abs().max() <= 1e-6
    lora_formats.write(tmp_path / "b.safetensors", tensors_of(loaded), alpha=4.0)  # alpha = rank: folded already
    assert (tmp_path / "b.safetensors").read_bytes() == (tmp_path / "a.safetensors").read_bytes()


def test_strength_scales_the_effect_of_a_file(backbone, tmp_path):
    loras = adapted(backbone)
    lora_formats.write(tmp_path / "a.safetensors", tensors_of(loras), alpha=2.0)
    for one in loras:
        one.remove()
    before = outputs(backbone)
    lora_formats.load_into(backbone, tmp_path / "a.safetensors", strength=0.0)
    assert torch.equal(outputs(backbone)[0], before[0])


def test_headers_that_differ_in_order_become_the_same_bytes():
    def packed(order):
        header = json.dumps({"__metadata__": {key: "1" for key in order}, "a": {"dtype": "U8"}}).encode()
        return len(header).to_bytes(8, "little") + header + b"data"

    first, second = lora_formats.canonical(packed(["noun", "base"])), lora_formats.canonical(packed(["base", "noun"]))
    assert first == second and first.endswith(b"data") and int.from_bytes(first[:8], "little") % 8 == 0


def test_the_header_declares_alpha_as_rank_and_carries_what_it_was_given(backbone, tmp_path):
    lora_formats.write(tmp_path / "a.safetensors", mixed(adapted(backbone)), 2.0, {"likewise.noun": "dog"})
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        metadata, names = file.metadata(), list(file.keys())
    adapters = json.loads(metadata["lora_adapter_metadata"])
    assert (metadata["format"], metadata["likewise.noun"]) == ("pt", "dog")
    assert adapters["unet.r"] == adapters["unet.lora_alpha"]
    assert adapters["text_encoder.alpha_pattern"] == adapters["text_encoder.rank_pattern"]
    assert all(".lora.down." in n or ".lora.up." in n for n in names if n.startswith("unet."))
    assert all(n.startswith("text_encoder.text_model.encoder.") for n in names if not n.startswith("unet."))


def test_peft_names_and_an_alpha_left_in_the_header_are_understood(backbone, tmp_path):
    loras = adapted(backbone, alpha=2.0)
    during = outputs(backbone)
    renamed = {}
    for name, value in tensors_of(loras).items():
        name = name.replace(".text_model", "").replace("lora_linear_layer", "lora")
        renamed[name.replace("lora.down", "lora_A").replace("lora.up", "lora_B")] = value.contiguous()
    header = {"unet.r": 4, "unet.lora_alpha": 2, "text_encoder.r": 4, "text_encoder.lora_alpha": 2}
    save_file(renamed, tmp_path / "a.safetensors", {"lora_adapter_metadata": json.dumps(header)})
    for one in loras:
        one.remove()
    lora_formats.load_into(backbone, tmp_path / "a.safetensors")
    for mine, before in zip(outputs(backbone), during, strict=True):
        assert (mine - before).abs().max() <= 1e-6


def test_a_file_for_another_model_is_refused(backbone, tmp_path):
    save_file({"unet.mid.to_q.lora.down.weight": torch.ones(2, 3), "unet.mid.to_q.lora.up.weight": torch.ones(3, 2)},
              tmp_path / "a.safetensors")  # fmt: skip
    with pytest.raises(LoraFileError, match="none of its 1 entries fits a layer"):
        lora_formats.load_into(backbone, tmp_path / "a.safetensors")


def test_tensors_that_fit_nothing_are_named(backbone, tmp_path):
    loras = adapted(backbone, "attn")
    tensors = {**tensors_of(loras), "unet.nowhere.lora.down.weight": torch.ones(2, 2),
               "unet.nowhere.lora.up.weight": torch.ones(2, 2)}  # fmt: skip
    lora_formats.write(tmp_path / "a.safetensors", tensors, alpha=2.0)
    with pytest.warns(LoraCoverageWarning, match=r"1 tensor.*unet\.nowhere"):
        _, coverage = lora_formats.load_into(backbone, tmp_path / "a.safetensors")
    assert coverage.unmatched == ("unet.nowhere",)


def test_a_file_that_is_no_lora_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_text("not tensors")
    with pytest.raises(BrokenFileError, match="not a whole safetensors file"):
        lora_formats.read(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ({}, 1),
        ([], 1),
        ({"unet.lora_alpha": 8}, 2),
        ({"unet.lora_alpha": 8, "unet.use_rslora": True}, 4),
        ({"unet.alpha_pattern": {"a": 2}}, 0.5),
    ],
)
def test_the_scale_is_what_the_header_says(header, scale):
    tensors = {"unet.a.lora_A.weight": torch.ones(4, 3), "unet.a.lora_B.weight": torch.ones(5, 4)}
    file = lora_formats.parse(tensors, {"lora_adapter_metadata": json.dumps(header)})
    assert file.pairs["unet", "a"][2] == scale


def test_halves_vectors_and_empty_adapters_are_named_as_strange():
    tensors = {
        "unet.a.lora_A.weight": torch.ones(4, 3),
        "unet.b.lora_A.weight": torch.ones(4), "unet.b.lora_B.weight": torch.ones(4),
        "unet.c.lora_A.weight": torch.ones(0, 3), "unet.c.lora_B.weight": torch.ones(3, 0),
        "lora_unet_conv_in.lora_down.weight": torch.ones(2, 3), "lora_unet_conv_in.lora_up.weight": torch.ones(3, 2),
        "lora_unet_conv_in.alpha": torch.ones(2),
    }  # fmt: skip
    file = lora_formats.parse(tensors)
    assert file.pairs == {} and set(file.strange) == set(tensors)
