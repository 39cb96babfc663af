"""A built world folder: described, browsable offline, the same bytes every time, and safe against mistakes."""

import json
import re
from html.parser import HTMLParser

import pytest
from toybox_made import SPRITES

from likewise.errors import WorldFolderError, WorldMismatchError, WorldMissingError
from likewise.toybox import build as building
from likewise.toybox import packages, sprites
from likewise.toybox.build import build, opened
from likewise.toybox.concepts import MASCOTS, STYLES, concepts
from likewise.toybox.packages import PACKAGES

COUNT = 60


@pytest.fixture(autouse=True, scope="module")
def _offline():
    """Every thing looks like a dog: nothing is fetched and nothing rendered."""

    def render(found, things, folder, progress=None):
        for style in STYLES:
            (folder / style).mkdir(parents=True, exist_ok=True)
            for thing in things:
                (folder / style / f"{thing.name}.png").write_bytes((SPRITES / style / "dog.png").read_bytes())
        progress(len(things), len(things))
        return sprites.Sprites(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packages, "fetch", lambda folder, progress=None: progress(len(PACKAGES), len(PACKAGES)))
        patch.setattr(sprites, "render", render)
        patch.setattr(building, "SAMPLES", 6)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds") / "world"
    told = []
    facts = build(folder, concepts=COUNT, seed=5, progress=lambda *parts: told.append(parts))
    return folder, facts, told


def test_it_says_what_there_is(built):
    folder, facts, told = built
    assert (facts["concepts"], facts["styles"], facts["backgrounds"], facts["mascots"]) == (COUNT, 4, 26, 24)
    assert (facts["held_pairs"], facts["held_compositions"], facts["photos"]) == (60, 200, 0)
    assert {path.name for path in folder.iterdir()} == {
        "sprites", "world.json", "LICENSES.md", "sheet.png", "index.html"
    }  # fmt: skip
    total = len(PACKAGES) + COUNT + len(MASCOTS) + 6
    assert told[-1] == (total, total) and [done for done, _ in told] == sorted(done for done, _ in told)


def test_world_json_holds_what_is_kept_back_and_where_art_is_from(built):
    folder, _, _ = built
    facts = json.loads((folder / "world.json").read_text())
    world = opened(folder)
    assert [one["name"] for one in facts["concepts"]] == [one.name for one in concepts(COUNT)]
    assert {tuple(pair) for pair in facts["held_out"]["pairs"]} == world.held_pairs
    assert tuple(map(tuple, facts["held_out"]["compositions"])) == world.held_compositions
    assert [one["name"] for one in facts["mascots"]] == [one.name for one in MASCOTS]
    for found, package in zip(facts["packages"], PACKAGES, strict=True):
        assert found["integrity"] == f"sha512-{package.integrity}"
        assert (found["version"], found["licence"]) == (package.version, package.licence)


def test_every_package_is_attributed(built):
    text = (built[0] / "LICENSES.md").read_text()
    for package in PACKAGES:
        assert package.author in text and package.licence in text and package.integrity in text


class Page(HTMLParser):
    """Collects what the page would load, its texts, and whether tags close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.texts, self.labels = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.sources += [found[name] for name in ("src", "href") if name in found]
        self.labels += [found["alt"]] if "alt" in found else []
        if tag not in ("img", "meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_needs_nothing_but_itself(built):
    text = (built[0] / "index.html").read_text()
    page = Page(text)
    assert page.open == [] and all(source.startswith(("data:image/webp;base64,", "#")) for source in page.sources)
    assert "@import" not in text and not re.search(r"url\(", text)
    assert 'name="viewport"' in text and len(text) < 6_000_000


def test_the_page_shows_every_thing_in_every_style_and_marks_what_is_held_out(built):
    page, world = Page((built[0] / "index.html").read_text()), opened(built[0])
    for concept in world.concepts:
        assert concept.name in page.texts and concept.category in page.texts
        for style in STYLES:
            held = ", never seen in training" if (concept.name, style) in world.held_pairs else ""
            assert f"{concept.name}, {style}{held}" in page.labels
    assert page.texts.count("never seen") == len(MASCOTS) + 1
    assert all(f"{one.name}, flat, never seen in training" in page.labels for one in MASCOTS)
    captions = [world.picture(index)[1] for index in range(6)]
    assert all(caption in page.texts for caption in captions)
    name, style, place = world.held_compositions[0]
    assert f"{style} {name} {place}" in page.texts


def test_building_again_changes_no_byte(built):
    folder, facts, _ = built
    files = ("world.json", "LICENSES.md", "sheet.png", "index.html")
    before = {name: (folder / name).read_bytes() for name in files}
    assert build(folder, concepts=COUNT, seed=5) == facts
    assert {name: (folder / name).read_bytes() for name in files} == before


def test_a_file_in_the_way_is_named_and_kept(tmp_path):
    (tmp_path / "world").write_text("mine")
    with pytest.raises(WorldFolderError, match=r"world is a file.*--world"):
        build(tmp_path / "world")
    assert (tmp_path / "world").read_text() == "mine"


def test_a_build_that_fails_leaves_no_world_that_could_be_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.setattr(building.page, "render", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build(tmp_path / "world", concepts=COUNT)
    with pytest.raises(WorldMissingError, match="likewise toybox build --world"):
        opened(tmp_path / "world")


def test_a_world_is_opened_as_it_was_built(built):
    world = opened(built[0], concepts=COUNT, seed=5)
    assert (world.seed, len(world.concepts)) == (5, COUNT)
    with pytest.raises(
        WorldMismatchError, match=r"(?s)its concepts is 60, and 64.*its seed is 5, and 0.*--concepts 64 --seed 0"
    ):
        opened(built[0], concepts=64, seed=0)
