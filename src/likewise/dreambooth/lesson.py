"""What `likewise teach` asks of DreamBooth, stage by stage; see `likewise.tuning.lesson`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from likewise import words as lexicon
from likewise.diffusion.backbone import Backbone, Words
from likewise.dreambooth import prior
from likewise.dreambooth.config import Config
from likewise.dreambooth.data import captions as named
from likewise.dreambooth.data import prepare as encoded
from likewise.dreambooth.draw import Data
from likewise.dreambooth.export import applied as applied
from likewise.dreambooth.export import save as save
from likewise.dreambooth.trained import census
from likewise.encoders.places import places
from likewise.errors import UnknownConceptError
from likewise.imageset import ImageSet
from likewise.progress import progress
from likewise.tuning.plan import Plan
from likewise.words.tokenizer import ids_of


def identify(backbone: Backbone, config: Config, name: str, noun: str, seed: int, taken: Sequence[str]) -> str:
    """The rare word for a new subject: the configured one, or one found by the specification's procedure."""
    if config.identifier is not None:
        return config.identifier
    return lexicon.find_identifier(
        backbone.tokenizers, seed, noun, taken=taken, encode=lambda prompts: _last_states(backbone, prompts)
    ).token


def _last_states(backbone: Backbone, prompts: list[str]) -> list[list[float]]:
    """What the text encoder says at each prompt's end mark, which has read all of it."""
    ends = [1 + len(ids_of(backbone.tokenizers[0], prompt)) for prompt in prompts]
    embeds = backbone.encode_text(prompts).embeds.detach().float().cpu()
    return [embeds[row, end].tolist() for row, end in enumerate(ends)]


def captions(plan: Plan, photos: ImageSet) -> tuple[tuple[str, ...], list[str]]:
    """One caption a photo, and those that had to be changed; see `data.captions`.

    Where none has one, with `places`, the instance prompt and where the photo was taken, if that is sure.
    """
    if plan.config.places and not any(photos.captions):
        found = places(photos.images(), plan.noun)
        return tuple(f"{_own(plan)} {place}" if place else _own(plan) for place in found), []
    return named(photos.captions, plan.config, plan.identifier, plan.noun, plan.placeholder)


def check(backbone: Backbone, plan: Plan, texts: tuple[str, ...]) -> None:
    """PromptTooLongError, PlaceholderError or UnknownConceptError for a caption or prompt that could not be read."""
    for text in {*texts, *prompts(plan)}:
        for other in lexicon.placeholders(text):
            raise UnknownConceptError(other.strip("<>"), [plan.name])
        lexicon.check_length(backbone.tokenizers[0], text, backbone.facts.text_length)


def learns(backbone: Backbone, plan: Plan) -> dict[str, tuple[int, int]]:
    """For each part of the model its layers with adapters, or all tensors, and their parameters."""
    return census(backbone, plan.config)


def told(backbone: Backbone, plan: Plan, texts: tuple[str, ...]) -> list[str]:
    """What a person should know before it starts: how the subject is read, and what learns."""
    config, subject = plan.config, f"{plan.identifier} {plan.noun}"
    ids = [ids_of(one, subject) for one in backbone.tokenizers]
    what = f"LoRA of rank {config.rank}" if config.train == "lora" else "all weights of the U-Net"
    text = " and the text encoder" if config.train_text else ""
    placed = sum(text != _own(plan) for text in texts) if config.places else 0
    where = f"; the prompts of {placed} of {len(texts)} photos say where they were taken" * bool(placed)
    return [
        f"The first photo is called {texts[0]!r}{where}",
        f"{plan.placeholder} is read as {subject!r}, tokens {', '.join(map(str, ids))}",
        f"{what}{text}: {config.steps} steps of {config.samples} photos at {config.lr:g}",
    ]


def prepare(backbone: Backbone, plan: Plan, photos: ImageSet, texts: tuple[str, ...], cache: Path, quiet: bool) -> Data:
    """Everything encoded, class images made; all of it kept in `cache` for the next run."""
    config, pictures, placed = plan.config, [], ()
    if config.class_count:
        want = prior.wanted(backbone, config, plan.noun)
        folder = cache / "class-images" / want.fingerprint
        with progress(config.class_count, quiet) as bar:
            bar.say(f"Pictures of {want.prompt!r}")
            for made in prior.make(backbone, want, folder, config.class_count):
                bar.show(made, {})
        pictures = prior.listed(folder, config.class_count)
        placed = tuple(want.caption(index) for index in range(config.class_count)) if want.places else ()
    classes = {"class_images": pictures, "class_captions": placed}
    return encoded(backbone, photos.photos, texts, config, plan.noun, **classes, plain=_own(plan), cache=cache)


def prompts(plan: Plan) -> list[str]:
    """The subject twice, the subject somewhere else, and the bare class, which should not become the subject."""
    own = _own(plan)
    return [own, own, f"{own} on the beach", _bare(plan)]


def start(backbone: Backbone, plan: Plan) -> Words:
    """No word is learned here."""
    return {}


def words(tensors: Mapping[str, Tensor]) -> Words:
    """No word is learned here."""
    return {}


def _own(plan: Plan) -> str:
    return plan.config.instance_prompt.format(identifier=plan.identifier, noun=plan.noun)


def _bare(plan: Plan) -> str:
    return plan.config.class_prompt.format(noun=plan.noun)
