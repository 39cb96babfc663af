"""Tiny models, and what words are learned from."""

import sys
from pathlib import Path

from tiny_models import folders, sd1

sys.path.insert(0, str(Path(__file__).parents[1] / "textual_inversion"))

__all__ = ["folders", "sd1"]
