"""Does stock diffusers draw what we draw? The embedded folder, and a taught LoRA, through StableDiffusionPipeline.

    python benchmarks/parity.py [--pictures 4]

Writes results/parity.json: the largest difference of any pixel in steps of 1/255, which may be 2.
"""

import argparse
import json
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from bookkeeping import write
from PIL import Image

from likewise import imagine, load
from likewise.concept import Concept
from likewise.demo import mascot
from likewise.diffusion import sampling
from likewise.diffusion.loading import toybox_folder
from likewise.teach import teach

PROMPTS = ("a 3d dog on the beach", "a sticker of a car", "a cartoon cat in the snow", "a flat apple in a room")
LESSON = {"steps": 8, "batch": 1, "lr": 5e-3, "prior": "none", "verdict": False, "install": False, "quiet": True}
STEPS, GUIDANCE = 20, 5.0


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pictures", type=int, default=4)
    count = asked.parse_args().pictures
    from diffusers import StableDiffusionPipeline

    warnings.simplefilter("ignore", FutureWarning)
    stock = StableDiffusionPipeline.from_pretrained(toybox_folder(), safety_checker=None, torch_dtype=torch.float32)
    stock.set_progress_bar_config(disable=True)
    data = {"limit": 2, "base": _base(stock, count), "lora": _lora(stock)}
    print(json.dumps(data, indent=2))
    print(write("parity", data))


def _base(stock, count: int) -> list[dict[str, object]]:
    backbone = load()
    return [_compared(stock, backbone, prompt, prompt, seed) for seed, prompt in enumerate(PROMPTS[:count])]


def _lora(stock) -> dict[str, object]:
    """A short lesson at a high rate, so that the adapters matter, loaded by load_lora_weights."""
    backbone = load()
    with tempfile.TemporaryDirectory() as place:
        photos, run = mascot.photos()[0].parent, Path(place) / "run"
        concept = teach(photos, mascot.NOUN, backbone=backbone, out=run, name="pip", **LESSON).concept
        stock.load_lora_weights(concept.folder, weight_name="pytorch_lora_weights.safetensors")
        stored = _stored(concept)
        matched = {name for name, _ in stock.unet.named_parameters() if ".lora_" in name}
        asked = f"a 3d {concept.identifier} {concept.noun} on the beach"
        compared = _compared(stock, backbone, "a 3d <pip> on the beach", asked, 0, (concept,))
        plain = imagine(asked, backbone=backbone, n=1, seed=0)[0].image
        changed = _difference(plain, imagine(asked, backbone=backbone, n=1, seed=0, concepts=(concept,))[0].image)
    return {**compared, "keys_stored": len(stored), "keys_in_stock": len(matched), "lora_changes_by": changed}


def _stored(concept: Concept) -> list[str]:
    from safetensors import safe_open

    with safe_open(concept.parts()["lora"], "pt") as file:
        return list(file.keys())


def _compared(stock, backbone, ours: str, theirs: str, seed: int, concepts: tuple = ()) -> dict[str, object]:
    """Both from the same latents; `ours` may name a concept that `theirs` spells out."""
    mine = imagine(ours, concepts=concepts, backbone=backbone, n=1, seed=seed, steps=STEPS, guidance=GUIDANCE)[0].image
    noise = sampling.noise(backbone, [seed])
    how = {"num_inference_steps": STEPS, "guidance_scale": GUIDANCE, "negative_prompt": ""}
    picture = stock(theirs, latents=noise, output_type="pil", **how).images[0]
    return {"prompt": ours, "largest_difference": _difference(mine, picture)}


def _difference(first: Image.Image, second: Image.Image) -> int:
    return int(np.abs(np.asarray(first, int) - np.asarray(second, int)).max())


if __name__ == "__main__":
    main()
