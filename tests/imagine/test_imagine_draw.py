"""imagine: the same settings give the same bytes, in any company; concepts act where they are named."""

from pathlib import Path

import numpy as np
import pytest
from concepts import with_lora, with_weights, with_words

from likewise import images
from likewise.concept import library
from likewise.errors import (
    ConceptClashError,
    IdleSettingWarning,
    OutputFolderError,
    PlaceholderError,
    PromptTooLongError,
    SettingError,
    UnknownConceptError,
    UnusualSizeWarning,
    WrongBaseError,
)
from likewise.imagine import imagine


@pytest.fixture
def draw(sd1):
    """imagine on the tiny model, with as little work as a picture takes."""

    def drawn(prompts, **settings):
        return imagine(prompts, **{"backbone": sd1, "n": 1, "steps": 1, **settings})

    return drawn


def pixels(pictures):
    return [np.asarray(one.image).tolist() for one in pictures]


def test_one_seed_one_picture_whatever_n_or_the_other_prompts(draw):
    many = draw(["a dog", "a cat"], n=5, steps=2)
    assert [(one.metadata["prompt"][2:], one.metadata["seed"]) for one in many] == [
        *(("dog", seed) for seed in range(5)),
        *(("cat", seed) for seed in range(5)),
    ]
    assert pixels(draw("a dog", seed=3, steps=2)) == pixels(many[3:4])
    assert pixels(draw("a cat", seeds=[4, 1], steps=2)) == pixels([many[9], many[6]])
    assert pixels(many[:1]) != pixels(many[1:2]) != pixels(many[6:7])


def test_a_smaller_batch_calls_the_network_on_fewer_rows_and_draws_the_same(draw, sd1, monkeypatch):
    rows, predict = [], type(sd1).predict

    def counted(self, latents, *given):
        rows.append(len(latents))
        return predict(self, latents, *given)

    monkeypatch.setattr(type(sd1), "predict", counted)
    usual = draw("a dog", n=2)
    assert set(rows) == {8}
    rows.clear()
    single = draw("a dog", n=2, batch=1)
    assert rows == [2, 2]
    assert [one.metadata["batch"] for one in (*usual, *single)] == [4, 4, 1, 1]
    assert np.abs(np.array(pixels(usual)) - np.array(pixels(single))).max() <= 1


def test_every_setting_changes_the_picture(draw):
    plain = pixels(draw("a dog", steps=3))
    for change in (
        {"negative": "red"},
        {"guidance": 2.0},
        {"guidance": 1.0},
        {"steps": 4},
        {"seed": 1},
        {"scheduler": "ddim"},  # in two steps it would be the same, as DPM-Solver++ starts and ends in first order
    ):
        assert pixels(draw("a dog", **{"steps": 3, **change})) != plain, change


def test_files_carry_all_that_draws_them_again_and_a_sheet_joins_them(draw, sd1, tmp_path):
    pictures = draw("a dog", n=2, out=tmp_path / "out", negative="blur", guidance=3.0, seed=9)
    assert [one.path.name for one in pictures] == ["0001.png", "0002.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0001.png", "0002.png", "sheet.png"]
    for picture, seed in zip(pictures, (9, 10), strict=True):
        assert images.read_metadata(picture.path) == picture.metadata
        assert picture.metadata == {
            "prompt": "a dog",
            "expanded": "a dog",
            "negative": "blur",
            "seed": seed,
            "steps": 1,
            "guidance": 3.0,
            "scheduler": "dpmsolver++",
            "batch": 4,
            "size": [32, 32],
            "backbone": "sd1",
            "backbone_hash": sd1.hash,
            "concepts": [],
            "version": picture.metadata["version"],
        }
        assert np.array_equal(np.asarray(images.read(picture.path)), np.asarray(picture.image))


def test_numbering_goes_on_and_no_older_file_is_touched(draw, tmp_path):
    (tmp_path / "0041.png").write_bytes(b"mine")
    (tmp_path / "sheet.png").write_bytes(b"mine too")
    first = draw("a dog", out=tmp_path)
    second = draw("a dog", out=tmp_path)
    assert [first[0].path.name, second[0].path.name] == ["0042.png", "0043.png"]
    assert (tmp_path / "0041.png").read_bytes() == b"mine"
    assert (tmp_path / "sheet.png").read_bytes() == b"mine too"
    assert len(list(tmp_path.glob("sheet-*.png"))) == 2
    assert first[0].path.read_bytes() == second[0].path.read_bytes()


def test_progress_counts_every_step_of_every_picture(draw):
    seen = []
    draw("a dog", n=3, batch=2, steps=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 6), (4, 6), (5, 6), (6, 6)]


def test_stopping_midway_leaves_whole_pictures_only(draw, tmp_path):
    def stop(done, _total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw("a dog", n=3, batch=1, out=tmp_path, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0001.png", "0002.png"]


@pytest.mark.parametrize("kind", [with_lora, with_words, with_weights])
def test_a_concept_of_the_library_is_drawn_by_name_and_only_where_it_is_named(draw, sd1, tmp_path, kind):
    library().add(kind(sd1, tmp_path / "rob"))
    plain = draw("a dog")
    both = draw(["a dog", "<rob> on the beach", "a dog"])
    assert pixels(both[:1]) == pixels(both[2:]) == pixels(plain)
    assert both[1].metadata["concepts"] == [{"name": "rob", "hash": library().get("rob").hash, "scale": 1.0}]
    assert both[1].metadata["expanded"] == ("<rob> on the beach" if kind is with_words else "a qxv toy on the beach")
    assert pixels(draw("<rob> on the beach")) == pixels(both[1:2])
    assert pixels(draw("a dog")) == pixels(plain)  # and the model is clean again


def test_a_given_concept_takes_part_unnamed_and_from_any_folder(draw, sd1, tmp_path):
    rob = with_lora(sd1, tmp_path / "rob")
    plain = draw("a qxv toy")
    assert pixels(draw("a qxv toy", concepts=[rob.folder])) != pixels(plain)
    assert pixels(draw("a qxv toy", concepts=[str(rob.folder)])) == pixels(draw("a <rob>", concepts=[rob]))
    assert pixels(draw("a qxv toy", concepts=[rob.scaled(0.0)])) == pixels(plain)


@pytest.mark.parametrize(
    ("prompts", "settings", "error", "message"),
    [
        ("<bob> runs", {}, UnknownConceptError, "<bob>.*Known here: <rob>"),
        ("<Rob> runs", {}, PlaceholderError, "<Rob>"),
        ("a dog", {"negative": "<bob>"}, UnknownConceptError, "<bob>"),
        ("a dog", {"concepts": ["bob"]}, UnknownConceptError, "<bob>"),
        ("dog " * 90, {}, PromptTooLongError, "90 tokens"),
        (["a dog", "dog " * 90], {}, PromptTooLongError, "90 tokens"),
        ([], {}, SettingError, "prompts"),
        ("a dog", {"n": 0}, SettingError, "n is 0"),
        ("a dog", {"batch": 0}, SettingError, "batch is 0"),
        ("a dog", {"steps": 1001}, SettingError, "steps is 1001"),
        ("a dog", {"scheduler": "heun"}, SettingError, "heun"),
        ("a dog", {"guidance": float("nan")}, SettingError, "guidance is nan"),
        ("a dog", {"size": 33}, SettingError, "multiple of 4"),
        ("a dog", {"size": 0}, SettingError, "size is 0"),
    ],
)
def test_mistakes_are_told_before_anything_is_drawn(draw, sd1, tmp_path, prompts, settings, error, message):
    library().add(with_words(sd1, tmp_path / "rob"))
    with pytest.raises(error, match=message):
        draw(prompts, out=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_left_alone(draw, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputFolderError, match="is a file"):
        draw("a dog", out=tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_concept_of_another_base_or_two_of_one_name_are_refused(draw, toybox, sd1, tmp_path):
    with pytest.raises(WrongBaseError, match="toybox"):
        draw("<rob>", concepts=[with_words(toybox, tmp_path / "other")])
    twins = [with_words(sd1, tmp_path / name) for name in ("one", "two")]
    with pytest.raises(ConceptClashError, match="same name"):
        draw("<rob>", concepts=twins)


def test_a_negative_prompt_without_guidance_is_told_of(draw):
    with pytest.warns(IdleSettingWarning, match="negative has no effect while guidance is 1"):
        assert pixels(draw("a dog", negative="red", guidance=1.0)) == pixels(draw("a dog", guidance=1.0))


def test_another_size_is_drawn_with_a_warning(draw):
    with pytest.warns(UnusualSizeWarning, match="trained on 32 .* at 48"):
        picture = draw("a dog", size=48)[0]
    assert picture.image.size == (48, 48)
    assert picture.metadata["size"] == [48, 48]


def test_a_folder_is_loaded_and_put_on_a_device(folders, tmp_path):
    pictures = imagine("a dog", backbone=folders["sd1"], n=1, steps=1, device="cpu", out=str(tmp_path / "out"))
    assert pictures[0].metadata["backbone"] == Path(folders["sd1"]).name
