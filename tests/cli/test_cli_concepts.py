"""`likewise concepts`: list, show, export, import, inspect, delete."""

import pytest
import torch

from likewise.concept import Card, Concept, library


@pytest.fixture
def robot(home, tmp_path):
    card = Card(
        name="robot", placeholder="<robot>", noun="toy", base_hash="0" * 64, base_name="toybox", method="dreambooth"
    )
    concept = Concept.save(tmp_path / "robot", card, words=torch.ones(1, 8))
    return library().add(concept)


def test_an_empty_library_says_so(run):
    assert run("concepts", "list").out == "The library is empty.\n"
    assert run("concepts", "list", "--json").json == {"concepts": []}


def test_a_concept_is_listed_shown_exported_and_deleted(run, robot, tmp_path):
    assert run("concepts", "list").out.splitlines()[1].split() == ["<robot>", "toy", "dreambooth", "toybox"]
    assert run("concepts", "show", "robot", "--json").json["noun"] == "toy"
    assert "noun" in run("concepts", "show", "<robot>").out
    assert run("concepts", "export", "robot", tmp_path / "out").code == 0
    assert (tmp_path / "out" / "learned_embeds.safetensors").is_file()
    again = run("concepts", "export", "robot", tmp_path / "out")
    assert (again.code, again.out) == (1, "")
    assert run("concepts", "delete", "robot").code == 0
    assert run("concepts", "list", "--json").json == {"concepts": []}


@pytest.mark.parametrize("words", [["show", "robto"], ["delete", "../robot"], ["export", "nobody", "out"]])
def test_an_unknown_concept_is_told_of_and_nothing_changes(run, robot, words):
    result = run("concepts", *words)
    assert result.code == 1
    assert "robot" in result.err
    assert library().names() == ["robot"]


@pytest.fixture
def foreign(tmp_path):
    """A LoRA in kohya's names, for the tiny model, with one layer too many."""
    from safetensors.torch import save_file

    stems = ["lora_unet_mid_block_attentions_0_proj_in", "lora_unet_mid_block_attentions_7_proj_in"]
    shapes = {"lora_down": (2, 64, 1, 1), "lora_up": (64, 2, 1, 1)}
    tensors = {f"{stem}.{part}.weight": torch.ones(shape) for stem in stems for part, shape in shapes.items()}
    save_file({**tensors, f"{stems[0]}.alpha": torch.tensor(1.0)}, tmp_path / "foreign.safetensors")
    return tmp_path / "foreign.safetensors"


def test_a_foreign_file_is_inspected_imported_and_exported(run, foreign, tiny, tmp_path):
    seen = run("concepts", "inspect", foreign, "--backbone", tiny, "--json")
    assert (seen.json["kind"], seen.json["alphas"], seen.json["coverage"]["matched"]) == ("lora", {"1": 1, "2": 1}, 1)
    assert "1 tensor(s) fit no layer" in seen.err
    words = ["--backbone", tiny, "--name", "rob", "--trigger", "qxv", "--noun", "toy"]
    told = run("concepts", "import", foreign, *words)
    assert "Imported as <rob>." in told.out
    assert "foreign.safetensors: 1 layers of model matched, 1 entries not." in told.out
    assert run("concepts", "show", "rob", "--json").json["identifier"] == "qxv"
    done = run("concepts", "export", "rob", tmp_path / "out", "--format", "comfyui", "--backbone", tiny, "--json").json
    assert done["files"] == ["README.txt", "rob-lora.safetensors"]
    assert done["report"]["rob-lora.safetensors"]["matched"] == 1


def test_a_format_that_there_is_not_is_wrong_usage(run, robot):
    result = run("concepts", "export", "robot", "out", "--format", "pt")
    assert result.code == 2 and "comfyui" in result.err
