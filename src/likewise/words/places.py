"""Where a thing can be in Toybox's world, in the words of its captions."""

from typing import Final

COLOURS: Final = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "grey", "black")
PLACES: Final[tuple[str, ...]] = (
    *(f"on {'an' if colour == 'orange' else 'a'} {colour} background" for colour in COLOURS),
    "on a sunset gradient",
    "on a mint gradient",
    "on a stripe pattern",
    "on a dot pattern",
    "on a checked cloth",
    "on the beach",
    "in the night sky",
    "in the forest",
    "in the snow",
    "in a room",
    "on the road",
    "on the grass",
    "in the desert",
    "in the city",
    "on the water",
    "in the mountains",
)
