"""A model in one file is the same model, to us and to stock diffusers."""

import pytest
import torch
from safetensors.torch import save_file

from likewise.diffusion.folder import Folder
from likewise.diffusion.formats import single_file, skeleton
from likewise.errors import ForeignLayoutError

FAMILIES = ("sd1", "sd2", "sdxl")


def parts_of(base, seed=0):
    """Random tensors of the base's shapes."""
    rng = torch.Generator().manual_seed(seed)
    shapes = {part: {name: v.shape for name, v in stored(base.shapes(part)).items()} for part in base.parts}
    return {part: {n: torch.randn(s, generator=rng) for n, s in own.items()} for part, own in shapes.items()}


def stored(tensors):
    """Without the constant that some versions keep among the weights."""
    return {name: value for name, value in tensors.items() if not name.endswith("position_ids")}


@pytest.fixture(params=FAMILIES)
def base(request, folders):
    return skeleton.of_folder(folders[request.param])


def test_every_tensor_goes_there_and_back_bit_for_bit(base):
    parts = parts_of(base)
    packed = single_file.pack(base, parts, torch.float32)
    found, strange = single_file.unpack(base, {**packed, "alphas_cumprod": torch.ones(3)})
    assert strange == ["alphas_cumprod"]
    assert single_file.missing(base, found) == []
    for part, own in parts.items():
        assert found[part].keys() == own.keys()
        assert all(torch.equal(found[part][name], value) for name, value in own.items())


def test_a_lacking_tensor_is_named(base):
    packed = single_file.pack(base, parts_of(base), torch.float32)
    name = next(name for name in packed if "input_blocks.1.0.in_layers.2.weight" in name)
    del packed[name]
    found, _ = single_file.unpack(base, packed)
    assert single_file.missing(base, found) == ["unet.down_blocks.0.resnets.0.conv1.weight"]


@pytest.mark.filterwarnings("ignore")
def test_stock_diffusers_loads_the_file_and_every_weight_is_ours(base, folders, tmp_path):
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

    folder = Folder(folders[base.family])
    parts = {part: folder.tensors(part) for part in folder.parts}
    save_file(single_file.pack(base, parts, torch.float32), tmp_path / "model.safetensors")
    kind = StableDiffusionXLPipeline if base.family == "sdxl" else StableDiffusionPipeline
    pipe = kind.from_single_file(
        tmp_path / "model.safetensors", config=str(folders[base.family]), local_files_only=True, safety_checker=None
    )
    for part in base.parts:
        theirs = dict(getattr(pipe, part).state_dict())
        assert {name: value for name, value in theirs.items() if "position_ids" not in name}.keys() == parts[
            part
        ].keys()
        assert all(torch.equal(theirs[name], value) for name, value in parts[part].items()), part


def test_the_published_models_have_the_keys_that_programs_tell_them_by():
    keys = {}
    for family in FAMILIES:
        base = skeleton.of_family(family)
        parts = {part: base.shapes(part) for part in base.parts}
        with torch.device("meta"):
            keys[family] = set(single_file.pack(base, parts, torch.float16))
    assert "model.diffusion_model.output_blocks.11.0.skip_connection.weight" in keys["sd1"]
    assert "model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight" in keys["sd2"]
    assert "cond_stage_model.transformer.text_model.encoder.layers.11.mlp.fc2.bias" in keys["sd1"]
    assert "cond_stage_model.model.transformer.resblocks.23.attn.in_proj_weight" in keys["sd2"]  # nobody reads it
    assert "conditioner.embedders.1.model.transformer.resblocks.31.mlp.c_proj.bias" in keys["sdxl"]
    assert "conditioner.embedders.1.model.text_projection" in keys["sdxl"]
    assert "model.diffusion_model.label_emb.0.2.weight" in keys["sdxl"]
    assert "first_stage_model.decoder.up.3.upsample.conv.weight" in keys["sd1"]
    counts = {family: sum(key.startswith("model.diffusion_model.") for key in found) for family, found in keys.items()}
    assert counts == {"sd1": 686, "sd2": 686, "sdxl": 1680}  # as in the published files


def test_a_model_that_the_original_code_never_had_is_refused(folders):
    base = skeleton.of_folder(folders["toybox"])
    with pytest.raises(ForeignLayoutError, match="no form in the original"):
        single_file.pack(base, {}, torch.float16)
