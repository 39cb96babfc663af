"""The transformer against its description read slot by slot, and against the authors' code."""

from pathlib import Path

import pytest
import torch
from magvlt_made import random_pair, shape, tiny
from pydantic import ValidationError

from likewise import checkpoint, seeds
from likewise.magvlt import masking
from likewise.magvlt.config import BASE, LARGE, Config, Shape
from likewise.magvlt.layout import Special
from likewise.magvlt.model import parameters
from likewise.magvlt.objective import alone
from oracles import magvlt as oracle

RECORDED = Path(__file__).parent / "authors.safetensors"
HALVES = [Special.BOG, Special.LEFT, Special.RIGHT, Special.TOP, Special.BOTTOM]


def both(model, task, shown, special_row=True):
    """Our hidden rows of the read slots and the oracle's, of one batch: (image, text, bot) each."""
    weights, size = dict(model.named_parameters()), model.shape
    ours = model(task, shown)
    theirs = []
    for b in range(len(shown)):
        n = int(shown.length[b])
        x = oracle.slots(
            weights, task, shown.image[b], shown.text[b], shown.image_hidden[b], shown.text_hidden[b],
            int(shown.half[b]), size.image_codes, special_row,
        )  # fmt: skip
        closed = size.prefix_mode == "closed"
        table = oracle.allowed(task, size.image_slots, shown.text.shape[1], n, closed)
        theirs.append(oracle.forward(weights, x, table, size.layers, size.heads))
    return ours, torch.stack(theirs)


def parts(task, rows, size, width):
    image, text = (slice(4 + width, None), slice(2, 2 + width))
    bot = 1
    if task != "t2i":
        image, text = slice(2, 2 + size.image_slots), slice(4 + size.image_slots, None)
        bot = 3 + size.image_slots
    return rows[:, image], rows[:, text], rows[:, bot]


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("task", ["t2i", "i2t", "it2it"])
@pytest.mark.parametrize("prefix", ["open", "closed"])
def test_a_forward_pass_equals_the_description(task, width, prefix):
    model = tiny(width=width, prefix_mode=prefix)
    shown = random_pair(model.shape, 8, lengths=range(1, 9))
    shown = masking.hide(task, shown, Config(), seeds.stream(1, task))
    shown = shown.with_(half=torch.tensor([*HALVES, 3, 3, 3]).int().long())
    ours, rows = both(model, task, shown)
    image, text, bot = parts(task, rows, model.shape, 8)
    assert torch.allclose(ours.image, image, atol=1e-5, rtol=0)
    assert torch.allclose(ours.text[shown.written], text[shown.written], atol=1e-5, rtol=0)
    assert torch.allclose(ours.bot, bot, atol=1e-5, rtol=0)
    weights = dict(model.named_parameters())
    logits = oracle.logits(weights, image)[..., : model.shape.image_codes]
    assert torch.allclose(model.image_logits(ours.image), logits, atol=1e-5, rtol=0)
    logits = oracle.logits(weights, text)[..., model.shape.image_codes :]
    assert torch.allclose(model.text_logits(ours.text)[shown.written], logits[shown.written], atol=1e-5, rtol=0)


@pytest.mark.parametrize("task", ["t2i", "i2t"])
def test_a_hidden_slot_carries_the_special_table_s_row_too(task):
    """The parity trap: without that row the difference is far beyond rounding."""
    model = tiny()
    shown = masking.hide(task, random_pair(model.shape, 3), Config(), seeds.stream(1, task))
    ours, rows = both(model, task, shown, special_row=False)
    image, _, _ = parts(task, rows, model.shape, 8)
    assert (ours.image - image).abs().max() > 1e-2


@pytest.mark.parametrize("case", ["t2i", "i2t", "it2it"])
@pytest.mark.parametrize("width", [32, 64])
def test_a_forward_pass_equals_the_authors_code(case, width):
    """Logits recorded by tests/magvlt/record_authors.py from their Transformer1d with the same keyed weights."""
    tensors, _ = checkpoint.read_tensors(RECORDED)
    model = tiny(width=width, length_mode="reference")
    shown = masking.hide(case, random_pair(model.shape, 8, lengths=range(1, 9)), Config(), seeds.stream(7, case))
    ours = model(case, shown)
    name = f"{case}/{width}"
    assert torch.allclose(model.image_logits(ours.image), tensors[f"{name}/image"], atol=1e-5, rtol=0)
    written = shown.written
    assert torch.allclose(model.text_logits(ours.text)[written], tensors[f"{name}/text"][written], atol=1e-5, rtol=0)
    if case != "t2i":
        assert torch.allclose(model.length_logits(ours.bot), tensors[f"{name}/length"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "count"), [(BASE, 371_533_056), (LARGE, 795_228_672)])
def test_the_released_sizes_have_the_released_number_of_parameters(size, count):
    assert parameters(size) == count


@pytest.mark.parametrize("task", ["t2i", "i2t", "it2it"])
@pytest.mark.parametrize("prefix", ["open", "closed"])
def test_dropping_shared_padding_changes_nothing_that_is_read(task, prefix):
    model = tiny(prefix_mode=prefix)
    shown = masking.hide(task, random_pair(model.shape, 4, lengths=[3, 5, 1, 2]), Config(), seeds.stream(1, task))
    whole, trimmed = model(task, shown), model(task, shown.trimmed())
    assert trimmed.text.shape[1] == 5
    written = shown.trimmed().written
    assert torch.allclose(whole.image, trimmed.image, atol=1e-5, rtol=0)
    assert torch.allclose(whole.text[:, :5][written], trimmed.text[written], atol=1e-5, rtol=0)
    assert torch.allclose(whole.bot, trimmed.bot, atol=1e-5, rtol=0)


def test_a_closed_prefix_is_computed_once_for_any_text():
    model = tiny(prefix_mode="closed")
    shown = masking.hide("i2t", random_pair(model.shape, 4), Config(), seeds.stream(1, "i2t"))
    whole = model("i2t", shown)
    kept, bot = model.prefix(shown)
    after = model.after(kept, shown.text, shown.text_hidden, shown.written)
    assert torch.allclose(after[shown.written], whole.text[shown.written], atol=1e-5, rtol=0)
    assert torch.allclose(bot, whole.bot, atol=1e-5, rtol=0)


@pytest.mark.parametrize("prefix", ["open", "closed"])
def test_lowered_blocks_differ_by_bfloat16_s_rounding_and_the_logits_stay_float32(prefix):
    model = tiny(prefix_mode=prefix).requires_grad_(False)
    shown = masking.hide("i2t", random_pair(model.shape, 4), Config(), seeds.stream(1, "i2t"))
    exact = model("i2t", shown).text
    low = model.lower()("i2t", shown).text
    assert low.dtype == model.text_logits(low).dtype == torch.float32
    assert 1e-6 < (low - exact).abs().max() < 0.02 * exact.abs().max()
    held = {name: value.dtype for name, value in model.state_dict().items()}
    assert held["blocks.0.attn.key.weight"] == torch.bfloat16 and held["tok_emb.weight"] == torch.float32
    if prefix == "closed":
        kept, _ = model.prefix(shown)
        after = model.after(kept, shown.text, shown.text_hidden, shown.written)
        assert torch.allclose(after[shown.written], low[shown.written], atol=0.02 * low.abs().max(), rtol=0)


def test_the_isolated_length_pass_sees_no_text():
    model = tiny()
    one, other = (random_pair(model.shape, 2, seed, lengths=[8, 3]) for seed in (0, 1))
    other = other.with_(image=one.image)
    assert torch.equal(alone(model, one), alone(model, other))
    assert not torch.allclose(model("i2t", one).bot, model("i2t", other).bot)  # through the picture's slots it does


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"width": 33}, "multiple of heads"),
        ({"prefix_mode": "closed", "length_mode": "reference"}, "official weights are open"),
        ({"special": 7}, "6 or 10"),
        ({"layers": 0}, "greater than or equal to 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        Shape(**{**shape().model_dump(), **changes})
