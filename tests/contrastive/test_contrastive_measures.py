"""Acceptance check 12: probes and neighbours see what is there, and leave the encoder as it was."""

from dataclasses import replace

import numpy as np
import pytest

from likewise import encoders
from likewise.checkpoint import hash_tensors
from likewise.contrastive import measures, pairings
from likewise.contrastive import photos as photo_files
from likewise.contrastive.config import Config
from likewise.contrastive.run import export
from likewise.contrastive.student import make
from likewise.contrastive.teacher import features
from likewise.errors import LongCaptionsWarning, MeasureError, NoTextTowerError, PromptTooLongError
from likewise.metrics.neighbours import Embedding, unit
from likewise.metrics.probes import knn_predict


@pytest.fixture
def learned(tmp_path):
    config = Config(backbone="resnet18", size=16)
    export(make(config, 0), config, tmp_path / "encoder")
    return encoders.load(tmp_path / "encoder")


def test_check_12_measuring_leaves_every_statistic_as_it_was(learned, folder):
    assert any("running_mean" in name for name in learned.reader.state_dict())
    before = hash_tensors(learned.reader.state_dict())
    found = photo_files.load(folder, 16)
    report = measures.evaluate(learned, found, photo_files.labels(found))
    assert hash_tensors(learned.reader.state_dict()) == before
    assert report["classes"] == 3 and report["test"] == 6 and report["majority"] == pytest.approx(1 / 3)
    for name in ("linear_probe", "knn", "same_class_first", "alignment", "uniformity"):
        assert report[name]["low"] <= report[name]["value"] <= report[name]["high"]


def test_check_12_perfect_rows_give_everything_and_shuffled_labels_chance():
    random = np.random.default_rng(0)
    classes = np.arange(600) % 5
    rows = Embedding(unit(np.eye(5)[classes] + 0.01 * random.standard_normal((600, 5))), "x")
    train, test = np.arange(300), np.arange(300, 600)
    found = measures.probed(rows[train], classes[train], rows[test], classes[test])
    assert found["linear_probe"].all() and found["knn"].all()
    assert measures.nearest_is_alike(rows, classes).all()
    shuffled = random.permutation(classes)
    chance = measures.probed(rows[train], shuffled[train], rows[test], shuffled[test])
    for right in chance.values():
        assert measures.share(right).holds(0.2) and right.mean() < 0.3


@pytest.mark.parametrize("part", [1, 7, 50, 1000])
def test_check_12_neighbours_vote_the_same_in_any_parts(part):
    random = np.random.default_rng(1)
    keys, queries = (Embedding(unit(random.standard_normal((count, 4))), "x") for count in (80, 50))
    labels = random.integers(0, 4, 80)
    whole = knn_predict(keys, labels, queries, 9)
    assert np.array_equal(knn_predict(keys, labels, queries, 9, part=part), whole)
    with pytest.raises(MeasureError, match="one label a row"):
        knn_predict(keys, labels[:-1], queries)


class Words:
    """Pictures by colour, texts by the colour that they name."""

    name, hash, preprocessing, dimension = "words", "w", "mean colour", 3

    def embed(self, images):
        return unit(np.stack([np.asarray(image, dtype=np.float32).mean((0, 1)) - 190 for image in images]))

    def embed_texts(self, texts):
        return unit(np.array([[("red" in t) - 0.3, ("green" in t) - 0.3, ("blue" in t) - 0.3] for t in texts]))


def test_texts_find_photos_and_photos_texts(folder):
    found = photo_files.load(folder, 40)
    report = measures.evaluate(Words(), found, photo_files.labels(found))
    assert report["zero_shot"]["value"] > 0.6
    assert report["retrieval"]["photos"] == 6
    assert 0 <= report["retrieval"]["text_to_photo@1"]["value"] <= report["retrieval"]["text_to_photo@5"]["value"] == 1


class Short(Words):
    """Reads sentences of at most eight words."""

    def embed_texts(self, texts):
        if any(len(text.split()) > 8 for text in texts):
            raise PromptTooLongError("a text", 9, 8, [])
        return super().embed_texts(texts)


def test_a_caption_that_is_too_long_costs_its_photo_and_no_more(folder):
    found = photo_files.load(folder, 40)
    test = photo_files.split(found, 0, photo_files.labels(found))[1]
    captions = list(found.captions)
    captions[test[0]] += " that nobody could read to its very end"
    long = replace(found, captions=tuple(captions))
    with pytest.warns(LongCaptionsWarning, match="1 of "):
        report = measures.evaluate(Short(), long, photo_files.labels(found))
    assert report["retrieval"]["photos"] == 5 and "linear_probe" in report
    plain = measures.retrieval(Words(), *_of(found, test[1:]))
    assert report["retrieval"] == plain


def _of(found, rows):
    encoder = Words()
    return Embedding(features(encoder, found), encoder.hash)[rows], [found.captions[row] for row in rows]


def test_joining_captions_needs_an_encoder_of_texts(folder, learned):
    with pytest.raises(NoTextTowerError, match="Joining captions"):
        pairings.caption_law(photo_files.load(folder, 16), learned, clusters=2)


def test_uniformity_is_as_uncertain_as_a_mean_over_pairs():
    random = np.random.default_rng(3)

    def rows(count):
        drawn = random.standard_normal((count, 3)) * [2, 1, 0.5] + 1
        return Embedding(unit(drawn), "x")

    truth = measures.uniformity(rows(4000)).value
    held = [measures.uniformity(rows(60), seed=i).holds(truth) for i in range(100)]
    assert np.mean(held) >= 0.88  # of single row means: about 0.65


def test_places_count_the_wrong_ones_before_the_first_right_one():
    similar = np.array([[0.9, 0.5, 0.7], [0.2, 0.2, 0.1]])
    right = np.array([[False, True, True], [True, False, False]])
    assert measures._places(similar, right).tolist() == [1, 1]  # a tie counts against


def test_zero_shot_needs_texts(learned):
    with pytest.raises(NoTextTowerError, match="reads pictures only"):
        measures.zero_shot(learned, Embedding(np.ones((2, 512)), learned.hash), np.array(["a", "b"]))


def test_uniform_rows_are_more_uniform_than_crowded_ones():
    random = np.random.default_rng(0)
    spread = Embedding(unit(random.standard_normal((200, 8))), "x")
    crowded = Embedding(unit(random.standard_normal((200, 8)) + 5), "x")
    assert measures.uniformity(spread).value < measures.uniformity(crowded).value < 0
    same = Embedding(np.tile([[1.0, 0.0]], (5, 1)), "x")
    assert measures.uniformity(same).value == pytest.approx(0)
