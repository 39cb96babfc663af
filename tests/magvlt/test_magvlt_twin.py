"""The autoregressive twin: its cache changes nothing, and its loss is that of next tokens."""

import pytest
import torch
import torch.nn.functional as F
from magvlt_made import random_pair, tiny

from likewise import seeds
from likewise.magvlt import twin
from likewise.magvlt.config import Config
from likewise.magvlt.layout import pair, places

END = 14


def whole(model, task, shown):
    """Hidden rows of a full causal pass without a cache."""
    x = model.embed(task, shown)
    order = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    for block in model.blocks:
        x, _ = block(x, order)
    return x


def generators(count):
    return [seeds.stream(0, "twin", i) for i in range(count)]


def test_each_drawn_token_is_the_one_that_a_pass_without_a_cache_would_draw():
    model = tiny()
    shown = random_pair(model.shape, 2, lengths=[5, 5])
    drawn = twin.draw(model, shown.text, shown.length, generators(2), top_k=1)
    full = pair(drawn, shown.text, shown.length).trimmed()
    at = places("t2i", model.shape, 5)
    logits = model.image_logits(whole(model, "t2i", full)[:, at.image.start - 1 : at.image.stop - 1])
    assert torch.equal(logits.argmax(-1), drawn)


def test_each_written_word_is_the_one_that_a_pass_without_a_cache_would_write():
    model = tiny()
    shown = random_pair(model.shape, 3)
    text = twin.write(model, shown.image, END, generators(3), top_k=1)
    at = places("i2t", model.shape, 8)
    hidden = whole(model, "i2t", pair(shown.image, text, torch.full((3,), 8)))
    words = model.text_logits(hidden[:, at.text.start - 1 : at.text.stop - 1]).argmax(-1)
    for row, right in zip(text.tolist(), words.tolist(), strict=True):
        stop = row.index(END) + 1 if END in row else 8
        assert row[:stop] == right[:stop] and set(row[stop:]) <= {END}


@pytest.mark.parametrize("task", ["t2i", "i2t"])
def test_the_loss_is_that_of_each_next_token(task):
    model, shown = tiny(), random_pair(tiny().shape, 1, lengths=[6])
    shown = shown.trimmed()
    at = places(task, model.shape, 6)
    rows = whole(model, task, shown)[0]
    part, target = (at.image, shown.image[0]) if task == "t2i" else (at.text, shown.text[0])
    read = model.image_logits if task == "t2i" else model.text_logits
    each = [F.cross_entropy(read(rows[part.start - 1 + i]), target[i]) for i in range(part.stop - part.start)]
    found = twin.loss(model, task, shown, Config(smoothing=0))
    assert found.item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)


def test_padding_of_a_prompt_changes_no_loss():
    model = tiny()
    shown = random_pair(model.shape, 1, lengths=[3])
    config = Config(smoothing=0)
    assert twin.loss(model, "t2i", shown, config).item() == pytest.approx(
        twin.loss(model, "t2i", shown.trimmed(), config).item(), rel=1e-5
    )
