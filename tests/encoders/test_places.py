"""Where photos were taken: drawn places are told, and real rooms mostly left alone."""

import numpy as np

from likewise import encoders
from likewise.encoders.places import SURE, places
from likewise.seeds import numpy_stream
from likewise.toybox.captions import plain_caption
from likewise.toybox.scenes import BACKGROUNDS, draw
from likewise.words.places import PLACES


def test_the_words_are_those_of_the_world():
    assert [plain_caption("3d", "dog", place) for place in BACKGROUNDS] == [f"a 3d dog {place}" for place in PLACES]


class Told:
    """Pictures and texts as given rows."""

    def __init__(self, rows, texts):
        self.rows, self.texts = np.array(rows, float), texts

    def embed(self, pictures):
        return self.rows

    def embed_texts(self, texts):
        return np.array([self.texts.get(text.rsplit("thing", 1)[1].strip(), [0, 0, 1]) for text in texts], float)


def test_a_place_is_told_only_where_it_leads():
    snow, sand = "in the snow", "on the beach"
    encoder = Told([[1, 0, 0], [0, 1, 0], [0.71, 0.7, 0], [0, 0, 1]], {snow: [1, 0, 0], sand: [0, 1, 0]})
    assert places([None] * 4, "thing", encoder) == [snow, sand, None, None]
    assert 0.71 - 0.7 < SURE < 1


def test_drawn_places_are_recognised():
    towers = encoders.load("toybox")
    asked = [name for name in PLACES if name.startswith(("in the", "on the"))]
    found = [places([draw(name, numpy_stream(1, "place", name), 128)], "thing", towers)[0] for name in asked]
    right = [one == name for one, name in zip(found, asked, strict=True) if one is not None]
    assert len(right) >= 6 and np.mean(right) > 0.8
