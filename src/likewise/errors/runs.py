"""Training runs: starting, stopping, resuming, judging."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from likewise.errors.files import FolderExistsError
from likewise.errors.root import LikewiseError, LikewiseWarning


class NothingToLearnError(LikewiseError):
    """Training without photos, or with settings that cannot change a weight."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found}, so nothing would be learned. {remedy}")


class ResumeMismatchError(LikewiseError):
    """A checkpoint made from other photos, another model or other settings."""

    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            f"The run was started with other inputs: {'; '.join(differences)}. Resume with the same ones, or start a "
            "new run in another folder (--out)."
        )


class NothingToResumeError(LikewiseError):
    """--resume where no run was started."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder} holds no run to resume. Start it without --resume.")


class ClassImagesMismatchError(LikewiseError):
    """A folder of class images that another model, prompt or setting made."""

    def __init__(self, folder: object, differences: list[str]) -> None:
        super().__init__(
            f"{folder} holds class images made otherwise ({'; '.join(differences)}); as a prior they would teach "
            "another model's pictures. Give an empty folder, or none to let the tool choose one."
        )


class NoStepsError(LikewiseError):
    """A training that ended before its first step."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"Training in {folder} made no step, so there is nothing to save.\n"
            "Ask for at least one step, and check that there is data to learn from."
        )


class NonFiniteError(LikewiseError):
    """Training left the finite numbers."""

    def __init__(self, step: int, found: str, last_good: Path | None) -> None:
        self.step, self.last_good = step, last_good
        kept = f"The last good checkpoint, {last_good}, is intact" if last_good else "No checkpoint was made before it"
        super().__init__(
            f"Training stopped at step {step}: {found}.\n{kept}; nothing that is not finite was saved.\n"
            "A lower learning rate is the usual cure; also look for a photo or caption that is out of the ordinary."
        )


class NonFiniteLossError(NonFiniteError):
    """A loss, or the learning rate, is inf or nan."""

    def __init__(self, step: int, losses: Mapping[str, float], last_good: Path | None) -> None:
        found = ", ".join(f"{name} is {value}" for name, value in losses.items())
        super().__init__(step, f"{found}, a finite number is needed", last_good)


class NonFiniteStateError(NonFiniteError):
    """A weight or an optimiser moment is inf or nan."""

    def __init__(self, step: int, tensors: Sequence[str], last_good: Path | None) -> None:
        more = f" and {len(tensors) - 3} more" if len(tensors) > 3 else ""
        super().__init__(step, f"not all values of {', '.join(tensors[:3])}{more} are finite", last_good)


class Interrupted(LikewiseError):
    """Ctrl-C: the step under way was completed and saved. Commands exit with exit_code."""

    exit_code = 130

    def __init__(self, step: int, saved: Path, command: str | None = None) -> None:
        self.step, self.saved = step, saved
        how = f"Go on with:\n  {command}" if command else "Go on by running the same again, resuming."
        super().__init__(f"Stopped after step {step}, which is saved in {saved}.\n{how}")


class LogGapWarning(LikewiseWarning):
    """The event log of a resumed run ends before its checkpoint."""

    def __init__(self, path: Path, logged: int, step: int) -> None:
        super().__init__(
            f"{path} holds steps up to {logged}, but the checkpoint is of step {step}: the curves will lack the steps "
            "between. The weights are not affected."
        )


class ChangedVersionsWarning(LikewiseWarning):
    """A run goes on under other library versions than it was started with."""

    def __init__(self, changes: Sequence[tuple[str, object, object]]) -> None:
        listed = ", ".join(f"{name} {old} -> {new}" for name, old, new in changes)
        super().__init__(
            f"This run was started under other versions ({listed}): it goes on, but its last digits can differ from an "
            "uninterrupted run. Install the earlier versions to get the same bits."
        )


class RunExistsError(FolderExistsError):
    """A new run where one was started already."""

    def __init__(self, path: Path) -> None:
        LikewiseError.__init__(
            self,
            f"{path} already holds a run and was left as it is.\nContinue it with --resume, or choose another folder "
            "with --out.",
        )


class NotARunError(LikewiseError):
    """A folder that no training wrote."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder} holds no run: it has no config.json. Name a run folder that likewise teach wrote.")


class NoCheckpointsError(LikewiseError):
    """A run without a checkpoint that could be judged."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} holds no complete checkpoint to judge. Go on with its training: likewise teach ... --resume"
        )


class NoTextEncoderWarning(LikewiseWarning):
    """Prompt fidelity could not be measured."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"Whether prompts still come true is not measured, and so has no part in the choice. {reason}")


class SkippedCheckpointWarning(LikewiseWarning):
    """A checkpoint that could not be read has no part in the verdict."""

    def __init__(self, name: str, reason: object) -> None:
        super().__init__(f"Checkpoint {name} is left out of the verdict. {reason}")


class InitializerError(LikewiseError):
    """A word to start from that has neither one token nor one for each vector."""

    def __init__(self, word: str, vectors: int, split: Sequence[str]) -> None:
        shown, count = " + ".join(split) or "nothing", len(split)
        needed = "one token" if vectors == 1 else f"one token, or {vectors}, one a vector"
        more = f", or learn {count} vectors with --vectors {count}" if 1 < count <= 16 else ""
        super().__init__(
            f"The word to start from, {word!r}, is read as {count} tokens ({shown}), and {needed} is needed.\n"
            f"Name a plain word of one token with --initializer, such as 'toy'{more}."
        )


class HeadWordWarning(LikewiseWarning):
    """A noun of several tokens, of which a learned word starts at the last word."""

    def __init__(self, noun: str, head: str) -> None:
        super().__init__(
            f"The word starts from {head!r}, the last word of {noun!r}, as a start is one token, or one a vector. "
            "--initializer names another."
        )


class StillWordWarning(LikewiseWarning):
    """A learned word that is still about where it started."""

    def __init__(self, share: float) -> None:
        super().__init__(
            f"A vector of the word moved by only {share:.2%} of its length, so it means little more than the word that "
            "it started from. More steps (--steps) or a higher learning rate (--lr) are needed."
        )


class LongWordWarning(LikewiseWarning):
    """A learned word whose vectors are far longer than those of other words."""

    def __init__(self, times: float) -> None:
        super().__init__(
            f"A vector of the word is {times:.1f} times as long as the model's own words usually are; it will drown "
            "the other words of a prompt. A lower learning rate (--lr) or --norm median keeps it in bounds."
        )


class NothingToCompareError(LikewiseError):
    """A comparison of fewer than two models, or of LoRA files without photos to measure them on."""

    def __init__(self, count: int, needed: str = "Name two runs or more, or a run and --lora FILE.") -> None:
        super().__init__(f"{count} taught model(s) were named, too little to compare. {needed}")


class TriggerError(LikewiseError):
    """A LoRA file that does not say which words bring its subject up."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} does not name its trigger, and without it its subject would not be drawn. "
            "Give the words, such as: --trigger 'sks dog'"
        )


class TriggerCountError(LikewiseError):
    """Triggers that cannot be told apart by file."""

    def __init__(self, triggers: int, files: int) -> None:
        super().__init__(
            f"{triggers} --trigger for {files} --lora: give one for each file in the same order, one for all, or none "
            "where the files name their own."
        )


class LastCheckpointWarning(LikewiseWarning):
    """A run without a verdict is compared at its last checkpoint."""

    def __init__(self, folder: object, step: int) -> None:
        super().__init__(
            f"{folder} has no verdict yet, so its last checkpoint, step {step}, takes part. To compare the one worth "
            f"keeping, run first: likewise verdict {folder}"
        )


class UnlikeRunsWarning(LikewiseWarning):
    """Runs that were taught from other photos are measured on those of the first."""

    def __init__(self, folder: object, first: object) -> None:
        super().__init__(
            f"{folder} was taught from other photos than {first}, and is measured on those of {first}. Compare runs of "
            "the same photos, or give photos held out from all of them: --photos DIR"
        )


class PreflightError(LikewiseError):
    """Warnings before training, where --strict asks for none."""

    def __init__(self, warnings: Sequence[str]) -> None:
        listed = "\n".join(f"  {one}" for one in warnings)
        super().__init__(
            f"The check before training found {len(warnings)} thing(s), and --strict lets none pass; nothing was "
            f"written:\n{listed}\nMend them, or leave --strict out."
        )


class PoolingWarning(LikewiseWarning):
    """A word learned for another program's reading of the pooled text."""

    def __init__(self) -> None:
        super().__init__(
            "With pooling eos the word is learned as ComfyUI reads prompts, and drawn so here; diffusers reads the "
            "pooled text at the word, and its pictures will be a little off. Leave it at argmax for those."
        )
