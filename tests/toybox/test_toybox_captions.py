"""Captions are English, and every word of theirs is one token."""

import re

import pytest
from toybox_made import SPRITES

from likewise.seeds import numpy_stream
from likewise.toybox import captions, vocabulary
from likewise.toybox.concepts import MASCOTS, STYLES, WORLD
from likewise.toybox.scenes import BACKGROUNDS
from likewise.toybox.sprites import Sprites
from likewise.toybox.world import World


@pytest.fixture(scope="module")
def tokenizer():
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    from likewise.diffusion.vocabulary import bpe

    common = vocabulary.words()
    table, merges = bpe(common + vocabulary.rare_syllables(common))
    return CLIPTokenizer(vocab=table, merges=merges, model_max_length=48)


@pytest.mark.parametrize(
    ("style", "subject", "place", "expected"),
    [
        ("3d", "dog", "on the beach", "a 3d dog on the beach"),
        ("flat", "apple", "in a room", "a flat apple in a room"),
        ("sticker", "apple", "in the snow", "a sticker of an apple in the snow"),
        ("sticker", "socks", "in the snow", "a sticker of socks in the snow"),
        ("photo", "umbrella", "on the road", "a photo of an umbrella on the road"),
    ],
)
def test_the_plain_caption_has_its_article(style, subject, place, expected):
    assert captions.plain_caption(style, subject, place) == expected


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("box", "boxes"),
        ("peach", "peaches"),
        ("cherries", "cherries"),
        ("fish", "fish"),
        ("bus", "bus"),
    ],
)
def test_plurals(one, many):
    assert captions.plural(one) == many


def said(subjects, size="", place="", count=200):
    rngs = [numpy_stream(index, "caption") for index in range(count)]
    how = {"style": "3d", "subjects": subjects, "size": size, "place": place, "background": "on the beach"}
    return {captions.caption(rng, **how) for rng in rngs}


def test_a_scene_is_said_in_several_ways():
    found = said(["apple"], "big", "on the left")
    assert {"a 3d big apple on the left on the beach", "on the beach, a 3d apple"} <= found and len(found) >= 6


def test_two_of_a_kind_are_counted_and_two_kinds_are_joined():
    assert all("two apples" in text and "a two" not in text for text in said(["apple", "apple"]))
    assert all("dog and an apple" in text for text in said(["dog", "apple"]))


def test_no_caption_says_a_before_a_vowel():
    world = World(Sprites(SPRITES), 0, 96)
    texts = [world.scene(index).caption for index in range(500)]
    assert [text for text in texts if re.search(r"\ba [aeiou]|\ba (two|socks|jeans)\b|\ban [^aeiou]", text)] == []


def test_every_word_of_500_scenes_is_one_token(tokenizer):
    world = World(Sprites(SPRITES), 0, 96)
    texts = [world.scene(index).caption for index in range(500)]
    names = [concept.name for concept in (*WORLD, *MASCOTS)]
    texts += [captions.plain_caption(style, name, "in a room") for style, name in zip(STYLES * 50, names, strict=False)]
    texts += list(BACKGROUNDS)
    pieces = [len(re.findall(r"[a-z]+|\d|[^\sa-z\d]+", text)) for text in texts]
    assert [len(ids) - 2 for ids in tokenizer(texts).input_ids] == pieces


def test_rare_syllables_are_single_tokens_and_no_words(tokenizer):
    common = vocabulary.words()
    rare = vocabulary.rare_syllables(common)
    assert len(set(rare)) == vocabulary.RARE and set(rare).isdisjoint(common)
    assert {len(ids) for ids in tokenizer(rare).input_ids} == {3}
