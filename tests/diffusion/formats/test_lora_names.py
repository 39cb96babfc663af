"""Every layer of SD 1, SD 2 and SDXL has exactly the committed name in each scheme, and is found by it again."""

from pathlib import Path

import pytest
import torch

from likewise.diffusion import lora
from likewise.diffusion.formats import lora_names, skeleton
from likewise.diffusion.formats.unet_names import Blocks, to_diffusers, to_original
from oracles import original_names

FIXTURES = Path(__file__).parents[2] / "fixtures"
FAMILIES = ("sd1", "sd2", "sdxl")
COUNTS = {"sd1": (192, 72), "sd2": (192, 138), "sdxl": (722, 264)}  # as kohya's trainer reports them
SCHEMES = ("diffusers", "kohya", "comfyui")


@pytest.fixture(scope="module", params=FAMILIES)
def base(request):
    return skeleton.of_family(request.param)


def places(base):
    """The layers that a LoRA of attention and feed-forward adapts."""
    for component, model in base.adaptable.items():
        targets = lora.targets_for(component, "attn+mlp")
        for path, _ in model.named_modules():
            if path.endswith(tuple(f".{target}" for target in targets)):
                yield component, path.removeprefix("text_model.")


@pytest.mark.parametrize("part", ["down", "up", "alpha"])
def test_names_are_exactly_the_committed_ones(base, part):
    found = {
        tuple(lora_names.write(place, part, scheme, base.family, base.blocks) for scheme in SCHEMES)
        for place in places(base)
    }
    rows = original_names.read(FIXTURES, base.family)
    ending = {"down": ".lora_down.weight", "up": ".lora_up.weight", "alpha": ".alpha"}[part]
    first = (lambda name: f"{name}.{part}.weight") if part != "alpha" else (lambda name: None)
    assert found == {(first(name), kohya + ending, comfyui + ending) for name, kohya, comfyui in rows}


def test_there_are_as_many_as_kohya_counts(base):
    found = [component for component, _ in places(base)]
    texts = len(found) - found.count("unet")
    assert (found.count("unet"), texts) == COUNTS[base.family]


def test_every_name_leads_back_to_its_layer(base):
    for place in places(base):
        for scheme in SCHEMES:
            name = lora_names.write(place, "up", scheme, base.family, base.blocks)
            assert lora_names.read(name, base.blocks) == lora_names.Name(place, "up", scheme)


def test_the_committed_lists_are_what_walking_the_original_network_gives():
    assert original_names.rows("sd1") == original_names.read(FIXTURES, "sd1")


def test_the_shapes_we_know_are_those_of_the_published_configs(base):
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        theirs = UNet2DConditionModel.from_config(dict(original_names.CONFIGS[base.family]))
    ours = {name: value.shape for name, value in base.parts["unet"].state_dict().items()}
    assert ours == {name: value.shape for name, value in theirs.state_dict().items()}
    assert skeleton.family(base.parts) == base.family


def test_the_original_names_of_all_weights_are_those_that_diffusers_converts(base):
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    unet = base.parts["unet"]
    original = {to_original(name, base.blocks): value for name, value in unet.state_dict().items()}
    assert len(original) == len(unet.state_dict())
    there = convert_ldm_unet_checkpoint(
        {f"model.diffusion_model.{name}": v for name, v in original.items()}, unet.config
    )
    assert {name: value.shape for name, value in there.items()} == base_shapes(unet)
    assert all(to_original(to_diffusers(name, base.blocks), base.blocks) == name for name in original)


def base_shapes(module):
    return {name: value.shape for name, value in module.state_dict().items()}


def test_stock_diffusers_maps_kohyas_sdxl_names_to_ours():
    from diffusers.loaders.lora_conversion_utils import (
        _convert_non_diffusers_lora_to_diffusers,
        _maybe_map_sgm_blocks_to_diffusers,
    )

    rows = [row for row in original_names.read(FIXTURES, "sdxl") if row[0].startswith("unet")]
    flat = {
        f"{kohya}.{part}": torch.zeros(1) for _, kohya, _ in rows for part in ("lora_down.weight", "lora_up.weight")
    }
    base = skeleton.of_family("sdxl")
    mapped = _maybe_map_sgm_blocks_to_diffusers(flat, base.parts["unet"].config)
    theirs, _ = _convert_non_diffusers_lora_to_diffusers(mapped)
    ours = {lora_names.read(name, base.blocks).place for name in theirs}
    assert ours == {lora_names.read(f"{name}.up.weight", base.blocks).place for name, _, _ in rows}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight",
         ("unet", "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0")),
        ("text_encoder.text_model.encoder.layers.3.self_attn.to_q_lora.up.weight",
         ("text_encoder", "encoder.layers.3.self_attn.q_proj")),
        ("text_encoder_2.encoder.layers.3.mlp.fc1.lora_B.weight", ("text_encoder_2", "encoder.layers.3.mlp.fc1")),
        ("lora_te_encoder_layers_3_mlp_fc1.lora_up.weight", ("text_encoder", "encoder.layers.3.mlp.fc1")),
        ("lora_unet_input_blocks_3_0_op.lora_up.weight", ("unet", "down_blocks.0.downsamplers.0.conv")),
        ("lora_unet_input_blocks_1_0_in_layers_2.lora_up.weight", ("unet", "down_blocks.0.resnets.0.conv1")),
        ("lora_unet_output_blocks_5_2_conv.lora_up.weight", ("unet", "up_blocks.1.upsamplers.0.conv")),
        ("lora_unet_output_blocks_2_1_conv.lora_up.weight", ("unet", "up_blocks.0.upsamplers.0.conv")),
        ("lora_unet_time_embed_2.lora_up.weight", ("unet", "time_embedding.linear_2")),
        ("lora_unet_up_blocks_0_resnets_1_conv1.lora_up.weight", ("unet", "up_blocks.0.resnets.1.conv1")),
        ("lora_unet_out_2.lora_up.weight", ("unet", "conv_out")),
    ],
)  # fmt: skip
def test_names_of_old_versions_and_of_convolutions_are_understood(name, place):
    assert lora_names.read(name, Blocks()).place == place


@pytest.mark.parametrize(
    "name",
    ["lora_unet_double_blocks_0.lora_up.weight", "unet.mid_block", "transformer.x.lora_A.weight", "a.b.alpha"],
)
def test_names_of_other_networks_are_of_no_scheme(name):
    assert lora_names.read(name, Blocks()) is None
