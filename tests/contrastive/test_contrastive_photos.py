"""Photos, labels, captions and splits: what is there is found, what is missing is told."""

import json
import shutil

import numpy as np
import pytest

from likewise.contrastive import photos as photo_files
from likewise.errors import (
    BareLeftOutWarning,
    CaptionsNeededError,
    LabelsMissingError,
    OneClassError,
    PictureMemoryError,
    TooFewImagesError,
    UnusedSplitWarning,
)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "photos")


def test_photos_are_read_whole_with_captions_and_classes(folder):
    found = photo_files.load(folder, 24)
    assert found.pixels.shape == (24, 3, 24, 24) and len(found) == 24 and all(found.captions)
    classes = photo_files.labels(found)
    assert sorted(set(classes)) == ["blue-bar", "green-box", "red-disc"]
    some = found[np.array([0, 5])]
    assert some.paths == (found.paths[0], found.paths[5]) and some.hash != found.hash


def test_a_quarter_of_each_class_is_kept_for_testing_the_same_each_time(folder):
    found = photo_files.load(folder, 16)
    classes = photo_files.labels(found)
    train, test = photo_files.split(found, 0, classes)
    assert len(train) == 18 and np.unique(classes[test], return_counts=True)[1].tolist() == [2, 2, 2]
    assert not set(train) & set(test) and np.array_equal(test, photo_files.split(found, 0, classes)[1])
    assert not np.array_equal(test, photo_files.split(found, 1, classes)[1])


def test_a_split_that_metadata_names_is_kept(copy):
    found = photo_files.load(copy, 16)
    rows = [
        {
            "file_name": path.relative_to(copy).as_posix(),
            "kind": path.parent.name[:3],
            "split": "test" if i % 4 == 0 else "val" if i == 1 else "train",
        }
        for i, path in enumerate(found.paths)
    ]
    (copy / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert sorted(set(photo_files.labels(found, "kind"))) == ["blu", "gre", "red"]
    train, test = photo_files.split(found)
    assert 1 not in train and 1 not in test and test.tolist() == list(range(0, 24, 4))
    with pytest.raises(LabelsMissingError, match=r"Did you mean 'kind'.*kind, split"):
        photo_files.labels(found, "kinds")
    (copy / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows[1:])))
    with pytest.raises(LabelsMissingError, match="has none"):
        photo_files.labels(found, "kind")


def described(copy, **fields):
    """metadata.jsonl with these fields, and no captions; each a list that is repeated."""
    for path in copy.rglob("*.txt"):
        path.unlink()
    names = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*.png"))
    rows = [
        {"file_name": name, **{key: values[i % len(values)] for key, values in fields.items()}}
        for i, name in enumerate(names)
    ]
    (copy / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8-sig")
    return photo_files.load(copy, 16)


def test_labels_and_splits_need_no_captions(copy):
    found = described(copy, kind=["a", "b"], split=["Train", "train", "Validation"])
    assert sorted(set(photo_files.labels(found, "kind"))) == ["a", "b"]
    train, test = photo_files.split(found)
    assert len(train) == 16 and len(test) == 8 and not set(train) & set(test)


def test_test_photos_alone_are_tested_on_where_there_are_any(copy):
    train, test = photo_files.split(described(copy, split=["train", "validation", "test"]))
    assert len(train) == len(test) == 8


@pytest.mark.parametrize("value", ["train", "test"])
def test_a_split_of_one_part_is_told_and_a_quarter_kept(copy, value):
    found = described(copy, split=[value])
    with pytest.warns(UnusedSplitWarning, match=f"says '{value}' and is not used"):
        train, test = photo_files.split(found)
    assert len(train) == 18 and len(test) == 6


def test_missing_labels_and_single_classes_are_told(folder):
    with pytest.raises(LabelsMissingError, match="all photos lie in that folder itself"):
        photo_files.labels(photo_files.load(folder / "red-disc", 16))
    with pytest.raises(LabelsMissingError, match=r"no metadata\.jsonl"):
        photo_files.labels(photo_files.load(folder, 16), "fine")
    one = photo_files.load(folder, 16)
    with pytest.raises(OneClassError, match=r"'red-disc' only"):
        photo_files.labels(one[np.array([i for i, p in enumerate(one.paths) if p.parent.name == "red-disc"])])


def test_photos_without_captions_are_refused_or_left_out_as_asked(copy):
    for number in (0, 1):
        (copy / "red-disc" / f"red-disc-{number}.txt").unlink()
    with pytest.warns(match="caption"):
        found = photo_files.load(copy, 16)
    with pytest.raises(CaptionsNeededError, match=r"2 of 24 photos.*red-disc-0\.png, red-disc-1\.png") as told:
        photo_files.captioned(found, "clip")
    assert "--without-captions skip" in str(told.value)
    with pytest.warns(BareLeftOutWarning, match="2 of 24"):
        assert len(photo_files.captioned(found, "clip", skip=True)) == 22


def test_a_folder_without_captions_cannot_be_skipped_away(copy):
    for path in copy.rglob("*.txt"):
        path.unlink()
    with pytest.raises(CaptionsNeededError, match="24 of 24"):
        photo_files.captioned(photo_files.load(copy, 16), "clip", skip=True)


def test_too_few_and_too_many_photos_are_told(copy, monkeypatch):
    monkeypatch.setattr(photo_files, "MEMORY", 1e-6)
    with pytest.raises(PictureMemoryError, match="24 photos of 64 x 64"):
        photo_files.load(copy, 64)
    shutil.rmtree(copy / "green-box")
    shutil.rmtree(copy / "blue-bar")
    for path in list((copy / "red-disc").glob("*.png"))[1:]:
        path.unlink()
        path.with_suffix(".txt").unlink()
    with pytest.raises(TooFewImagesError):
        photo_files.load(copy, 16)
