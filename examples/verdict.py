"""Judge the checkpoints of a run again, by your own measure. Run: python examples/verdict.py [RUN]

Without a run it makes a short one first.
"""

import sys

import likewise
from likewise.demo import mascot

if len(sys.argv) > 1:
    run = sys.argv[1]
else:
    how = {"steps": 60, "class_images": 8, "verdict": False, "install": False}
    run = likewise.teach(mascot.photos()[0].parent, mascot.NOUN, name="short", out="runs/short", **how).run

found = likewise.verdict(run, prompts=("{subject}", "{subject} on the road"), images=4, prefer="likeness")
print(found.why)
for row in found.data["checkpoints"]:
    likeness = row["likeness"]
    print(f"step {row['step']:4}: likeness {likeness['value']:.2f} ({likeness['low']:.2f} to {likeness['high']:.2f})")
print(f"Keep {found.checkpoint}; curves and pictures: {found.report}")
