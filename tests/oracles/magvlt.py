"""MAGVLT's forward pass slot by slot and pair by pair, from its description, with nothing batched or skipped."""

import math

import torch

BOI, BOT, BOC, BOG, MASK_IMAGE, MASK_TEXT = range(6)


def norm(x, weights, name):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (variance + 1e-5).sqrt() * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def slots(weights, task, image, text, image_hidden, text_hidden, half, codes, special_row=True):
    """The sequence of one pair as rows. special_row: hidden slots get the special table's row too, as the code does."""

    def special(token, place):
        return weights["tok_emb_spc.weight"][token] + weights["pos_emb_spc.pos_embed"][place]

    def slot(kind, place, token, hidden):
        position = weights[f"pos_emb_{kind}.pos_embed"][place]
        if hidden:
            row = weights["tok_emb_spc.weight"][MASK_IMAGE if kind == "img" else MASK_TEXT]
            return row + position + (weights["pos_emb_spc.pos_embed"][place] if special_row else 0)
        return weights["tok_emb.weight"][token if kind == "img" else codes + token] + position

    pictures = [slot("img", j, int(c), bool(h)) for j, (c, h) in enumerate(zip(image, image_hidden, strict=True))]
    words = [slot("txt", j, int(c), bool(h)) for j, (c, h) in enumerate(zip(text, text_hidden, strict=True))]
    if task == "t2i":
        return torch.stack([special(BOC, 0), special(BOT, 1), *words, special(half, 2), special(BOI, 3), *pictures])
    return torch.stack([special(BOC, 0), special(BOI, 1), *pictures, special(half, 2), special(BOT, 3), *words])


def allowed(task, image_slots, text_slots, length, closed=False):
    """Whether row i may see column j, as a table of booleans."""
    size = 4 + image_slots + text_slots
    start = 2 if task == "t2i" else 4 + image_slots
    table = torch.ones(size, size, dtype=torch.bool)
    for j in range(start + length, start + text_slots):
        table[:, j] = False
    if task == "t2i":
        for i in range(start + length, start + text_slots):
            table[i, :] = False
            table[i, i] = True
    else:
        blind = range(start) if closed and task == "i2t" else [3 + image_slots]
        for i in blind:
            for j in range(start, size):
                table[i, j] = False
    return table


def forward(weights, x, table, layers, heads):
    """Rows (L, D) through the blocks: attention head by head with explicit softmax."""
    width = x.shape[1] // heads
    for i in range(layers):
        y = norm(x, weights, f"blocks.{i}.ln1")
        q, k, v = (linear(y, weights, f"blocks.{i}.attn.{name}") for name in ("query", "key", "value"))
        seen = []
        for h in range(heads):
            part = slice(h * width, (h + 1) * width)
            scores = q[:, part] @ k[:, part].T / math.sqrt(width)
            scores = scores.masked_fill(~table, -math.inf)
            seen.append(torch.softmax(scores, dim=-1) @ v[:, part])
        x = x + linear(torch.cat(seen, dim=1), weights, f"blocks.{i}.attn.proj")
        y = gelu(linear(norm(x, weights, f"blocks.{i}.ln2"), weights, f"blocks.{i}.mlp.0"))
        x = x + linear(y, weights, f"blocks.{i}.mlp.2")
    return x


def logits(weights, hidden):
    """Over both vocabularies."""
    h = norm(gelu(linear(hidden, weights, "lm_layer.linear")), weights, "lm_layer.ln")
    return h @ weights["tok_emb.weight"].T + weights["lm_layer.output_bias"]
