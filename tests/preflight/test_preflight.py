"""The check before training, on a tiny model: what it tells, what it refuses, and that it writes nothing."""

import json

import pytest
from PIL import Image, ImageFilter

from likewise import diffusion, registry
from likewise.diffusion import tiny
from likewise.dreambooth import lesson
from likewise.dreambooth.trained import thaw
from likewise.errors import PreflightError
from likewise.preflight import Preflight, Row
from likewise.teach import preflight, teach

FAST = {"steps": 4, "lr": 1e-3, "rank": 2, "prior": "none"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return diffusion.load(tiny.pipeline(tmp_path_factory.mktemp("models") / "base", "sd1"))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "rex"
    folder.mkdir()
    for index in range(3):
        picture = Image.effect_noise((64, 64), 90 + index).convert("RGB")
        picture.save(folder / f"{index}.png")
    return folder


@pytest.fixture
def looked(photos, base, tmp_path):
    return lambda **more: preflight(photos, "dog", backbone=base, out=tmp_path / "run", **{**FAST, **more})


def test_everything_is_told_and_nothing_is_written(looked, tmp_path, home):
    found = looked()
    assert [row.about for row in found.rows] == [
        "photos", "captions", "identifier", "learns", "learns", "device", "time", "disk",
    ]  # fmt: skip
    assert found.warnings == [] and not (tmp_path / "run").exists()
    assert json.loads(json.dumps(found.as_json()))["plan"]["noun"] == "dog"


def test_what_learns_is_counted_as_it_will_learn(looked, base):
    for settings in ({}, {"train_text": True}, {"train": "full"}):
        options = {key: value for key, value in FAST.items() if settings.get("train") != "full" or key != "rank"}
        config = registry.config("dreambooth").for_backbone(base.facts, {**options, **settings})
        with thaw(base, config, 0) as trained:
            real = sum(p.numel() for p in trained.named.values())
        counted = lesson.census(base, config)
        assert sum(parameters for _, parameters in counted.values()) == real
        assert set(counted) == {name.split(".")[0] for name in trained.named}


def test_a_learned_word_counts_its_vectors(photos, base, tmp_path):
    how = {"method": "textual-inversion", "vectors": 3, "initializer": "dog", "steps": 4}
    found = preflight(photos, "dog", backbone=base, out=tmp_path / "run", **how)
    assert found.data["learns"] == {"word": {"layers": 3, "parameters": 3 * base.facts.text_width}}
    told = [row.text for row in found.rows]
    assert any(one.startswith("<rex> is 3 vectors, from 'dog'") for one in told) and any(
        "sentences" in one for one in told
    )
    assert f"word: 3 vectors, {3 * base.facts.text_width} parameters" in told


def test_photos_that_should_be_looked_at_are_warned_of(looked, photos):
    blurred = Image.open(photos / "0.png").filter(ImageFilter.GaussianBlur(8))
    blurred.save(photos / "3.png")
    Image.open(photos / "1.png").resize((20, 20)).save(photos / "4.png")
    found = looked().warnings
    assert any("3.png: it looks blurred" in one for one in found)
    assert any("4.png: it is small (20 pixels" in one for one in found)


def test_captions_are_shown_as_they_will_be_read_and_changes_are_warned_of(looked, photos):
    for index in range(3):
        (photos / f"{index}.txt").write_text(f"a dog in place {index}")
    found = looked(identifier="qzx")
    told = [row for row in found.rows if row.about == "captions"]
    assert told[0].text.startswith("'a qzx dog in place 0' is ")
    assert any("3 did not name the subject" in row.text for row in told)
    assert any("every caption says 'place'" in one for one in found.warnings)


def test_strict_lets_no_warning_pass_and_writes_nothing(photos, base, tmp_path):
    Image.open(photos / "1.png").resize((20, 20)).save(photos / "1.png")
    with pytest.raises(PreflightError, match=r"1\.png: it is small"):
        teach(photos, "dog", backbone=base, out=tmp_path / "run", strict=True, quiet=True, **FAST)
    assert not (tmp_path / "run").exists()


def test_lines_name_each_subject_once_and_mark_warnings():
    found = Preflight((Row("photos", "ok", "5"), Row("photos", "warning", "one is blurred", "Take it again")))
    assert found.lines() == ["  photos  5", "!         one is blurred. Take it again"]
    assert found.warnings == ["photos: one is blurred. Take it again"]
    with pytest.raises(PreflightError, match=r"1 thing.*\n.*photos: one is blurred"):
        found.enforce()
    Preflight((Row("photos", "ok", "5"),)).enforce()
