"""`<rob> on the beach` becomes what the model was taught to read."""

from pathlib import Path

import pytest

from likewise.concept import Card, Concept, expand, names_in
from likewise.errors import PlaceholderError, UnknownConceptError


def concept(name, identifier, noun="toy"):
    facts = {"noun": noun, "identifier": identifier, "base_hash": "0", "method": "m"}
    return Concept(Path(name), Card(name=name, placeholder=f"<{name}>", **facts))


KNOWN = {"rob": concept("rob", "qxv"), "word": concept("word", None), "cat": concept("cat", "zzt", "cat (live)")}


@pytest.mark.parametrize(
    ("prompt", "read"),
    [
        ("<rob> on the beach", "a qxv toy on the beach"),
        ("a photo of <rob>", "a photo of a qxv toy"),
        ("in the snow, <rob>", "in the snow, a qxv toy"),
        ("a red <rob>", "a red qxv toy"),
        ("the <rob>", "the qxv toy"),
        ("3d <rob>", "3d qxv toy"),
        ("a <rob> toy in the snow", "a qxv toy in the snow"),
        ("a <rob>  Toy, red", "a qxv  Toy, red"),
        ("<rob> toys", "a qxv toy toys"),
        ("<rob> and <word> and <rob>", "a qxv toy and <word> and a qxv toy"),
        ("a <cat> here", "a zzt cat (live) here"),
        ("a plain toy", "a plain toy"),
        ("3 < 4 > 2", "3 < 4 > 2"),
    ],
)
def test_a_placeholder_becomes_identifier_and_noun_and_the_noun_is_not_doubled(prompt, read):
    assert expand(prompt, KNOWN) == read


def test_names_are_found_once_in_order():
    assert names_in("<b> <a> <b> c") == ["b", "a"]


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(UnknownConceptError, match=r"<bob>.*<ann>, <cat>, <rob>, <word>"):
        expand("<bob> runs", KNOWN, ["ann"])


def test_brackets_that_can_name_nothing_are_refused():
    with pytest.raises(PlaceholderError, match="<Rob>"):
        expand("<Rob> runs", KNOWN)
