"""A folder that is not what it should be is refused, and the message names what."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

from likewise import diffusion
from likewise.diffusion import loading
from likewise.errors import ModelFolderError, ModelNotFoundError, ToyboxMissingError

UNET, CLIP = "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"


@pytest.fixture
def copy(folders, tmp_path):
    return shutil.copytree(folders["sd1"], tmp_path / "model")


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


SCHEDULER = "scheduler/scheduler_config.json"


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "FluxPipeline.*StableDiffusionPipeline.*is needed"),
        ("model_index.json", {"_class_name": "StableDiffusionInpaintPipeline"}, r"an inpainting model(.|\n)*without"),
        ("model_index.json", {"_class_name": "StableDiffusionInstructPix2PixPipeline"}, "an image-editing model"),
        ("model_index.json", {"_class_name": "StableDiffusionDepth2ImgPipeline"}, "a depth model"),
        ("model_index.json", {"_class_name": "StableDiffusionUpscalePipeline"}, "an upscaler"),
        ("model_index.json", {"unet": ["my_code", "MyUNet"]}, "unet.*MyUNet.*UNet2DConditionModel"),
        ("model_index.json", {"vae": ["diffusers", "VQModel"]}, "vae.*VQModel.*AutoencoderKL"),
        ("unet/config.json", {"in_channels": 9}, "inpainting.*reads 9 channels"),
        ("unet/config.json", {"in_channels": 8}, "InstructPix2Pix.*reads 8 channels"),
        ("unet/config.json", {"addition_embed_type": "text_time"}, "addition_embed_type"),
        ("unet/config.json", {"time_cond_proj_dim": 256}, "time_cond_proj_dim"),
        ("unet/config.json", {"auto_map": {"AutoModel": "evil.py"}}, "code of its own.*never run"),
        ("unet/config.json", {"block_out_channels": [32, 32]}, "has shape .* needs|its weights lack"),
        (SCHEDULER, {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "flow-matching.*FlowMatchEuler"),
        (SCHEDULER, {"use_flow_sigmas": True}, "flow-matching"),
        (SCHEDULER, {"prediction_type": "flow_prediction"}, "flow-matching"),
        (SCHEDULER, {"_class_name": "EDMDPMSolverMultistepScheduler"}, "EDM.*EDMDPMSolverMultistepScheduler"),
        (SCHEDULER, {"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}, "EDM.*continuous"),
        (SCHEDULER, {"_class_name": "LCMScheduler"}, "distilled for a few steps"),
        (SCHEDULER, {"_class_name": "KarrasVeScheduler"}, "KarrasVeScheduler is not known"),
        (SCHEDULER, {"prediction_type": "flow"}, "flow"),
        (SCHEDULER, {"rescale_betas_zero_snr": True}, "last step is pure noise.*epsilon"),
    ],
)
def test_models_of_another_kind_are_refused_by_name(copy, file, changes, message):
    edit(copy / file, **changes)
    with pytest.raises(ModelFolderError, match=message):
        diffusion.load(copy)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("model_index.json", {"_class_name": "StableDiffusionXLImg2ImgPipeline"}, r"an SDXL refiner(.|\n)*base"),
        ("model_index.json", {"text_encoder": [None, None]}, "an SDXL refiner.*no first text encoder"),
        ("model_index.json", {"_class_name": "StableDiffusionXLInpaintPipeline"}, "an inpainting model"),
        ("model_index.json", {"text_encoder_2": ["transformers", "CLIPTextModel"]}, "text_encoder_2.*WithProjection"),
        ("unet/config.json", {"projection_class_embeddings_input_dim": 24 + 5 * 8}, "an SDXL refiner.*five sizes"),
        ("unet/config.json", {"projection_class_embeddings_input_dim": 9}, "is 9, and 24 . 6 x 8"),
        ("unet/config.json", {"addition_embed_type": "text"}, "addition_embed_type is 'text'"),
        (SCHEDULER, {"_class_name": "EDMEulerScheduler"}, "EDM"),
    ],
)
def test_models_that_only_look_like_sdxl_are_refused_by_name(folders, tmp_path, file, changes, message):
    copied = shutil.copytree(folders["sdxl"], tmp_path / "model")
    edit(copied / file, **changes)
    with pytest.raises(ModelFolderError, match=message):
        diffusion.load(copied)


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt"])
def test_pickled_weights_are_never_opened(copy, name):
    (copy / UNET).unlink()
    (copy / "unet" / name).write_bytes(b"would run code")
    with pytest.raises(ModelFolderError, match=rf"{name}, formats that can run code"):
        diffusion.load(copy)


def test_missing_and_damaged_files_are_named(copy):
    data = (copy / UNET).read_bytes()
    (copy / UNET).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelFolderError, match="damaged"):
        diffusion.load(copy)
    (copy / UNET).unlink()
    with pytest.raises(ModelFolderError, match="no weights"):
        diffusion.load(copy)
    (copy / "scheduler/scheduler_config.json").write_text("{")
    with pytest.raises(ModelFolderError, match="not JSON"):
        diffusion.load(copy)
    shutil.rmtree(copy / "scheduler")
    with pytest.raises(ModelFolderError, match=r"scheduler_config\.json.*missing"):
        diffusion.load(copy)


def test_weights_with_too_few_or_too_many_tensors_are_refused(copy):
    tensors = load_file(copy / UNET)
    save_file({**tensors, "extra": torch.zeros(1)}, copy / UNET)
    with pytest.raises(ModelFolderError, match=r"add.*extra"):
        diffusion.load(copy)
    tensors.pop("conv_in.weight")
    save_file(tensors, copy / UNET)
    with pytest.raises(ModelFolderError, match=r"lack.*conv_in\.weight"):
        diffusion.load(copy)


def test_half_precision_files_are_raised_to_float32_and_shards_are_joined(copy):
    before = diffusion.load(copy)
    tensors = load_file(copy / UNET)
    (copy / UNET).unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, members in shards.items():
        save_file({name: tensors[name].half() for name in members}, copy / "unet" / file)
    index = {"weight_map": {name: file for file, members in shards.items() for name in members}}
    (copy / f"{UNET}.index.json").write_text(json.dumps(index))
    after = diffusion.load(copy).unet.state_dict()
    for name, value in before.unet.state_dict().items():
        assert after[name].dtype == torch.float32
        assert torch.equal(after[name], value.half().float())


@pytest.mark.parametrize("name", ["../evil.safetensors", "/etc/passwd", "a.bin", "missing.safetensors"])
def test_a_shard_name_never_leaves_the_folder(copy, name):
    (copy / UNET).unlink()
    (copy / f"{UNET}.index.json").write_text(json.dumps({"weight_map": {"x": name}}))
    with pytest.raises(ModelFolderError, match="no safetensors file beside it"):
        diffusion.load(copy)


def test_names_from_older_versions_are_understood(copy):
    clip, vae = load_file(copy / CLIP), load_file(copy / UNET.replace("unet", "vae"))
    assert all(name.startswith("text_model.") for name in clip)
    save_file({**clip, "text_model.embeddings.position_ids": torch.arange(77)[None]}, copy / CLIP)
    new = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for name, value in vae.items():
        for after, before in new.items():
            name = name.replace(f".attentions.0.{after}.", f".attentions.0.{before}.")
        old[name] = value[..., None, None] if "query.weight" in name else value
    assert old.keys() != vae.keys()
    save_file(old, copy / UNET.replace("unet", "vae"))
    backbone = diffusion.load(copy)
    assert all(torch.equal(backbone.vae.state_dict()[name], value) for name, value in vae.items())


def test_places_without_a_model_are_told_of(tmp_path, monkeypatch):
    with pytest.raises(ModelNotFoundError, match="there is no such folder"):
        diffusion.load(tmp_path / "nowhere")
    with pytest.raises(ModelNotFoundError, match=r"no model_index\.json"):
        diffusion.load(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelNotFoundError, match="single-file"):
        diffusion.load(tmp_path / "model.safetensors")
    monkeypatch.setattr(loading, "toybox_folder", lambda: tmp_path)
    with pytest.raises(ToyboxMissingError, match="likewise toybox learn"):
        diffusion.load()


def test_the_embedded_model_is_called_toybox(folders, monkeypatch):
    monkeypatch.setattr(loading, "toybox_folder", lambda: folders["toybox"])
    assert diffusion.load().name == "toybox"
    assert diffusion.load(folders["sd1"]).name == "sd1"


def test_a_hub_name_fetches_settings_and_safetensors_only(folders, monkeypatch):
    asked = {}

    def snapshot(repo_id, revision, allow_patterns):
        asked.update(repository=repo_id, revision=revision, patterns=allow_patterns)
        return str(folders["sd1"])

    listed = [
        "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors", "unet/evil.py",
        "unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.non_ema.safetensors", "v1-5.safetensors",
        "text_encoder/model.fp16.safetensors", "safety_checker/model.safetensors",
        "vae/diffusion_pytorch_model.safetensors.index.json", "vae/diffusion_pytorch_model-00001.safetensors",
    ]  # fmt: skip
    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", lambda _self, repo_id, revision: listed)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert diffusion.load("someone/model@v1").name == "someone/model@v1"
    assert (asked["repository"], asked["revision"]) == ("someone/model", "v1")
    assert [name for name in asked["patterns"] if "model" in name and "index.json" not in name and "*" not in name] == [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model-00001.safetensors",
        "text_encoder/model.fp16.safetensors",  # there is no other
    ]
    assert not any(pattern.endswith((".bin", ".py", ".ckpt")) or pattern == "*" for pattern in asked["patterns"])


def test_without_a_network_a_hub_name_is_found_in_the_cache_or_told_of(folders, monkeypatch):
    with pytest.raises(ModelNotFoundError, match=r"cannot be reached.*hf download nobody/nothing"):  # tests are offline
        diffusion.load("nobody/nothing")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda **asked: str(folders["sd1"]))
    assert diffusion.load("nobody/nothing").name == "nobody/nothing"


def test_a_hub_that_refuses_is_told_of(monkeypatch):
    from huggingface_hub.errors import RepositoryNotFoundError

    def refuse(_self, repo_id, revision):
        raise RepositoryNotFoundError("404: no such repository", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", refuse)
    with pytest.raises(ModelNotFoundError, match=r"the hub did not give it .*404"):
        diffusion.load("nobody/nothing")
