"""What a draft model says, draws and fills in on scenes of the world that training never saw.

Run: python benchmarks/magvlt_world.py --world WORLD [--model toybox] [--count 120] [--sheet FILE.png].

WORLD is a folder of `likewise toybox build`. Captions are read by name: a factor is right if the caption names it.
Drafts and fills are judged by EfficientNet-lite0, which chose none of them: candidates are ranked by the Toybox towers.
A fill asks for another thing where the picture's own was; chance is to be named among five of all. Writes
results/magvlt_world.json.
"""

import argparse
import re
import time
from pathlib import Path

import numpy as np
from bookkeeping import write
from PIL import Image

from likewise import checkpoint, encoders, images, magvlt
from likewise.diffusion.loading import toybox_folder
from likewise.magvlt.masks import tokens
from likewise.toybox import judge as judging
from likewise.toybox.build import opened
from likewise.toybox.concepts import STYLES
from likewise.toybox.evaluate import compositions, share
from likewise.toybox.evaluate import scores as judged
from likewise.toybox.info import QUALITY
from likewise.toybox.scenes import BACKGROUNDS

MIDDLE = slice(2, 7)  # of 8 rows of tokens: where subjects stand
SHOWN = 24


def named(text, choices):
    """Which of the choices a caption names as whole words, the longest first: 'hot dog' is no dog."""
    for choice in sorted(choices, key=len, reverse=True):
        text, found = re.subn(rf"\b{re.escape(choice)}\b", " ", text)
        if found:
            yield choice


def said(drafter, asked, real, subjects):
    """Captions of real pictures, factor by factor, and blanks filled with the picture in sight."""
    began = time.perf_counter()
    texts = [drafter.describe([picture])[0].text for picture in real]
    seconds = (time.perf_counter() - began) / len(real)
    pairs = list(zip(asked, texts, strict=True))
    blank = [(one, picture) for one, picture in zip(asked, real, strict=True) if len(drafter.words.ids(one.name)) == 1]
    filled = [drafter.infill(one.prompt.replace(one.name, "___"), picture)[0].text for one, picture in blank]
    return texts, {
        "subject": share([list(named(text, subjects)) == [one.name] for one, text in pairs]),
        "style": share([list(named(text, STYLES)) == [one.style] for one, text in pairs]),
        "background": share([one.background in named(text, BACKGROUNDS) for one, text in pairs]),
        "subject_of_a_blank": share([one.prompt == text for (one, _), text in zip(blank, filled, strict=True)]),
        "seconds": round(seconds, 3),
    }


def drawn(drafter, asked):
    began = time.perf_counter()
    pictures = [drafter.draft(one.prompt, seed=i)[0].image for i, one in enumerate(asked)]
    return pictures, (time.perf_counter() - began) / len(asked)


def mask(side, pixels):
    """White over the middle, whole tokens."""
    white = np.zeros((side, side), np.uint8)
    white[MIDDLE, 1:7] = 255
    return Image.fromarray(white).resize((pixels, pixels), Image.Resampling.NEAREST)


def filled(drafter, asked, real, others, judge, subjects):
    """Another thing drawn into the middle of each picture: named by the judge, and every other token as it was."""
    over = mask(drafter.pictures.side, real[0].width)
    anew = tokens(over, real[0].size, drafter.pictures.side)
    found = [
        drafter.inpaint(picture, over, one.prompt.replace(one.name, other), seed=i, blend=False)[0]
        for i, (one, other, picture) in enumerate(zip(asked, others, real, strict=True))
    ]
    before = drafter.pictures.of(real)
    same = [bool((one.codes == codes)[~anew[0]].all()) for one, codes in zip(found, before, strict=True)]
    seen = judging.embed(judge.encoder, [one.image for one in found])
    ranked = judge.subjects(seen, [one.background for one in asked])
    return [one.image for one in found], {
        "kept_tokens_unchanged": share(same),
        "asked_for_among_five": share([other in names[:5] for other, names in zip(others, ranked, strict=True)]),
        "own_among_five": share([one.name in names[:5] for one, names in zip(asked, ranked, strict=True)]),
        "chance": round(5 / len(subjects), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--world", type=Path, required=True)
    parser.add_argument("--model", default="toybox")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    world = opened(given.world)
    subjects = [concept.name for concept in world.concepts]
    asked = compositions(world, given.count)
    real = [world.draw(world.composition(one.name, one.style, one.background, 7)) for one in asked]
    drafter = magvlt.load(given.model, encoder=encoders.load("toybox"))
    judge = judging.build(world, encoders.load("efficientnet-lite0"), given.world)
    texts, captions = said(drafter, asked, real, subjects)
    pictures, seconds = drawn(drafter, asked)
    others = [asked[(i + len(asked) // 2) % len(asked)].name for i in range(len(asked))]
    fills, inpainting = filled(drafter, asked, real, others, judge, subjects)
    coded = images.to_pil(drafter.pictures.decode(drafter.pictures.of(real)))
    report = {
        "model": drafter.hash,
        "captions": captions,
        "drafts": judged(judge, asked, pictures) | {"seconds": round(seconds, 3)},
        "diffusion": checkpoint.read_json(toybox_folder().with_name(QUALITY))["held_out_compositions"],
        "image_tokens": judged(judge, asked, coded),  # the best that drafts could reach
        "inpainting": inpainting,
    }
    print(write("magvlt_world", report))
    for part in ("captions", "drafts", "image_tokens", "inpainting"):
        print(part, {k: v.get("value", v) for k, v in report[part].items() if isinstance(v, dict)})
    if given.sheet:
        labels = [one.prompt for one in asked[:SHOWN]]
        images.write_png(given.sheet, images.sheet(pictures[:SHOWN], labels, columns=8))
        rows = [*real[:8], *coded[:8], *fills[:8]]
        words = [*texts[:8], *["as tokens"] * 8, *[f"now a {other}" for other in others[:8]]]
        images.write_png(given.sheet.with_name(f"{given.sheet.stem}-said.png"), images.sheet(rows, words, columns=8))


if __name__ == "__main__":
    main()
