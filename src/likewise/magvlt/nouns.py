"""The noun that captions of a few photos agree on: what `teach` needs when nobody says what the photos show."""

from collections import Counter
from collections.abc import Iterable, Sequence

from PIL import Image

from likewise.magvlt.drafter import Drafter

PLAIN = frozenset(
    {
        "a", "an", "the", "of", "on", "in", "at", "and", "with", "to", "two", "one", "big", "small", "large", "little",
        "3d", "flat", "cartoon", "sticker", "photo", "drawing", "render", "picture", "image", "plain", "left", "right",
        "middle",
    }
)  # fmt: skip


def suggest(drafter: Drafter, pictures: Sequence[Image.Image], known: Iterable[str] = ()) -> list[str]:
    """Words that captions of at least half of the pictures name, the most frequent first; of equal ones the earlier.

    known: only these count, such as the nouns of a world; without them, all words but those that say how a picture is
    made. A caption's words after the first preposition are about the background and count for half.
    """
    nouns, scores, named = set(known), Counter[str](), Counter[str]()
    for caption in drafter.describe(pictures):
        weight, words = 2, caption.text.split()
        named.update(set(words))
        for word in words:
            weight = 1 if word in ("on", "in", "at", "under", "over", "with") else weight
            if word in nouns or (not nouns and word not in PLAIN):
                scores[word] += weight
    return [word for word, _ in scores.most_common() if 2 * named[word] >= len(pictures)]
