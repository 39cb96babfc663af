"""Pictures of a model as it is now: class images, previews, the concept's own picture."""

from collections.abc import Sequence

import torch
from PIL import Image

from likewise import images
from likewise.diffusion import sampling
from likewise.diffusion.backbone import Backbone, Pooling, Words, join


@torch.no_grad()
def draw(
    backbone: Backbone,
    prompts: Sequence[str],
    picture_seeds: Sequence[int],
    *,
    steps: int,
    guidance: float,
    scheduler: str = "dpmsolver++",
    words: Words | None = None,
    pooling: Pooling = "argmax",
) -> list[Image.Image]:
    """One picture a prompt, each from a seed of its own, at the model's native size.

    words: the placeholders' vectors; pooling: see likewise.diffusion.backbone.
    """
    texts = [backbone.encode_text([prompt], words, pooling=pooling) for prompt in prompts]  # alone: no bits mix
    text = join(texts)
    look = {"noise": sampling.noise(backbone, picture_seeds), "steps": steps, "guidance": guidance}
    empty = backbone.encode_text([""])
    drawn = sampling.last(sampling.generate(backbone, text, empty, scheduler=scheduler, **look)).images
    assert drawn is not None, "the last step carries the pictures"
    return images.to_pil(drawn)
