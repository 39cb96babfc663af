"""The embedded draft model: what it says of pictures that training never saw, what it draws, and its worked example."""

import importlib.util
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from toybox_made import small_world

from likewise import checkpoint, magvlt
from likewise.errors import UnknownNameError
from likewise.magvlt.nouns import suggest
from likewise.magvlt.words import spelled
from likewise.toybox.concepts import STYLES

PLACES = ("on a red background", "in the forest", "on the water", "on a dot pattern")
ROOM = 90e6  # bytes that all embedded weights may take in the repository


@pytest.fixture(scope="module")
def drafter():
    return magvlt.load()


@pytest.fixture(scope="module")
def shown():
    """(name, style, place, picture), each style before each place."""
    world = small_world()
    names = [concept.name for concept in world.concepts]
    rows = [(names[i % len(names)], style, place) for i, (style, place) in enumerate(product(STYLES, PLACES))]
    return [(*row, world.draw(world.composition(*row, 99))) for row in rows]


def test_its_files_are_what_the_manifest_says_and_all_weights_keep_within_their_room():
    from likewise.magvlt.folder import EMBEDDED

    checkpoint.verify(EMBEDDED)
    assert sum(path.stat().st_size for path in EMBEDDED.parent.rglob("*.safetensors")) < ROOM


def test_it_names_places_and_mostly_things(drafter, shown):
    texts = [one.text for one in drafter.describe([picture for *_, picture in shown])]
    places = sum(place in text for (_, _, place, _), text in zip(shown, texts, strict=True))
    things = sum(name in text.split() for (name, *_), text in zip(shown, texts, strict=True))
    assert places >= 13 and things >= 8, texts  # of 16; chance is less than 1 of 16 for either


def test_the_noun_of_a_thing_in_four_places_is_among_its_guesses(drafter):
    world = small_world()
    names = {concept.name for concept in world.concepts}
    pictures = [world.draw(world.composition("apple", "3d", place, 99)) for place in PLACES]
    assert "apple" in suggest(drafter, pictures, names)[:3]


def test_in_bfloat16_it_says_the_same_and_another_precision_is_refused(drafter, shown):
    low, pictures = magvlt.load(precision="bfloat16"), [picture for *_, picture in shown[:6]]
    pairs = zip(low.describe(pictures), drafter.describe(pictures), strict=True)
    assert sum(one.text == other.text for one, other in pairs) >= 4
    assert low.hash != drafter.hash
    with pytest.raises(UnknownNameError, match="float32"):
        magvlt.load(precision="float16")


def test_a_draft_is_of_its_place_and_the_same_each_time(drafter):
    (draft,) = drafter.draft("a 3d apple on a red background", seed=5, candidates=1)
    red, green, blue = np.asarray(draft.image)[:16, :16].reshape(-1, 3).mean(0)
    assert red > 1.5 * max(green, blue)
    assert torch.equal(draft.codes, drafter.draft(draft.prompt, seed=5, candidates=1)[0].codes)


def test_styles_of_two_tokens_are_read_back_as_people_write_them(drafter):
    words = drafter.words
    assert words.decode(words.ids("a 3d dog on the beach")) == "a 3d dog on the beach"
    assert spelled(words, "a 3d dog on the beach") == [] and spelled(words, "a 3d axolotl") == ["axolotl"]


def test_the_example_runs(capsys, monkeypatch):
    path = Path(__file__).parents[2] / "examples" / "magvlt.py"
    monkeypatch.setattr("sys.argv", [str(path)])
    spec = importlib.util.spec_from_file_location("example", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    told = capsys.readouterr().out
    assert "tokens of the right half that changed: 0\n" in told and told.count("filled in: ") == 2
