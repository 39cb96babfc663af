"""An encoder from photos in folders, one a class. Run: python examples/contrastive.py [PHOTOS [OUT]]

Without photos it draws 36 of its own. Learning sees no label; the folders' names are only asked at the end.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

from likewise import encoders
from likewise.contrastive import evaluate, fit, pairings, photos, prediction
from likewise.contrastive.teacher import features
from likewise.seeds import numpy_stream


def drawn(folder: Path) -> Path:
    """Three kinds of shapes on light paper, twelve of each."""
    for kind, colour in (("discs", "crimson"), ("boxes", "seagreen"), ("bars", "royalblue")):
        (folder / kind).mkdir(parents=True)
        for number in range(12):
            random = numpy_stream(0, kind, number)
            paper = Image.new("RGB", (64, 64), tuple(random.integers(200, 256, 3).tolist()))
            x, y = random.integers(4, 30, 2).tolist()
            size = {"discs": (26, 26), "boxes": (24, 24), "bars": (30, 10)}[kind]
            draw = ImageDraw.Draw(paper)
            shape = draw.ellipse if kind == "discs" else draw.rectangle
            shape([x, y, x + size[0], y + size[1]], fill=colour)
            paper.save(folder / kind / f"{number:02d}.png")
    return folder


def main(folder: Path | None = None, out: Path = Path("runs/contrastive-example"), steps: int = 20) -> dict:
    """Compare ways of making pairs, learn by views that a teacher guides, and measure."""
    place = folder or drawn(out / "photos")
    found = photos.load(place, 128)
    classes = photos.labels(found)  # the folders' names
    parts = photos.split(found, 0, classes)

    teacher = encoders.load("efficientnet-lite0")
    law = pairings.teacher_law(features(teacher, found), neighbours=3)
    told = prediction.describe(law, classes, rank=8, parts=parts)
    print(f"A teacher's pairs: {told['picture_error']:.0%} across classes; predicted: {told['predicted']['value']:.2f}")

    more = {"rules": ["add-new-positive"], "teacher": "efficientnet-lite0", "batch": 16, "steps": steps}
    done = fit(place, out=out / "run", backbone="toybox", lr=2e-3, colour=0.3, temperature=0.3, **more)
    report = evaluate(encoders.load(done.encoder), found, classes)
    for name in ("linear_probe", "knn"):
        one = report[name]
        print(f"{name}: {one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}], chance {report['majority']:.2f}")
    print(f"The encoder: {done.encoder}")
    return report


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:3]))
