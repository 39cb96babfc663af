"""`likewise concepts`: list, show, export, delete."""

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
