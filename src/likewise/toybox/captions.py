"""The grammar of captions: style, subject, size, place, count and background, said in several ways."""

import numpy as np

STYLE_PHRASES = {
    "3d": ("a 3d {}", "a 3d render of a {}", "3d {}"),
    "flat": ("a flat {}", "a flat drawing of a {}", "flat {}"),
    "cartoon": ("a cartoon {}", "a cartoon of a {}", "cartoon {}"),
    "sticker": ("a sticker of a {}", "a {} sticker", "sticker {}"),
    "photo": ("a photo of a {}", "a photo of the {}", "photo {}"),
}
_SHUFFLED = (
    "{style}, {subject}, {background}",
    "{subject}, {background}, {style}",
    "{background}, a {style} {subject}",
)
_PLURAL = ("books", "cherries", "fries", "glasses", "grapes", "jeans", "scissors", "socks")


def plain_caption(style: str, subject: str, background: str) -> str:
    """The form that evaluation and the demo use: 'a 3d dog on the beach'."""
    return _articles(f"{STYLE_PHRASES[style][0].format(subject)} {background}")


def caption(
    rng: np.random.Generator, *, style: str, subjects: list[str], size: str, place: str, background: str
) -> str:
    """One way of saying a scene, drawn from `rng`. `size` and `place` may be '', subjects are one or two names."""
    subject = subjects[0] if len(subjects) == 1 else _together(subjects)
    if rng.random() < 0.12:
        form = str(rng.choice(_SHUFFLED))
        return _articles(form.format(style=style, subject=subject, background=background))
    named = f"{size} {subject}".strip()
    phrase = str(rng.choice(STYLE_PHRASES[style], p=(0.6, 0.25, 0.15))).format(named)
    return _articles(" ".join(part for part in (phrase, place, background) if part))


def _together(subjects: list[str]) -> str:
    first, second = subjects
    return f"{first} and a {second}" if first != second else f"two {plural(first)}"


def plural(noun: str) -> str:
    """'dog' -> 'dogs', 'box' -> 'boxes', 'cherries' unchanged."""
    if noun in _PLURAL or noun.endswith(("s", "sheep", "fish")):
        return noun
    return f"{noun}es" if noun.endswith(("x", "ch", "sh")) else f"{noun}s"


def _articles(text: str) -> str:
    """'a apple' -> 'an apple', 'a two dogs' -> 'two dogs', 'a socks' -> 'socks'."""
    words, out = text.split(), []
    for word, following in zip(words, [*words[1:], ""], strict=True):
        bare = following.rstrip(",")
        if word == "a" and (bare == "two" or bare in _PLURAL):
            continue
        out.append("an" if word == "a" and following[:1] in tuple("aeiou") else word)
    return " ".join(out)
