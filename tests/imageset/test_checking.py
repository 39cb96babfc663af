import json

import pytest
from PIL import Image, ImageFilter

from images.pictures import noise, picture, save_huge_png, save_turned, swapped_profile
from imageset.reference import photos_of
from likewise import imageset
from likewise.errors import ImageFolderError


def by_name(folder, **options):
    return {row.name: row for row in imageset.check(folder, **options)}


def codes(row):
    return [finding.code for finding in row.findings]


def save(folder, name, image, **options):
    image.save(folder / name, **options)


@pytest.fixture
def folder(tmp_path):
    for index in range(3):
        save(tmp_path, f"good{index}.png", noise(index, (160, 160)))
    return tmp_path


def test_good_photos_are_ok_without_a_word(folder):
    rows = imageset.check(folder)
    assert [(row.name, row.status, row.width, row.findings) for row in rows] == [
        (f"good{index}.png", "ok", 160, ()) for index in range(3)
    ]
    assert imageset.summary(rows) == "Ready to teach: 3 photos can be used."


FRAMES = [noise(8, (160, 160)), noise(9, (160, 160))]
CASES = {
    "small": (lambda f: save(f, "x.png", noise(4, (90, 100))), "warning", "90 pixels on its shorter side"),
    "narrow": (lambda f: save(f, "x.png", noise(4, (400, 150))), "warning", "the middle 38% is used"),
    "flat": (lambda f: save(f, "x.png", Image.new("RGB", (160, 160), "grey")), "warning", "one flat colour"),
    "blurred": (
        lambda f: save(f, "x.png", picture(4, (256, 256)).filter(ImageFilter.GaussianBlur(9))),
        "warning",
        "it looks blurred",
    ),
    "duplicate": (
        lambda f: save(f, "x.jpg", noise(1, (160, 160)), quality=80),
        "warning",
        "nearly the same as good1.png",
    ),
    "rotated": (lambda f: save_turned(f / "x.png", noise(4, (160, 170)), 6), "ok", "lies on its side and is turned"),
    "transparent": (
        lambda f: save(f, "x.png", noise(4, (160, 160)).convert("RGBA").rotate(20)),
        "ok",
        "transparent parts are shown on white",
    ),
    "animated": (
        lambda f: save(f, "x.gif", FRAMES[0], save_all=True, append_images=FRAMES[1:]),
        "warning",
        "several frames",
    ),
    "cmyk": (lambda f: save(f, "x.jpg", noise(4, (160, 160)).convert("CMYK")), "ok", "CMYK"),
    "profile": (
        lambda f: save(f, "x.png", noise(4, (160, 160)), icc_profile=swapped_profile()),
        "ok",
        "converted from swap",
    ),
    "bad-profile": (
        lambda f: save(f, "x.jpg", noise(4, (160, 160)).convert("CMYK"), icc_profile=swapped_profile()),
        "warning",
        "taken as sRGB",
    ),
    "bars": (
        lambda f: save(f, "x.png", _barred()),
        "warning",
        "black bars take 38% of it",
    ),
    "unreadable": (lambda f: (f / "x.jpg").write_text("hello"), "skipped", "it is text"),
}


def _barred():
    image = Image.new("RGB", (160, 160), "black")
    image.paste(noise(4, (100, 160)), (30, 0))
    return image


@pytest.mark.parametrize("code", CASES)
def test_each_finding_is_told_with_its_reason(folder, code):
    make, status, reason = CASES[code]
    make(folder)
    row = next(row for name, row in by_name(folder).items() if name.startswith("x."))
    assert row.status == status
    finding = next(finding for finding in row.findings if finding.code == code)
    assert reason in finding.reason
    assert bool(finding.advice) == (finding.level == "warning")


def test_the_size_wanted_is_the_models(folder):
    assert by_name(folder)["good0.png"].status == "ok"
    assert codes(by_name(folder, size=512)["good0.png"]) == ["small"]


def test_files_that_are_no_photos_are_listed_after_them(folder):
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "film.mov").write_bytes(b"")
    (folder / "more").mkdir()
    save_huge_png(folder / "huge.png")
    rows = imageset.check(folder)
    assert [row.name for row in rows] == [
        "good0.png",
        "good1.png",
        "good2.png",
        "huge.png",
        ".DS_Store",
        "film.mov",
        "more",
    ]
    assert codes(rows[4]) == ["junk"] and "30,000 x 30,000" in rows[3].findings[0].reason
    assert imageset.summary(rows) == "Ready to teach: 3 photos can be used; 4 files left out."


def test_captions_are_shown_and_their_faults_explained(folder):
    (folder / "good0.txt").write_text("a toy")
    (folder / "other.txt").write_text("a cat")
    rows = by_name(folder)
    assert rows["good0.png"].caption == "a toy" and rows["good0.png"].status == "ok"
    assert codes(rows["good1.png"]) == ["no-caption"]
    assert codes(rows["other.txt"]) == ["unused-caption"]


def test_metadata_that_matches_nothing_is_a_row_not_a_crash(folder):
    (folder / "metadata.jsonl").write_text(json.dumps({"file_name": "none.jpg", "text": "x"}))
    row = by_name(folder)["metadata.jsonl"]
    assert row.status == "skipped" and "none of its 1 entries" in row.findings[0].reason


def test_too_few_photos_are_the_verdict(tmp_path):
    assert imageset.summary(imageset.check(tmp_path)) == (
        "Not enough to teach: 0 photos can be used. At least 3 photos of the same subject are needed."
    )
    save(tmp_path, "a.png", noise(0, (160, 160)))
    assert imageset.summary(imageset.check(tmp_path)).startswith("Not enough to teach: 1 photo can be used.")
    assert not imageset.as_json(imageset.check(tmp_path))["enough"]


def test_the_rows_are_json_and_a_table(folder):
    CASES["duplicate"][0](folder)
    rows = imageset.check(folder)
    table = json.loads(json.dumps(imageset.as_json(rows)))
    assert table["usable"] == 4 and table["enough"] is True
    assert table["rows"][3]["findings"][0]["code"] == "duplicate"
    assert table["summary"].startswith("Enough to teach, but look at the warnings: 4 photos can be used, 1 of them")
    lines = imageset.as_table(rows).split("\n")
    assert lines[0] == "good0.png  ok       160 x 160"
    assert lines[3] == "x.jpg      warning  160 x 160"
    assert lines[4].startswith("    it is nearly the same as good1.png: Keep the better one")


def test_what_is_no_folder_is_an_error(tmp_path):
    with pytest.raises(ImageFolderError, match="does not exist"):
        imageset.check(tmp_path / "none")


@pytest.mark.skipif(not photos_of("dreambooth"), reason="the photos of the data folder are not here (LIKEWISE_DATA)")
def test_real_photos_are_ok_but_for_black_bars():
    for folder in sorted({path.parent for path in photos_of("dreambooth")}):
        for row in imageset.check(folder):
            assert codes(row) in ([], ["bars"])
            assert row.status == "ok" or folder.name == "cat2"
