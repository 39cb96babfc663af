"""Data sets are made the same however often they are begun, and every distortion does what its strength says."""

import numpy as np
import pytest
from PIL import Image

from likewise import seeds
from likewise.dreamsim import distortions, jnd, making, observers, triplets
from likewise.errors import FolderExistsError, ResumeMismatchError, SettingError, UnknownNameError


@pytest.fixture(scope="module")
def photo():
    """A picture with colours, edges and flat parts."""
    return observers.draw(observers.look(seeds.numpy_stream(0, "photo")), 64)


@pytest.fixture
def photos(tmp_path, photo):
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(3):
        observers.draw(observers.look(seeds.numpy_stream(1, "photo", index)), 64).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def painter(calls):
    """Draws a plain colour from the seed, and notes what it was asked."""

    def draw(prompt, numbers):
        calls.append((prompt, tuple(numbers)))
        return [Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, 0)) for number in numbers]

    return draw


def apart(first, second):
    return float(np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean())


@pytest.mark.parametrize("family", distortions.FAMILIES)
def test_a_distortion_keeps_the_size_and_comes_out_the_same(family, photo):
    first, again = (distortions.distort(photo, family, 0.5, seeds.numpy_stream(0, family)) for _ in range(2))
    assert first.size == photo.size and first.mode == "RGB"
    assert apart(first, again) == 0 < apart(first, photo)


@pytest.mark.parametrize("family", distortions.FAMILIES)
def test_a_stronger_distortion_lies_farther_away(family, photo):
    def mean(strength):
        return np.mean([
            apart(photo, distortions.distort(photo, family, strength, seeds.numpy_stream(i, family))) for i in range(12)
        ])  # fmt: skip

    weak, strong = mean(0.1), mean(1.0)
    assert 0 < weak < 0.6 * strong


def test_unknown_families_and_strengths_are_refused(photo):
    with pytest.raises(UnknownNameError, match="Did you mean 'blur'"):
        distortions.distort(photo, "blurr", 0.5, seeds.numpy_stream(0))
    for strength in (0, 1.1, float("nan")):
        with pytest.raises(SettingError, match="strength"):
            distortions.distort(photo, "blur", strength, seeds.numpy_stream(0))


def test_a_category_becomes_three_seeds_of_one_prompt(tmp_path):
    calls = []
    done = list(making.drawn(tmp_path / "d", ["apple", "red car"], painter(calls), model="paint", each=2))
    found = triplets.read(tmp_path / "d")
    assert done == [1, 2, 3, 4] and len(found) == 4
    assert [prompt for prompt, _ in calls] == ["An image of an apple", "An image of a red car"] * 2
    assert len({number for _, numbers in calls for number in numbers}) == 12
    assert {one.group for one in found} == {"apple", "red car"} and {one.votes for one in found} == {0}
    assert len({name for one in found for name in one.pictures}) == 12


def test_making_that_was_stopped_goes_on_and_comes_out_the_same(tmp_path):
    whole, calls = tmp_path / "whole", []
    list(making.drawn(whole, ["a", "b", "c"], painter([]), model="paint"))
    for _ in zip(range(2), making.drawn(tmp_path / "cut", ["a", "b", "c"], painter([]), model="paint"), strict=False):
        pass
    list(making.drawn(tmp_path / "cut", ["a", "b", "c"], painter(calls), model="paint"))
    assert len(calls) < 3
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert [(tmp_path / "cut" / name).read_bytes() for name in files] == [(whole / name).read_bytes() for name in files]


def test_a_folder_begun_otherwise_is_left_as_it_is(tmp_path):
    list(making.drawn(tmp_path / "d", ["a"], painter([]), model="paint"))
    with pytest.raises(ResumeMismatchError, match="seed was 0 and is 1"):
        next(making.drawn(tmp_path / "d", ["a"], painter([]), model="paint", seed=1))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.txt").touch()
    with pytest.raises(FolderExistsError):
        next(making.drawn(tmp_path / "mine", ["a"], painter([]), model="paint"))
    list(making.drawn(tmp_path / "s", ["a"], painter([]), model="paint", settings={"steps": 20}))
    with pytest.raises(ResumeMismatchError, match=r"settings\.steps was 20 and is 5"):
        next(making.drawn(tmp_path / "s", ["a"], painter([]), model="paint", settings={"steps": 5}))
    assert next(making.drawn(tmp_path / "d", ["a"], painter([]), model="paint", settings={"steps": 5})) == 1
    with pytest.raises(SettingError, match="form"):
        next(making.drawn(tmp_path / "e", ["a"], painter([]), model="paint", form="no place"))


def test_photos_become_triplets_of_two_distortions(tmp_path, photos):
    list(making.distorted(tmp_path / "d", photos, each=2, px=32))
    found = triplets.read(tmp_path / "d")
    assert len(found) == 6 and [one.group for one in found] == [path.name for path in photos for _ in range(2)]
    for one in found:
        reference, left, right = (Image.open(tmp_path / "d" / name) for name in one.pictures)
        assert reference.size == (32, 32) and min(apart(reference, left), apart(reference, right)) > 0


def test_photos_become_pairs_to_tell_apart(tmp_path, photos):
    list(making.distorted(tmp_path / "d", photos, task="jnd", families=["blur", "noise"], px=32))
    found = jnd.read(tmp_path / "d")
    assert len(found) == 3 and all(one.first != one.second for one in found)


def test_one_family_is_too_few(tmp_path, photos):
    with pytest.raises(SettingError, match="two different families"):
        next(making.distorted(tmp_path / "d", photos, families=["blur"]))
    list(making.distorted(tmp_path / "d", photos, task="jnd", families=["blur"], px=32))
    assert len(jnd.read(tmp_path / "d")) == 3


def test_an_unknown_family_is_told_before_a_folder_is_begun(tmp_path, photos):
    with pytest.raises(UnknownNameError, match="blur"):
        next(making.distorted(tmp_path / "d", photos, families=["blur", "blurr"]))
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_the_embedded_model_draws_triplets(tmp_path):
    list(making.drawn(tmp_path / "d", ["apple"], making.by("toybox", steps=2), model="toybox"))
    (one,) = triplets.read(tmp_path / "d")
    reference, left, right = (Image.open(tmp_path / "d" / name) for name in one.pictures)
    assert apart(reference, left) > 1 and apart(left, right) > 1


# The file of pairs


def test_pairs_are_read_back_as_written(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    some = [jnd.Pair("a.png", "b.png", 2, 1, "val"), jnd.Pair("b.png", "a.png", 0, 0, None, "blur")]
    jnd.write(tmp_path, some)
    assert jnd.read(tmp_path) == some
    assert (some[0].share, some[1].share) == (2 / 3, 0.5)
