"""The judge names what real pictures show, and answers from its cache as it did when it made it."""

import numpy as np
import pytest

from likewise.metrics.neighbours import unit
from likewise.toybox import evaluate, judge
from likewise.toybox.evaluate import Asked
from likewise.toybox.scenes import BACKGROUNDS


class Thumbnail:
    """An encoder of 12 x 12 px thumbnails."""

    name, hash, preprocessing, dimension = "thumbnail", "0" * 64, "12 px", 432

    def embed(self, images):
        rows = [np.asarray(image.resize((12, 12)), np.float32).ravel() / 255 - 0.5 for image in images]
        return unit(np.stack(rows))


@pytest.fixture(scope="module")
def judging(tmp_path_factory):
    from toybox_made import small_world

    cache = tmp_path_factory.mktemp("judge")
    world = small_world()
    return world, judge.build(world, Thumbnail(), cache), cache


def real(world, asked):
    return [world.draw(world.composition(one.name, one.style, one.background, 7)) for one in asked]


def every(world):
    styles = ("3d", "flat", "cartoon", "sticker")
    names = [concept.name for concept in world.concepts]
    return [
        Asked(names[index % len(names)], styles[index % 4], place)
        for index, place in enumerate(place for place in BACKGROUNDS if place.startswith("on a "))
    ]


def test_real_pictures_are_named_far_above_chance(judging):
    world, made, _ = judging
    asked = every(world)
    report = evaluate.scores(made, asked, real(world, asked))
    assert report["subject_top1"]["value"] > 0.5  # of 6
    assert report["subject_top5"]["value"] >= report["subject_top1"]["value"]
    assert report["background"]["value"] > 0.5  # of 26


def test_pictures_of_something_else_are_not_named_so(judging):
    world, made, _ = judging
    asked = every(world)
    wrong = [Asked(asked[index - 1].name, one.style, one.background) for index, one in enumerate(asked)]
    right, other = (evaluate.scores(made, asked, real(world, shown))["subject_top1"] for shown in (asked, wrong))
    assert other["value"] < right["value"]


def test_the_cache_answers_as_the_first_look_did(judging):
    world, made, cache = judging
    again = judge.build(world, Thumbnail(), cache)
    assert len(list(cache.glob("judge-*.safetensors"))) == 1
    assert np.array_equal(made.rows, again.rows)
    rows = judge.look(Thumbnail(), real(world, every(world))).style
    assert list(made.style.predict(rows)) == list(again.style.predict(rows))


def test_the_middle_holds_the_subject_and_the_corners_do_not(judging):
    world, _, _ = judging
    picture = real(world, every(world)[:1])[0]
    seen = judge.look(Thumbnail(), [picture])
    plain = judge.look(Thumbnail(), [picture.crop((0, 0, 8, 8)).resize((128, 128))])
    assert not np.allclose(seen.middle, plain.middle, atol=0.1)
    assert seen.style.shape == (1, 864) and seen.whole.shape == (1, 432)
