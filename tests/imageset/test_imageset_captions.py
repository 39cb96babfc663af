import json

import pytest

from likewise.errors import CaptionFileError, NoCaptionsWarning
from likewise.imageset import captions
from likewise.imageset.listing import scan


def found(folder, **files):
    """Captions by photo name, and what was unused, for a folder with these text files."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_bytes(text if isinstance(text, bytes) else text.encode())
    listing = scan(folder, recursive=True)
    result = captions.find(listing, listing.photos)
    return {listing.name(path): text for path, text in result.texts.items()}, result.unused


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.png"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows)


def test_sidecars_of_both_endings_are_read(folder):
    assert found(folder, a__txt="a red\n  toy \n", b__caption="a cat") == ({"a.jpg": "a red toy", "b.png": "a cat"}, [])


def test_a_sidecar_may_carry_the_whole_name(folder):
    assert found(folder, a__jpg__txt="one")[0] == {"a.jpg": "one"}


def test_byte_order_marks_accents_and_empty_files_are_understood(folder):
    assert found(folder, a__txt=b"\xef\xbb\xbfgr\xc3\xbcn", b__txt="  \n") == ({"a.jpg": "grün"}, [])


@pytest.mark.parametrize("key", ["text", "caption"])
def test_metadata_is_read(folder, key):
    rows = lines({"file_name": "a.jpg", key: "one"}, {"file_name": "b.png", key: "two"}) + "\n\n"
    assert found(folder, metadata__jsonl=rows) == ({"a.jpg": "one", "b.png": "two"}, [])


def test_metadata_names_are_paths_from_its_own_folder(folder):
    (folder / "in").mkdir()
    (folder / "in" / "c.jpg").write_bytes(b"")
    rows = lines({"file_name": "in/c.jpg", "text": "one"}, {"file_name": "./a.jpg", "text": "two"})
    assert found(folder, metadata__jsonl=rows)[0] == {"in/c.jpg": "one", "a.jpg": "two"}


def test_accents_match_however_they_are_stored(folder):
    (folder / "cafe\u0301.jpg").write_bytes(b"")
    assert found(folder, metadata__jsonl=lines({"file_name": "caf\u00e9.jpg", "text": "x"}))[0] == {
        "caf\u00e9.jpg": "x"
    }


def test_captions_without_a_photo_are_listed(folder):
    rows = lines({"file_name": "a.jpg", "text": "one"}, {"file_name": "gone.jpg", "text": "two"})
    unused = found(folder, b__txt="y", notes__txt="x", metadata__jsonl=rows)[1]
    assert unused == ["notes.txt", "metadata.jsonl (gone.jpg)"]


def test_a_text_that_is_nobodys_caption_is_not_even_opened(folder):
    assert found(folder, a__txt="x", notes__txt=b"\xff" * 99_999)[1] == ["notes.txt"]


def test_sidecars_of_which_none_belongs_to_a_photo_are_an_error(folder):
    said = r"a_caption\.txt: no photo .* none of the 2 caption file.*a\.txt beside"
    with pytest.raises(CaptionFileError, match=said):
        found(folder, a_caption__txt="x", b_caption__txt="x")
    assert found(folder, a__txt="x")[0] == {"a.jpg": "x"}


def test_the_same_caption_twice_is_no_conflict_but_two_that_differ_are(folder):
    assert found(folder, a__txt="one", a__caption="one") == ({"a.jpg": "one"}, [])
    with pytest.raises(CaptionFileError, match=r"give a\.jpg two captions that differ.*delete the other"):
        found(folder, a__caption="two")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lines({"file_name": "x.jpg", "text": "one"}), r"none of its 1 entries matches .* its first names 'x\.jpg'"),
        ("", "it is empty"),
        ('{"file_name": "a.jpg", "text": "x"}\n{oops', "line 2 is no JSON"),
        (lines({"name": "a.jpg"}), 'line 1 has no "file_name"'),
        ("[1]", 'line 1 has no "file_name"'),
        (lines({"file_name": "a.jpg", "text": 3}), "the caption in line 1 is no text"),
        (b"\xff\xfe{", "byte 0 is no UTF-8"),
    ],
)
def test_metadata_that_is_of_no_use_is_an_error_that_says_why(folder, text, reason):
    with pytest.raises(CaptionFileError, match=rf"metadata\.jsonl: .*{reason}"):
        found(folder, metadata__jsonl=text)


def test_a_sidecar_that_is_no_caption_is_an_error(folder):
    with pytest.raises(CaptionFileError, match=r"a\.txt: it holds 20,000 characters"):
        found(folder, a__txt="x" * 20_000)
    with pytest.raises(CaptionFileError, match=r"a\.txt: byte 1 is no UTF-8"):
        found(folder, a__txt=b"a\xe9")


def test_metadata_about_other_things_is_told_and_is_no_error(folder):
    with pytest.warns(NoCaptionsWarning, match='none of its lines has "text"'):
        texts, unused = found(folder, metadata__jsonl=lines({"file_name": "a.jpg", "label": "x"}))
    assert texts == {} and unused == []
