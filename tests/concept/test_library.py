"""Concepts are kept, found, copied out and removed by name, and by name alone."""

import json
import re
import zipfile

import pytest
from concepts import card, with_lora, with_words
from PIL import Image

from likewise.concept import Concept, library
from likewise.errors import (
    BrokenConceptWarning,
    ConceptNameError,
    FolderExistsError,
    NameTakenError,
    UnknownConceptError,
)


@pytest.fixture
def rob(toybox, tmp_path):
    return library().add(with_words(toybox, tmp_path / "rob"))


def test_the_library_lives_in_likewise_home_and_is_made_when_first_needed(home, toybox, tmp_path):
    assert library().list() == []
    assert not (home / "concepts").exists()
    added = library().add(with_words(toybox, tmp_path / "rob"))
    assert added.folder == home / "concepts" / "rob"


def test_without_likewise_home_it_is_the_platforms_user_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("LIKEWISE_HOME")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "data")
    assert library().folder == tmp_path / "data" / "concepts"


def test_concepts_are_found_by_name_with_or_without_brackets_and_by_folder(rob, tmp_path):
    for source in ("rob", "<rob>", rob.folder, str(rob.folder)):
        assert library().show(source).hash == rob.hash
    run = tmp_path / "run"
    Concept.save(run / "concept", rob.card, lora=b"x")
    assert Concept.load(run).folder == run / "concept"
    assert Concept.load(rob) is rob


def test_a_name_in_the_library_wins_over_a_folder_of_that_name(rob, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (tmp_path / "rob").is_dir()
    assert Concept.load("rob").folder == rob.folder


@pytest.mark.parametrize("name", ["bob", "../rob", "", ".", "/etc", "rob/../rob"])
def test_a_name_that_is_not_there_lists_those_that_are(rob, name):
    with pytest.raises(UnknownConceptError, match="Known here: <rob>"):
        library().get(name)
    with pytest.raises(UnknownConceptError):
        library().delete(name)


def test_a_taken_name_is_refused_and_another_is_fine(rob):
    with pytest.raises(NameTakenError, match="'rob'"):
        library().add(rob)
    with pytest.raises(ConceptNameError):
        library().add(rob, "../bob")
    bob = library().add(rob, "bob")
    assert (bob.placeholder, library().names()) == ("<bob>", ["bob", "rob"])


def test_a_renamed_word_is_renamed_in_its_file_too(rob, toybox):
    from likewise.checkpoint import read_tensors

    bob = library().add(rob, "bob")
    assert list(read_tensors(bob.parts()["words"])[0]) == ["<bob>"]
    with bob.apply(toybox) as words:
        toybox.encode_text(["a photo of <bob>"], words)


def test_one_broken_concept_does_not_hide_the_others(rob, toybox, tmp_path):
    library().add(with_words(toybox, tmp_path / "bob", "bob"))
    (library().folder / "bob" / "concept.json").write_text("{}")
    with pytest.warns(BrokenConceptWarning, match="<bob> is left out"):
        assert [one.name for one in library().list()] == ["rob"]


def test_delete_removes_that_concept_only(rob, toybox, tmp_path):
    library().add(with_words(toybox, tmp_path / "bob", "bob"))
    library().delete("rob")
    assert library().names() == ["bob"]
    assert [path.name for path in library().folder.iterdir()] == ["bob"]


def test_an_exported_word_has_the_files_that_others_load_and_says_how(rob, toybox, tmp_path):
    from safetensors.torch import load_file

    folder = library().export("rob", tmp_path / "out").path
    rows = load_file(folder / "learned_embeds.safetensors")["<rob>"]
    assert load_file(folder / "rob.safetensors")["emb_params"].equal(rows)
    assert "load_textual_inversion" in (folder / "README.txt").read_text()
    assert json.loads((folder / "concept.json").read_text())["name"] == "rob"
    with pytest.raises(FolderExistsError):
        library().export("rob", tmp_path / "out")


def test_an_exported_lora_says_the_words_that_call_it(toybox, tmp_path):
    library().add(with_lora(toybox, tmp_path / "rob"))
    text = (library().export("rob", tmp_path / "out").path / "README.txt").read_text()
    assert "load_lora_weights" in text
    assert "qxv toy on the beach" in text
    assert toybox.hash in text


@pytest.mark.filterwarnings("ignore")
def test_the_kohya_file_means_to_stock_diffusers_what_the_diffusers_file_means(toybox, tmp_path):
    from diffusers.loaders import StableDiffusionLoraLoaderMixin

    library().add(with_lora(toybox, tmp_path / "rob"))
    folder = library().export("rob", tmp_path / "out").path
    ours, _ = StableDiffusionLoraLoaderMixin.lora_state_dict(folder / "pytorch_lora_weights.safetensors")
    read, alphas = StableDiffusionLoraLoaderMixin.lora_state_dict(folder / "rob-lora.safetensors")
    theirs = {modern(name): tensor for name, tensor in read.items()}
    assert ours.keys() == theirs.keys()
    assert all(tensor.equal(theirs[name]) for name, tensor in ours.items())
    assert set(alphas.values()) == {2.0}  # the rank, so nothing is scaled again


def modern(name):
    """diffusers reads kohya's names into those of its own early versions."""
    if name.startswith("text_encoder"):
        name = re.sub(r"to_([qkv])_lora", r"\1_proj.lora_linear_layer", name)
        return name.replace("to_out_lora", "out_proj.lora_linear_layer")
    name = name.replace(".processor.", ".").replace("to_out_lora", "to_out.0.lora")
    return re.sub(r"to_([qkv])_lora", r"to_\1.lora", name)


def test_an_exported_zip_unpacks_to_the_same_concept_and_is_the_same_bytes_twice(rob, tmp_path):
    first = library().export("rob", tmp_path / "first.zip").path
    assert first.read_bytes() == library().export("rob", tmp_path / "second.zip").path.read_bytes()
    with zipfile.ZipFile(first) as bundle:
        bundle.extractall(tmp_path / "unpacked")
    assert Concept.load(tmp_path / "unpacked" / "rob").hash == rob.hash
    with pytest.raises(FolderExistsError):
        library().export("rob", first)


def test_saving_over_a_concept_is_refused_unless_asked(toybox, tmp_path):
    Concept.save(tmp_path / "rob", card(toybox), lora=b"one", preview=Image.new("RGB", (4, 4)))
    with pytest.raises(FolderExistsError):
        Concept.save(tmp_path / "rob", card(toybox), lora=b"two")
    assert (tmp_path / "rob" / "pytorch_lora_weights.safetensors").read_bytes() == b"one"
    Concept.save(tmp_path / "rob", card(toybox), lora=b"two", replace=True)
    assert (tmp_path / "rob" / "pytorch_lora_weights.safetensors").read_bytes() == b"two"


@pytest.mark.filterwarnings("ignore")
def test_a_learned_word_loads_in_stock_diffusers_row_by_row(rob, toybox, folders):
    from diffusers import StableDiffusionPipeline
    from safetensors.torch import load_file

    pipe = StableDiffusionPipeline.from_pretrained(folders["toybox"], safety_checker=None)
    pipe.load_textual_inversion(str(rob.folder / "learned_embeds.safetensors"))
    rows = load_file(rob.folder / "learned_embeds.safetensors")["<rob>"]
    ids = pipe.tokenizer.convert_tokens_to_ids(["<rob>", "<rob>_1"])
    assert pipe.text_encoder.get_input_embeddings().weight[ids].equal(rows)
    with rob.apply(toybox) as words:
        ours = toybox.encode_text(["a photo of <rob>"], words).embeds
    assert ours.allclose(pipe.encode_prompt("a photo of <rob>", "cpu", 1, False)[0], atol=1e-6)
