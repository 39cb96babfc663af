"""The pictures of docs/fabric.md: what the knobs do, and sessions in which one can look for what the votes did.

    python benchmarks/fabric_pictures.py [--steps 20] [--sessions 12] [--rounds 4] [--without-knobs]

Writes docs/pictures/fabric-knobs.png and docs/pictures/fabric-session-NN.png. In a session the wish is hidden from the
prompt, and the Toybox towers vote for it: in each round the picture that fits the wish best is liked, the one that fits
it worst disliked. Sessions are kept in runs/benchmarks/fabric_pictures/.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

from bookkeeping import WORK
from PIL import Image

from likewise import encoders, images, load
from likewise.diffusion.backbone import Backbone
from likewise.fabric import Config, Reference, Session, draw, play
from likewise.fabric.rounds import like_text

PLACE = Path(__file__).parents[1] / "docs" / "pictures"
PROMPT = "a 3d dog"
LIKED, DISLIKED = "a 3d dog on a red background", "a 3d dog on the grass"
KNOBS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "strength": [(f"strength {x:g}", {"strength": x}) for x in (0.2, 0.5, 0.8, 2)],
    "window": [(f"{a:g} to {b:g}", {"start": a, "end": b}) for a, b in ((0, 0.3), (0, 0.8), (0.33, 0.66), (0.5, 1))],
    "bottleneck": [(f"like_bottleneck {x:g}", {"like_bottleneck": x}) for x in (0, 0.5, 1, 3)],
    "dislike": [(f"dislike_strength {x:g}", {"dislike_strength": x}) for x in (0.2, 0.5, 1, 2)],
    "guidance": [(f"guidance {x:g}", {"guidance": x}) for x in (2, 5, 8, 12)],
}
WISHES = (
    ("a 3d dog", "a 3d dog on a blue background"), ("a house", "a sticker of a house in the forest"),
    ("a bear", "a cartoon bear on a yellow background"), ("a fish", "a flat fish in the night sky"),
    ("a 3d car", "a 3d car on a green background"), ("a butterfly", "a cartoon butterfly on a pink background"),
    ("a lion", "a sticker of a lion on an orange background"), ("a bus", "a 3d bus in the snow"),
    ("a rabbit", "a flat rabbit on a purple background"), ("a teapot", "a 3d teapot on a white background"),
    ("a ship", "a cartoon ship on the water"), ("a donut", "a 3d donut on a mint gradient"),
)  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=20)
    asked.add_argument("--sessions", type=int, default=len(WISHES))
    asked.add_argument("--rounds", type=int, default=4)
    asked.add_argument("--without-knobs", action="store_true")
    given = asked.parse_args()
    backbone = load()
    if not given.without_knobs:
        print(knobs(backbone, given.steps))
    for number, (prompt, wish) in enumerate(WISHES[: given.sessions], start=1):
        print(session(backbone, number, prompt, wish, given.steps, given.rounds))


def knobs(backbone: Backbone, steps: int) -> Path:
    """A row a knob, the same seed everywhere; the first row has the like, the dislike and the picture without both."""
    like, dislike, plain = (
        draw(prompt, backbone=backbone, n=1, seed=seed, steps=steps)[0].image
        for prompt, seed in ((LIKED, 3), (DISLIKED, 3), (PROMPT, 0))
    )
    how = {"backbone": backbone, "seeds": [0]}
    both = draw(PROMPT, likes=[like], dislikes=[dislike], config=Config(n=1, steps=steps), **how)[0].image
    cells = [(like, "liked"), (dislike, "disliked"), (plain, "without votes"), (both, "with both, as set")]
    for knob, values in KNOBS.items():
        sides = {"dislikes": [Reference(dislike)]} if knob == "dislike" else {"likes": [Reference(like)]}
        for label, config in values:
            made = draw(PROMPT, **sides, config=Config(**{"n": 1, "steps": steps, **config}), **how)
            cells.append((made[0].image, label))
    pictures, labels = zip(*cells, strict=True)
    path = PLACE / "fabric-knobs.png"
    images.write_png(path, _small(images.sheet(list(pictures), list(labels), 4, title=f"{PROMPT}, one seed")))
    return path


def session(backbone: Backbone, number: int, prompt: str, wish: str, steps: int, rounds: int) -> str:
    """One session, its sheet, and how well each round fits the wish."""
    folder = WORK / "fabric_pictures" / f"{number:02d}"
    shutil.rmtree(folder, ignore_errors=True)
    made = Session.begin(
        folder, prompt, backbone=backbone, seed=100 * number, steps=steps, log=folder.parent / f"{number:02d}.csv"
    )
    found = list(play(made, like_text(encoders.load("toybox"), wish), rounds))
    path = PLACE / f"fabric-session-{number:02d}.png"
    images.write_png(path, _small(Image.open(made.sheet() or "").convert("RGB")))
    return f"{path.name}: {wish}: {', '.join(f'{one.scores.mean():.3f}' for one in found)}"


def _small(sheet: Image.Image) -> Image.Image:
    """At most 560 pixels wide, in 128 colours: several of them are on one page."""
    sheet = sheet if sheet.width <= 560 else sheet.resize((560, round(560 * sheet.height / sheet.width)), 1)
    return sheet.quantize(128).convert("RGB")


if __name__ == "__main__":
    main()
