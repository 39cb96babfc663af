"""Spliced words are exactly new tokens, and a prompt that does not fit is told of."""

import pytest
import torch

from likewise.diffusion.tokens import tokenize
from likewise.errors import PlaceholderError, PromptTooLongError, SettingError, UnknownConceptError

PROMPTS = ["a photo of <x> on the beach", "<x>", "a<x>, toy and <x> dog", "the robot, a car", "<y> with <x>"]


@pytest.fixture
def words(rng):
    return {"<x>": torch.randn(3, 32, generator=rng), "<y>": torch.randn(1, 32, generator=rng)}


def added(folder, words):
    """The oracle: stock tokenizer and encoder with real new tokens, <x> written as <x> <x>_1 <x>_2."""
    from transformers import CLIPTextModel, CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").eval()
    for name, rows in words.items():
        names = [name if i == 0 else f"{name}_{i}" for i in range(len(rows))]
        tokenizer.add_tokens(names)
        encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        with torch.no_grad():
            encoder.get_input_embeddings().weight[-len(rows) :] = rows

    def encode(prompt):
        for name, rows in words.items():
            prompt = prompt.replace(name, " ".join([name, *(f"{name}_{i}" for i in range(1, len(rows)))]))
        ids = tokenizer(prompt, padding="max_length", max_length=77, return_tensors="pt").input_ids
        return encoder(ids)[0]

    return encode


@pytest.mark.filterwarnings("ignore")
def test_spliced_words_equal_tokens_added_to_tokenizer_and_table(toybox, folders, words):
    encode = added(folders["toybox"], words)
    with torch.no_grad():
        ours = toybox.encode_text(PROMPTS, words).embeds
        for prompt, row in zip(PROMPTS, ours, strict=True):
            assert torch.allclose(row, encode(prompt)[0], atol=1e-6), prompt


def test_gradients_reach_every_row_of_the_words_used_and_nothing_else(toybox, words):
    leaves = {name: rows.requires_grad_() for name, rows in words.items()}
    toybox.encode_text(["a photo of <x>"], leaves).embeds.square().sum().backward()
    assert (leaves["<x>"].grad.abs().sum(dim=1) > 0).all()
    assert leaves["<y>"].grad is None
    assert all(parameter.grad is None for parameter in toybox.text_encoders[0].parameters())


def test_the_lookup_is_as_before_after_splicing_and_after_an_error(toybox, words):
    before = toybox.encode_text(["a photo of a toy"]).embeds
    toybox.encode_text(["<x>"], words)
    with pytest.raises(SettingError, match=r"\(K, 32\)"):
        toybox.encode_text(["<x>"], {"<x>": torch.zeros(2, 31)})
    with pytest.raises(PromptTooLongError):
        toybox.encode_text(["<x>", "dog " * 80], words)
    assert torch.equal(toybox.encode_text(["a photo of a toy"]).embeds, before)
    assert not toybox.text_encoders[0].get_input_embeddings()._forward_hooks


@pytest.mark.parametrize("bracketed", ["<X>", "<lora:cat:1>", "<-x>"])
def test_brackets_that_are_no_placeholder_are_not_read_as_letters(toybox, words, bracketed):
    with pytest.raises(PlaceholderError, match=bracketed):
        toybox.encode_text([f"a photo of {bracketed}"], words)


def test_a_prompt_encodes_to_the_same_bits_twice_and_differs_from_another(toybox):
    first, second, other = (toybox.encode_text([prompt]).embeds for prompt in ("a dog", "a dog", "a cat"))
    assert torch.equal(first, second)
    assert not torch.allclose(first, other)


def test_what_does_not_fit_is_named(toybox, words):
    fits = "dog " * 75
    toybox.encode_text([fits])
    with pytest.raises(PromptTooLongError, match=r"77 tokens.*reads 75.*'beach forest'"):
        toybox.encode_text([fits + "beach forest"])
    with pytest.raises(PromptTooLongError, match="'<x>'"):  # each vector takes a place
        tokenize(toybox.tokenizers[0], "dog " * 75 + "<x>", words, 77)


def test_an_unknown_placeholder_is_never_read_as_letters(toybox, words):
    with pytest.raises(UnknownConceptError, match=r"<rob>.*Known here: <x>, <y>"):
        toybox.encode_text(["a photo of <rob>"], words)


def test_gaps_do_not_pass_for_end_marks(toybox, words):
    ids = tokenize(toybox.tokenizers[0], "a <x>", words, 77).ids
    assert ids.count(toybox.tokenizers[0].bos_token_id) == 1
    assert ids.index(toybox.tokenizers[0].eos_token_id) == 5
