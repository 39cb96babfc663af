"""Contrastive losses, pair by pair as their formulas say, and the released rules of guidance read literally."""

import math

import torch
from torch import Tensor


def ntxent(rows: list[list[float]], images: int, temperature: float) -> float:
    """The mean over rows i and other views p of log sum_{j != i} exp(s_ij) - s_ip, in plain Python."""
    unit = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in rows]
    total, terms, count = 0.0, 0, len(rows)
    for i in range(count):
        scores = [sum(a * b for a, b in zip(unit[i], other, strict=True)) / temperature for other in unit]
        denominator = math.log(sum(math.exp(score) for j, score in enumerate(scores) if j != i))
        for p in range(i % images, count, images):
            if p != i:
                total, terms = total + denominator - scores[p], terms + 1
    return total / terms


def siglip(images: list, texts: list, scale: float, bias: float) -> float:
    """Yes or no for every pair."""
    total = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            x = scale * sum(a * b for a, b in zip(image, text, strict=True)) + bias
            total += math.log(1 + math.exp(-x if i == j else x))
    return total / len(images)


def spectral(first: list, second: list) -> float:
    """-2 mean f_i.g_i + mean over i != j of (f_i.g_j)^2."""
    count = len(first)
    dots = [[sum(a * b for a, b in zip(f, g, strict=True)) for g in second] for f in first]
    repel = sum(dots[i][j] ** 2 for i in range(count) for j in range(count) if i != j)
    return repel / (count * (count - 1)) - 2 * sum(dots[i][i] for i in range(count)) / count


def released(rule: str, rows: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """NT-Xent of 2 views as the published code changes it: thresholds on all n cosines, then positives put back."""
    count = len(rows)
    unit = rows / rows.norm(dim=1, keepdim=True)
    logits = unit @ unit.T / temperature
    eye = torch.eye(count, dtype=torch.bool)
    partner = (torch.arange(count) + count // 2) % count
    own = torch.zeros_like(eye)
    own[torch.arange(count), partner] = True
    likeness = teacher @ teacher.T
    dropped = torch.zeros_like(eye)
    if rule == "drop-false-negative":
        edge = likeness.sort(dim=1, descending=True).values[:, int(0.05 * count) - 1]
        dropped = likeness >= edge[:, None]
    elif rule == "drop-easy-negative":
        edge = likeness.sort(dim=1).values[:, int(0.1 * count) - 1]
        dropped = likeness <= edge[:, None]
    probability = logits.masked_fill((dropped & ~own) | eye, -1e9).log_softmax(1)
    loss = -probability[own].mean()
    if rule == "add-new-positive":
        new = likeness.masked_fill(eye | own, -1.0).argmax(1)
        loss = (loss - probability[torch.arange(count), new].mean()) / 2
    return loss
