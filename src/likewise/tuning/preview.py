"""Contact sheets of what a model draws while it learns: always the same prompts, from the same noise."""

from collections.abc import Sequence
from pathlib import Path

from likewise import images
from likewise.diffusion.backbone import Backbone, Pooling, Words
from likewise.tuning.drawing import draw

STEPS, FINE = 12, 20  # denoising steps: enough to see where training goes, and for a picture to keep
GUIDANCE = 5.0


def write(
    backbone: Backbone,
    prompts: Sequence[str],
    step: int,
    folder: Path,
    words: Words | None = None,
    pooling: Pooling = "argmax",
) -> Path:
    """Draw the sheet of a step as the model is now, into folder/NNNNNN.png; its settings are in the file.

    words: vectors of the placeholders in the prompts; pooling: how they were learned, see likewise.diffusion.backbone.
    """
    asked = list(prompts)
    look = {"prompts": asked, "seeds": list(range(len(asked))), "step": step, "steps": STEPS, "guidance": GUIDANCE}
    pictures = draw(backbone, asked, look["seeds"], steps=STEPS, guidance=GUIDANCE, words=words, pooling=pooling)
    path = folder / f"{step:06d}.png"
    images.write_png(path, images.sheet(pictures, [f"{p} · step {step}" for p in asked]), look)
    return path
