"""Draw, describe, draw a part anew, fill in words. Run: python examples/magvlt.py [MODEL], the folder of a model."""

import sys

from PIL import Image

from likewise import magvlt

drafter = magvlt.load(sys.argv[1] if len(sys.argv) > 1 else "toybox")

(draft,) = drafter.draft("a 3d strawberry on the beach", seed=7, candidates=2)
print(f"drew {draft.image.size[0]} px, seed {draft.seed}, fit {draft.score:.2f}")

(caption,) = drafter.describe([draft.image], candidates=2)
print(f"it shows: {caption.text!r}")

mask = Image.new("L", draft.image.size, 0)
mask.paste(255, (0, 0, draft.image.width // 2, draft.image.height))
(again,) = drafter.inpaint(draft.image, mask, "a 3d cookie in the snow", candidates=2)
side = drafter.pictures.side
before, after = (
    codes.reshape(side, side)[:, side // 2 :] for codes in (drafter.pictures.of([draft.image])[0], again.codes)
)
print(f"left half drawn anew; tokens of the right half that changed: {int((before != after).sum())}")

for one in drafter.infill("a ___ strawberry on the ___", draft.image, n=2, candidates=2):
    print(f"filled in: {one.text!r}")
