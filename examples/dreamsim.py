"""How alike pictures look, and a metric that learns one person's eye. Run: python examples/dreamsim.py"""

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from likewise import dreamsim
from likewise.dreamsim import triplets
from likewise.dreamsim.triplets import Triplet
from likewise.dreamsim.tuning import tune

COLOURS = ("crimson", "seagreen", "royalblue", "goldenrod")
SHAPES = ("ellipse", "rectangle", "rounded_rectangle")


def drawn(folder, count=36, seed=0):
    """Pictures of one coloured shape each, with what is on them."""
    random, facts = np.random.default_rng(seed), []
    for number in range(count):
        colour, shape = COLOURS[random.integers(4)], SHAPES[random.integers(3)]
        x, y, side = random.integers(4, 30), random.integers(4, 30), random.integers(24, 34)
        image = Image.new("RGB", (64, 64), "white")
        more = {"radius": 9} if shape.startswith("rounded") else {}
        getattr(ImageDraw.Draw(image), shape)((x, y, x + side, y + side), fill=colour, **more)
        image.save(folder / f"{number:02d}.png")
        facts.append((colour, shape))
    return facts


with tempfile.TemporaryDirectory() as place:
    folder = Path(place)
    facts = drawn(folder)
    metric = dreamsim.load()
    some = sorted(folder.glob("*.png"))
    print("Most like the first picture:", [f"{number:02d}" for number, _ in metric.rank(some[0], some[1:])[:3]])

    # Someone who looks at the colour and never at the shape answers 300 questions.
    random, asked = np.random.default_rng(1), []
    while len(asked) < 300:
        ref, left, right = (int(one) for one in random.permutation(len(facts))[:3])
        same = [facts[ref][0] == facts[side][0] for side in (left, right)]
        if same[0] != same[1]:
            asked.append(Triplet(*(f"{n:02d}.png" for n in (ref, left, right)), int(same[0]), int(same[1]), None))
    triplets.write(folder, asked)

    tuned = tune(folder, part="mlp", epochs=30, batch=64, hidden=64, test=0.3)
    for name in ("before", "after"):
        found = tuned.report[name]["two_afc"]
        print(f"Agrees with them {name} tuning: {found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]")
