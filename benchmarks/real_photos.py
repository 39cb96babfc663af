"""Real photos: teach subjects of the DreamBooth data set with the defaults, and show photos and pictures side by side.

    python benchmarks/real_photos.py --photos DIR [--only robot_toy]

DIR holds a folder of photos a subject (github.com/google/dreambooth, dataset/). Runs go to runs/benchmarks/real and are
gone on with. Writes results/real_photos.json and, for each subject, results/real_photos/NAME.json and NAME.png.
"""

import argparse
from pathlib import Path

from bookkeeping import RESULTS, WORK, folder_or_none, write
from PIL import Image

from likewise import checkpoint, images, imageset, imagine, load
from likewise.teach import teach

SUBJECTS = {"robot_toy": "toy", "dog": "dog", "teapot": "teapot", "backpack_dog": "backpack"}
SCENES = ("a {}", "a {} on the beach", "a {} in the snow", "a {} in the forest")
SHOWN = 4  # photos a row


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--photos", type=Path, help="default: photos")
    asked.add_argument("--only", choices=SUBJECTS, help="one subject")
    given = asked.parse_args()
    photos = folder_or_none(given.photos or Path("photos"), given.photos is not None, "give the data set with --photos")
    for name in ([given.only] if given.only else SUBJECTS) if photos else ():
        path = RESULTS / "real_photos" / f"{name}.json"
        if not path.exists():
            checkpoint.write_json(path, taught(photos / name, name))
        print(f"{name}: {checkpoint.read_json(path)['why'][0]}", flush=True)
    done = {path.stem: checkpoint.read_json(path) for path in sorted((RESULTS / "real_photos").glob("*.json"))}
    if done:
        print(write("real_photos", {"subjects": done}))


def taught(photos: Path, name: str) -> dict[str, object]:
    """Teach one subject, draw it, put the sheet beside the figures."""
    run = WORK / "real" / name
    backbone = load()
    how = {"install": False, "quiet": True, "resume": (run / "config.json").is_file()}
    lesson = teach(photos, SUBJECTS[name], name=name.replace("_", "-"), backbone=backbone, out=run, **how)
    prompts = [scene.format(lesson.concept.placeholder) for scene in SCENES]
    drawn = [one.image for one in imagine(prompts, concepts=(lesson.concept,), backbone=backbone, n=1)]
    side = backbone.facts.image_size
    shown = [images.cover(one, side) for one in imageset.load(photos, captions=False).images()[:SHOWN]]
    images.write_png(RESULTS / "real_photos" / f"{name}.png", sheet(shown, drawn, prompts))
    verdict = lesson.verdict or {}
    kept = next(row for row in verdict["checkpoints"] if row["step"] == verdict["step"])
    return {
        "noun": SUBJECTS[name],
        "step": verdict["step"],
        "why": verdict["why"],
        "gauge": {key: verdict["gauge"][key] for key in ("floor", "ceiling", "prompt_floor", "prompt_ceiling")},
        **{key: value for key, value in kept.items() if key != "pictures"},
    }


def sheet(photos: list[Image.Image], drawn: list[Image.Image], prompts: list[str]) -> Image.Image:
    """Photos above, pictures below."""
    blank = Image.new("RGB", photos[0].size, (252, 252, 250))
    row = [*photos, *[blank] * (SHOWN - len(photos))]
    labels = [*(f"photo {index}" for index in range(1, len(photos) + 1)), *[""] * (SHOWN - len(photos)), *prompts]
    return images.sheet([*row, *drawn], labels, columns=SHOWN)


if __name__ == "__main__":
    main()
