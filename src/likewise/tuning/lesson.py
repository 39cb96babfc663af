"""What `likewise teach` asks of a method; a method's module `lesson` answers, function by function."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from likewise.concept import Concept
from likewise.diffusion.backbone import Backbone, Words
from likewise.imageset import ImageSet
from likewise.tuning.plan import Plan


@runtime_checkable
class Lesson(Protocol):
    """The stages of teaching by one method, in the order that they come; `texts` is what `captions` gave."""

    def identify(self, backbone: Backbone, config: Any, name: str, noun: str, seed: int, taken: Sequence[str]) -> str:
        """What prompts say while it is learned: a rare word before the noun, or "<name>"; taken: words in use."""
        ...

    def captions(self, plan: Plan, photos: ImageSet) -> tuple[Any, list[str]]:
        """What the photos are called, and "before -> after" of every caption that had to be changed."""
        ...

    def check(self, backbone: Backbone, plan: Plan, texts: Any) -> None:
        """A LikewiseError for what could not be learned from; nothing is on disk yet."""
        ...

    def learns(self, backbone: Backbone, plan: Plan) -> dict[str, tuple[int, int]]:
        """What trains: for each part of the model, how many of its layers or vectors, and how many parameters."""
        ...

    def told(self, backbone: Backbone, plan: Plan, texts: Any) -> list[str]:
        """What a person should know before it starts."""
        ...

    def prepare(self, backbone: Backbone, plan: Plan, photos: ImageSet, texts: Any, cache: Path, quiet: bool) -> Any:
        """The data for the method's learn()."""
        ...

    def prompts(self, plan: Plan) -> list[str]:
        """What previews show."""
        ...

    def start(self, backbone: Backbone, plan: Plan) -> Words:
        """The words' vectors before the first step."""
        ...

    def words(self, tensors: Mapping[str, Tensor]) -> Words:
        """The words' vectors in a checkpoint's tensors; {} where the method learns none."""
        ...

    def applied(
        self, backbone: Backbone, tensors: Mapping[str, Tensor], config: Any
    ) -> AbstractContextManager[Words | None]:
        """A scope in which the model is as learned in a checkpoint; yields the words' vectors, if it learns any."""
        ...

    def save(
        self, backbone: Backbone, plan: Plan, source: Path, target: Path, scores: Mapping[str, object] | None = None
    ) -> Concept:
        """Write the concept of checkpoint `source` into `target`, replacing an earlier one of the same run."""
        ...
