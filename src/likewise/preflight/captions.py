"""Captions as the model will read them: token by token, with what is missing in all and what is the same in all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from likewise.diffusion.backbone import Backbone
from likewise.preflight.report import Row
from likewise.words.tokenizer import Tokenizer, ids_of

HOLE = re.compile(r"\[\w+\]|\{\w*\}")
SHOWN = 3  # captions
LEAST = 3  # captions from which a word in all of them means something
PLACEHOLDER = re.compile(r"<[a-z0-9][a-z0-9_-]*>")
PLAIN = """
a an and any are as at be but by for from has have he her his in into is it its my near no not of off on one or our out
over she some that the their them there they this to two under up was were with you your photo picture image photograph
"""


@dataclass(frozen=True)
class Read:
    """A caption as one tokenizer reads it. A learned word has no ids: "<cat>" stands for its vectors."""

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int | str, ...]
    length: int  # tokens, end marks and all vectors of learned words counted
    limit: int
    lost: str = ""  # the words that would be cut off

    def line(self) -> str:
        """Such as: 'a zxq dog' is a·zxq·dog, ids 320 9812 1929 (5 of 77 tokens)."""
        cut = f"; cut off: {self.lost!r}" if self.lost else ""
        ids = " ".join(map(str, self.ids))
        return f"{self.text!r} is {'·'.join(self.tokens)}, ids {ids} ({self.length} of {self.limit} tokens{cut})"


def read(tokenizer: Tokenizer, text: str, limit: int, vectors: int = 1) -> Read:
    """How a tokenizer reads a caption; vectors: how many each learned word stands for."""
    tokens: list[str] = []
    ids: list[int | str] = []
    length, lost = 2, []
    for part in _parts(text):
        own = [part] if PLACEHOLDER.fullmatch(part) else ids_of(tokenizer, part)
        length += vectors if PLACEHOLDER.fullmatch(part) else len(own)
        tokens += [one if isinstance(one, str) else tokenizer.decode([one]).strip() for one in own]
        ids += own
        lost += [part] if length > limit else []
    return Read(text, tuple(tokens), tuple(ids), length, limit, " ".join(lost))


def _parts(text: str) -> list[str]:
    """Words, and learned words by themselves."""
    pieces = re.split(f"({PLACEHOLDER.pattern})", text)
    return [word for piece in pieces for word in ([piece] if PLACEHOLDER.fullmatch(piece) else piece.split())]


def look(backbone: Backbone, said: Sequence[str], own: Sequence[str | None], subject: str, vectors: int) -> list[Row]:
    """Rows on captions.

    said: what photos are called in training, as the method settled it. own: the captions that came with them, as they
    were written. subject: what the method calls the subject, such as "zxq dog".
    """
    limit = backbone.facts.text_length
    rows = [
        Row("captions", "warning" if one.lost else "ok", one.line(), "Shorten it" if one.lost else "")
        for text in list(dict.fromkeys(said))[:SHOWN]
        for one in [read(backbone.tokenizers[0], text, limit, vectors)]
    ]
    return [*rows, *_missing(said, subject), *_unfilled(own), *_same(own, subject)]


def _missing(said: Sequence[str], subject: str) -> list[Row]:
    """Captions that do not name the subject, whose other words would stand for it."""
    word = subject.split()[0]
    without = [text for text in said if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)]
    if not without:
        return []
    text = f"{len(without)} of {len(said)} captions do not say {word!r}, such as {without[0]!r}"
    return [Row("captions", "warning", text, "Put it into each, or delete the captions")]


def _unfilled(own: Sequence[str | None]) -> list[Row]:
    """Holes that other trainers fill in, such as [trigger]; here they would be learned as they stand."""
    found = sorted({hole for text in own if text for hole in HOLE.findall(text)})
    if not found:
        return []
    text = f"captions hold {', '.join(found[:3])}, which nothing fills in here"
    return [Row("captions", "warning", text, "Write the concept's name there, such as <rex>")]


def _same(own: Sequence[str | None], subject: str) -> list[Row]:
    """Words in every caption, to which the subject binds as well as to its own word."""
    texts = [text for text in own if text]
    if len(texts) < LEAST:
        return []
    known = set(PLAIN.split()) | set(re.findall(r"\w+", subject.lower()))
    sets = [set(re.findall(r"[^\W\d_]+", PLACEHOLDER.sub("", text).lower())) for text in texts]
    common = sorted(set.intersection(*sets) - known)
    if not common:
        return []
    shown = ", ".join(repr(word) for word in common[:5])
    text = f"every caption says {shown}, so that what the photos share is bound to that too"
    return [Row("captions", "warning", text, "Leave out what belongs to the subject, vary or drop the rest")]
