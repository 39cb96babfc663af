"""Released weights in all their layouts, at a small size: the loader cannot see the difference."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from made_metrics import CLIP, SMALL, batch, filled, pictures
from safetensors.torch import save_file

from likewise import dreamsim
from likewise.dreamsim import adapters, backbones, networks, released
from likewise.dreamsim.networks import Architecture
from likewise.encoders.vit import ViT
from likewise.errors import MetricFeatureError, MetricFolderError, MetricWeightsError, UnknownNameError

RANK, ALPHA = 3, 6.0


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The three networks of the ensemble, shrunk."""
    known = {
        "dino_vitb16": Architecture(SMALL),
        "clip_vitb16": Architecture(CLIP, networks.OPENAI, ("cls", "embedding")),
        "open_clip_vitb16": Architecture(CLIP, networks.OPENAI, ("cls", "embedding")),
    }
    for name, about in known.items():
        monkeypatch.setitem(networks.TRANSFORMERS, name, about)
    monkeypatch.setattr(networks, "PIXELS", 32)


def originals():
    return [filled(ViT(networks.TRANSFORMERS[name].shape), seed) for seed, name in enumerate(names())]


def names():
    return [name for name, _ in released.RELEASES["ensemble"].parts]


def their_names(network):
    return {name.replace("pre_norm.", "pos_drop."): value.clone() for name, value in network.state_dict().items()}


def updates(network, seed):
    """Random A and B for every block."""
    width = network.shape.width
    return {
        (block, part): torch.randn(
            shape, generator=torch.Generator().manual_seed(seed * 100 + block * 2 + (part == "B"))
        )
        * 0.2
        for block in range(network.shape.depth)
        for part, shape in (("A", (RANK, width)), ("B", (3 * width, RANK)))
    }


def write_adapter(folder, tensors, kind, **config):
    folder.mkdir(parents=True)
    about = {"r": RANK, "lora_alpha": ALPHA, "lora_dropout": 0.3, "bias": "none", "target_modules": ["qkv"], "x": None}
    (folder / "adapter_config.json").write_text(json.dumps(about | config))
    if kind == "safetensors":
        save_file(tensors, folder / "adapter_model.safetensors")
    else:
        torch.save(tensors, folder / "adapter_model.bin")


def archive(folder, layout, kind="safetensors", **config):
    """An unpacked archive of the ensemble: "v0.2", "v0.2 in memory", or "v0.1"."""
    folder.mkdir(exist_ok=True)
    together = {}
    for index, (name, network) in enumerate(zip(names(), originals(), strict=True)):
        file = folder / released.FILES[name][0]
        wrapped = their_names(network) if name.startswith("dino") else {"state_dict": their_names(network)}
        torch.save(wrapped, file)
        own = {}
        for (block, part), value in updates(network, index).items():
            end = f"blocks.{block}.attn.qkv.lora_{part}"
            default = ".default" if layout.endswith("memory") else ""
            together[f"base_model.model.extractor_list.{index}.model.{end}{default}.weight"] = value
            own[f"base_model.model.model.{end}.weight"] = value
            own[f"base_model.model.{end}.weight"] = value.clone()
        if layout == "v0.1":
            write_adapter(folder / f"{name}_lora", own, kind, **config)
    if layout != "v0.1":
        write_adapter(folder / "ensemble_lora", together, kind, **config)
    return folder


def merged_by_hand(images, scale=ALPHA / RANK):
    """Rows of the ensemble with W + (alpha / r) B A in place of every W."""
    rows = []
    for index, (network, (name, feature)) in enumerate(
        zip(originals(), released.RELEASES["ensemble"].parts, strict=True)
    ):
        own = updates(network, index)
        with torch.no_grad():
            for block in range(network.shape.depth):
                network.blocks[block].attn.qkv.weight += scale * own[block, "B"] @ own[block, "A"]
        mean, deviation = (torch.tensor(one).view(1, 3, 1, 1) for one in networks.TRANSFORMERS[name].normalisation)
        rows.append(network((images - mean) / deviation, feature))
    joined = torch.cat(rows, dim=1)
    joined = joined - joined.mean(1, keepdim=True)
    return joined / joined.norm(dim=1, keepdim=True)


@pytest.mark.parametrize(
    ("layout", "kind"), [("v0.2", "safetensors"), ("v0.2", "bin"), ("v0.2 in memory", "bin"), ("v0.1", "bin")]
)
def test_every_layout_loads_to_the_same_rows(tmp_path, layout, kind):
    found = dreamsim.load(archive(tmp_path / "weights", layout, kind))
    expected = merged_by_hand(batch(3))
    assert (found.model(batch(3)) - expected).abs().max() <= 1e-5
    assert found.name == "ensemble" and found.dimension == 24 + 16 + 16


@pytest.mark.parametrize(("rank", "alpha"), [(RANK, 8), (RANK, 32), (RANK, 0.5)])
def test_the_scaling_of_the_configuration_is_honoured(tmp_path, rank, alpha):
    found = dreamsim.load(archive(tmp_path / "weights", "v0.2", lora_alpha=alpha))
    assert (found.model(batch(2)) - merged_by_hand(batch(2), alpha / rank)).abs().max() <= 1e-5


def test_merged_adapters_equal_live_ones(rng):
    from made_metrics import ensemble

    from likewise.dreamsim.lora import Adapters

    model, images = ensemble(), batch(3)
    before = model(images)
    live = Adapters(model, RANK, ALPHA, 0.3, seed=0)
    assert torch.equal(model(images), before)  # up starts at zero
    with torch.no_grad():
        for parameter in live.named_parameters().values():
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.1)
    adapted = model(images).detach()
    live.merge()
    assert (model(images) - adapted).abs().max() <= 1e-5 and (adapted - before).abs().max() > 1e-3


def changed(folder, change):
    tensors = torch.load(folder / "ensemble_lora" / "adapter_model.bin", weights_only=True)
    change(tensors)
    torch.save(tensors, folder / "ensemble_lora" / "adapter_model.bin")


AT = "base_model.model.extractor_list.{}.model.blocks.{}.attn.qkv.lora_{}.weight"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop(AT.format(1, 0, "A")), r"missing: branch 1, block 0, lora_A"),
        (lambda t: t.update({"base_model.extra": torch.zeros(1)}), r"unknown: base_model.extra"),
        (lambda t: t.update({AT.format(2, 1, "B"): torch.zeros(2, 7)}), r"branch 2, block 1: A .* B \(2, 7\)"),
        (lambda t: t.update({AT.format(7, 0, "A"): torch.zeros(1)}), r"unknown: branch 7"),
    ],
)
def test_a_missing_extra_or_misshaped_adapter_key_is_named(tmp_path, change, told):
    folder = archive(tmp_path / "weights", "v0.2", "bin")
    changed(folder, change)
    with pytest.raises(MetricWeightsError, match=told):
        dreamsim.load(folder)


def test_a_backbone_must_fit_key_by_key(tmp_path):
    network = ViT(SMALL)
    tensors = their_names(network)
    tensors["blocks.0.norm1.weight"] = torch.zeros(3)
    del tensors["norm.bias"]
    tensors["odd"] = torch.zeros(1)
    with pytest.raises(MetricWeightsError, match=r"(?s)missing: norm.bias.*unknown: odd.*\(3,\), and \(24,\)"):
        backbones.take(network, tensors, "a file")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: t,
        lambda t: {"model": {f"module.visual.{k}": v for k, v in t.items()}},  # SynCLR
        lambda t: {"teacher": {**{f"backbone.{k}": v for k, v in t.items()}, "head.w": torch.zeros(1)}, "student": {}},
        lambda t: {**t, "mask_token": torch.zeros(1, 24)},  # DINOv2
        lambda t: {"model": t},  # MAE
    ],
    ids=["plain", "synclr", "dino checkpoint", "dinov2", "mae"],
)  # fmt: skip
def test_every_wrapping_of_a_backbone_is_opened(wrap):
    original, network = filled(ViT(SMALL)), ViT(SMALL)
    backbones.take(network, wrap(their_names(original)), "a file")
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), original.state_dict().values(), strict=True)
    )


# transformers 5 renamed layers in memory; released files have the names on the right
RENAMED = (
    (r"^layers\.", "encoder.layer."),
    (r"attention\.q_proj", "attention.attention.query"),
    (r"attention\.k_proj", "attention.attention.key"),
    (r"attention\.v_proj", "attention.attention.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
)


def test_the_names_of_transformers_models_are_known():
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.ViTMAEConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96, image_size=32, patch_size=8,
        mask_ratio=0.0,
    )  # fmt: skip
    theirs, network = transformers.ViTMAEModel(config).eval(), ViT(dataclasses.replace(SMALL, epsilon=1e-12))
    released_names = {}
    for name, value in theirs.state_dict().items():
        for new, old in RENAMED:
            name = re.sub(new, old, name)
        released_names[name] = value
    backbones.take(network, released_names, "transformers")
    images, order = batch(2), torch.arange(16).float().expand(2, -1)
    expected = theirs(images, noise=order).last_hidden_state[:, 0]
    assert (network(images, "last_layer") - expected).abs().max() <= 1e-4


def test_convert_makes_a_folder_of_safetensors_with_the_same_rows(tmp_path):
    source = archive(tmp_path / "weights", "v0.2", "bin")
    made = dreamsim.convert(source, tmp_path / "ours")
    again = dreamsim.load(tmp_path / "ours")
    assert again.hash == made.hash and np.array_equal(
        again.embed(pictures(2)), dreamsim.load(source).embed(pictures(2))
    )
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == [
        "dreamsim.json",
        "manifest.json",
        "weights.safetensors",
    ]
    assert dreamsim.load("ensemble", weights=source).hash == made.hash


def test_folders_without_a_metric_and_names_without_a_release_are_told(tmp_path):
    with pytest.raises(MetricFolderError, match="adapter_config"):
        dreamsim.load(tmp_path)
    with pytest.raises(UnknownNameError, match="ensemble"):
        released.load(tmp_path, "ensembel")
    with pytest.raises(MetricFeatureError, match="cls"):
        networks.build("dino_vitb16", "embedding")


def test_a_folder_of_several_releases_names_the_command_that_takes_one(tmp_path, monkeypatch):
    monkeypatch.setattr(released, "found_in", lambda place: ["ensemble", "dino_vitb16"])
    with pytest.raises(MetricFolderError, match=f"dreamsim convert {tmp_path} --out DIR --release ensemble"):
        dreamsim.load(tmp_path)


def test_an_untuned_backbone_loads_by_its_name(tmp_path):
    folder = archive(tmp_path / "weights", "v0.2")
    plain = dreamsim.load("dino_vitb16:cls", weights=folder)
    assert plain.dimension == 24 and plain.hash != dreamsim.load("ensemble", weights=folder).hash
    shimmed, _ = dreamsim.dreamsim(pretrained=False, device="cpu", cache_dir=folder)
    assert shimmed.ensemble.width == 24 + 16 + 16


def test_an_adapter_with_other_rules_is_refused(tmp_path):
    folder = archive(tmp_path / "weights", "v0.2", bias="all", use_dora=True)
    with pytest.raises(MetricWeightsError, match=r"(?s)bias is \"all\".*use_dora"):
        adapters.read(folder / "ensemble_lora")


def test_normalisation_and_flags_are_those_of_each_branch():
    real = networks.TRANSFORMERS
    assert real["clip_vitb32"].shape.quick_gelu and not real["open_clip_vitb32"].shape.quick_gelu
    assert real["clip_vitb32"].shape.epsilon == 1e-5 and real["synclr_vitb16"].shape.epsilon == 1e-6
    for name, about in real.items():
        assert about.normalisation == (networks.OPENAI if "clip_" in name else networks.IMAGENET)
    assert networks.OPENAI[0] == (0.48145466, 0.4578275, 0.40821073) and networks.IMAGENET[1] == (0.229, 0.224, 0.225)
