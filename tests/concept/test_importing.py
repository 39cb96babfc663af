"""A file of any program becomes a concept that does what the file did, or an error that says why not."""

import json

import pytest
import torch
from concepts import with_lora, with_weights, with_words
from PIL import Image
from safetensors.torch import load_file, save_file
from test_applying import answer

from likewise import diffusion, images
from likewise.concept import library
from likewise.concept.exporting import Choices, export
from likewise.concept.importing import Names
from likewise.concept.inspecting import inspect, kind
from likewise.errors import (
    BaseNeededError,
    BrokenFileError,
    ForeignLoraError,
    ImportFilesError,
    LoraCoverageWarning,
    LoraFileError,
    NameTakenError,
    NoTriggerWarning,
    UnsafeFileError,
    WordFileError,
    WrongBaseError,
)

OTHERS = "rob-lora.safetensors"


@pytest.fixture(params=["sd1", "sdxl"])
def model(request, folders):
    return diffusion.load(folders[request.param])


def bring(model, *paths, **names):
    return library().bring(paths, Names(**names), str(model.folder))


def exported(model, tmp_path, concept, format="kohya"):
    return export(concept, tmp_path / format, Choices(format, str(model.folder))).path


@pytest.mark.parametrize("format", ["diffusers", "kohya", "comfyui"])
def test_adapters_come_back_bit_for_bit_with_their_trigger(model, tmp_path, format):
    concept = with_lora(model, tmp_path / "rob")
    with concept.apply(model):
        wanted = answer(model)
    path = next(exported(model, tmp_path, concept, format).glob("*.safetensors"))
    found = bring(model, path)
    assert (found.concept.name, found.concept.identifier, found.concept.noun) == ("rob", "qxv", "toy")
    assert found.report[path.name]["coverage"]["unmatched"] == {}
    with found.concept.apply(model):
        assert torch.equal(answer(model), wanted)
    with pytest.raises(NameTakenError):
        bring(model, path)
    assert bring(model, path, name="bob", trigger="zxy", noun="robot").concept.identifier == "zxy"


def test_alpha_mixed_ranks_and_convolutions_of_a_foreign_file_count(sd1, tmp_path, rng):
    """One kohya file of what kohya's tools make, against weights that were changed by hand."""
    layers = {"lora_unet_down_blocks_0_resnets_0_conv1": ("down_blocks.0.resnets.0.conv1", 3, 1.5),
              "lora_unet_down_blocks_0_downsamplers_0_conv": ("down_blocks.0.downsamplers.0.conv", 2, 2.0),
              "lora_unet_mid_block_attentions_0_proj_in": ("mid_block.attentions.0.proj_in", 4, 1.0),
              "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0":
              ("mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0", 2, None)}  # fmt: skip
    tensors, before = {}, {}
    for name, (path, rank, alpha) in layers.items():
        weight = sd1.unet.get_submodule(path).weight
        down = torch.randn(rank, *weight.shape[1:], generator=rng) * 0.2
        up = torch.randn(len(weight), rank, *(1,) * (weight.ndim - 2), generator=rng) * 0.2
        tensors |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        tensors |= {f"{name}.alpha": torch.tensor(alpha)} if alpha else {}
        scale, before[path] = (alpha or rank) / rank, weight.data
        weight.data = weight + scale * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
    wanted = answer(sd1)
    for path, value in before.items():
        sd1.unet.get_submodule(path).weight.data = value
    save_file(tensors, tmp_path / "foreign.safetensors")
    found = bring(sd1, tmp_path / "foreign.safetensors", trigger="sks", noun="dog")
    report = found.report["foreign.safetensors"]
    assert (report["ranks"], report["alphas"]) == ({"2": 2, "3": 1, "4": 1}, {"1": 1, "1.5": 1, "2": 2})
    with found.concept.apply(sd1):
        assert (answer(sd1) - wanted).abs().max() < 1e-4


def test_part_of_a_file_is_told_and_none_is_an_error(sd1, sdxl, tmp_path):
    path = exported(sd1, tmp_path, with_lora(sd1, tmp_path / "rob")) / OTHERS
    tensors = load_file(path)
    stem = "lora_unet_mid_block_attentions_0_transformer_blocks_7_attn1_to_q"
    more = {f"{stem}.lora_{part}.weight": torch.ones(2, 2) for part in ("down", "up")}
    save_file({**tensors, **more}, tmp_path / "part.safetensors")
    with pytest.warns(LoraCoverageWarning, match=r"1 tensor.*transformer_blocks\.7"):
        report = bring(sd1, tmp_path / "part.safetensors", trigger="a").report["part.safetensors"]
    assert report["coverage"]["unmatched"] == {
        "unet.mid_block.attentions.0.transformer_blocks.7.attn1.to_q": "the base model has no such layer"
    }
    save_file(more, tmp_path / "none.safetensors")
    with pytest.raises(LoraFileError, match=r"none of its 1 entries fits a layer"):
        bring(sdxl, tmp_path / "none.safetensors")
    with pytest.raises(LoraFileError, match=r"no such layer"):
        inspect(tmp_path / "none.safetensors", str(sdxl.folder))


def test_adapters_of_another_kind_are_refused_by_name(sd1, tmp_path):
    for mark, name in (("dora_scale", "DoRA"), ("hada_w1_a", "LoHa"), ("lokr_w1", "LoKr")):
        save_file(
            {f"lora_unet_mid_block_attentions_0_proj_in.{mark}": torch.ones(2, 2)}, tmp_path / f"{name}.safetensors"
        )
        with pytest.raises(ForeignLoraError, match=name):
            bring(sd1, tmp_path / f"{name}.safetensors")


def test_a_word_comes_back_from_every_layout(model, tmp_path):
    concept = with_words(model, tmp_path / "rob", widths=[one.config.hidden_size for one in model.text_encoders])
    rows = concept.rows()
    folder = exported(model, tmp_path, concept, "all")
    torch.save({"string_to_param": {"*": rows[0]}, "name": "rob"}, tmp_path / "a.pt")
    ways = [[folder / "rob.safetensors"], sorted(folder.glob("learned_embeds*.safetensors"))]
    ways += [[tmp_path / "a.pt"]] * (len(rows) == 1)
    for index, paths in enumerate(ways):
        found = bring(model, *paths, name=f"rob{index}").concept
        assert all(map(torch.equal, found.rows(), rows))
        assert found.identifier is None
        with found.apply(model) as words:
            model.encode_text([f"a photo of <rob{index}>"], words)


def test_rows_of_another_width_are_refused_with_both_widths(sd1, tmp_path):
    save_file({"emb_params": torch.ones(1, 768)}, tmp_path / "a.safetensors")
    with pytest.raises(WordFileError, match=r"\(768,\) wide.*\[32\]"):
        bring(sd1, tmp_path / "a.safetensors")


def test_a_pickle_that_would_run_is_refused_with_advice(sd1, tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    torch.save({"a": Evil()}, tmp_path / "evil.bin")
    with pytest.raises(UnsafeFileError, match=r"builtins?__?\.print.*\n.*safetensors"):
        bring(sd1, tmp_path / "evil.bin")


def test_adapters_and_their_word_are_one_concept(sd1, tmp_path):
    lora = exported(sd1, tmp_path / "l", with_lora(sd1, tmp_path / "rob", identifier=None)) / OTHERS
    word = exported(sd1, tmp_path / "w", with_words(sd1, tmp_path / "ann")) / "rob.safetensors"
    found = bring(sd1, lora, word, name="both").concept
    assert set(found.parts()) == {"lora", "words"} and found.identifier is None
    with found.apply(sd1) as words:
        assert list(words) == ["<both>"]


def test_a_whole_model_comes_back_from_one_file_and_from_a_folder(model, tmp_path):
    concept = with_weights(model, tmp_path / "rob")
    with concept.apply(model):
        wanted = answer(model)
    export(concept, tmp_path / "one", Choices("single-file", str(model.folder), dtype="float32"))
    for name, path in (("one", tmp_path / "one/rob.safetensors"), ("two", concept.folder / "pipeline")):
        found = bring(model, path, name=name, trigger="qxv", noun="toy").concept
        with found.apply(model):
            assert (answer(model) - wanted).abs().max() < 0.05  # the library keeps models in half precision


def test_a_model_of_another_kind_is_refused_with_the_first_tensor(sd1, sdxl, tmp_path):
    export(with_weights(sd1, tmp_path / "rob"), tmp_path / "one", Choices("single-file"))
    with pytest.raises(BrokenFileError, match=r"(?s)missing or of another shape, first .*--backbone"):
        bring(sdxl, tmp_path / "one/rob.safetensors")


def test_an_exported_concept_is_imported_as_it_was(sd1, sdxl, tmp_path):
    concept = with_lora(sd1, tmp_path / "rob", scores={"good": 1})
    Image.new("RGB", (8, 8), "red").save(concept.folder / "preview.png")
    folder = exported(sd1, tmp_path, concept, "all")
    with pytest.raises(WrongBaseError):
        bring(sdxl, folder)
    found = bring(sd1, folder).concept
    assert (found.card, found.hash) == (concept.card, concept.hash)
    assert images.read(found.folder / "preview.png").getpixel((0, 0)) == (255, 0, 0)


def test_what_cannot_be_known_is_asked_for(sd1, tmp_path):
    path = exported(sd1, tmp_path, with_lora(sd1, tmp_path / "rob")) / OTHERS
    save_file(load_file(path), tmp_path / "bare.safetensors")
    with pytest.raises(BaseNeededError, match=r"(?s)bare\.safetensors.*--backbone"):
        library().bring([tmp_path / "bare.safetensors"])
    with pytest.warns(NoTriggerWarning, match=r"<bare>.*--trigger"):
        assert bring(sd1, tmp_path / "bare.safetensors").concept.identifier == ""
    save_file({"weight": torch.ones(2, 2, 2, 2), "b": torch.ones(2), "c": torch.ones(2)}, tmp_path / "x.safetensors")
    for paths in ([tmp_path / "x.safetensors"], [path, tmp_path / "bare.safetensors"], [tmp_path]):
        with pytest.raises(ImportFilesError):
            bring(sd1, *paths)


def test_inspect_tells_ranks_norms_and_the_published_family(sd1, tmp_path):
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    down, up = torch.ones(2, 768), torch.ones(320, 2)
    save_file(
        {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": torch.tensor(1.0)},
        tmp_path / "a.safetensors",
        {"ss_network_dim": "2", "ss_network_args": '{"conv_dim": "4"}'},
    )
    found = inspect(tmp_path / "a.safetensors")
    assert (kind(tmp_path / "a.safetensors"), found["scheme"], found["family"]) == ("lora", "kohya", "sd1")
    assert (found["ranks"], found["alphas"], found["targets"]) == ({"2": 1}, {"1": 1}, {"to_k": 1})
    assert found["norm"]["largest"] == pytest.approx((0.5 * up @ down).norm().item(), rel=1e-5)
    assert found["coverage"]["matched"] == 1 and found["metadata"]["ss_network_args"] == {"conv_dim": "4"}
    json.dumps(found, allow_nan=False)
    save_file({"clip_l": torch.ones(1, 768), "clip_g": torch.ones(1, 1280)}, tmp_path / "w.safetensors")
    assert inspect(tmp_path / "w.safetensors")["family"] == "sdxl"
    assert inspect(tmp_path / "w.safetensors", str(sd1.folder))["coverage"]["fits"] is False


def test_numbers_that_are_not_finite_are_not_imported(sd1, tmp_path):
    stem = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    down = torch.full((2, 64), float("nan"))
    tensors = {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": torch.ones(64, 2)}
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraFileError, match="not finite"):
        bring(sd1, tmp_path / "a.safetensors", trigger="a")
    assert inspect(tmp_path / "a.safetensors", str(sd1.folder))["norm"]["finite"] is False
