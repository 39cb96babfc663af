import random

import pytest

from likewise import words
from likewise.errors import PromptTooLongError
from words.small import COMMON, tokenizer


@pytest.mark.parametrize("seed", range(20))
def test_the_count_is_the_tokenizers(seed):
    shuffle = random.Random(seed)
    odd = ["isn't", "2026!", "(red)", "über", "a,b;c", "🐶", "--", "x<y", "'s", "e\u0301", "…", "\u00a0", "\tzz"]
    prompt = " ".join(shuffle.choice([*COMMON, *odd]) for _ in range(shuffle.randrange(30)))
    assert words.check_length(tokenizer(), prompt, 10_000) == len(tokenizer()(prompt)["input_ids"])


def test_placeholders_count_their_vectors():
    count = words.check_length(tokenizer(), "a photo of <cat> and<dog>.", 77, {"<cat>": 3, "<dog>": 2})
    bare = words.check_length(tokenizer(), "a photo of and .", 77)
    assert count == bare + 5
    assert words.check_length(tokenizer(), "<cat>", 77) == 3


def test_a_prompt_that_just_fits_passes_and_one_more_word_is_named():
    prompt = " ".join(["dog"] * 75)
    assert words.check_length(tokenizer(), prompt, 77) == 77
    with pytest.raises(PromptTooLongError, match=r"takes 77 tokens and the model reads 75; .* lost: 'red robot'"):
        words.check_length(tokenizer(), f"{prompt} red robot", 77)


def test_a_word_that_fits_only_in_part_is_lost_too():
    with pytest.raises(PromptTooLongError, match="'<cat> toy'"):
        words.check_length(tokenizer(), "dog dog <cat> toy", 6, {"<cat>": 3})
