"""Five photos become one vector, 192 numbers, that prompts use as a word. Run: python examples/textual_inversion.py

Or with photos of your own: python examples/textual_inversion.py PHOTOS NOUN
"""

import sys

import likewise
from likewise import checkpoint
from likewise.demo import mascot

photos, noun = sys.argv[1:3] if len(sys.argv) > 2 else (mascot.photos()[0].parent, mascot.NOUN)

how = {"method": "textual-inversion", "vectors": 1, "initializer": noun}
taught = likewise.teach(photos, noun, name="mine", out="runs/word", install=False, **how)
print("\n".join(taught.verdict["why"]))

rows, _ = checkpoint.read_tensors(taught.concept.parts()["words"])
print({word: tuple(vectors.shape) for word, vectors in rows.items()})  # all that was learned

pictures = likewise.imagine("a <mine> on the beach", concepts=[taught.concept], n=4, seed=0, out="pictures/word")
print(f"The pictures are in {pictures[0].path.parent}; photos and pictures side by side in runs/word/report.html.")
