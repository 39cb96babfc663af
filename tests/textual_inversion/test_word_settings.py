"""Settings, sentences and where a word starts."""

import pytest
import torch

from likewise import registry
from likewise.diffusion.backbone import Facts
from likewise.errors import BadSettingError, IdleSettingWarning, InitializerError, UnknownSettingError
from likewise.textual_inversion import Config, start
from likewise.textual_inversion.captions import captions, sentences
from likewise.textual_inversion.config import DEFAULTS


def facts(family):
    return Facts(family, "epsilon", 512, 4, 8, 0.18215, 768, 77, 1000)


def test_a_noun_within_another_word_s_brackets_stays():
    final, _ = captions(["<my_cat> and a Cat", "<cat>"], Config(), "<rex>", "cat")
    assert final == ("<my_cat> and a <rex>", "a <rex>, <cat>")


@pytest.mark.parametrize("name", ["lr", "weight_decay", "clip_norm"])
def test_infinity_is_no_setting(name):
    with pytest.raises(BadSettingError, match="finite"):
        Config.for_backbone(facts("sd1"), {name: float("inf")})


@pytest.mark.parametrize(("family", "learns"), DEFAULTS)
def test_every_row_of_defaults_is_a_valid_config(family, learns):
    config = Config.for_backbone(facts(family), {"learns": learns})
    assert {name: getattr(config, name) for name in DEFAULTS[family, learns]} == DEFAULTS[family, learns]
    assert registry.config("textual-inversion") is Config


def test_stable_diffusion_has_the_settings_of_the_specification():
    config = Config.for_backbone(facts("sd1"))
    assert (config.steps, config.rate, config.weight_decay) == (2000, 2e-3, 0.0)
    assert (config.lr_schedule, config.lr_final) == ("cosine", 0.1)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"lr": 0}, "lr"), ({"vectors": 0}, "vectors"), ({"instance_prompt": "a dog"}, "must contain {identifier}")],
)
def test_a_value_that_cannot_work_is_refused(options, said):
    with pytest.raises(BadSettingError, match=said):
        Config.for_backbone(facts("sd1"), options)


def test_unknown_settings_and_those_without_effect_are_told_of():
    with pytest.raises(UnknownSettingError, match="Did you mean 'vectors'"):
        Config.for_backbone(facts("sd1"), {"vector": 1})
    with pytest.warns(IdleSettingWarning, match="lr_final has no effect"):
        Config.for_backbone(facts("sd1"), {"lr_schedule": "constant", "lr_final": 0.5})
    with pytest.warns(IdleSettingWarning, match="pooling has no effect while the base model is sd1"):
        Config.for_backbone(facts("sd1"), {"pooling": "eos"})


def test_one_vector_is_the_row_of_its_word_and_more_are_near_it_and_apart(toybox):
    table = toybox.text_encoders[0].get_input_embeddings().weight
    own = table[toybox.tokenizers[0]("robot", add_special_tokens=False).input_ids[0]]
    assert torch.equal(start(toybox, "robot", 1, 0)[0], own)
    rows = start(toybox, "robot", 3, 0)
    assert torch.allclose((rows - own).norm(dim=1), torch.full((3,), 0.01) * own.norm(), rtol=1e-4)
    assert not torch.equal(rows[0], rows[1])
    assert torch.equal(rows, start(toybox, "robot", 3, 0))
    assert not torch.equal(rows, start(toybox, "robot", 3, 1))


def test_a_word_of_as_many_tokens_as_vectors_gives_each_its_own(toybox):
    table = toybox.text_encoders[0].get_input_embeddings().weight
    ids = toybox.tokenizers[0]("red robot", add_special_tokens=False).input_ids
    assert torch.equal(start(toybox, "red robot", 2, 0), table[ids])


@pytest.mark.parametrize(("word", "count"), [("wombat", 1), ("wombat", 2), ("red robot", 1), ("", 1)])
def test_another_number_of_tokens_is_refused_with_the_split(toybox, word, count):
    with pytest.raises(InitializerError) as refused:
        start(toybox, word, count, 0)
    text = str(refused.value)
    assert ("red + robot" in text) == (word == "red robot")
    assert ("--vectors 5" in text) == (word == "wombat")


def test_a_model_with_two_encoders_gets_rows_for_each(sdxl):
    first, second = start(sdxl, "robot", 2, 0)
    assert (first.shape, second.shape) == ((2, 32), (2, 48))


def test_sentences_are_those_of_the_authors():
    things, styles = sentences(Config(), "<x>", "dog"), sentences(Config(learns="style"), "<x>", "painting")
    assert (len(things), len(set(things)), len(styles), len(set(styles))) == (27, 27, 19, 17)
    assert all("<x>" in text for text in (*things, *styles))
    assert all(text.endswith("in the style of <x>") for text in styles)


def test_a_model_of_few_words_learns_from_the_prompt_that_asks_for_the_thing():
    """Toybox has never read most of the paper's sentences: a word learned in them is another in plain ones."""
    thing = Config.for_family("toybox", {})
    assert (sentences(thing, "<x>", "dog"), thing.places) == (("a <x>",), True)
    style = Config.for_family("toybox", {"learns": "style"})
    assert (sentences(style, "<x>", "painting"), style.places) == (("a painting in the style of <x>",), False)
    assert Config.for_family("toybox", {"parity": "diffusers"}).sentences == "paper"
    assert Config.for_family("sd1", {}).sentences == "paper"


def test_a_style_is_nowhere():
    with pytest.raises(ValueError, match="places"):
        Config(learns="style", places=True)


def test_captions_hold_the_word_or_are_given_it():
    texts = (None, "a <x> in the snow", "a Dog in the snow", "in the snow")
    final, changed = captions(texts, Config(), "<x>", "dog")
    assert final == (None, "a <x> in the snow", "a <x> in the snow", "a <x>, in the snow")
    assert changed == ["'a Dog in the snow' -> 'a <x> in the snow'", "'in the snow' -> 'a <x>, in the snow'"]
    final, _ = captions(("a house",), Config(learns="style"), "<x>", "painting")
    assert final == ("a house, in the style of <x>",)
