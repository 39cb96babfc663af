import pytest

from likewise.toybox.captions import STYLE_PHRASES
from likewise.toybox.scenes import BACKGROUNDS
from likewise.verdict import Config, prompts
from likewise.verdict.prompts import LIVE, OBJECTS, QUICK, TOYBOX, fill, paper

TEMPLATE = "a {identifier} {noun}"


@pytest.mark.parametrize("listed", [OBJECTS, LIVE, TOYBOX])
def test_every_list_has_25_different_prompts(listed):
    assert len(set(listed)) == 25
    assert [prompts.problem(prompt) for prompt in listed] == [None] * 25


def test_objects_and_live_subjects_share_ten_places_and_five_properties():
    assert len(set(OBJECTS) & set(LIVE)) == 15
    assert fill(OBJECTS[-1], TEMPLATE, "clock", "zxq") == "a cube shaped zxq clock"
    assert fill(OBJECTS[0], TEMPLATE, "clock", "zxq") == "a zxq clock in the jungle"
    assert fill(LIVE[10], TEMPLATE, "dog", "zxq") == "a zxq dog wearing a red hat"


def test_toybox_is_asked_for_what_its_world_holds():
    places = [prompt.removeprefix("{subject} ") for prompt in TOYBOX if prompt.startswith("{subject}")]
    assert [place for place in places if place not in BACKGROUNDS] == []
    styles = [prompt[1:].split()[0] for prompt in TOYBOX if not prompt.startswith("{subject}")]
    assert set(styles) < set(STYLE_PHRASES)


@pytest.mark.parametrize(
    ("family", "noun", "kind", "listed"),
    [
        ("toybox", "dog", "auto", TOYBOX),
        ("sd1", "dog", "auto", LIVE),
        ("sdxl", "stuffed animal", "auto", LIVE),
        ("sd2", "clock", "auto", OBJECTS),
        ("sd1", "dog", "object", OBJECTS),
        ("sd1", "robot", "live", LIVE),
    ],
)
def test_the_list_goes_by_the_base_model_and_the_noun(family, noun, kind, listed):
    assert paper(family, noun, kind) == listed
    assert Config(thorough=True, kind=kind).drawn(family, noun) == listed
    assert Config(kind=kind).drawn(family, noun) == QUICK


def test_without_an_identifier_only_the_words_are_left():
    assert fill("{wet subject}", TEMPLATE, "dog", "") == "a wet dog"
    assert fill("in milk: {subject}", "a photo of {identifier}", "dog", "<rex>") == "in milk: a photo of <rex>"


def test_own_prompts_and_the_papers_exclude_each_other():
    with pytest.raises(ValueError, match="no others"):
        Config(thorough=True, prompts=("{subject} at home",))
    for wrong in ("a dog", "{subject} {subject}", "{subject} {noun}", "{}"):
        with pytest.raises(ValueError, match="once and no other braces"):
            Config(prompts=(wrong,))
