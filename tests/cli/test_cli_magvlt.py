"""`likewise magvlt`: drafts, captions, inpainting, blanks and learning; mistakes are told in plain lines."""

import json
import shlex
import warnings

import pytest
from PIL import Image

from likewise import images, training


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    import tiny_drafter

    return tiny_drafter.folder(tmp_path_factory.mktemp("draft") / "model")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, (colour, text) in enumerate([("red", "a red ball"), ("blue", "a blue apple"), ("green", "a green cat")]):
        Image.new("RGB", (40, 40), colour).save(folder / f"{i}.png")
        (folder / f"{i}.txt").write_text(text)
    return folder


def with_model(model):
    return ("--model", model, "--rank", "none", "--candidates", 2, "--json")


def test_a_draft_is_a_file_that_says_how_it_was_made(run, model, tmp_path):
    result = run("magvlt", "draft", "a red dog on the beach", "-n", 2, "--steps", 3, *with_model(model))
    assert result.code == 0
    first, second = result.json["pictures"]
    assert images.read(first["path"]).size == (32, 32) and first["seed"] == 0 and second["seed"] == 1
    about = images.read_metadata(first["path"])
    assert about["prompt"] == "a red dog on the beach" and about["method"] == "magvlt"
    assert (tmp_path / "pictures" / "sheet.png").is_file()
    again = run("magvlt", "draft", "a red dog on the beach", "--steps", 3, "--out", "b", *with_model(model))
    assert images.read(again.json["pictures"][0]["path"]).tobytes() == images.read(first["path"]).tobytes()


def test_pictures_and_folders_are_described_and_captions_are_never_overwritten(run, model, photos):
    (photos / "0.txt").unlink()
    result = run("magvlt", "describe", photos, "--write", *with_model(model))
    rows = result.json["captions"]
    assert [row["written"] is not None for row in rows] == [True, False, False]
    assert (photos / "0.txt").read_text().strip() == rows[0]["caption"]
    assert (photos / "1.txt").read_text() == "a blue apple"
    assert run("magvlt", "describe", photos / "1.png", "--model", model, "--rank", "none").code == 0


def test_what_a_mask_leaves_black_stays_pixel_for_pixel_far_from_it(run, model, tmp_path):
    picture = Image.effect_noise((32, 32), 60).convert("RGB")
    picture.save(tmp_path / "in.png")
    mask = Image.new("L", (32, 32), 0)
    mask.paste(255, (0, 0, 8, 8))
    mask.save(tmp_path / "mask.png")
    result = run("magvlt", "inpaint", "in.png", "--mask", "mask.png", "--prompt", "a red dog", *with_model(model))
    drawn = images.read(result.json["pictures"][0]["path"])
    assert drawn.crop((16, 16, 32, 32)).tobytes() == picture.crop((16, 16, 32, 32)).tobytes()
    assert drawn.crop((0, 0, 6, 6)).tobytes() != picture.crop((0, 0, 6, 6)).tobytes()


def test_blanks_are_filled_and_the_rest_stays(run, model, photos):
    for more in ((), ("--image", photos / "0.png")):
        result = run("magvlt", "infill", "a ___ dog on the ___", *more, "-n", 2, *with_model(model))
        texts = [row["text"].split() for row in result.json["texts"]]
        assert len(texts) == 2
        assert all(words[0] == "a" for words in texts)


def test_pictures_are_invented_with_captions(run, model):
    result = run("magvlt", "invent", "-n", 2, "--model", model, "--json")
    assert len(result.json["pictures"]) == 2 and all("prompt" in row for row in result.json["pictures"])


def test_a_model_is_taught_photos_and_then_draws(run, model, photos):
    few = ("--steps", 3, "--batch", 2, "--mixsel", 0.5, "--unroll", "fresh")
    result = run("magvlt", "learn", photos, "--out", "run", "--model", model, *few, "--json")
    assert result.code == 0 and result.json["pairs"] == 3 and result.json["steps"] == 3
    assert run("magvlt", "draft", "a red ball", *with_model("run")).code == 0
    assert run("magvlt", "learn", photos, "--out", "run", "--model", model, *few).code == 1  # the run is there already
    longer = ("--steps", 4, *few[2:])
    gone_on = run("magvlt", "learn", photos, "--out", "run", "--model", model, *longer, "--resume", "--json")
    assert gone_on.code == 0 and gone_on.json["steps"] == 4
    wrong = run("magvlt", "learn", photos, "--out", "run", "--model", model, *longer, "--lr", 1, "--resume")
    assert wrong.code == 1 and "lr was" in wrong.err


def test_captions_may_change_until_something_was_learned_from_them(run, model, photos, monkeypatch):
    def stop(*given, **more):
        raise KeyboardInterrupt

    few = ("magvlt", "learn", photos, "--out", "run", "--model", model, "--steps", 2, "--batch", 2)
    with monkeypatch.context() as patch:
        patch.setattr(training, "run", stop)
        assert run(*few).code == 130
    (photos / "0.txt").write_text("a red dog")
    assert run(*few).code == 0
    (photos / "0.txt").write_text("a red cat")
    changed = run(*few, "--resume")
    assert changed.code == 1 and "other photos or captions" in changed.err and "a new folder" in changed.err


def test_the_command_that_goes_on_asks_for_the_same(run, model, photos, monkeypatch):
    from likewise.magvlt import teaching

    told, teach = [], teaching.teach

    def noted(*given, **more):
        told.append(more["resume_command"])
        return teach(*given, **more)

    monkeypatch.setattr(teaching, "teach", noted)
    few = ("--steps", 2, "--batch", 2, "--unroll", "fresh", "--no-mixsel-token", "--device", "cpu")
    assert run("magvlt", "learn", photos, "--out", "run", "--model", model, *few).code == 0
    assert run(*shlex.split(told[0])[1:]).code == 0
    assert told[1] == told[0] and "--device cpu" in told[0] and "--no-mixsel-token" in told[0]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("draft", "   "), "prompt is empty"),
        (("draft", "dog " * 20), "20 tokens and the model reads 11"),
        (("infill", "a red dog"), "has no blank"),
        (("infill", " "), "it is empty"),
        (("infill", "___ " * 20), "model reads 11"),
        (("draft", "a dog", "--rank", "efficientnet-lite0"), "reads no texts"),
        (("describe", "nothing.png"), "there is no such file"),
        (("inpaint", "photos/0.png", "--mask", "small.png"), "20x20 pixels, and the picture has 40x40"),
        (("inpaint", "photos/0.png", "--mask", "black.png"), "none of it is white"),
    ],
)
def test_mistakes_are_told(run, model, photos, tmp_path, argv, told):
    Image.new("L", (20, 20), 255).save(tmp_path / "small.png")
    Image.new("L", (40, 40), 0).save(tmp_path / "black.png")
    result = run("magvlt", *argv, "--model", model, *(() if "--rank" in argv else ("--rank", "none")))
    assert result.code == 1 and told in result.err and "Traceback" not in result.err


def test_all_white_draws_the_whole_picture_anew(run, model, photos, tmp_path):
    Image.new("L", (40, 40), 255).save(tmp_path / "white.png")
    asked = ("magvlt", "inpaint", photos / "0.png", "--mask", "white.png", "--prompt", "a dog", "--no-blend")
    painted = run(*asked, *with_model(model)).json["pictures"][0]["path"]
    drawn = run("magvlt", "draft", "a dog", "--out", "b", *with_model(model)).json["pictures"][0]["path"]
    assert images.read(painted).tobytes() == images.read(drawn).tobytes()


def test_a_picture_that_is_not_square_is_cut_and_that_is_said(run, model, tmp_path):
    Image.new("RGB", (60, 40), "red").save(tmp_path / "wide.png")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = run("magvlt", "describe", "wide.png", "--model", model, "--rank", "none")
    assert result.code == 0 and "60x40" in result.err and "middle square" in result.err


def test_words_that_must_be_spelled_are_named(run, model):
    result = run("magvlt", "draft", "a xylophone dog", *with_model(model))
    assert result.code == 0 and "'xylophone'" in result.err


def test_folders_that_hold_no_model_and_photos_without_captions_are_told(run, model, photos, tmp_path):
    assert "holds no draft model" in run("magvlt", "draft", "a dog", "--model", tmp_path).err
    for file in photos.glob("*.txt"):
        file.unlink()
    result = run("magvlt", "learn", photos, "--out", "run2", "--model", model)
    assert result.code == 1 and "magvlt describe" in result.err
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"shape": {"width": -1}}))
    assert "does not fit" in run("magvlt", "draft", "a dog", "--model", broken).err


def test_the_settings_can_be_seen(run):
    result = run("magvlt", "draft", "a dog", "--guidance", 3, "--dump-config")
    assert "guidance = 3.0\n" in result.out and "noise = 2.0\n" in result.out
    assert "warm" not in result.out  # a model's folder may say what suits it
