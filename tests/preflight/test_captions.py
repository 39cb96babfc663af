"""Captions read token by token, on a tokenizer made for tests."""

from types import SimpleNamespace

import pytest

from likewise.preflight import captions
from tiny_models import folders, toybox  # noqa: F401


@pytest.fixture
def tokenizer(toybox):  # noqa: F811
    return toybox.tokenizers[0]


def looked(backbone, own, said=None, subject="qzx dog"):
    return captions.look(backbone, said or [text for text in own if text], own, subject, 1)


def warnings(rows):
    return [row.text for row in rows if row.level == "warning"]


def test_a_caption_is_shown_with_the_very_ids_that_training_uses(toybox, tokenizer):  # noqa: F811
    found = captions.read(tokenizer, "a dog, on the beach", 48)
    whole = tokenizer("a dog, on the beach", add_special_tokens=False)["input_ids"]
    assert list(found.ids) == whole and found.length == len(whole) + 2 and not found.lost
    assert f"ids {' '.join(map(str, whole))} ({found.length} of 48 tokens)" in found.line()


def test_what_would_be_cut_off_is_named(tokenizer):
    found = captions.read(tokenizer, "dog " * 20 + "in the snow", 22)
    assert found.lost == "in the snow" and "cut off: 'in the snow'" in found.line()


def test_a_learned_word_counts_its_vectors_and_has_no_id(tokenizer):
    one, three = (captions.read(tokenizer, "a <rex> dog", 48, vectors) for vectors in (1, 3))
    assert three.length == one.length + 2 and "<rex>" in one.ids
    assert captions.read(tokenizer, "a<rex>dog", 48).tokens[1] == "<rex>"


def test_the_first_three_different_captions_are_shown(toybox):  # noqa: F811
    rows = looked(toybox, ["a qzx dog"] * 4)
    assert [row.level for row in rows] == ["ok"]
    rows = looked(toybox, [f"a qzx dog {place}" for place in ("here", "there", "up", "down")])
    assert len(rows) == 3


def test_captions_that_do_not_say_the_word_are_flagged(toybox):  # noqa: F811
    found = warnings(looked(toybox, ["a qzx dog in snow", "a red qzxy dog at sea"]))
    assert found == ["1 of 2 captions do not say 'qzx', such as 'a red qzxy dog at sea'"]


def test_words_that_are_in_every_caption_are_flagged(toybox):  # noqa: F811
    own = ["a qzx dog with a Red collar in the snow", "the red collar of a qzx dog", "photo of qzx dog, red collar"]
    assert warnings(looked(toybox, own)) == [
        "every caption says 'collar', 'red', so that what the photos share is bound to that too"
    ]
    assert warnings(looked(toybox, [*own, None])) != [] and warnings(looked(toybox, own[:2])) == []
    assert warnings(looked(toybox, ["a qzx dog in snow", "a qzx dog at sea", "a qzx dog in a room"])) == []


def test_a_caption_that_is_too_long_is_a_warning():
    letters = SimpleNamespace(
        decode=lambda ids: "".join(map(chr, ids)),
        __call__=None,
    )

    class Letters:
        def __call__(self, text, *, add_special_tokens, verbose=True):
            return {"input_ids": [ord(letter) for letter in text]}

        decode = staticmethod(letters.decode)

    backbone = SimpleNamespace(tokenizers=[Letters()], facts=SimpleNamespace(text_length=8))
    assert len(warnings(looked(backbone, ["qzx dog is long"]))) == 1
