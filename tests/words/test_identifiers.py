import re
from itertools import product

import numpy as np
import pytest

from likewise import words
from likewise.errors import IdentifierError
from likewise.words.identifiers import COMPARED, RAREST, rare_tokens
from likewise.words.known import KNOWN
from words.small import tokenizer


def ids(model, text):
    return model(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(("seeds", "noun"), [((0,), "plush toy"), ((0, 1), "dog")])
def test_every_condition_holds_for_100_draws(seeds, noun):
    models = [tokenizer(seed) for seed in seeds]
    drawn = [words.find_identifier(models, seed, noun) for seed in range(100)]
    for found in drawn:
        assert re.fullmatch("[a-z]{2,3}", found.token) and found.token not in KNOWN
        assert len(found.ids) == len(models)
        for model, one in zip(models, found.ids, strict=True):
            assert model.convert_ids_to_tokens(one) == f"{found.token}</w>"
            assert ids(model, found.token) == [one] and model.decode([one]).strip() == found.token
            assert ids(model, f"a {found.token} {noun}") == [*ids(model, "a"), one, *ids(model, noun)]
            merges = [i for token, i in model.get_vocab().items() if len(token.removesuffix("</w>")) > 1]
            merges = sorted(set(merges) - set(model.all_special_ids))
            rank = merges.index(one) / len(merges)
            assert RAREST[0] - 0.01 <= rank <= RAREST[1] + 0.01
    assert len({found.token for found in drawn}) > 40  # seeds choose freely among what is rare


def test_the_same_seed_gives_the_same_token():
    first = [words.find_identifier([tokenizer()], seed, "dog") for seed in range(10)]
    assert first == [words.find_identifier([tokenizer()], seed, "dog") for seed in range(10)]


class Clip:
    """CLIP's layout only: 512 single letters, 48,894 merges, of which every 20th is a syllable, 2 end marks."""

    def __init__(self):
        self.all_special_tokens = ["<|startoftext|>", "<|endoftext|>"]

    def get_vocab(self):
        letters = {chr(0x4E00 + i % 256) + "</w>" * (i // 256): i for i in range(512)}
        syllables = ("".join(parts) for parts in product("abcdefghijklmnopqrstuvwxyz", repeat=3))
        merges = {next(syllables) + "</w>" if i % 20 == 0 else f"merge{i}": i for i in range(512, 49_406)}
        return letters | merges | {"<|startoftext|>": 49_406, "<|endoftext|>": 49_407}

    def get_added_vocab(self):
        return {}

    def __call__(self, text, **options):
        raise NotImplementedError

    def decode(self, token_ids):
        raise NotImplementedError


def test_for_clips_vocabulary_the_range_is_ids_20000_to_47000():
    vocabulary = Clip().get_vocab()
    chosen = [vocabulary[f"{token}</w>"] for token in rare_tokens(Clip())]
    assert 20_000 <= min(chosen) < 20_200
    assert 46_800 < max(chosen) <= 47_000


def test_taken_tokens_and_the_noun_itself_are_avoided():
    first = words.find_identifier([tokenizer()], 0, "dog")
    second = words.find_identifier([tokenizer()], 0, "dog", taken=[first.token.upper()])
    assert second.token != first.token
    third = words.find_identifier([tokenizer()], 0, second.token, taken=[first.token])
    assert third.token not in (first.token, second.token)


def test_an_identifier_of_two_tokenizers_is_a_token_of_both():
    both = words.find_identifier([tokenizer(0), tokenizer(1)], 3, "dog")
    assert f"{both.token}</w>" in tokenizer(0).get_vocab()
    assert f"{both.token}</w>" in tokenizer(1).get_vocab()


def test_of_the_candidates_the_one_that_changes_the_prompt_least_is_chosen():
    asked = []

    def encode(prompts):
        asked.extend(prompts)
        angles = [0.0] + [0.2 + (sum(map(ord, prompt)) % 17) / 20 for prompt in prompts[1:]]
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    found = words.find_identifier([tokenizer()], 0, "dog", encode=encode)
    assert asked[0] == "a dog" and len(asked) == COMPARED + 1
    scores = {prompt: np.cos(0.2 + (sum(map(ord, prompt)) % 17) / 20) for prompt in asked[1:]}
    assert found.score == pytest.approx(max(scores.values()))
    assert scores[f"a {found.token} dog"] == pytest.approx(found.score)
    assert words.find_identifier([tokenizer()], 0, "dog", encode=encode) == found


def test_torch_rows_will_do_too():
    import torch

    found = words.find_identifier([tokenizer()], 0, "dog", encode=lambda prompts: torch.ones(len(prompts), 4))
    assert found.score == pytest.approx(1.0)


def test_when_all_are_taken_the_message_says_so():
    taken = rare_tokens(tokenizer())
    with pytest.raises(IdentifierError, match=rf"None of the tokenizer's {len(taken)} rare .* before 'dog'"):
        words.find_identifier([tokenizer()], 0, "dog", taken=taken)


@pytest.mark.parametrize("word", ["sks", "dog", "owl", "bmw", "fbi", "sex", "jpg", "the", "und", "ing", "leo", "usa"])
def test_words_brands_weapons_and_insults_are_known(word):
    assert word in KNOWN


def test_the_list_holds_short_lowercase_words_only():
    assert len(KNOWN) > 1400
    assert all(2 <= len(word) <= 3 and word == word.lower() and word.isalpha() for word in KNOWN)
