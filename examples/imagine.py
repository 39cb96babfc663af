"""Prompts to pictures, and a picture again from its own file. Run: python examples/imagine.py"""

import likewise
from likewise.imagine import from_png

backbone = likewise.load()  # the embedded Toybox, or a folder or hub id of a Stable Diffusion

pictures = likewise.imagine(
    ["a 3d dog on the beach", "a sticker of a car in the snow"],
    backbone=backbone,
    n=2,
    seed=7,
    guidance=5.0,
    steps=20,
    out="pictures",
)
for picture in pictures:
    print(picture.path, picture.metadata["prompt"], picture.metadata["seed"])

again = from_png(pictures[0].path, backbone=backbone)[0]
assert again.image.tobytes() == pictures[0].image.tobytes()  # the same bytes, from the settings in the file
