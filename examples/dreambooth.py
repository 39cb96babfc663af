"""Five photos become a word, and the word draws pictures. Run: python examples/dreambooth.py [PHOTOS NOUN]"""

import sys

import likewise
from likewise.demo import mascot

photos, noun = sys.argv[1:3] if len(sys.argv) > 2 else (mascot.photos()[0].parent, mascot.NOUN)

taught = likewise.teach(photos, noun, name="mine", out="runs/mine", install=False)
print("\n".join(taught.verdict["why"]))

pictures = likewise.imagine("a <mine> on the beach", concepts=[taught.concept], n=4, seed=0, out="pictures/mine")
print(f"The pictures are in {pictures[0].path.parent}; photos and pictures side by side in runs/mine/report.html.")
