import pytest

from likewise import words
from likewise.errors import PlaceholderError
from words.small import clip_layout, tokenizer


@pytest.mark.parametrize("word", ["<cat>", "<cat-toy>", "<my_dog_2>", "<7>", "<a>", f"<{'x' * 64}>"])
def test_lower_case_names_in_brackets_will_do(word):
    assert words.check_placeholder(word, [tokenizer()]) == word


@pytest.mark.parametrize(
    ("word", "reason", "instead"),
    [
        ("cat", "one pair of angle brackets", "<cat>"),
        ("CatToy", "one pair of angle brackets", "<cattoy>"),
        ("<Cat>", "capital letters as small ones", "<cat>"),
        ("<cat toy>", "one pair of angle brackets", "<cat-toy>"),
        ("<cat", "one pair of angle brackets", "<cat>"),
        ("<<cat>>", "one pair of angle brackets", "<cat>"),
        ("<>", "one pair of angle brackets", "<my-thing>"),
        ("", "one pair of angle brackets", "<my-thing>"),
        ("<kätzchen>", "other signs", "<k-tzchen>"),
        ("<lora:cat:1>", "other signs", "<lora-cat-1>"),
        ("<../../etc>", "other signs", "<etc>"),
        ("<-cat>", "other signs", "<cat>"),
        ("<cat\n>", "one pair", "<cat>"),
        (f"<{'x' * 65}>", "longer than 64 letters", "<xxx"),
        ("<|endoftext|>", "other signs", "<endoftext>"),
    ],
)
def test_what_a_tokenizer_would_change_is_refused_with_a_better_name(word, reason, instead):
    with pytest.raises(PlaceholderError, match=reason) as said:
        words.check_placeholder(word)
    assert f"such as {instead}" in str(said.value)


def test_a_placeholder_in_use_is_refused():
    with pytest.raises(PlaceholderError, match=r"another concept already.*\n.*<cat-2>"):
        words.check_placeholder("<cat>", taken={"<cat>"})


@pytest.mark.parametrize("token", ["<cat>", "<cat>_1", "<cat>_12"])
def test_a_token_of_the_tokenizer_is_refused(token):
    model = clip_layout([("a", "b</w>")])
    model.add_tokens([token])
    with pytest.raises(PlaceholderError, match=f"a token '{token}' already"):
        words.check_placeholder("<cat>", [model])
    assert words.check_placeholder("<ca>", [model]) == "<ca>"


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("a photo of a <cat>", ["<cat>"]),
        ("<b> and <a>, then <b> again", ["<b>", "<a>"]),
        ("<cat>'s hat,<dog>!", ["<cat>", "<dog>"]),
        ("no placeholder", []),
        ("I <3 cats, 1 < 2 > 0, a <b c> d", []),
        ("", []),
    ],
)
def test_a_prompts_placeholders_are_found_in_order_once(prompt, found):
    assert words.placeholders(prompt) == found


@pytest.mark.parametrize("prompt", ["a <Cat>", "a cat <lora:foo:0.8>", "<CAT>"])
def test_brackets_that_mean_nothing_here_are_an_error_not_letters(prompt):
    with pytest.raises(PlaceholderError, match="cannot stand for a concept"):
        words.placeholders(prompt)
