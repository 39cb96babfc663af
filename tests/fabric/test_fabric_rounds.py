"""Rounds that a scorer votes in, and what is said of pictures that glare."""

import numpy as np
import pytest
from fabric_made import Colours
from PIL import Image

from likewise.errors import BurnoutWarning
from likewise.fabric import Session, burnout, easel, play, rounds
from likewise.imagine.output import Picture


@pytest.fixture
def scripted(sd1, tmp_path, monkeypatch):
    """A session whose pictures are flat greys, lighter with every round, and a scorer of their lightness."""

    def draw(_prompt, *, seed, config, **_how):
        greys = [(seed // 1000) * 20 + 10 * index for index in (1, 3, 0, 2)][: config.n]
        return [Picture(Image.new("RGB", (8, 8), (grey,) * 3), {"seed": seed + i, "concepts": []})
                for i, grey in enumerate(greys)]  # fmt: skip

    monkeypatch.setattr(easel, "draw", draw)
    return Session.begin(tmp_path / "s", "a dog", backbone=sd1, encoder=Colours(), n=4, newest=5)


def lightness(pictures):
    return np.array([np.asarray(one).mean() for one in pictures])


def test_the_best_is_liked_and_the_worst_disliked_so_round_r_has_r_of_each_until_the_cap(scripted):
    found = list(play(scripted, lightness, 4, others={"dark": lambda pictures: -lightness(pictures)}))
    assert [(len(one.round.likes), len(one.round.dislikes)) for one in found] == [(0, 0), (1, 1), (2, 2), (3, 2)]
    assert [one.what for one in found[3].round.likes] == ["1-2", "2-2", "3-2"]
    assert [one.what for one in found[3].round.dislikes] == ["2-3", "3-3"]  # the newest
    assert found[1].scores.tolist() == [30, 50, 20, 40]
    assert found[1].others["dark"].tolist() == [-30, -50, -20, -40]


def test_likes_alone_or_nothing_may_vote_and_branches_share_the_first_round(scripted, recwarn):
    assert [len(one.round.likes) for one in play(scripted, lightness, 3, dislikes=False)] == [0, 1, 2]
    assert not scripted.dislikes
    scripted.branch(1)
    found = list(play(scripted, lightness, 3, likes=False, dislikes=False))
    assert [one.round.round for one in found] == [1, 4, 5]
    assert found[2].round.likes == []
    assert not [one for one in recwarn if "Nothing is liked" in str(one.message)]


def test_scorers_are_likeness_to_a_picture_or_to_a_text():
    class Reader(Colours):
        def embed_texts(self, texts):
            return self.embed([Image.new("RGB", (8, 8), text) for text in texts])

    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    assert rounds.like_picture(Colours(), red)([red, blue])[0] == pytest.approx(1, abs=1e-6)
    scores = rounds.like_text(Reader(), "red")([red, blue])
    assert scores[0] > 0.99
    assert scores[1] < 0.01


def test_measures_of_identical_pictures_are_those_of_the_hand(scripted):
    scripted.next()
    grey = scripted.round.metrics
    assert grey["diversity"] == pytest.approx(0, abs=1e-4)  # greys have one colour
    assert grey["saturation"] == grey["contrast"] == 0


def test_colour_and_contrast_are_measured_by_hand():
    half = Image.new("RGB", (4, 2), (255, 0, 0))
    half.paste((0, 0, 0), (0, 0, 2, 2))
    assert burnout.look([half]) == {"saturation": 0.5, "contrast": round(1 / 6, 6)}


def test_a_round_that_glares_beside_its_first_and_its_likes_is_told_of(sd1, tmp_path, monkeypatch):
    session = Session.begin(tmp_path / "s", "a dog", backbone=sd1, encoder="none", n=1, steps=1)
    session.next()
    session.like(1)
    look = burnout.look
    monkeypatch.setattr(burnout, "look", lambda pictures: {name: 1.6 * x for name, x in look(pictures).items()})
    monkeypatch.setattr(burnout, "burnt", lambda found, first, likes: ["contrast"])
    with pytest.warns(BurnoutWarning, match=r"its contrast is more than 1.5 times.*1 liked and 0 disliked"):
        session.next()
    monkeypatch.undo()
    calm, loud = {"saturation": 0.2, "contrast": 0.1}, {"saturation": 0.31, "contrast": 0.14}
    assert burnout.burnt(loud, calm, []) == ["saturation"]
    assert burnout.burnt(loud, calm, [Image.new("RGB", (4, 4), "red")]) == []  # a like may be as red as that


def test_a_round_without_references_never_glares(sd1, tmp_path, recwarn):
    session = Session.begin(tmp_path / "s", "a dog", backbone=sd1, encoder="none", n=1, steps=1)
    session.next()
    assert set(session.round.metrics) == {"saturation", "contrast"}
    assert not [one for one in recwarn if one.category is BurnoutWarning]
