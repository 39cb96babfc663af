"""Growing a tree: what is chosen, what is counted, what survives a kill, and what is refused."""

import warnings

import pytest
import torch
from made_trees import SMALL, Judge, config, copied, files, photos, plant, vector

from likewise import checkpoint, images
from likewise.concept_tree import Tree, costs, decompose, naming
from likewise.concept_tree.grow import Gardener
from likewise.concept_tree.jury import Jury
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.split import LEFT, RIGHT
from likewise.errors import (
    BadSettingError,
    FixedTreeError,
    IdleSettingWarning,
    LikewiseWarning,
    NothingToSplitWarning,
    RootWordError,
    SettingError,
    SplitNodeError,
    TooFewImagesError,
    TreeBaseError,
    TreeFolderError,
    TreeSettingsError,
    TreeSourceError,
    TreeTakenError,
    UnknownTreeNodeError,
    UnlikePhotosWarning,
)

KNOWN = ("efficientnet-lite0", "toybox")


class Killed(BaseException):
    """What a signal does to a process, as far as the disk can tell."""


class Counting:
    """A model whose rows are counted."""

    def __init__(self, backbone, monkeypatch):
        self.learned = self.read = 0
        predict = backbone.predict

        def counted(noisy, t, text):
            if torch.is_grad_enabled():
                self.learned += len(noisy)
            else:
                self.read += len(noisy)
            return predict(noisy, t, text)

        monkeypatch.setattr(backbone, "predict", counted)


def test_a_tree_of_depth_one_has_two_words_that_are_concepts(grown):
    assert grown.nodes == ["v0", "v1", "v2"]
    assert [one.placeholder for one in grown.concepts()] == ["<cat_v1>", "<cat_v2>"]
    assert [one.method for one in grown.concepts()] == ["concept-tree"] * 2
    assert len(grown.images("v0")) == 3 and len(grown.images("v1")) == SMALL["central"]
    assert sorted(grown.steps("v1")) == [2, 4]
    assert torch.equal(grown.steps("v1")[4], grown.words()["<cat_v1>"])


def test_the_record_says_what_was_chosen_by_whom_and_what_it_cost(grown):
    split = grown.record.splits["v0"]
    assert set(split.seeds) == {"0", "1000"} and split.encoders == {"mosaic": Judge("mosaic", 0).hash}
    best = max(split.seeds, key=lambda seed: split.seeds[seed]["mosaic"].score)
    assert split.chosen == int(best) == grown.node("v1").seed
    assert [one.step for one in split.tracked] == [2, 4]
    assert grown.node("v1").step == 4 and grown.node("v1").own.keys() == {"mosaic"}


def test_nodes_pictures_are_what_imagine_draws_of_their_words(grown, sd1):
    from likewise.imagine import imagine

    path = grown.pictures("v1").photos[0].path
    said = images.read_metadata(path)
    again = imagine(
        said["prompt"], concepts=grown.concepts(), backbone=sd1, seeds=[said["seed"]], steps=said["steps"],
        guidance=said["guidance"], scheduler=said["scheduler"],
    )  # fmt: skip
    assert said["prompt"] == "<cat_v1>" and again[0].image.tobytes() == images.read(path).tobytes()


def test_one_split_costs_what_was_counted_in_advance(sd1, pictures, tmp_path, monkeypatch):
    counting = Counting(sd1, monkeypatch)
    judge = Judge("mosaic", 0)
    tree = plant(sd1, pictures, tmp_path / "cat", judges=[judge])
    counted = tree.record.splits["v0"].costs
    assert counting.learned == counted["samples"] == 2 * 2 * 2 + 1 * 2 * 2
    drawn = counted["test_pictures"] + counted["child_pictures"]
    assert drawn == 2 * 2 * 3 + 2 * 3
    assert judge.seen == drawn + 3 * 2  # and the photos, at the test and at the end
    assert counting.read == (12 + 8) * 2  # 12 and 6 pictures, four a call, of two rows each; the last call is filled up
    assert counted["rows_drawn"] == (12 + 6) * 2


def test_the_authors_defaults_cost_eighty_pictures_a_seed_and_eighty_for_the_children():
    from likewise.concept_tree import Config

    counted = costs.of_split(Config())
    assert counted["test_pictures"] == 80 * 4 and counted["child_pictures"] == 80
    assert counted["samples"] == 4 * 200 * 8 + 800 * 8 and counted["optimiser_steps"] == 1000
    assert Config().lr * Config().samples == 4e-3


LATER = [pytest.param(when, marks=pytest.mark.slow) for when in (0.05, 0.5, 0.95)]


@pytest.mark.parametrize("when", [0.3, 0.8, *LATER])
def test_a_tree_whose_growing_was_killed_grows_on_to_the_same_bytes(sd1, pictures, grown, tmp_path, when):
    def kill(text, done, total):
        if done / total >= when:
            raise Killed

    out = tmp_path / "cat"
    with pytest.raises(Killed):
        plant(sd1, pictures, out, report=kill)
    assert Tree.open(out).nodes == ["v0"]  # whole, if small
    plant(sd1, pictures, out)
    assert files(out) == files(grown.folder)


def test_growing_a_grown_tree_changes_nothing(sd1, pictures, tmp_path):
    out = tmp_path / "cat"
    plant(sd1, pictures, out)
    before = files(out)
    plant(sd1, pictures, out)
    assert files(out) == before


def test_a_node_is_split_on_demand_and_its_parent_is_the_parents_concept(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)
    plant(sd1, tree, None, nodes=["v2"])
    assert tree.nodes == ["v0", "v1", "v2", "v5", "v6"]
    assert tree.concept("v5").card.parent == tree.concept("v2").hash


def test_a_node_split_anew_loses_what_grew_from_it_once_the_new_words_are_there(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)
    plant(sd1, tree, None, nodes=["v1"])
    before = vector_of(tree)
    with pytest.raises(Killed):
        plant(sd1, tree, None, nodes=["v0"], again=True, seeds=(5, 6), report=_kill_late)
    assert Tree.open(tree.folder).nodes == ["v0", "v1", "v2", "v3", "v4"]
    assert (vector_of(tree) == before).all()
    plant(sd1, tree, None, nodes=["v0"], again=True, seeds=(5, 6))
    assert tree.nodes == ["v0", "v1", "v2"] and tree.node("v1").seed in (5, 6)
    assert (vector_of(tree) != before).any()
    assert sorted(path.name for path in tree.folder.glob("v*")) == ["v0", "v1-2", "v2-2"]


def test_a_split_that_was_begun_of_an_earlier_word_is_begun_anew(sd1, grown, tmp_path):
    tree, other = copied(grown, tmp_path / "a"), copied(grown, tmp_path / "b")
    with pytest.raises(Killed):
        plant(sd1, tree, None, nodes=["v1"], report=_kill_late)
    for one in (tree, other):
        plant(sd1, one, None, nodes=["v0"], again=True, seeds=(5, 6))
        plant(sd1, one, None, nodes=["v1"])
    assert (vector_of(tree, "v3") == vector_of(other, "v3")).all()


def _kill_late(text, done, total):
    if done / total > 0.9:
        raise Killed


def vector_of(tree, node="v1"):
    return tree.words()[f"<cat_{node}>"].numpy()


def test_pruning_takes_back_what_grew_and_leaves_the_node(sd1, grown, tmp_path):
    tree = copied(grown, tmp_path)
    plant(sd1, tree, None, nodes=["v1"])
    assert tree.prune("v1") == ["v3", "v4"]
    assert tree.nodes == ["v0", "v1", "v2"] and not (tree.folder / "v3").exists()
    assert Tree.open(tree.folder).record.splits.keys() == {"v0"}


def test_the_words_are_in_the_library_and_go_with_the_tree(sd1, grown, tmp_path):
    from likewise.concept import library
    from likewise.concept_tree import installing

    tree = copied(grown, tmp_path)
    installing.install(tree)
    assert library().names() == ["cat_v1", "cat_v2"]
    tree.prune("v0")
    installing.install(tree)
    assert library().names() == []


# Choosing


def planted(tmp_path, scores, monkeypatch, **options):
    """A jury whose seeds' words are as far apart as told: seed -> the cosine between its words."""
    import numpy as np
    from PIL import Image

    table = {0: np.array([1.0, 0, 0])}
    pairs = {}
    for place, (seed, between) in enumerate(scores.items(), start=1):
        table[2 * place] = np.array([1.0, 0, 0])
        table[2 * place + 1] = np.array([between, (1 - between**2) ** 0.5, 0])
        pairs[seed] = tuple([Image.new("RGB", (2, 2), (2 * place + side, 0, 0))] * 3 for side in (0, 1))
    from made_trees import Planted

    settings = config(seeds=tuple(scores), **options)
    parent = [Image.new("RGB", (2, 2), (0, 0, 0))] * 3
    jury = Jury(None, settings, [Planted(table)], tmp_path, parent)
    asked = []

    def pictures(step, words, count):
        asked.append((step, list(words), count))
        return {seed: pairs[seed] for seed in words}

    monkeypatch.setattr(jury, "_pictures", pictures)
    return jury, asked


def test_the_best_planted_seed_is_chosen_and_of_two_the_first(tmp_path, monkeypatch):
    jury, _ = planted(tmp_path, {7: 0.5, 8: 0.2, 9: 0.2}, monkeypatch)
    assert jury(2, dict.fromkeys((7, 8, 9))) == [8]


def test_a_jury_asked_again_answers_from_its_file(tmp_path, monkeypatch):
    jury, asked = planted(tmp_path, {7: 0.5, 8: 0.2}, monkeypatch)
    assert jury(2, dict.fromkeys((7, 8))) == jury(2, dict.fromkeys((7, 8))) == [8]
    assert len(asked) == 1


def test_words_that_draw_the_same_stop_the_split_with_the_reason(tmp_path, monkeypatch):
    jury, _ = planted(tmp_path, {7: 1.0, 8: 0.999}, monkeypatch)
    assert jury(2, dict.fromkeys((7, 8))) == []
    assert "draw the same" in jury.verdicts()["2"]["stopped"]


def test_words_that_left_the_parent_stop_the_split(tmp_path, monkeypatch):
    jury, _ = planted(tmp_path, {7: 0.1}, monkeypatch, least_related=1.5)
    assert jury(2, {7: None}) == []
    assert "neither word" in jury.verdicts()["2"]["stopped"]


FAR = {1: 0.9, 2: 0.1, 3: 0.8, 4: 0.7}
EARLY = {"test_steps": 3, "steps": 4, "early_steps": (1, 2), "early_images": 2}


def test_early_stopping_never_drops_a_clear_winner(tmp_path, monkeypatch):
    jury, asked = planted(tmp_path, FAR, monkeypatch, early="on", **EARLY)
    kept = jury(1, dict.fromkeys(FAR))
    assert kept == [2, 4] and jury(2, dict.fromkeys(kept)) == [2, 4] and jury(3, dict.fromkeys(kept)) == [2]
    assert [(len(seeds), count) for _, seeds, count in asked] == [(4, 2), (2, 2), (2, 3)]


def test_checking_early_stopping_keeps_all_and_reports_its_regret(tmp_path, monkeypatch):
    from likewise.concept_tree.jury import early_report

    jury, _ = planted(tmp_path, FAR, monkeypatch, early="check", **EARLY)
    assert [len(jury(step, dict.fromkeys(FAR))) for step in (1, 2, 3)] == [4, 4, 1]
    said = jury.verdicts()
    found = early_report(jury.config, said, "planted")
    assert found.survivors == [2, 4] and found.agrees and found.regret == 0 and not found.applied
    for step in ("1", "2"):  # had the early tests been wrong, the regret would be what they lost
        for seed, score in {"1": 2.9, "2": 2.0, "3": 2.8, "4": 2.1}.items():
            said[step]["seeds"][seed]["planted"]["score"] = score
    wrong = early_report(jury.config, said, "planted")
    assert wrong.survivors == [1, 3] and not wrong.agrees and wrong.regret == pytest.approx(0.7, abs=1e-6)


def test_without_early_stopping_there_is_no_early_test_and_no_report(grown):
    assert config().cuts == (2,) and grown.record.splits["v0"].early is None


@pytest.mark.slow
def test_early_stopping_learns_the_same_words_for_the_seed_that_wins_both_ways(sd1, pictures, tmp_path):
    options = {"seeds": (0, 1, 2, 3), "test_steps": 4, "steps": 6, "early_steps": (2,), "early_images": 2}
    whole, fewer = (plant(sd1, pictures, tmp_path / how, early=how, **options) for how in ("check", "on"))
    assert fewer.record.splits["v0"].costs["samples"] < whole.record.splits["v0"].costs["samples"]
    if fewer.node("v1").seed == whole.node("v1").seed:
        assert abs(vector_of(fewer) - vector_of(whole)).max() < 1e-4


def test_a_second_encoder_judges_beside_the_first_and_chooses_nothing(sd1, pictures, tmp_path):
    first, second = Judge("mosaic", 0), Judge("other", 9)
    tree = plant(sd1, pictures, tmp_path / "cat", judges=[first, second])
    split = tree.record.splits["v0"]
    assert split.encoders == {"mosaic": first.hash, "other": second.hash}
    assert split.agreement.keys() == {"other"} and -1 <= split.agreement["other"] <= 1
    assert split.chosen == max((0, 1000), key=lambda seed: split.seeds[str(seed)]["mosaic"].score)
    assert split.seeds["0"]["mosaic"].score != split.seeds["0"]["other"].score


# Pictures


def test_pictures_drawn_together_are_those_drawn_one_by_one(sd1, tmp_path, rng):
    words = [{LEFT: torch.randn(1, 32, generator=rng), RIGHT: torch.randn(1, 32, generator=rng)} for _ in range(2)]
    look = Look(2, 5.0, "dpmsolver++")

    def orders(place):
        sides = (LEFT, RIGHT)
        return [Order(s, w, 3, tmp_path / place / f"{n}{s[1]}") for n, w in enumerate(words) for s in sides]

    together = draw(sd1, orders("a"), look)
    alone = [draw(sd1, [one], look)[0] for one in orders("b")]
    assert [[p.tobytes() for p in group] for group in together] == [[p.tobytes() for p in group] for group in alone]


def test_words_of_all_seeds_and_sides_begin_from_the_same_noise(sd1, tmp_path, rng):
    rows = torch.randn(1, 32, generator=rng)
    orders = [Order(name, {name: rows}, 2, tmp_path / name.strip("<>")) for name in (LEFT, RIGHT)]
    left, right = draw(sd1, orders, Look(2, 5.0, "dpmsolver++"))
    assert [one.tobytes() for one in left] == [one.tobytes() for one in right]


def test_a_node_with_pictures_is_left_alone_and_a_word_without_gets_its_most_central(sd1, grown, tmp_path):
    from likewise.concept_tree.stocking import stock

    tree, judge = copied(grown, tmp_path), Judge("mosaic", 0)
    before = files(tree.folder)
    assert not stock(tree, "v1", sd1, config(), judge)
    assert files(tree.folder) == before
    bare = tree.node("v1").model_copy(update={"images": 0})
    tree.replace({**tree.record.nodes, "v1": bare}, tree.record.splits)
    assert stock(tree, "v1", sd1, config(), judge)
    assert [one.tobytes() for one in tree.images("v1")] == [one.tobytes() for one in grown.images("v1")]
    tree.record.nodes["v0"] = tree.node("v0").model_copy(update={"images": 1})
    with pytest.raises(RootWordError):
        stock(tree, "v0", sd1, config(), judge)


# Bad input leaves everything as it was


def test_fewer_than_three_photos_are_too_few(sd1, tmp_path):
    with pytest.raises(TooFewImagesError, match="at least 3"):
        decompose(photos(tmp_path / "two", 2), backbone=sd1, out=tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_photos_of_different_things_are_measured_and_warned_of(sd1, tmp_path):
    import numpy as np
    from PIL import Image

    folder = tmp_path / "things"
    folder.mkdir()
    y, x = np.mgrid[:128, :128]
    looks = [
        (x // 16 + y // 16) % 2 * 255,
        np.random.default_rng(0).integers(0, 255, (128, 128)),
        255 * ((x - 64) ** 2 + (y - 64) ** 2 < 1600),
        x * 0 + y * 2,
    ]
    tints = [(1, 0, 0), (1, 1, 1), (0, 1, 1), (0.2, 0.9, 0.1)]
    for index, (look, tint) in enumerate(zip(looks, tints, strict=True)):
        Image.fromarray((look[..., None] * np.array(tint)).astype(np.uint8)).save(folder / f"{index}.png")
    from likewise import imageset
    from likewise.concept_tree.planting import look_at

    with pytest.warns(UnlikePhotosWarning, match=r"alike, and photos of one thing"):
        look_at(imageset.load(folder))


def test_a_node_that_does_not_exist_is_named_with_those_that_do(sd1, grown):
    before = files(grown.folder)
    with pytest.raises(UnknownTreeNodeError, match=r"has no node 'v7'; it has v0, v1, v2"):
        plant(sd1, grown, None, nodes=["v7"])
    assert files(grown.folder) == before


def test_a_tree_of_another_base_is_refused_and_intact(toybox, grown):
    before = files(grown.folder)
    with pytest.raises(TreeBaseError, match="nothing was changed"):
        plant(toybox, grown, None, nodes=["v1"])
    assert files(grown.folder) == before


def test_a_node_split_already_is_not_split_again_unasked(sd1, grown):
    with pytest.raises(SplitNodeError, match="--again"):
        plant(sd1, grown, None, nodes=["v0"])


def test_other_photos_than_the_trees_are_refused(sd1, grown, tmp_path):
    with pytest.raises(TreeSourceError, match="grew from photos"):
        plant(sd1, photos(tmp_path / "others", 4), grown.folder)


@pytest.mark.parametrize(
    ("option", "given"), [("--out", {"out": "elsewhere"}), ("--name", {"name": "dog"}), ("--noun", {"noun": "pet"})]
)
def test_what_a_tree_was_begun_with_is_not_dropped_in_silence(sd1, pictures, grown, option, given):
    before = files(grown.folder)
    for source in (grown, grown.folder, *([pictures] if option != "--out" else [])):
        how = {"out": None if source is not pictures else grown.folder, **given}
        with pytest.raises(FixedTreeError, match=rf"{option} is .* was given"):
            decompose(source, backbone=sd1, encoders=[Judge("mosaic", 0)], **how)
    assert files(grown.folder) == before


def test_splitting_anew_needs_a_node(sd1, grown):
    with pytest.raises(SettingError, match="no node is named"):
        decompose(grown, backbone=sd1, again=True)


def test_a_depth_beside_a_node_is_told_of(sd1, grown):
    told = pytest.warns(IdleSettingWarning, match="depth has no effect while node is v9")
    with told, pytest.raises(UnknownTreeNodeError):
        decompose(grown, backbone=sd1, depth=2, nodes=["v9"])


def test_two_judges_of_one_name_are_refused(sd1):
    with pytest.raises(SettingError, match="told apart by their names"):
        Gardener(sd1, config(), [Judge("mosaic", 0), Judge("mosaic", 1)])


def test_what_loads_an_encoder_is_kept_beside_its_name(sd1, pictures, tmp_path):
    gardener = Gardener(sd1, config(encoder="efficientnet-lite0", judges=("toybox",)))
    assert gardener.loads == {one.name: name for one, name in zip(gardener.judges, KNOWN, strict=True)}
    tree = plant(sd1, pictures, tmp_path / "cat", depth=1)
    assert tree.record.splits["v0"].loads == {}  # an encoder made here has no name to load it by


def test_other_settings_than_a_split_was_begun_with_are_named(sd1, pictures, tmp_path):
    with pytest.raises(Killed):
        plant(sd1, pictures, tmp_path / "cat", report=_kill_late)
    with pytest.raises(TreeSettingsError, match=r"steps was 4 and is 6"):
        plant(sd1, pictures, tmp_path / "cat", steps=6)


def test_a_folder_of_something_else_is_not_written_into(sd1, pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(TreeTakenError):
        plant(sd1, pictures, tmp_path)
    assert files(tmp_path) == {"mine.txt": b"mine"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is damaged"), ('{"format": 1}', "does not fit at"), ('{"format": 2}', "does not fit at")],
)
def test_a_damaged_record_is_told_by_what_is_wrong(tmp_path, text, said):
    (tmp_path / "tree.json").write_text(text)
    with pytest.raises(TreeFolderError, match=said):
        Tree.open(tmp_path)
    with pytest.raises(TreeFolderError, match=r"holds no tree\.json"):
        Tree.open(tmp_path / "nowhere")


def test_settings_that_cannot_be_are_refused():
    from likewise.concept_tree import Config

    for wrong in ({"test_steps": 9, "steps": 9}, {"seeds": (1, 1)}, {"central": 9, "images": 4}):
        with pytest.raises(BadSettingError):
            Config.for_family("sd1", wrong)


def test_nothing_left_to_split_is_told_and_kept_and_forced(sd1, pictures, tmp_path):
    out = tmp_path / "cat"
    with pytest.warns(NothingToSplitWarning, match="v0 was left whole"):
        tree = decompose(
            pictures, out=out, backbone=sd1, depth=1, encoders=[Judge("mosaic", 0)], install=False,
            **{**SMALL, "least_apart": 5.0},
        )  # fmt: skip
    assert tree.nodes == ["v0"] and "draw the same" in tree.record.splits["v0"].stopped
    gardener = Gardener(sd1, config(least_apart=5.0), [Judge("mosaic", 0)])
    assert gardener.grow(tree, 1) == []  # what was left whole is left whole
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikewiseWarning)
        assert Gardener(sd1, config(least_apart=5.0), [Judge("mosaic", 0)], force=True).split(tree, ["v0"]) == ["v0"]
    assert tree.record.splits["v0"].stopped is None


@pytest.mark.slow
@pytest.mark.parametrize("family", ["toybox", "sdxl"])
def test_every_family_grows_trees(family, request, pictures, tmp_path):
    tree = plant(request.getfixturevalue(family), pictures, tmp_path / "cat")
    assert tree.nodes == ["v0", "v1", "v2"]
    assert len(tree.concept("v1").rows()) == (2 if family == "sdxl" else 1)


@pytest.mark.slow
def test_a_concept_is_a_root_and_its_own_pictures_are_split(sd1, grown, tmp_path):
    tree = plant(sd1, grown.concept("v1"), tmp_path / "deeper", name="deep")
    assert tree.record.source.kind == "concept" and tree.has_word("v0")
    assert (tree.words()["<deep_v0>"] == grown.words()["<cat_v1>"]).all()
    assert len(tree.images("v0")) == SMALL["central"] and tree.children("v0") == ["v1", "v2"]


def test_all_files_of_a_tree_are_readable_by_anyone(grown):
    data = checkpoint.read_json(grown.folder / "tree.json")
    assert data["nodes"]["v1"]["folder"] == "v1" and naming.concept_name("cat", "v1") == "cat_v1"
    assert vector({LEFT: grown.words()["<cat_v1>"], RIGHT: grown.words()["<cat_v2>"]}).shape == (64,)
