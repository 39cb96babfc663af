"""The word's rows are what the reference's whole table gives, and nothing else of the model moves."""

import pytest
import torch
from made_words import WORD, data_for

from likewise import diffusion
from likewise.diffusion.backbone import Text
from likewise.textual_inversion import Config, optimise, start, vectors
from likewise.textual_inversion.draw import draw
from likewise.textual_inversion.learn import learn
from likewise.tuning.memory import weights
from oracles.textual_inversion import Dense

QUICK = [(0.0, 1, 3), (1e-2, 3, 1)]  # decay, vectors, accumulation
TABLE = [
    pytest.param(*row, marks=() if row in QUICK else pytest.mark.slow)
    for row in [(decay, count, parts) for decay in (0.0, 1e-2) for count in (1, 3) for parts in (1, 3)]
]


def everything(backbone):
    """Every parameter and buffer, copied."""
    modules = {"unet": backbone.unet, "vae": backbone.vae}
    modules |= {f"text {i}": encoder for i, encoder in enumerate(backbone.text_encoders)}
    return {f"{part}.{name}": value.clone() for part, m in modules.items() for name, value in m.state_dict().items()}


def quick(noisy, t, text):
    """A network of one line: the rows under test are those of the text encoder."""
    text = text.embeds if isinstance(text, Text) else text
    return noisy * text.mean(dim=(1, 2)).view(-1, 1, 1, 1)


@pytest.mark.parametrize(("decay", "count", "parts"), TABLE)
def test_fifty_steps_equal_a_dense_table_whose_other_rows_are_restored_bit_for_bit(
    sd1, folders, monkeypatch, decay, count, parts
):
    monkeypatch.setattr(sd1, "predict", quick)
    shape = {"steps": 50, "batch": 2, "accumulation": parts, "vectors": count, "weight_decay": decay}
    config = Config(lr=5e-3, scale_lr=False, lr_schedule="constant", **shape)
    data = data_for(sd1, count)
    dense = Dense(folders["sd1"], WORD, data.words[WORD], lr=config.lr, weight_decay=decay)
    for step in learn(sd1, data, config, 0):
        first = (step.index - 1) * config.samples
        batches = [draw(data, config, 0, first + 2 * part, 1000) for part in range(parts)]
        assert step.losses["loss"] == pytest.approx(dense.step(batches, quick), abs=1e-6)
    rows = vectors(weights(step.state()))[WORD]
    assert torch.equal(rows, dense.rows)
    assert (rows - data.words[WORD]).abs().min() > 0


FAMILIES = ["sd1", "toybox", *(pytest.param(family, marks=pytest.mark.slow) for family in ("sd2", "sd2-v"))]


@pytest.mark.parametrize("family", FAMILIES)  # epsilon with a spread of latents, v-prediction without
def test_ten_steps_equal_stock_modules(family, folders):
    backbone = diffusion.load(folders[family])
    config = Config(steps=10, batch=2, lr=5e-3, scale_lr=False, lr_schedule="constant")
    data = data_for(backbone)
    dense = Dense(folders[family], WORD, data.words[WORD], lr=config.lr, weight_decay=0.0)
    for step in learn(backbone, data, config, 0):
        batch = draw(data, config, 0, (step.index - 1) * 2, 1000)
        assert step.losses["loss"] == pytest.approx(dense.step([batch]), abs=1e-6)
    assert (vectors(weights(step.state()))[WORD] - dense.rows).abs().max() <= 1e-5


@pytest.mark.parametrize("family", ["sd1", pytest.param("sdxl", marks=pytest.mark.slow)])
def test_every_row_learns_and_not_a_bit_of_the_model_changes(family, request):
    backbone = request.getfixturevalue(family)
    before = everything(backbone)
    data = data_for(backbone, 3)
    for step in learn(backbone, data, Config(steps=20, vectors=3, lr=1e-2), 0):
        if step.index in (1, 20):
            now = everything(backbone)
            assert [name for name in before if not torch.equal(before[name], now[name])] == []
    learned, start_rows = vectors(weights(step.state()))[WORD], data.words[WORD]
    pairs = [(learned, start_rows)] if family == "sd1" else list(zip(learned, start_rows, strict=True))
    assert all((after != first).any(dim=1).all() for after, first in pairs)
    assert not any(p.requires_grad or p.grad is not None for p in backbone.unet.parameters())
    assert not any(encoder.get_input_embeddings()._forward_hooks for encoder in backbone.text_encoders)


def test_the_state_is_the_rows_and_their_moments(run):
    _, state = run(steps=2, vectors=2)
    assert sum(value.numel() for value in state.tensors.values()) == 3 * 2 * 32 + 1
    assert {value.dtype for value in state.tensors.values()} == {torch.float32}


def test_two_encoders_have_rows_of_their_own_that_both_learn(sdxl, run):
    data = data_for(sdxl, 2)
    _, state = run(sdxl, steps=2, vectors=2)
    learned = vectors(weights(state))[WORD]
    assert [rows.shape for rows in learned] == [(2, 32), (2, 48)]
    assert all((rows != first).any(dim=1).all() for rows, first in zip(learned, data.words[WORD], strict=True))


@pytest.mark.parametrize("pooling", ["argmax", "eos"])
def test_the_pooled_place_is_the_configured_one(sdxl, run, pooling, monkeypatch):
    asked, encode = [], sdxl.encode_text

    def listening(prompts, words=None, *, pooling="argmax"):
        asked.append(pooling)
        return encode(prompts, words, pooling=pooling)

    monkeypatch.setattr(sdxl, "encode_text", listening)
    run(sdxl, steps=1, pooling=pooling, lr=0.1)
    assert set(asked) == {pooling}


def test_seeds_side_by_side_learn_what_each_would_alone(sd1, run):
    config = Config(steps=4, lr=1e-2, batch=2, clip_norm=1e-3)
    data = data_for(sd1)
    starts = [data.words, {WORD: data.words[WORD] * 1.5}]
    *_, step = optimise(sd1, data, config, [0, 5], starts)
    assert step.losses["loss"] == pytest.approx((step.losses["loss 0"] + step.losses["loss 1"]) / 2)
    both = [vectors(weights(step.state()), place)[WORD] for place in (0, 1)]
    for place, (seed, words) in enumerate(zip([0, 5], starts, strict=True)):
        *_, alone = optimise(sd1, data, config, [seed], [words])
        assert (vectors(weights(alone.state()))[WORD] - both[place]).abs().max() <= 1e-5
        assert alone.losses["loss"] == pytest.approx(step.losses[f"loss {place}"], abs=1e-6)
    assert (both[0] - both[1]).abs().max() > 1e-2


def test_two_words_in_one_sentence_both_learn(sd1):
    words = {"<ann>": start(sd1, "dog", 1, 0), "<bob>": start(sd1, "cat", 2, 0)}
    data = data_for(sd1, word="<ann> <bob>")
    *_, step = optimise(sd1, data, Config(steps=2, lr=1e-2), [0], [words])
    learned = vectors(weights(step.state()))
    assert {word: tuple(rows.shape) for word, rows in learned.items()} == {"<ann>": (1, 32), "<bob>": (2, 32)}
    assert all((rows != words[word]).any(dim=1).all() for word, rows in learned.items())
