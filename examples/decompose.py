"""Take photos apart into a tree of words, and blend them. Run: python examples/decompose.py PHOTOS [BASE]"""

import sys

import likewise
from likewise.concept_tree import combine, decompose, explore

photos, base = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "toybox"
settings = {} if base == "toybox" else {"test_steps": 2, "steps": 4, "images": 3, "central": 2, "initializer": "dog"}
backbone = likewise.load(base)

tree = decompose(photos, name="idea", depth=1, backbone=backbone, out="trees/idea", **settings)
for node in tree.nodes[1:]:
    print(f"{tree.placeholder(node)}: its pictures are {next(iter(tree.node(node).own.values())):.2f} alike")

if tree.children("v0"):
    pictures = combine(tree, sentences=("{}", "a house made of {}"), backbone=backbone, n=1, out="trees/idea/blends")
    print(f"{len(pictures)} blends, both ways round: {pictures[0].path.parent}")
    milder = explore.ladder(tree, "v1", backbone=backbone, n=1, out="trees/idea/steps")
    print(f"<idea_v1> from mild to full: {milder[0].path.parent}")
print(f"Open {tree.folder / 'tree.html'}")
