"""Blends, milder versions, merging, tracking, and the page."""

import html.parser
import shutil

import pytest
import torch
from made_trees import Judge, files, plant

from likewise.concept_tree import Tree, combine, consistency, explore, merge, page, tracking
from likewise.errors import (
    ConceptClashError,
    JudgeGoneError,
    NoStepsKeptError,
    RootWordError,
    SettingError,
    TreesDifferError,
    UnknownTreeNodeError,
)

DRAW = {"steps": 1, "n": 1}


@pytest.fixture(scope="module")
def other(sd1, pictures, tmp_path_factory):
    """A tree of another name."""
    return plant(sd1, pictures, tmp_path_factory.mktemp("trees") / "mug", name="mug", seeds=(5,))


@pytest.fixture
def tree(grown, tmp_path):
    """The small tree, to be changed."""
    shutil.copytree(grown.folder, tmp_path / "cat")
    return Tree.open(tmp_path / "cat")


def test_blends_within_a_tree_name_its_words_in_both_orders(grown):
    assert [one.prompt for one in explore.blends([grown])] == ["<cat_v1> <cat_v2>", "<cat_v2> <cat_v1>"]
    assert [one.prompt for one in explore.blends([grown], orders=False)] == ["<cat_v1> <cat_v2>"]


def test_blends_across_trees_pair_every_word_with_every_other(grown, other):
    found = explore.blends([grown, other], sentences=("a house made of {}",))
    assert len(found) == 4 * 3
    assert "a house made of <cat_v1> <mug_v2>" in [one.prompt for one in found]
    assert "a house made of <mug_v2> <cat_v1>" in [one.prompt for one in found]


def test_nodes_are_chosen_by_number_in_all_trees_or_by_name_in_one(grown, other):
    assert explore.chosen([grown, other], ["v1"]) == ["<cat_v1>", "<mug_v1>"]
    assert explore.chosen([grown, other], ["mug_v2", "<cat_v1>"]) == ["<mug_v2>", "<cat_v1>"]
    assert [one.prompt for one in explore.blends([grown], pairs=False)] == ["<cat_v1>", "<cat_v2>"]


def test_the_two_orders_are_read_differently_and_a_word_without_its_vector_is_another_picture(grown, sd1, tmp_path):
    there, back = (sd1.encode_text([one.prompt], grown.words()).embeds for one in explore.blends([grown]))
    assert not torch.allclose(there, back)
    drawn = combine(grown, backbone=sd1, **DRAW)
    assert drawn[0].image.tobytes() != drawn[1].image.tobytes()
    none = sd1.encode_text(["<cat_v1> <cat_v2>"], {**grown.words(), "<cat_v1>": torch.zeros(1, 32)}).embeds
    assert not torch.allclose(there, none)


def test_blends_are_drawn_from_one_noise_and_put_on_a_sheet(grown, other, sd1, tmp_path):
    found = combine([grown, other], ["cat_v1", "mug_v1"], backbone=sd1, out=tmp_path / "out", **DRAW)
    assert [one.metadata["prompt"] for one in found] == ["<cat_v1> <mug_v1>", "<mug_v1> <cat_v1>"]
    assert {one.metadata["seed"] for one in found} == {0}
    assert (tmp_path / "out" / "sheet.png").is_file()


def test_impossible_blends_say_why(grown):
    with pytest.raises(SettingError, match="where the words go"):
        explore.blends([grown], sentences=("a house",))
    with pytest.raises(SettingError, match="two words at least"):
        explore.blends([grown], ["v1"])
    with pytest.raises(UnknownTreeNodeError):
        explore.blends([grown], ["v9"])
    with pytest.raises(RootWordError):
        explore.blends([grown], ["v0", "v1"])
    with pytest.raises(ConceptClashError):
        combine([grown, grown], backbone="nowhere")


def test_other_braces_of_a_sentence_are_its_own(grown):
    found = explore.blends([grown], sentences=("a {red} {} in {0}}",), orders=False)
    assert [one.prompt for one in found] == ["a {red} <cat_v1> <cat_v2> in {0}}"]


def test_a_ladder_whose_sentence_leaves_out_the_word_is_refused(grown):
    with pytest.raises(SettingError, match="where the words go"):
        explore.ladder(grown, "v1", sentence="a house", backbone="nowhere")


def test_a_milder_version_is_a_concept_with_the_vectors_of_that_step(grown, tmp_path):
    found = explore.milder(grown, "v1", 2, tmp_path / "mild")
    assert found.placeholder == "<cat_v1-s2>" and torch.equal(found.rows()[0], grown.steps("v1")[2])
    assert not torch.equal(found.rows()[0], grown.words()["<cat_v1>"])
    with pytest.raises(NoStepsKeptError, match="there are 2, 4"):
        explore.milder(grown, "v1", 3, tmp_path / "other")


def test_the_ladder_ends_in_the_word_itself(grown, sd1):
    mild, full = explore.ladder(grown, "v1", backbone=sd1, **DRAW)
    alone = combine(grown, ["v1"], pairs=False, backbone=sd1, **DRAW)[0]
    assert full.image.tobytes() == alone.image.tobytes() and mild.metadata["prompt"] == "<cat_v1-s2>"


def test_a_tree_grown_on_elsewhere_is_taken_over(sd1, grown, tree, tmp_path):
    shutil.copytree(grown.folder, tmp_path / "there" / "cat")
    there = Tree.open(tmp_path / "there" / "cat")
    plant(sd1, there, None, nodes=["v2"])
    assert merge(tree, there) == ["v5", "v6"]
    assert files(tree.folder / "v5") == files(there.folder / "v5")
    assert Tree.open(tree.folder).record.splits == there.record.splits
    assert merge(tree, there) == []


def test_a_tree_of_a_trees_word_is_grafted_under_that_word_and_renamed(sd1, grown, tree, tmp_path):
    grafted = plant(sd1, grown.concept("v2"), tmp_path / "deeper", name="deep")
    assert merge(tree, grafted) == ["v5", "v6"]
    assert torch.equal(tree.words()["<cat_v5>"], grafted.words()["<deep_v1>"])
    assert tree.concept("v5").card.provenance["tree"] == "cat" and "v2" in tree.record.splits
    assert tree.node("v5").hash == tree.concept("v5").hash


def test_trees_that_do_not_belong_together_are_left_as_they_are(sd1, pictures, tree, other, tmp_path):
    before = files(tree.folder)
    with pytest.raises(TreesDifferError, match="v1, v2 grew into another word"):
        merge(tree, other)
    from made_trees import photos

    stranger = plant(sd1, photos(tmp_path / "photos", 4), tmp_path / "stranger")
    with pytest.raises(TreesDifferError, match="grew from different things"):
        merge(tree, stranger)
    assert files(tree.folder) == before


def test_consistency_distinction_and_relevance_are_tracked_over_steps(sd1, tree):
    judges = [Judge("mosaic", 0), Judge("other", 3)]
    found = tracking.measure(tree, "v0", sd1, judges, pictures=3)
    assert [(one.step, one.encoder) for one in found] == [(2, "mosaic"), (2, "other"), (4, "mosaic"), (4, "other")]
    stored = [one for one in Tree.open(tree.folder).record.splits["v0"].tracked if one.encoder == "mosaic"]
    assert [one.step for one in stored] == [2, 4]
    last = next(one for one in found if (one.step, one.encoder) == (4, "mosaic"))
    assert last.consistency == pytest.approx(sum(tree.node(side).own["mosaic"] for side in ("v1", "v2")), abs=1e-6)
    with pytest.raises(NoStepsKeptError):
        tracking.measure(tree, "v0", sd1, judges, steps=[3])
    with pytest.raises(UnknownTreeNodeError):
        tracking.measure(tree, "v1", sd1, judges)


def judged(tree, encoders, **changes):
    """The tree as if those had judged its split: name -> hash."""
    split = tree.record.splits["v0"].model_copy(update={"encoders": encoders, **changes})
    tree.replace(tree.record.nodes, {"v0": split})
    return Tree.open(tree.folder)


def test_encoders_are_loaded_again_by_what_was_asked_for(tree, tmp_path, monkeypatch):
    made = {"dreamsim": "embedded", str(tmp_path / "own"): "tower", "dreamsim:" + str(tmp_path / "tuned"): "tuned"}
    (tmp_path / "own").mkdir()
    (tmp_path / "tuned").mkdir()
    monkeypatch.setattr(consistency, "judge", lambda name: Judge(made[name], len(name)))
    monkeypatch.chdir(tmp_path)
    asked = ("dreamsim", "own", "dreamsim:tuned")
    lasting = dict(zip(made.values(), map(consistency.lasting, asked), strict=True))
    assert list(lasting.values()) == list(made)
    monkeypatch.chdir("/")
    hashes = {name: Judge(name, len(given)).hash for given, name in made.items()}
    found = tracking.judges(judged(tree, hashes, loads=lasting), "v0")
    assert [one.name for one in found] == ["embedded", "tower", "tuned"]


def test_encoders_of_trees_that_kept_only_the_settings_are_loaded_by_those(tree, monkeypatch):
    settings = {**tree.record.splits["v0"].settings, "encoder": "dreamsim", "judges": ["toybox"]}
    monkeypatch.setattr(consistency, "judge", lambda name: Judge(name, len(name)))
    old = judged(tree, {one: f"{len(one):064x}" for one in ("dreamsim", "toybox")}, settings=settings)
    assert [one.name for one in tracking.judges(old, "v0")] == ["dreamsim", "toybox"]
    settings["judges"] = ["of another length"]
    with pytest.raises(JudgeGoneError, match="v0 was judged by the encoder 'toybox'"):
        tracking.judges(judged(old, old.record.splits["v0"].encoders, settings=settings), "v0")
    assert tracking.judges(old, "v1") == []


class Seen(html.parser.HTMLParser):
    """What a browser would load and show."""

    VOID = ("img", "meta", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.copies, self.text = [], [], [], ""
        self.feed(text)
        assert self.open == [], "markup is balanced"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.sources += [attrs[name] for name in ("src", "href") if name in attrs]
        self.copies += [attrs["data-text"]] if "data-text" in attrs else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_else_and_offers_prompts_to_copy(grown):
    seen = Seen(page.render(grown))
    assert len(seen.sources) == 3 + 2 + 2 and all(one.startswith("data:image/jpeg") for one in seen.sources)
    assert "<cat_v1>" in seen.copies and "<cat_v1> <cat_v2>" in seen.copies
    assert "a house made of <cat_v2>" in seen.copies
    assert "http" not in page.render(grown)


def test_the_page_shows_blends_that_were_drawn_into_the_tree_and_why_a_node_is_whole(sd1, tree):
    combine(tree, backbone=sd1, out=tree.folder / page.BLENDS, **DRAW)
    splits = dict(tree.record.splits)
    splits["v1"] = splits["v0"].model_copy(
        update={"stopped": "<b>the words draw the same</b>", "chosen": None, "seeds": {}}
    )
    tree.replace(tree.record.nodes, splits)
    seen = Seen(page.render(tree))
    assert "Left whole: <b>the words draw the same</b>." in seen.text and "Blends" in seen.text
    assert "<cat_v2> <cat_v1>" in seen.copies


def test_a_tree_writes_its_page_when_it_grows(grown):
    assert (grown.folder / "tree.html").read_text(encoding="utf-8") == page.render(grown)
