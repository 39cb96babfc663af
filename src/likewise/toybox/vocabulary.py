"""The tokenizer's vocabulary: the words of the world and of ordinary prompts, then rare syllables for identifiers.

Every word is one token, as common words are in CLIP's tokenizer, so a small text tower need not learn to spell. The
rare syllables come last, like the rarest merges of CLIP's: they are the candidates for DreamBooth's identifier.
"""

import json
import re
from itertools import product
from pathlib import Path

from likewise.seeds import numpy_stream
from likewise.toybox.captions import STYLE_PHRASES, plural
from likewise.toybox.concepts import MASCOTS, WORLD
from likewise.toybox.photos import Photos
from likewise.toybox.scenes import BACKGROUNDS

RARE = 400
_PROMPT_WORDS = """
a an the of on in at and with to my one two three is it this that for from by near under over behind front top inside
photo picture image painting drawing render sketch illustration rendition toy stuffed style background gradient
pattern big small large little tiny huge left right middle center corner close up nice good cool clean dirty dark
bright cropped light warm cold new old happy sad red green blue yellow purple pink orange white black grey brown gold
silver golden shiny wet soft round square cube shaped striped jungle snow beach cobblestone street pink fabric wooden
floor city mountain mountains house purple rug forest wheat field tree autumn leaves eiffel tower floating water ocean
milk grass sunflowers around mirror sidewalk crowded dirt road wearing hat santa rainbow scarf monocle chef
firefighter police outfit glasses shirt wizard desert river lake garden kitchen table chair window wall park bench sky
night day sunset sunrise moon space stars sun cloud clouds rain storm animal bird fish insect fruit vegetable food
drink plant flower vehicle building clothes ball instrument thing face backpack bowl can candle cat clock sneaker dog
boot teapot vase plushie plush sloth figurine statue monster robot doll bear object person man woman boy girl baby
child hand head eye eyes nose mouth ear tail leg wing
"""


def words(tags: Path | None = None, photos: Photos | None = None) -> list[str]:
    """All words of the vocabulary in order of rank: the world's, then those of `tags`, emojibase's data.json."""
    texts = [*(c.name for c in (*WORLD, *MASCOTS)), *(plural(c.name) for c in (*WORLD, *MASCOTS))]
    texts += [c.category for c in (*WORLD, *MASCOTS)] + [plural(c.category) for c in WORLD]
    texts += [*BACKGROUNDS, _PROMPT_WORDS, *(form for forms in STYLE_PHRASES.values() for form in forms)]
    texts += [caption for _, caption in photos.rows] if photos else []
    if tags is not None:
        texts += [row["label"] for row in json.loads(tags.read_text()) if row.get("group") not in (None, 2, 8, 9)]
    found = dict.fromkeys(word for text in texts for word in re.findall(r"[a-z]+|\d", text.lower()))
    return [word for word in found if len(word) > 1]


def rare_syllables(taken: list[str]) -> list[str]:
    """Three-letter syllables that are no word: consonant, vowel or consonant, consonant, in a keyed order."""
    letters = ["".join(parts) for parts in product("bdfghjklmnpqrstvwxyz", "aeiouwyz", "bdfghkmnpqstvxz")]
    order = numpy_stream(0, "rare syllables").permutation(len(letters))
    common = set(taken)
    return [letters[i] for i in order if letters[i] not in common][:RARE]
