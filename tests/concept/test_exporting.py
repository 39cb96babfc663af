"""An export holds what the concept learned, in every program's files, and says truly what it is."""

import json
import re

import pytest
import torch
from concepts import with_lora, with_weights, with_words
from safetensors import safe_open
from safetensors.torch import load_file
from test_applying import answer

from likewise import diffusion
from likewise.concept import exporting, inspecting
from likewise.concept.exporting import Choices, export
from likewise.diffusion import lora_formats
from likewise.diffusion.formats import single_file, skeleton
from likewise.errors import BaseNeededError, ConceptFormatError, FolderExistsError, ForeignLayoutError, WrongBaseError

OURS, OTHERS = "pytorch_lora_weights.safetensors", "rob-lora.safetensors"
SCHEMES = {"diffusers": OURS, "kohya": OTHERS, "comfyui": OTHERS}


@pytest.fixture(params=["sd1", "sd2", "sdxl"])
def model(request, folders):
    return diffusion.load(folders[request.param])


def taught(model, concept):
    with concept.apply(model):
        return answer(model)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_adapters_mean_the_same_in_every_scheme(model, tmp_path, scheme):
    concept = with_lora(model, tmp_path / "rob")
    wanted = taught(model, concept)
    done = export(concept, tmp_path / "out", Choices(scheme, backbone=str(model.folder)))
    covered = done.report[SCHEMES[scheme]]
    assert covered["unmatched"] == {} and covered["matched"] == len(lora_formats.read(concept.parts()["lora"]).pairs)
    loras, coverage = lora_formats.load_into(model, tmp_path / "out" / SCHEMES[scheme])
    assert coverage.unmatched == () and torch.equal(answer(model), wanted)
    for one in loras:
        one.remove()
    assert set(done.files) == {SCHEMES[scheme], "README.txt"}


def test_several_ranks_become_one_that_means_the_same(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    tensors = load_file(concept.parts()["lora"])
    name = sorted(tensors)[0]
    up = name.replace(".down.", ".up.")
    tensors[name], tensors[up] = tensors[name][:1].contiguous(), tensors[up][:, :1].contiguous()
    lora_formats.write(concept.parts()["lora"], tensors, None)
    wanted = taught(sd1, concept)
    export(concept, tmp_path / "out", Choices("kohya", str(sd1.folder)))
    file = lora_formats.read(tmp_path / "out" / OTHERS)
    assert {(len(down), scale) for down, _, scale in file.pairs.values()} == {(2, 1.0)}
    loras, _ = lora_formats.load_into(sd1, tmp_path / "out" / OTHERS)
    assert (answer(sd1) - wanted).abs().max() < 1e-5
    for one in loras:
        one.remove()


def test_the_header_tells_base_trigger_settings_and_licence_and_no_one_s_secrets(sd1, tmp_path):
    config = {
        "lr": 1e-4,
        "seed": 3,
        "instance_prompt": "a {identifier} {noun}",
        "photos": "/home/ann/dogs",
        "targets": "attn",
    }
    concept = with_lora(sd1, tmp_path / "rob", config=config, provenance={"step": 40, "photos": "/home/ann"})
    export(concept, tmp_path / "out", Choices("kohya", backbone=str(sd1.folder), licence="CC-BY-4.0"))
    with safe_open(tmp_path / "out/rob-lora.safetensors", "pt") as file:
        header = file.metadata()
    assert header["likewise.base_hash"] == sd1.hash
    assert header["modelspec.trigger_phrase"] == "qxv toy" and header["modelspec.license"] == "CC-BY-4.0"
    assert header["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert header["ss_base_model_version"] == "sd_v1" and header["ss_v2"] == "False"
    assert (header["ss_network_module"], header["ss_network_dim"], header["ss_network_alpha"]) == (
        "networks.lora",
        "2",
        "2.0",
    )
    assert (header["ss_learning_rate"], header["ss_steps"]) == ("0.0001", "40")
    assert json.loads(header["likewise.settings"]) == {"lr": 1e-4, "seed": 3, "targets": "attn"}
    assert not re.search(r"ann|/", json.dumps({k: v for k, v in header.items() if k not in SLASHES}))


SLASHES = ("modelspec.architecture", "modelspec.implementation")


def test_the_same_concept_gives_the_same_bytes(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    for out in ("a", "b"):
        export(concept, tmp_path / out, Choices("kohya", backbone=str(sd1.folder)))
    assert (tmp_path / "a/rob-lora.safetensors").read_bytes() == (tmp_path / "b/rob-lora.safetensors").read_bytes()


def test_half_precision_halves_the_file_and_little_else(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    export(concept, tmp_path / "out", Choices("diffusers", str(sd1.folder), dtype="float16"))
    half = load_file(tmp_path / "out/pytorch_lora_weights.safetensors")
    assert {value.dtype for value in half.values()} == {torch.float16}


def test_a_lower_rank_says_what_it_kept(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    done = export(concept, tmp_path / "out", Choices("diffusers", str(sd1.folder), rank=1))
    assert 0.5 < done.report["kept"]["total"] < 1
    file = lora_formats.read(tmp_path / "out/pytorch_lora_weights.safetensors")
    assert {len(down) for down, _, _ in file.pairs.values()} == {1}


def test_a_whole_model_becomes_adapters_that_draw_nearly_the_same(sd1, tmp_path):
    concept = with_weights(sd1, tmp_path / "rob", shift=0.02)
    base, wanted = answer(sd1), taught(sd1, concept)
    with pytest.raises(ConceptFormatError, match=r"(?s)no LoRA.*--rank N"):
        export(concept, tmp_path / "no", Choices("kohya"))
    with pytest.raises(BaseNeededError, match=r"--backbone"):
        export(concept, tmp_path / "no", Choices("kohya", rank=4))
    assert not (tmp_path / "no").exists()
    done = export(concept, tmp_path / "out", Choices("diffusers", str(sd1.folder), rank=4))
    assert done.report["kept"]["total"] > 0.999  # every matrix moved by the same number: rank 1
    loras, _ = lora_formats.load_into(sd1, tmp_path / "out/pytorch_lora_weights.safetensors")
    found = answer(sd1)
    for one in loras:
        one.remove()
    assert (found - wanted).norm() < 0.6 * (base - wanted).norm()  # norms and biases are no matrices


def test_adapters_merge_into_a_whole_model(model, tmp_path):
    concept = with_lora(model, tmp_path / "rob")
    wanted = taught(model, concept)
    with pytest.raises(BaseNeededError):
        export(concept, tmp_path / "no", Choices("pipeline"))
    export(concept, tmp_path / "out", Choices("pipeline", str(model.folder), dtype="float32"))
    assert (answer(diffusion.load(tmp_path / "out/pipeline")) - wanted).abs().max() < 1e-4
    export(concept, tmp_path / "one", Choices("single-file", str(model.folder), dtype="float32"))
    base = skeleton.of_folder(model.folder)
    parts, strange = single_file.unpack(base, load_file(tmp_path / "one/rob.safetensors"))
    assert strange == [] and single_file.missing(base, parts) == []
    pipeline = diffusion.load(tmp_path / "out/pipeline")
    assert all(torch.equal(parts["unet"][name], value) for name, value in pipeline.unet.state_dict().items())


def test_a_whole_model_is_one_file_too(sd1, tmp_path):
    concept = with_weights(sd1, tmp_path / "rob")
    export(concept, tmp_path / "out", Choices("single-file"))
    found = inspecting.inspect(tmp_path / "out/rob.safetensors", str(sd1.folder))
    assert (found["kind"], found["family"]) == ("model", "sd1")
    assert found["coverage"]["missing"] == [] and found["metadata"]["modelspec.title"] == "rob"


def test_toybox_has_no_single_file(toybox, tmp_path):
    with pytest.raises(ForeignLayoutError, match="original Stable Diffusion layout"):
        export(with_weights(toybox, tmp_path / "rob"), tmp_path / "out", Choices("single-file"))


def test_a_word_is_written_for_every_program(model, tmp_path):
    concept = with_words(model, tmp_path / "rob", widths=[one.config.hidden_size for one in model.text_encoders])
    export(concept, tmp_path / "out")
    other = load_file(tmp_path / "out/rob.safetensors")
    two = len(model.text_encoders) == 2
    assert sorted(other) == (["clip_g", "clip_l"] if two else ["emb_params"])
    for value, own in zip(
        (other.get("clip_l", other.get("emb_params")), other.get("clip_g")), concept.rows(), strict=False
    ):
        assert torch.equal(value, own)
    text = (tmp_path / "out/README.txt").read_text()
    assert 'load_textual_inversion("learned_embeds.safetensors"' in text and "embedding:rob" in text
    assert ("learned_embeds_2" in text) == two


def test_another_base_than_its_own_is_refused(sd1, toybox, tmp_path):
    concept = with_lora(toybox, tmp_path / "rob")
    with pytest.raises(WrongBaseError):
        export(concept, tmp_path / "out", Choices("comfyui", str(sd1.folder)))
    with pytest.raises(BaseNeededError, match="how the U-Net is built"):
        export(concept, tmp_path / "out", Choices("comfyui"))


def test_what_is_there_stays(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    for target in (tmp_path / "out", tmp_path / "out.zip"):
        export(concept, target)
        with pytest.raises(FolderExistsError):
            export(concept, target)


def test_every_format_has_a_readme_that_names_only_files_that_are_there(sd1, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob")
    for format in exporting.FORMATS:
        done = export(concept, tmp_path / format, Choices(format, str(sd1.folder)))
        text = (tmp_path / format / "README.txt").read_text()
        named = {name.rsplit("/", 1)[-1] for name in re.findall(r"[\w/.-]+\.safetensors", text)}
        assert named <= {name.rsplit("/", 1)[-1] for name in done.files}, format
        assert "qxv toy" in text and sd1.hash in text
