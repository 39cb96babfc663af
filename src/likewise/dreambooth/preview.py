"""Contact sheets of what a model draws while it learns: always the same prompts, from the same noise."""

from pathlib import Path

from likewise import images
from likewise.diffusion.backbone import Backbone
from likewise.dreambooth.drawing import draw
from likewise.dreambooth.plan import Plan

STEPS, FINE = 12, 20  # denoising steps: enough to see where training goes, and for a picture to keep
GUIDANCE = 5.0


def prompts(plan: Plan) -> list[str]:
    """The subject twice, the subject somewhere else, and the bare class, which should not become the subject."""
    own = plan.config.instance_prompt.format(identifier=plan.identifier, noun=plan.noun)
    return [own, own, f"{own} on the beach", plan.class_prompt]


def write(backbone: Backbone, plan: Plan, step: int, folder: Path) -> Path:
    """Draw the sheet of a step as the model is now, into folder/NNNNNN.png; its settings are in the file."""
    asked = prompts(plan)
    look = {"prompts": asked, "seeds": list(range(len(asked))), "step": step, "steps": STEPS, "guidance": GUIDANCE}
    pictures = draw(backbone, asked, look["seeds"], steps=STEPS, guidance=GUIDANCE)
    path = folder / f"{step:06d}.png"
    images.write_png(path, images.sheet(pictures, [f"{p} · step {step}" for p in asked]), look)
    return path
