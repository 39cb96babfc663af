"""A card says what a concept is, and a bad one says what is wrong with it."""

import json

import pytest
from concepts import card, with_words

from likewise.concept import Concept
from likewise.concept.card import check_name
from likewise.errors import ConceptFolderError, ConceptNameError


@pytest.mark.parametrize("name", ["a", "robot", "my-robot_2", "0", "a" * 40])
def test_plain_names_are_taken(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Rob", "rob bot", "../rob", "a/b", "-rob", "rob-", ".rob", "röb", "a" * 41, "<rob>"]
)
def test_names_that_could_leave_the_library_or_mislead_the_tokenizer_are_refused(name):
    with pytest.raises(ConceptNameError, match="cannot name a concept"):
        check_name(name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../evil", "placeholder": "<../evil>"}, "cannot name a concept"),
        ({"placeholder": "<bob>"}, "<rob> is needed"),
        ({"noun": None}, "noun"),
        ({"surprise": 1}, "surprise"),
        ({"format": 2}, "format is 2"),
    ],
)
def test_a_card_that_does_not_fit_is_refused_and_says_where(toybox, tmp_path, changes, message):
    concept = with_words(toybox, tmp_path / "rob")
    path = concept.folder / "concept.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises((ConceptFolderError, ConceptNameError), match=message):
        Concept.load(concept.folder)


def test_folders_that_hold_no_concept_are_told_of(toybox, tmp_path):
    with pytest.raises(ConceptFolderError, match=r"no concept\.json"):
        Concept.load(tmp_path)
    concept = with_words(toybox, tmp_path / "rob")
    (concept.folder / "learned_embeds.safetensors").unlink()
    with pytest.raises(ConceptFolderError, match="holds none of pytorch_lora_weights"):
        Concept.load(concept.folder)
    (concept.folder / "concept.json").write_text("[")
    with pytest.raises(ConceptFolderError, match="cannot be read"):
        Concept.load(concept.folder)


def test_a_card_survives_the_disk(toybox, tmp_path):
    facts = card(toybox, scores={"similarity": [0.5, 0.4, 0.6]}, config={"lr": 1e-4}, provenance={"step": 400})
    saved = Concept.save(tmp_path / "rob", facts, lora=b"weights")
    assert Concept.load(saved.folder).card == facts
    assert saved.as_json()["scores"] == {"similarity": [0.5, 0.4, 0.6]}
