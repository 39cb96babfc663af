import json
import os
import random
import warnings

import numpy as np
import pytest
from PIL import Image

from images.pictures import noise, save_huge_png, save_turned, swapped_profile
from likewise import imageset
from likewise.errors import (
    AnimationWarning,
    ColourProfileWarning,
    ImageFolderError,
    MissingCaptionWarning,
    SkippedFilesWarning,
    TooFewImagesError,
    UnusedCaptionWarning,
)


def fill(folder, count=3, **options):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        noise(index, **options).save(folder / f"{index}.png")
    return folder


def test_photos_come_validated_in_the_order_of_their_names(tmp_path):
    photos = imageset.load(fill(tmp_path))
    assert [photo.path.name for photo in photos.photos] == ["0.png", "1.png", "2.png"]
    assert len(photos) == 3 and photos.skipped == ()
    assert all(np.array_equal(np.asarray(image), np.asarray(noise(i))) for i, image in enumerate(photos.images()))
    assert photos.captions == [None] * 3


def test_width_and_height_are_those_of_the_upright_photo(tmp_path):
    save_turned(tmp_path / "a.png", noise(), 6)
    assert (imageset.load(tmp_path).photos[0].width, imageset.load(tmp_path).photos[0].height) == (32, 24)


def test_the_hash_depends_on_content_not_on_place_or_the_file_systems_order(tmp_path, monkeypatch):
    fill(tmp_path / "one")
    for index in (2, 0, 1):
        noise(index).save((tmp_path / "one" / "x").parent.parent / f"{index}.png")
    (tmp_path / "zwei ü").mkdir()
    for index in (2, 0, 1):
        os.replace(tmp_path / f"{index}.png", tmp_path / "zwei ü" / f"{index}.png")
    expected = imageset.load(tmp_path / "one").hash
    assert imageset.load(tmp_path / "zwei ü").hash == expected
    listdir = os.listdir

    def shuffled(folder):
        names = listdir(folder)
        random.Random(1).shuffle(names)
        return names

    monkeypatch.setattr(os, "listdir", shuffled)
    assert imageset.load(tmp_path / "one").hash == expected


def test_names_of_folders_inside_do_not_matter_either(tmp_path):
    for first, second in (("a", "b"), ("b", "a")):
        noise(1).save(fill(tmp_path / f"{first}{second}" / first, 0) / "x.png")
        noise(2).save(fill(tmp_path / f"{first}{second}" / second, 0) / "x.png")
    hashes = {imageset.load(tmp_path / name, recursive=True).hash for name in ("ab", "ba")}
    assert len(hashes) == 1


def test_the_hash_changes_with_a_pixel_a_caption_or_a_photo(tmp_path):
    hashes = [imageset.load(fill(tmp_path)).hash]
    image = noise(1)
    image.putpixel((3, 3), (1, 2, 3))
    image.save(tmp_path / "1.png")
    hashes.append(imageset.load(tmp_path).hash)
    for index in range(3):
        (tmp_path / f"{index}.txt").write_text("a toy")
    hashes.append(imageset.load(tmp_path).hash)
    noise(9).save(tmp_path / "9.png")
    (tmp_path / "9.txt").write_text("a toy")
    hashes.append(imageset.load(tmp_path).hash)
    assert len(set(hashes)) == 4
    assert imageset.load(tmp_path, captions=False).captions == [None] * 4


def test_editing_one_photo_changes_only_its_own_hash(tmp_path):
    before = imageset.load(fill(tmp_path)).photos
    noise(7).save(tmp_path / "1.png")
    after = imageset.load(tmp_path).photos
    assert [one.image_hash == two.image_hash for one, two in zip(before, after, strict=True)] == [True, False, True]


def spoil(folder):
    """Every kind of file that cannot be used."""
    (folder / "text.jpg").write_text("hello")
    (folder / "empty.jpg").write_bytes(b"")
    noise(5, (64, 64)).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:900])
    (folder / "whole.jpg").unlink()
    save_huge_png(folder / "huge.png")
    (folder / "heic.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(20))
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "film.mov").write_bytes(b"x")


def test_what_cannot_be_used_is_left_out_and_named_with_its_reason(tmp_path):
    spoil(fill(tmp_path))
    with pytest.warns(SkippedFilesWarning) as said:
        photos = imageset.load(tmp_path)
    reasons = dict(photos.skipped)
    assert len(photos) == 3
    for name, reason in {
        "text.jpg": "text",
        "empty.jpg": "empty",
        "cut.jpg": "cut short",
        "huge.png": "900,000,000 pixels",
        "heic.heic": "no decoder",
        ".DS_Store": "left by the system",
        "loop.jpg": "link",
        "film.mov": ".mov",
    }.items():
        assert reason in reasons[name]
    assert "7 file(s) are not used" in str(said[0].message) and ".DS_Store" not in str(said[0].message)


def test_copies_of_one_photo_count_once(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        noise().save(tmp_path / name)
    with pytest.raises(TooFewImagesError, match=r"holds 1 usable .*\n  skipped b\.png: the same file as a\.png"):
        imageset.load(tmp_path, minimum=3)


def test_too_few_photos_say_what_was_found_what_is_needed_and_what_to_do(tmp_path):
    folder = fill(tmp_path / "my dog", 1)
    (folder / "a.heic").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(20))
    with pytest.raises(TooFewImagesError) as said:
        imageset.load(folder, minimum=3)
    assert str(said.value) == (
        f"{folder} holds 1 usable image(s); at least 3 are needed.\n"
        "  skipped a.heic: it is HEIC/HEIF, for which there is no decoder here\n"
        f"Add images of the same subject, or run: likewise images check {folder}"
    )


def test_an_empty_folder_and_one_whose_photos_lie_deeper_are_told_apart(tmp_path):
    with pytest.raises(TooFewImagesError, match=r"holds no usable image\(s\); at least 1 is needed"):
        imageset.load(tmp_path)
    fill(tmp_path / "dog")
    with pytest.raises(TooFewImagesError, match=r"may lie in a folder inside it: dog"):
        imageset.load(tmp_path)


def test_a_long_list_of_skipped_files_is_shortened(tmp_path):
    for index in range(30):
        (tmp_path / f"{index:02}.jpg").write_text("no photo")
    with pytest.raises(TooFewImagesError, match=r"skipped 07\.jpg.*\n  and 22 more\n"):
        imageset.load(tmp_path)


def test_what_is_no_folder_is_told(tmp_path):
    with pytest.raises(ImageFolderError, match="none does not exist"):
        imageset.load(tmp_path / "none")
    noise().save(tmp_path / "a.png")
    with pytest.raises(ImageFolderError, match=r"a\.png is a file, not a folder"):
        imageset.load(tmp_path / "a.png")


def test_captions_reach_their_photos(tmp_path):
    fill(tmp_path)
    rows = [{"file_name": f"{index}.png", "text": f"toy {index}"} for index in (2, 0, 1)]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert imageset.load(tmp_path).captions == ["toy 0", "toy 1", "toy 2"]


def test_captions_without_photo_and_photos_without_caption_are_told(tmp_path):
    fill(tmp_path)
    (tmp_path / "0.txt").write_text("a toy")
    (tmp_path / "other.txt").write_text("a cat")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        imageset.load(tmp_path)
    messages = {type(one.message): str(one.message) for one in said}
    assert "other.txt" in messages[UnusedCaptionWarning]
    assert "2 of 3 photos have no caption (1.png, 2.png)" in messages[MissingCaptionWarning]


def test_animations_and_bad_profiles_are_told_once_at_loading(tmp_path):
    frames = [noise(1), noise(2)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    Image.new("CMYK", (16, 16)).save(tmp_path / "b.jpg", icc_profile=swapped_profile())
    with pytest.warns(AnimationWarning, match=r"a\.gif"), pytest.warns(ColourProfileWarning, match=r"b\.jpg"):
        photos = imageset.load(tmp_path)
    assert len(photos.images()) == 2  # a second warning would be an error here


@pytest.mark.parametrize("name", ["mein Foto (1).png", "写真 🐶.png", "a%20b#.png", "'quoted'.png"])
def test_any_name_will_do(tmp_path, name):
    noise().save(tmp_path / name)
    assert imageset.load(tmp_path).photos[0].path.name == name
