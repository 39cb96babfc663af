import pytest

from likewise import words
from likewise.errors import NounError, NounSplitWarning
from likewise.words.nouns import near
from words.small import COMMON, tokenizer


@pytest.mark.parametrize("noun", ["dog", "Robot", " plush  toy "])
def test_words_that_the_tokenizer_reads_whole_pass(noun):
    assert words.check_noun(tokenizer(), noun) == " ".join(noun.lower().split())


def test_a_word_of_several_known_pieces_is_used_with_a_warning():
    with pytest.warns(NounSplitWarning, match=r"'houseboat' in pieces \(.*\+.*\).*Words it reads whole: .*house"):
        assert words.check_noun(tokenizer(), "houseboat", pieces=9) == "houseboat"


def test_a_word_in_more_pieces_than_allowed_is_an_error():
    with pytest.raises(NounError, match=r"'houseboat' is no word of this model's tokenizer, which reads .* \+ "):
        words.check_noun(tokenizer(), "houseboat", pieces=1)


@pytest.mark.parametrize("noun", ["xqzzt", "qqq", "犬"])
def test_what_falls_into_letters_is_no_noun(noun):
    with pytest.raises(NounError, match=rf"{noun}.* no word of this model's tokenizer.* Words it knows: .*toy"):
        words.check_noun(tokenizer(), noun)


def test_near_words_come_first():
    with pytest.raises(NounError, match=r"Words it knows: teapot, toy"):
        words.check_noun(tokenizer(), "teapott", pieces=1)


def test_words_that_a_model_never_saw_are_refused_where_its_words_are_known():
    assert words.check_noun(tokenizer(), "dog", known=COMMON) == "dog"
    with pytest.raises(NounError, match=r"'wolf' is no word that this model was trained with\. Words it knows: "):
        words.check_noun(tokenizer(), "wolf", known=COMMON)
    with pytest.raises(NounError, match=r"'plush wolf' has 'wolf' in it, which this model was not trained with"):
        words.check_noun(tokenizer(), "plush wolf", known=COMMON)


@pytest.mark.parametrize(
    ("noun", "reason"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("a dog", r"starts with 'a'.*Words it knows: dog"),
        ("<dog>", "holds '<dog>', which is no plain word"),
        ("dog2", "no plain word"),
        ("dog, cat", "no plain word"),
        ("red robot with one arm", "description of 5 words"),
    ],
)
def test_what_is_no_noun_is_refused_with_its_reason(noun, reason):
    with pytest.raises(NounError, match=reason):
        words.check_noun(tokenizer(), noun)


def test_near_words_are_known_words():
    assert near("dogs", ["dog", "cat", "zebra"]) == ["dog", "cat"]
    assert near("xyz", ["plinth"]) == []
