"""The demo, end to end on a tiny model: everything is real but the size of the model and the number of steps."""

import json

import pytest

from likewise import demo, diffusion, images
from likewise.cli import demo as command
from likewise.concept import library
from likewise.demo import loop, mascot
from likewise.diffusion import sampling, tiny
from likewise.errors import FolderExistsError, Interrupted, NothingToResumeError

FAST = {"steps": 2, "rank": 2, "class_images": 2, "class_steps": 1, "quiet": True}
pytestmark = pytest.mark.filterwarnings("ignore::likewise.errors.NoTextEncoderWarning")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return diffusion.load(tiny.pipeline(tmp_path_factory.mktemp("models") / "base", "sd1"))


@pytest.fixture(scope="module", autouse=True)
def _coarse():
    """Every picture takes two denoising steps, whoever draws it."""
    real = sampling.generate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "generate", lambda *given, **how: real(*given, **{**how, "steps": 2}))
        yield


@pytest.fixture(scope="module")
def shown(base, tmp_path_factory):
    """A demo that was left alone, and the library that it had."""
    place = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKEWISE_HOME", str(place / "home"))
        return demo.run(place / "demo", backbone=base, **FAST), library()


def test_it_leaves_photos_a_judged_run_eight_scenes_and_a_page(shown):
    done = shown[0]
    assert sorted(path.name for path in done.folder.iterdir()) == [
        "demo.json",
        "photos",
        "pictures",
        "report.html",
        "run",
    ]
    assert len(list((done.folder / "photos").glob("*.png"))) == 5
    assert (done.folder / "run/report.html").is_file() and done.taught.verdict["step"] in (1, 2)
    assert len(done.scenes) == 8 == len({images.read(path).tobytes() for path in done.scenes})
    assert all((done.folder / "pictures/before" / path.name).is_file() for path in done.scenes)


def test_the_scenes_say_how_they_were_drawn(shown):
    prompt = images.read_metadata(shown[0].scenes[0])["prompt"]
    assert prompt == "a <pip> on the beach"


def test_the_page_holds_its_pictures_and_the_reasons(shown):
    page = shown[0].report.read_text()
    assert page.count("data:image/jpeg;base64,") == 1 + 5 + 8 + 8 + 2
    assert "&lt;pip&gt;" in page and "run/report.html" in page
    assert shown[0].data["why"][0].split(" (")[0].replace("'", "&#x27;") in page


def test_what_it_found_is_json_and_is_kept(shown):
    assert json.loads((shown[0].folder / "demo.json").read_text()) == json.loads(json.dumps(shown[0].data))


def test_the_last_lines_name_the_report_and_a_command_that_finds_the_concept(shown):
    lines = shown[0].lines()
    assert f"Report: {shown[0].report}" in lines
    assert lines[-1].endswith(f"--concept {shown[0].taught.run}")


def test_the_concept_stays_out_of_the_library(shown):
    assert shown[1].names() == []


def test_a_folder_that_exists_is_left_as_it_is(shown, base):
    before = shown[0].report.read_bytes()
    with pytest.raises(FolderExistsError, match="already exists"):
        demo.run(shown[0].folder, backbone=base, **FAST)
    assert shown[0].report.read_bytes() == before


def test_there_must_be_a_demo_to_resume(tmp_path, base):
    with pytest.raises(NothingToResumeError):
        demo.run(tmp_path / "none", backbone=base, resume=True, **FAST)


@pytest.mark.parametrize("stage", ["teach", "imagine"])
def test_stopped_at_any_stage_it_says_how_to_go_on(stage, tmp_path, base, monkeypatch, shown):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "teach", lambda *_, **__: shown[0].taught)
    monkeypatch.setattr(loop, stage, stop)
    with pytest.raises(Interrupted, match=r"likewise demo --out .*demo --seed 0 --resume"):
        demo.run(tmp_path / "demo", backbone=base, **FAST)
    assert not (tmp_path / "demo/pictures").exists()


def test_resuming_goes_on_with_the_run_that_is_there(tmp_path, base, monkeypatch, shown):
    asked = {}

    def teach(*_, **options):
        asked.update(options)
        return shown[0].taught

    (tmp_path / "demo/run").mkdir(parents=True)
    (tmp_path / "demo/run/config.json").write_text("{}")
    monkeypatch.setattr(loop, "teach", teach)
    again = demo.run(tmp_path / "demo", backbone=base, resume=True, **FAST)
    assert asked["resume"] is True and asked["install"] is False
    assert [path.read_bytes() for path in again.scenes] == [path.read_bytes() for path in shown[0].scenes]


def test_a_browser_opens_only_when_asked_for_at_a_terminal(shown, monkeypatch):
    opened = []
    monkeypatch.setattr(demo, "run", lambda *_, **__: shown[0])
    monkeypatch.setattr(command.webbrowser, "open", opened.append)
    for asked, terminal in ((False, True), (True, False), (True, True)):
        monkeypatch.setattr(command.sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        command.demo(shown[0].folder, open_=asked)
    assert opened == [shown[0].report.resolve().as_uri()]


def test_the_mascot_is_five_photos_and_two_more():
    photos = [images.read(path) for path in mascot.photos()]
    assert [one.size for one in photos] == [(192, 192)] * 5 and len(mascot.kept_back()) == 2
    assert len({one.tobytes() for one in [*photos, *mascot.kept_back()]}) == 7
