"""Do many likes burn pictures, and what does sharing their weight from three on do about it?

    python benchmarks/fabric_crowd.py [--prompts 4] [--likes 1,3,6,12] [--steps 20]

On Toybox: for each prompt the likes are pictures of the same prompt that the model drew from other seeds, as in a long
session. Four pictures are drawn with ever more of them, with their weight shared from three on (the default) and not
shared (the paper's). Told: colour and contrast as a part of those without likes, diversity, likeness to the likes.
Writes results/fabric_crowd.json, with intervals over prompts.
"""

import argparse
from typing import Any

from bookkeeping import interval, write

from likewise import encoders, load
from likewise.fabric import Config, burnout, draw
from likewise.fabric.measures import measure
from likewise.metrics.intervals import bootstrap

PROMPTS = ("a 3d dog", "a flat apple", "a cartoon car", "a sticker of a cat", "a 3d house", "a flat bird", 
           "a cartoon fox", "a 3d cake")  # fmt: skip
SHARING = {"shared from three on": 3, "not shared": 0}
FIGURES = ("saturation", "contrast", "diversity", "to_likes")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--prompts", type=int, default=len(PROMPTS))
    asked.add_argument("--likes", default="1,3,6,12")
    asked.add_argument("--steps", type=int, default=20)
    given = asked.parse_args()
    counts = [int(one) for one in given.likes.split(",")]
    backbone, eyes = load(), encoders.load("efficientnet-lite0")
    found = [crowd(prompt, counts, given.steps, backbone, eyes) for prompt in PROMPTS[: given.prompts]]
    told: dict[str, Any] = {"prompts": len(found), "steps": given.steps, "without likes": {
        name: interval(bootstrap([one["none"][name] for one in found])) for name in FIGURES[:3]
    }}  # fmt: skip
    for way in SHARING:
        told[way] = {
            f"{count} likes": {name: interval(bootstrap([one[way][count][name] for one in found])) for name in FIGURES}
            for count in counts
        }
    print(write("fabric_crowd", told))


def crowd(prompt: str, counts: list[int], steps: int, backbone: Any, eyes: Any) -> dict[str, Any]:
    """The figures of one prompt."""
    drawn = draw(prompt, backbone=backbone, n=max(counts), seed=100, steps=steps)
    plain = told(draw(prompt, backbone=backbone, steps=steps), [], eyes)
    found: dict[str, Any] = {"none": plain}
    for way, full in SHARING.items():
        found[way] = {}
        for count in counts:
            likes = [one.image for one in drawn[:count]]
            made = draw(prompt, likes=likes, backbone=backbone, config=Config(steps=steps, full=full, newest=0))
            each = told(made, likes, eyes)
            each |= {name: each[name] / plain[name] for name in ("saturation", "contrast")}
            found[way][count] = each
            print(f"{prompt}, {count} likes, {way}: {each}", flush=True)
    return found


def told(made: Any, likes: list[Any], eyes: Any) -> dict[str, Any]:
    pictures = [one.image for one in made]
    return burnout.look(pictures) | measure(eyes, pictures, likes=likes)


if __name__ == "__main__":
    main()
