"""The world is a pure function of its seed, and keeps back what it says it keeps back."""

import pytest
from toybox_made import SPRITES, small_world

from likewise.errors import BrokenFileError, SpriteError, UnsafeNameError
from likewise.toybox.concepts import MASCOTS, STYLES, WORLD, concepts
from likewise.toybox.photos import Photos
from likewise.toybox.scenes import BACKGROUNDS
from likewise.toybox.sprites import Sprites
from likewise.toybox.world import HELD_COMPOSITIONS, HELD_PAIRS, World

SCENES = 2000


@pytest.fixture(scope="module", params=[(64, 0), (96, 1)], ids=str)
def full(request):
    """A world of the real size; scenes need no sprites."""
    limit, seed = request.param
    return World(Sprites(SPRITES), seed, limit)


@pytest.fixture(scope="module")
def scenes(full):
    return [full.scene(index) for index in range(SCENES)]


def drawn(world, order):
    pictures = {index: world.picture(index) for index in order}
    return {index: (image.tobytes(), caption) for index, (image, caption) in pictures.items()}


def test_picture_i_is_the_same_in_any_order_and_company():
    one, other = drawn(small_world(), [5, 2, 9]), drawn(small_world(), [9, 7, 5, 2])
    assert all(one[index] == other[index] for index in (2, 5, 9))


def test_another_seed_is_another_world():
    assert drawn(small_world(3), [0, 1]) != drawn(small_world(4), [0, 1])


def test_pictures_are_128_px_rgb(world):
    image, caption = world.picture(0)
    assert (image.mode, image.size) == ("RGB", (128, 128)) and caption


def test_no_training_scene_shows_a_held_pair(full, scenes):
    seen = {(subject.name, scene.style) for scene in scenes for subject in scene.subjects}
    assert len(full.held_pairs) == HELD_PAIRS
    assert seen.isdisjoint(full.held_pairs)


def test_no_training_scene_shows_a_held_composition(full, scenes):
    seen = {(subject.name, scene.style, scene.background) for scene in scenes for subject in scene.subjects}
    assert len(full.held_compositions) == len(set(full.held_compositions)) == HELD_COMPOSITIONS
    assert seen.isdisjoint(full.held_compositions)


def test_no_training_scene_shows_or_names_a_mascot(scenes):
    names = {mascot.name for mascot in MASCOTS}
    assert len(names) == 24 and names.isdisjoint(concept.name for concept in WORLD)
    assert names.isdisjoint(subject.name for scene in scenes for subject in scene.subjects)
    words = {word.strip(",") for scene in scenes for word in scene.caption.split()}
    assert words.isdisjoint(name for name in names if " " not in name)


def test_what_is_held_out_can_be_known_from_the_rest(full):
    names = {concept.name for concept in full.concepts}
    styles = {style: [pair for pair in full.held_pairs if pair[1] == style] for style in STYLES}
    assert {len(pairs) for pairs in styles.values()} == {HELD_PAIRS // 4}  # every style in turn
    assert {name for name, _ in full.held_pairs} < names  # no subject loses more than one style
    assert all((name, style) not in full.held_pairs for name, style, _ in full.held_compositions)
    assert {place for *_, place in full.held_compositions} <= set(BACKGROUNDS)


def test_scenes_are_made_of_what_the_world_holds(full, scenes):
    assert {subject.name for scene in scenes for subject in scene.subjects} == {c.name for c in full.concepts}
    assert {scene.background for scene in scenes} == set(BACKGROUNDS)
    assert {len(scene.subjects) for scene in scenes} == {1, 2}


def test_a_smaller_world_keeps_every_category():
    assert len(concepts(60)) == 60 and set(concepts(60)) < set(concepts(96)) < set(WORLD)
    assert {concept.category for concept in concepts(60)} == {concept.category for concept in WORLD}


def test_a_portrait_shows_its_subject_alone(world):
    assert {tuple(s.name for s in world.portrait("dog", "3d", i).subjects) for i in range(5)} == {("dog",)}
    assert len({world.portrait("dog", "3d", i).caption for i in range(5)}) > 1


def test_a_sprite_that_is_missing_names_the_remedy(world):
    with pytest.raises(SpriteError, match=r"'panda' in style '3d'.*toybox build"):
        world.sprites.get("3d", "panda")


# Real photos among the drawn ones


@pytest.fixture
def photo_folder(tmp_path, world):
    sets = tmp_path / "photos" / "shop"
    sets.mkdir(parents=True)
    for index in range(3):
        world.picture(index)[0].save(sets / f"{index}.jpg")
    rows = [
        f'{{"file_name": "{i}.jpg", "split": "{"test" if i == 2 else "train"}", "caption": "a photo of {i}"}}'
        for i in range(3)
    ]
    (sets / "metadata.jsonl").write_text("\n".join(rows))
    return tmp_path / "photos"


def test_photos_take_a_fixed_share_of_the_indices(world, photo_folder):
    photos = Photos.read(photo_folder)
    mixed = World(world.sprites, 3, 6, photos, photo_share=0.5, pairs_held=4, compositions_held=12)
    plain, real = drawn(world, range(12)), drawn(mixed, range(12))
    shown = [index for index in range(12) if real[index][1].startswith("a photo of ")]
    assert 0 < len(shown) < 12 and all(real[i] == plain[i] for i in range(12) if i not in shown)
    assert {real[index][1] for index in shown} == {"a photo of 0", "a photo of 1"}  # the test split stays out


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"file_name": "../a.jpg", "caption": "x"}', UnsafeNameError),
        ("not json", BrokenFileError),
        ("{}", BrokenFileError),
    ],
)
def test_a_photo_listing_that_is_wrong_is_refused(photo_folder, line, error):
    (photo_folder / "shop" / "metadata.jsonl").write_text(line)
    with pytest.raises(error):
        Photos.read(photo_folder)


def test_a_folder_without_photo_sets_is_named(tmp_path):
    with pytest.raises(SpriteError, match=r"metadata\.jsonl"):
        Photos.read(tmp_path)


def test_coverage_is_where_the_subject_stands_and_nothing_on_photos(world, photo_folder):
    mixed = World(world.sprites, 3, 6, Photos.read(photo_folder), 0.5, 4, 12)
    kinds = [mixed.picture(index)[1].startswith("a photo") for index in range(12)]
    covered = [mixed.coverage(index) for index in range(12)]
    assert [not cells.any() for cells in covered] == kinds
    for index, cells in enumerate(covered):
        if not kinds[index]:
            assert cells.shape == (16, 16) and cells.max() > 250
            assert 0.08 < cells.mean() / 255 < 0.6
            assert cells[6:11, 4:12].mean() > cells[:2].mean()
