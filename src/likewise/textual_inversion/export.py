"""What a checkpoint of Textual Inversion stands for: a word's vectors, for a while or as a concept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor

from likewise import checkpoint
from likewise.concept import Concept
from likewise.diffusion.backbone import Backbone, Words
from likewise.textual_inversion.config import Config
from likewise.textual_inversion.rows import vectors
from likewise.training import State
from likewise.tuning import preview
from likewise.tuning.cards import card
from likewise.tuning.memory import weights
from likewise.tuning.plan import Plan


def words(tensors: Mapping[str, Tensor]) -> Words:
    """The learned words in the tensors of a checkpoint, averaged ones where the run keeps them."""
    return vectors(weights(State(dict(tensors), {})))


@contextmanager
def applied(
    backbone: Backbone, tensors: Mapping[str, Tensor], config: Config | Mapping[str, object]
) -> Iterator[Words]:
    """Yields the learned words, to pass to encode_text; the model itself is as it always was."""
    yield words(tensors)


def save(
    backbone: Backbone, plan: Plan, source: Path, target: Path, scores: Mapping[str, object] | None = None
) -> Concept:
    """Write the concept of a checkpoint folder `source` into `target`, replacing an earlier one of the same run."""
    tensors, _ = checkpoint.load_state(source)
    learned = words(tensors)
    look = {"steps": preview.FINE, "guidance": preview.GUIDANCE, "words": learned, "pooling": plan.config.pooling}
    picture = preview.draw(backbone, [asked(plan)], [0], **look)[0]
    facts = card(backbone, plan, int(source.name), scores or {})
    return Concept.save(target, facts, words=learned[plan.placeholder], preview=picture, replace=True)


def asked(plan: Plan) -> str:
    """The prompt that shows what was learned."""
    return plan.config.instance_prompt.format(identifier=plan.placeholder, noun=plan.noun)
