"""What `likewise teach` asks of Textual Inversion, stage by stage; see `likewise.tuning.lesson`."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from likewise import checkpoint
from likewise import words as lexicon
from likewise.diffusion.backbone import Backbone, Words
from likewise.encoders.places import places
from likewise.errors import HeadWordWarning, PoolingWarning, UnknownConceptError
from likewise.imageset import ImageSet
from likewise.textual_inversion import captions as texting
from likewise.textual_inversion.config import Config
from likewise.textual_inversion.draw import Data
from likewise.textual_inversion.export import applied as applied
from likewise.textual_inversion.export import asked
from likewise.textual_inversion.export import save as save
from likewise.textual_inversion.export import words as words
from likewise.textual_inversion.starts import start as rows
from likewise.tuning.cache import views
from likewise.tuning.plan import Plan
from likewise.words.places import PLACES
from likewise.words.tokenizer import ids_of

Captions = tuple[str | None, ...]


def identify(backbone: Backbone, config: Config, name: str, noun: str, seed: int, taken: Sequence[str]) -> str:
    """The word itself, in brackets; PlaceholderError if a tokenizer knows it already."""
    return lexicon.check_placeholder(f"<{name}>", backbone.tokenizers)


def captions(plan: Plan, photos: ImageSet) -> tuple[Captions, list[str]]:
    """One caption a photo, None where the sentences serve, and those that had to be changed.

    Where none has one, with `places`, the instance prompt and where the photo was taken, if that is sure.
    """
    if plan.config.places and not any(photos.captions):
        found = places(photos.images(), plan.noun)
        return tuple(f"{asked(plan)} {place}" if place else None for place in found), []
    return texting.captions(photos.captions, plan.config, plan.placeholder, plan.noun)


def check(backbone: Backbone, plan: Plan, texts: Captions) -> None:
    """InitializerError; PromptTooLongError or UnknownConceptError for a caption; warns of a noun cut to its last word,
    and of another pooling.
    """
    start(backbone, plan)
    if plan.config.initializer is None and (head := _initializer(backbone, plan)) != plan.noun:
        warnings.warn(HeadWordWarning(plan.noun, head), stacklevel=3)
    if plan.config.pooling == "eos" and backbone.facts.family == "sdxl":
        warnings.warn(PoolingWarning(), stacklevel=3)
    counts = {plan.placeholder: plan.config.vectors}
    for text in {*_sentences(plan, texts), *prompts(plan)}:
        for other in set(lexicon.placeholders(text)) - {plan.placeholder}:
            raise UnknownConceptError(other.strip("<>"), [plan.name])
        for tokenizer in backbone.tokenizers:
            lexicon.check_length(tokenizer, text, backbone.facts.text_length, counts)


def learns(backbone: Backbone, plan: Plan) -> dict[str, tuple[int, int]]:
    """The word's vectors and their numbers, for all text encoders together."""
    found = start(backbone, plan)[plan.placeholder]
    tables = found if isinstance(found, tuple) else (found,)
    return {"word": (plan.config.vectors * len(tables), sum(table.numel() for table in tables))}


def told(backbone: Backbone, plan: Plan, texts: Captions) -> list[str]:
    """What a person should know before it starts: where the word starts, the sentences, the final learning rate."""
    config, word = plan.config, _initializer(backbone, plan)
    ids = ", ".join(str(ids_of(tokenizer, word)) for tokenizer in backbone.tokenizers)
    own = sum(text is not None for text in texts)
    placed = any(text == f"{asked(plan)} {place}" for text in texts for place in PLACES) and config.places
    how = "where they were taken" if placed else "their captions"
    spoken = f"{own} of {len(texts)} photos by {how}, the others by" if own else "photos by"
    kind = f"sentences for {_kind(config)}, such as" if config.sentences == "paper" else "the instance prompt:"
    many = "1 vector" if config.vectors == 1 else f"{config.vectors} vectors"
    scaled = f" ({config.lr:g} x {config.samples} photos)" if config.scale_lr and config.samples > 1 else ""
    first = next((text for text in texts if text), texting.sentences(config, plan.placeholder, plan.noun)[0])
    return [
        f"{plan.placeholder} is {many}, from {word!r}, tokens {ids}; nothing else of the model learns",
        f"It calls {spoken} {kind} {first!r}",
        f"{config.steps} steps of {config.samples} photos at {config.rate:g}{scaled}, {many} from {word!r}",
    ]


def prepare(backbone: Backbone, plan: Plan, photos: ImageSet, texts: Captions, cache: Path, quiet: bool) -> Data:
    """Photos encoded, and kept in `cache` for the next run; where the vectors start."""
    moments = views(backbone, photos.photos, plan.config.flip, cache, bucketed=plan.config.buckets)
    spoken = texting.sentences(plan.config, plan.placeholder, plan.noun)
    digest = checkpoint.hash_json([[photo.image_hash for photo in photos.photos], list(texts), list(spoken)])
    return Data(moments, spoken, texts, start(backbone, plan), digest)


def prompts(plan: Plan) -> list[str]:
    """What previews show: the word twice, and in two places."""
    own = asked(plan)
    return [own, own, f"{own} on the beach", f"{own} in the snow"]


def start(backbone: Backbone, plan: Plan) -> Words:
    """The word's vectors before the first step."""
    return {plan.placeholder: rows(backbone, _initializer(backbone, plan), plan.config.vectors, plan.seed)}


def _initializer(backbone: Backbone, plan: Plan) -> str:
    """The word to start from: the one asked for, else the noun, of which the last word is what the thing is."""
    if plan.config.initializer is not None:
        return plan.config.initializer
    counts = {len(ids_of(tokenizer, plan.noun)) for tokenizer in backbone.tokenizers}
    return plan.noun if counts <= {1, plan.config.vectors} else plan.noun.split()[-1]


def _sentences(plan: Plan, texts: Captions) -> list[str]:
    spoken = texting.sentences(plan.config, plan.placeholder, plan.noun) if None in texts else ()
    return [*spoken, *(text for text in texts if text is not None)]


def _kind(config: Config) -> str:
    return "a thing" if config.learns == "object" else "a style"
