import os

import pytest

from likewise.errors import ImageFolderError
from likewise.imageset.listing import printable, scan


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_files_are_told_apart_by_their_endings_in_any_case(tmp_path):
    touch(tmp_path, "b.JPG", "a.png", "c.Heic", "a.txt", "b.caption", "metadata.jsonl", "film.mp4", "README")
    listing = scan(tmp_path)
    assert [path.name for path in listing.photos] == ["a.png", "b.JPG", "c.Heic"]
    assert [path.name for path in listing.captions] == ["a.txt", "b.caption"]
    assert [path.name for path in listing.metadata] == ["metadata.jsonl"]
    assert listing.skipped == [("README", "its name has no photo's ending"), ("film.mp4", ".mp4 is no photo's ending")]


def test_what_systems_leave_behind_is_ignored_and_reported(tmp_path):
    junk = [".DS_Store", "Thumbs.db", "desktop.ini", "._a.jpg", ".hidden.png"]
    touch(tmp_path, "a.jpg", *junk, ".ipynb_checkpoints/a-checkpoint.jpg", "__MACOSX/a.jpg")
    listing = scan(tmp_path, recursive=True)
    assert [path.name for path in listing.photos] == ["a.jpg"]
    assert listing.junk == {*junk, ".ipynb_checkpoints", "__MACOSX"}
    assert {name for name, _ in listing.skipped} == listing.junk


def test_folders_inside_are_entered_on_request_only_and_named(tmp_path):
    touch(tmp_path, "a.jpg", "more/b.jpg")
    assert [path.name for path in scan(tmp_path).photos] == ["a.jpg"]
    assert scan(tmp_path).subfolders == ["more"]
    assert [path.name for path in scan(tmp_path, recursive=True).photos] == ["a.jpg", "b.jpg"]


def test_loops_of_links_end_and_each_photo_is_found_once(tmp_path):
    touch(tmp_path, "a.jpg", "in/b.jpg")
    (tmp_path / "in" / "back").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "in")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "self.jpg").symlink_to(tmp_path / "self.jpg")
    assert [path.name for path in scan(tmp_path, recursive=True).photos] == ["a.jpg", "b.jpg", "self.jpg"]


@pytest.mark.parametrize("folders", [("x", "y"), ("y", "x")])
def test_the_order_is_that_of_the_photos_names_whatever_their_folders_are_called(tmp_path, folders):
    touch(tmp_path, f"{folders[0]}/2.jpg", f"{folders[1]}/1.jpg", "3.jpg")
    assert [path.name for path in scan(tmp_path, recursive=True).photos] == ["1.jpg", "2.jpg", "3.jpg"]


def test_what_is_no_folder_is_told(tmp_path):
    touch(tmp_path, "a.jpg")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, reason in {
        "none": "does not exist",
        "a.jpg": "is a file, not a folder",
        "loop": "cannot be read",
    }.items():
        with pytest.raises(ImageFolderError, match=rf"{name} {reason}.*Give a folder"):
            scan(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_locked_folder_is_told(tmp_path):
    tmp_path.chmod(0)
    with pytest.raises(ImageFolderError, match="permission denied"):
        scan(tmp_path)
    tmp_path.chmod(0o700)


def test_names_are_printable_and_composed():
    assert printable("cafe\u0301.jpg") == "caf\u00e9.jpg"
    assert printable("a\nb\x1b[31m.jpg") == "a\\x0ab\\x1b[31m.jpg"
    assert printable(os.fsdecode(b"\xff.jpg")) == "\\udcff.jpg"
