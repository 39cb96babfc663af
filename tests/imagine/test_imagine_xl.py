"""imagine on SDXL: the same promises as elsewhere, and the pooled text read as a word was learned."""

import numpy as np
import pytest
import torch
from concepts import card

from likewise import diffusion
from likewise.concept import Concept
from likewise.diffusion import lora, lora_formats
from likewise.errors import ConceptClashError
from likewise.imagine import from_png, imagine, plan


@pytest.fixture(scope="module")
def sdxl(folders):
    return diffusion.load(folders["sdxl"])


@pytest.fixture
def learned(sdxl, tmp_path, rng):
    """learned(name, pooling) -> a concept with a word for both towers."""

    def make(name, pooling):
        facts = card(sdxl, name, identifier=None, method="textual-inversion")
        facts = facts.model_copy(update={"config": {"pooling": pooling}})
        rows = tuple(torch.randn(1, width, generator=rng) for width in (32, 48))
        return Concept.save(tmp_path / name, facts, words=rows)

    return make


def pixels(picture):
    return np.asarray(picture.image).tolist()


def test_a_picture_does_not_depend_on_its_neighbours_and_is_drawn_again_from_its_file(sdxl, tmp_path):
    many = imagine("a dog", backbone=sdxl, n=2, steps=2, out=tmp_path)
    alone = imagine("a dog", backbone=sdxl, n=1, seed=1, steps=2)
    assert pixels(alone[0]) == pixels(many[1]) != pixels(many[0])
    assert many[0].metadata["pooling"] == "argmax"
    assert from_png(many[1].path, backbone=sdxl)[0].image.tobytes() == many[1].image.tobytes()


def test_a_word_is_drawn_with_the_pooling_that_it_was_learned_with(sdxl, learned, monkeypatch):
    asked = []
    encode = sdxl.encode_text
    monkeypatch.setattr(
        sdxl, "encode_text", lambda *given, pooling: asked.append(pooling) or encode(*given, pooling=pooling)
    )
    one, other = learned("one", "eos"), learned("other", "argmax")
    for concept, pooling in ((one, "eos"), (other, "argmax")):
        asked.clear()
        picture = imagine(f"a {concept.placeholder}", backbone=sdxl, concepts=[concept], n=1, steps=1)[0]
        assert set(asked) == {pooling} == {picture.metadata["pooling"]}
    with pytest.raises(ConceptClashError, match="another pooling"):
        plan.pooling([one, other])


def test_adapters_on_both_towers_change_the_picture_and_come_off(sdxl, tmp_path):
    plain = imagine("a qxv toy", backbone=sdxl, n=1, steps=1)[0]
    tensors = {}
    for part, module in lora_formats.components(sdxl).items():
        if part != "unet":
            adapters = lora.inject(module, part, rank=2, alpha=2, targets=lora.TEXT_TARGETS["attn"], seed=0)
            tensors |= {name: value.detach() + 0.1 for name, value in adapters.parameters().items()}
            adapters.remove()
    assert {name.split(".")[0] for name in tensors} == {"text_encoder", "text_encoder_2"}
    rob = Concept.save(tmp_path / "rob", card(sdxl, "rob"), lora=lora_formats.pack(tensors, 2.0))
    assert pixels(imagine("a qxv toy", backbone=sdxl, concepts=[rob], n=1, steps=1)[0]) != pixels(plain)
    assert pixels(imagine("a qxv toy", backbone=sdxl, n=1, steps=1)[0]) == pixels(plain)
