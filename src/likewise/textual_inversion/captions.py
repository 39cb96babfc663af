"""What photos are called while a word is learned: sentences that hold it, or captions of their own."""

from collections.abc import Sequence

from likewise.textual_inversion.config import Config
from likewise.words import OBJECT_TEMPLATES, STYLE_TEMPLATES
from likewise.words.marks import plainly


def sentences(config: Config, placeholder: str, noun: str) -> tuple[str, ...]:
    """What photos without captions are called: the templates with the word in them, or the instance prompt alone."""
    if config.sentences == "plain":
        return (config.instance_prompt.format(identifier=placeholder, noun=noun),)
    templates = OBJECT_TEMPLATES if config.learns == "object" else STYLE_TEMPLATES
    return tuple(template.format(placeholder) for template in templates)


def caption(text: str | None, config: Config, placeholder: str, noun: str) -> str | None:
    """A photo's own caption with the word in it, or None where it has no caption.

    One that lacks the word gets it in place of the noun, or, without the noun, in front of everything; a style's word
    is put at the end. Otherwise what is seen would be bound to the caption's other words.
    """
    if not text:
        return None
    if placeholder in text:
        return text
    if config.learns == "style":
        return f"{text}, in the style of {placeholder}"
    named, found = plainly(noun).subn(lambda _: placeholder, text, count=1)
    return named if found else f"a {placeholder}, {text}"


def captions(
    texts: Sequence[str | None], config: Config, placeholder: str, noun: str
) -> tuple[tuple[str | None, ...], list[str]]:
    """One caption a photo, and "before -> after" of every one that had to be given the word."""
    final = tuple(caption(text, config, placeholder, noun) for text in texts)
    pairs = zip(texts, final, strict=True)
    return final, [f"{text!r} -> {new!r}" for text, new in pairs if text and text != new]
