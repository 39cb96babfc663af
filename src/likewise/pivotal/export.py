"""What a checkpoint of pivotal tuning stands for: a word and adapters, for a while or as a concept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from likewise import checkpoint
from likewise.concept import Concept
from likewise.diffusion import lora_formats
from likewise.diffusion.backbone import Backbone, Words
from likewise.dreambooth.export import adapted
from likewise.pivotal.config import Config
from likewise.textual_inversion.export import asked, words
from likewise.training import State
from likewise.tuning import preview
from likewise.tuning.cards import card, header
from likewise.tuning.memory import weights
from likewise.tuning.plan import Plan


@contextmanager
def applied(
    backbone: Backbone, tensors: Mapping[str, Tensor], config: Config | Mapping[str, object]
) -> Iterator[Words]:
    """While inside, `backbone` has the checkpoint's adapters on; yields the learned words, for encode_text."""
    config = config if isinstance(config, Config) else Config.model_validate(dict(config))
    with adapted(backbone, _adapters(tensors), config.alpha):
        yield words(tensors)


def save(
    backbone: Backbone, plan: Plan, source: Path, target: Path, scores: Mapping[str, object] | None = None
) -> Concept:
    """Write the concept of a checkpoint folder `source` into `target`, replacing an earlier one of the same run."""
    tensors, _ = checkpoint.load_state(source)
    step = int(source.name)
    with applied(backbone, tensors, plan.config) as learned:
        look = {"steps": preview.FINE, "guidance": preview.GUIDANCE, "words": learned, "pooling": plan.config.pooling}
        picture = preview.draw(backbone, [asked(plan)], [0], **look)[0]
    parts: dict = {"words": learned[plan.placeholder]}
    if step > plan.config.word_steps:  # before that the adapters are empty
        parts["lora"] = lora_formats.pack(_adapters(tensors), plan.config.alpha, header(plan, step))
    return Concept.save(target, card(backbone, plan, step, scores or {}), preview=picture, replace=True, **parts)


def _adapters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    learned = weights(State(dict(tensors), {}))
    return {name: value for name, value in learned.items() if "/" not in name}
