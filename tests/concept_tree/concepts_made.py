"""Concepts that no tree made."""

import tempfile
from pathlib import Path

import torch

from likewise.concept import Card, Concept


def word(backbone, name):
    """A learned word of that name."""
    card = Card(name=name, placeholder=f"<{name}>", noun="cat", base_hash=backbone.hash, method="textual-inversion")
    return Concept.save(Path(tempfile.mkdtemp()) / name, card, words=torch.ones(1, 32))
