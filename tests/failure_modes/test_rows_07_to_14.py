"""Rows 7 to 14 of the table of failure modes (personalization, section 6): photos, captions, copies, drift."""

import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from likewise import imageset
from likewise.dreambooth.config import Config
from likewise.dreambooth.data import captions as dreambooth_captions
from likewise.errors import (
    CaptionFileError,
    MissingCaptionWarning,
    PromptTooLongError,
    SkippedFilesWarning,
    UnusedCaptionWarning,
)
from likewise.preflight import captions as preflight_captions
from likewise.verdict.scores import Drawn, Judge
from likewise.words import check_length


def test_row_07_a_photo_on_its_side_by_exif_is_turned_upright_before_anything(folder):
    upright = imageset.load(folder).images()[0]
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(folder / "0.png", exif=exif)
    again = imageset.load(folder)
    assert (again.photos[0].width, again.photos[0].height) == (48, 32)
    assert np.array_equal(np.asarray(again.images()[0]), np.asarray(upright))


def test_row_08_what_systems_and_editors_leave_behind_crashes_nothing(folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(b"\x00\x01")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "0-checkpoint.png").write_bytes(b"no picture")
    found = imageset.load(folder)  # in silence: a warning would be an error here
    assert len(found) == 3 and {name for name, _ in found.skipped} >= {".DS_Store", "Thumbs.db"}
    (folder / "broken.jpg").write_bytes(b"half")
    with pytest.warns(SkippedFilesWarning, match=r"broken\.jpg"):
        assert len(imageset.load(folder)) == 3


@pytest.mark.parametrize("ending", ["txt", "caption"])
def test_row_09_captions_of_both_endings_are_used(folder, ending):
    for index in range(3):
        (folder / f"{index}.{ending}").write_text(f"a toy in place {index}")
    assert imageset.load(folder).captions == [f"a toy in place {index}" for index in range(3)]


def test_row_09_captions_of_which_none_matches_a_photo_are_an_error(folder):
    (folder / "nobody.txt").write_text("a toy")
    with pytest.raises(CaptionFileError, match=r"nobody\.txt: .* none of the 1 caption file"):
        imageset.load(folder)
    (folder / "nobody.txt").unlink()
    (folder / "metadata.jsonl").write_text('{"file_name": "other.png", "text": "a toy"}\n')
    with pytest.raises(CaptionFileError, match="none of its 1 entries matches"):
        imageset.load(folder)


def test_row_09_one_caption_too_many_and_photos_without_are_told_of(folder):
    for name in ("0", "nobody"):
        (folder / f"{name}.txt").write_text("a toy")
    with pytest.warns(UnusedCaptionWarning, match=r"nobody\.txt"), pytest.warns(MissingCaptionWarning, match="2 of 3"):
        imageset.load(folder)


def test_row_09_a_hole_that_nothing_fills_in_is_flagged(toybox):
    own = ["a [trigger] dog", "a qzx dog", "the {name} dog"]
    rows = preflight_captions.look(toybox, own, own, "qzx dog", 1)
    assert any("[trigger], {name}, which nothing fills in" in row.text for row in rows if row.level == "warning")


def test_row_10_the_trigger_is_in_every_caption_and_words_common_to_all_are_flagged(toybox):
    own = ["a dog with a blue bow", "dog, blue bow, snow", "blue bow on a table"]
    final, changed = dreambooth_captions(own, Config(), "qzx", "dog", "<rex>")
    assert all("qzx dog" in text for text in final) and len(changed) == 3
    rows = preflight_captions.look(toybox, final, own, "qzx dog", 1)
    assert any("every caption says 'blue', 'bow'" in row.text for row in rows)


def test_row_11_a_prompt_that_would_be_cut_off_is_an_error_that_names_the_words(toybox):
    tokenizer = toybox.tokenizers[0]
    with pytest.raises(PromptTooLongError, match="on the beach"):
        check_length(tokenizer, "a dog " * 40 + "on the beach", toybox.facts.text_length)


class Greys:
    """An encoder of tiny grey pictures."""

    name, preprocessing, dimension, hash = "greys", "4 x 4", 16, "greys"

    def embed(self, images):
        rows = np.array(
            [np.asarray(one.convert("L").resize((4, 4), Image.Resampling.BOX), np.float32) for one in images]
        )
        rows = rows.reshape(len(images), -1)
        rows = rows - rows.mean(1, keepdims=True)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_row_12_a_model_that_returns_its_photos_is_found_out(folder):
    from likewise.verdict.gauge import gauge

    photos = imageset.load(folder).images()
    others = [photo.transpose(Image.Transpose.ROTATE_180) for photo in photos]
    judge = Judge(photos, ["a dog"], Greys())
    base = Drawn(0, others, others[:1])
    ends = gauge(judge, judge.measure(base, base), seed=0, level=0.95)
    copier = judge.measure(Drawn(5, [photos[1], others[1], photos[2]], others[:1]), base)
    assert ends.copied(copier).tolist() == [True, False, True]
    assert copier.photo[[0, 2]].tolist() == [1, 2]


def test_row_13_a_class_word_that_draws_the_subject_is_measured_as_drift(folder):
    photos = imageset.load(folder).images()[:1]
    away = [photos[0].transpose(Image.Transpose.ROTATE_180)]
    judge = Judge(photos, ["a dog"], Greys())
    base = Drawn(0, away, away)
    assert judge.measure(Drawn(5, photos, photos), base).plain.mean() == pytest.approx(1, abs=1e-6)
    assert judge.measure(Drawn(5, photos, away), base).plain.mean() < 0.9


def test_row_13_the_prior_is_on_unless_told_otherwise():
    assert Config().prior == "images" and Config().prior_weight == 1.0


def test_row_14_the_losses_of_photos_and_prior_are_logged_apart(monkeypatch):
    objective = importlib.import_module("likewise.dreambooth.loss")
    monkeypatch.setattr(objective, "errors", lambda *_: torch.tensor([1.0, 3.0, 0.5, 0.5]))
    halves = objective.loss(None, SimpleNamespace(photos=2), None, Config(prior_weight=0.3))
    assert {name: float(value) for name, value in halves.items()} == pytest.approx(
        {"loss": 2.0 + 0.3 * 0.5, "photos": 2.0, "prior": 0.5}
    )
