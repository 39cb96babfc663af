"""A concept goes onto its own base model, works, and comes off without a trace."""

import pytest
import torch
from concepts import with_lora, with_weights, with_words

from likewise import diffusion
from likewise.checkpoint import hash_tensors
from likewise.concept import Concept
from likewise.concept.applying import applied
from likewise.errors import (
    BrokenFileError,
    ConceptClashError,
    ConceptClashWarning,
    IdleSettingWarning,
    ModelFolderError,
    WrongBaseError,
)

KINDS = {"lora": with_lora, "words": with_words, "weights": with_weights}


def answer(backbone, words=None):
    """What the model says to one question; a placeholder where it has a vector."""
    text = backbone.encode_text(["<rob>" if words else "a qxv toy"], words)
    with torch.no_grad():
        return backbone.predict(torch.ones(backbone.facts.latent_shape(1)), torch.tensor([500]), text)


def fingerprint(backbone):
    parts = {"unet": backbone.unet, "vae": backbone.vae, "text": backbone.text_encoders[0]}
    hooks = [len(m._forward_hooks) for part in parts.values() for m in part.modules()]
    return [hash_tensors(part.state_dict()) for part in parts.values()], sum(hooks)


@pytest.mark.parametrize("kind", KINDS)
def test_inside_it_changes_the_answer_and_afterwards_every_bit_is_back(toybox, tmp_path, kind):
    concept = KINDS[kind](toybox, tmp_path / "rob")
    before, plain = fingerprint(toybox), answer(toybox)
    with concept.apply(toybox) as words:
        assert list(words) == (["<rob>"] if kind == "words" else [])
        assert not torch.allclose(answer(toybox, words), plain)
    assert fingerprint(toybox) == before
    assert torch.equal(answer(toybox), plain)


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_off_after_an_error_too(toybox, tmp_path, kind):
    before = fingerprint(toybox)
    with pytest.raises(KeyboardInterrupt), KINDS[kind](toybox, tmp_path / "rob").apply(toybox):
        raise KeyboardInterrupt
    assert fingerprint(toybox) == before


def test_whole_weights_are_those_of_the_learned_model(toybox, tmp_path):
    concept = with_weights(toybox, tmp_path / "rob")
    learned = diffusion.load(concept.folder / "pipeline")
    with concept.apply(toybox):
        assert torch.equal(answer(toybox), answer(learned))


@pytest.mark.parametrize("kind", ["lora", "weights"])
def test_scale_moves_between_the_base_and_the_concept(toybox, tmp_path, kind):
    concept = KINDS[kind](toybox, tmp_path / "rob")
    plain = answer(toybox)
    far = {}
    for scale in (0.0, 0.5, 1.0):
        with concept.scaled(scale).apply(toybox):
            far[scale] = (answer(toybox) - plain).abs().max().item()
    assert far[0.0] < 1e-5 < far[0.5] < far[1.0]


def test_a_scale_that_a_learned_word_cannot_follow_is_told_of(toybox, tmp_path):
    half = with_words(toybox, tmp_path / "rob").scaled(0.5)
    with pytest.warns(IdleSettingWarning, match="scale has no effect"), half.apply(toybox):
        pass


def test_another_base_model_is_refused_by_name_before_anything_changes(toybox, sd1, tmp_path):
    concept = with_lora(toybox, tmp_path / "rob")
    before = fingerprint(sd1)
    taught = rf"<rob> was taught on the base model toybox \({toybox.hash[:12]}\).*sd1"
    with pytest.raises(WrongBaseError, match=taught), concept.apply(sd1):
        pass
    assert fingerprint(sd1) == before


def test_two_concepts_work_together(toybox, tmp_path):
    rob = with_lora(toybox, tmp_path / "rob")
    ann = with_lora(toybox, tmp_path / "ann", "ann", seed=1, identifier="zxq")
    with rob.apply(toybox):
        one = answer(toybox)
    with applied(toybox, [rob, ann]):
        both = answer(toybox)
    assert not torch.allclose(one, both)


def test_concepts_that_cannot_be_together_are_refused(toybox, tmp_path):
    rob = with_lora(toybox, tmp_path / "rob")
    with pytest.raises(ConceptClashError, match="same name"), applied(toybox, [rob, rob]):
        pass
    whole = [with_weights(toybox, tmp_path / name, name) for name in ("ann", "bea")]
    with pytest.raises(ConceptClashError, match="replace all weights"), applied(toybox, whole):
        pass
    double = with_lora(toybox, tmp_path / "cat", "cat")
    with pytest.warns(ConceptClashWarning, match="'qxv'.*mix"), applied(toybox, [rob, double]):
        pass


def test_a_damaged_file_leaves_the_model_as_it_was(toybox, tmp_path):
    rob, ann = with_lora(toybox, tmp_path / "rob"), with_weights(toybox, tmp_path / "ann", "ann")
    before = fingerprint(toybox)
    for path in (rob.folder / "pytorch_lora_weights.safetensors", *ann.folder.glob("pipeline/text_encoder/*tensors")):
        path.write_bytes(path.read_bytes()[:100])
    for concept, error in ((rob, BrokenFileError), (ann, ModelFolderError)):
        with pytest.raises(error), concept.apply(toybox):
            pass
        assert fingerprint(toybox) == before


def test_the_hash_follows_what_changes_a_picture_and_nothing_else(toybox, tmp_path):
    rob = with_lora(toybox, tmp_path / "rob")
    assert rob.hash == with_lora(toybox, tmp_path / "twin", "twin", scores={"good": 1}).hash
    assert rob.hash != with_lora(toybox, tmp_path / "b", "b", seed=1).hash
    assert rob.hash != with_lora(toybox, tmp_path / "c", "c", noun="robot").hash
    assert Concept.load(rob.folder).hash == rob.hash
