"""Every mistake a user can make, each with its own sentence: what was found, what is needed, what to do.

LikewiseError
├── (one class a situation, below; those with children:)
├── WriteError                  the disk refused
│   └── FullDiskError           the disk has no room
├── BrokenFileError             a file cannot be read as what it should be
│   └── BrokenCheckpointError   a saved folder does not match its manifest
├── ImageFileError              a file is no readable photo
│   └── ImageTooLargeError      refused by its header, before anything is decoded
├── NonFiniteError              training went to inf or nan; the last good state is kept
│   ├── NonFiniteLossError
│   └── NonFiniteStateError
└── Interrupted                 Ctrl-C; the last completed step is saved; exit code 130
LikewiseWarning
└── (one class for each thing done otherwise than asked)
"""

import errno
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, for "did you mean", or None when nothing is close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class LikewiseError(Exception):
    """A mistake that a user can mend; its message says how. Commands print it and exit with exit_code."""

    exit_code = 1


class LikewiseWarning(UserWarning):
    """Something was done otherwise than asked, or had no effect; the message says what to do."""


class SettingsFileError(LikewiseError):
    """A settings file cannot be read as TOML."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"The settings file {path} cannot be read: {problem}.\n"
            "Give --config a TOML file; any command prints one with --dump-config."
        )


class UnknownSettingError(LikewiseError):
    """A setting that does not exist, with the nearest one that does."""

    def __init__(self, name: str, known: Iterable[str], source: str) -> None:
        known = sorted(known)
        close = nearest(name, known)
        hint = f"Did you mean {close!r}?" if close else f"Known: {', '.join(known)}."
        super().__init__(f"{source} holds an unknown setting: {name!r}. {hint}")


class BadSettingError(LikewiseError):
    """One or more settings whose value does not fit; each with what was found and what is needed."""

    def __init__(self, problems: Sequence[tuple[str, str, str]], source: str) -> None:
        rows = [f"  {name}: found {found}, {needed}" for name, found, needed in problems]
        super().__init__("\n".join([f"{source} holds {len(rows)} setting(s) that do not fit:", *rows]))


class UnknownNameError(LikewiseError):
    """A method, encoder or other part by a name that nothing registered."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = nearest(name, known)
        hint = f"Did you mean {close!r}? " if close else ""
        super().__init__(f"There is no {kind} called {name!r}. {hint}Known: {', '.join(known) or 'none'}.")


class LoraTargetError(LikewiseError):
    """Adapters that would match no layer, and so learn nothing."""

    def __init__(self, component: str, targets: tuple[str, ...], endings: list[str]) -> None:
        super().__init__(
            f"No layer of the {component} has a name ending in {', '.join(targets) or '(nothing)'}, so a LoRA would "
            f"train nothing. Names here end in: {', '.join(endings) or '(no linear layer)'}."
        )


class LoraFileError(LikewiseError):
    """A file that is not a LoRA, or not one for this model."""

    def __init__(self, path: object, found: str, remedy: str) -> None:
        super().__init__(f"{path}: {found}. {remedy}")


class LoraCoverageWarning(LikewiseWarning):
    """Some tensors of a LoRA file fit no layer of the model and have no effect."""

    def __init__(self, path: object, unmatched: list[str], matched: int) -> None:
        super().__init__(
            f"{path}: {len(unmatched)} tensor(s) fit no layer of this model and are ignored, {matched} are used; the "
            f"first ignored is {unmatched[0]}. Was it trained on another base model?"
        )


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


class NameTakenError(LikewiseError):
    """A concept's name that the library holds already."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The library has a concept '{name}' already; nothing was changed. Choose another --name, or free this one "
            f"with: likewise concepts delete {name}"
        )


class ClassImagesMismatchError(LikewiseError):
    """A folder of class images that another model, prompt or setting made."""

    def __init__(self, folder: object, differences: list[str]) -> None:
        super().__init__(
            f"{folder} holds class images made otherwise ({'; '.join(differences)}); as a prior they would teach "
            "another model's pictures. Give an empty folder, or none to let the tool choose one."
        )


class CaptionWarning(LikewiseWarning):
    """Captions without the word that stands for the subject."""

    def __init__(self, changed: list[str]) -> None:
        super().__init__(
            f"{len(changed)} caption(s) did not name the subject, which would then be learned by other words; it was "
            f"put in: {'; '.join(changed[:3])}{'; ...' if len(changed) > 3 else ''}"
        )


class PackageError(LikewiseError):
    """A package of sprites could not be fetched, or is not the one that was pinned."""


class SpriteError(LikewiseError):
    """A picture that the world needs is not there."""


class MissingExtraError(LikewiseError):
    """An optional dependency is not installed; the message names the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is needed for this and is not installed. Run: pip install 'likewise[{extra}]'")


class ModelFolderError(LikewiseError):
    """A model folder that cannot be used as it is."""

    def __init__(self, part: object, problem: str) -> None:
        super().__init__(
            f"The model's {part} cannot be used: {problem}.\n"
            "Give a folder in diffusers' StableDiffusionPipeline layout, with safetensors weights."
        )


class ModelNotFoundError(LikewiseError):
    """A backbone name or folder that is not there."""

    def __init__(self, name: object, why: str = "there is no such folder") -> None:
        super().__init__(f"No model at {name}: {why}.\nGive 'toybox' or a folder that holds model_index.json.")


class ToyboxMissingError(LikewiseError):
    """The embedded model's weights are not in this installation."""

    def __init__(self) -> None:
        super().__init__(
            "The embedded model 'toybox' has no weights in this installation.\n"
            "Train them with: likewise toybox build, then likewise toybox learn"
        )


class PromptTooLongError(LikewiseError):
    """A prompt of more tokens than the text encoder reads."""

    def __init__(self, prompt: str, tokens: int, limit: int, dropped: str) -> None:
        super().__init__(
            f"The prompt takes {tokens} tokens and the model reads {limit}; these words would be lost: {dropped!r}.\n"
            f"Shorten the prompt: {prompt[:60]!r}..."
        )


class UnknownConceptError(LikewiseError):
    """A `<name>` in a prompt, or a concept asked for by name, that does not exist."""

    def __init__(self, name: str, known: "list[str] | tuple[str, ...]") -> None:
        listed = ", ".join(f"<{one}>" for one in sorted(known)) or "none yet (likewise teach makes one)"
        super().__init__(f"There is no concept <{name}>. Known here: {listed}.")


class NonFiniteLatentsError(LikewiseError):
    """Latents that hold NaN or infinity."""

    def __init__(self, where: object) -> None:
        super().__init__(
            f"The latents of {where} are not finite.\n"
            "The weights are damaged or their precision too low: run in float32, or train again with a lower rate."
        )


class SettingError(LikewiseError):
    """A setting outside what is possible."""

    def __init__(self, name: str, value: object, needed: str) -> None:
        super().__init__(f"{name} is {value!r}; {needed}.")


class ImageFileError(LikewiseError):
    """A file that is no readable photo; `reason` and `advice` are its parts, for tables."""

    def __init__(self, path: object, reason: str, advice: str = "Replace it, or save it again as PNG or JPEG") -> None:
        self.reason, self.advice = reason, advice
        super().__init__(f"{path} cannot be read as a picture: {reason}. {advice}.")


class ImageTooLargeError(ImageFileError):
    """A picture refused by its header, before anything is decoded."""

    def __init__(self, path: object, pixels: int, limit: int, size: tuple[int, int] | None = None) -> None:
        found = f"{size[0]:,} x {size[1]:,} = {pixels:,}" if size else f"{pixels:,}"
        super().__init__(path, f"it holds {found} pixels and at most {limit:,} are read", "Save a smaller copy of it")


class ImageBatchError(LikewiseError):
    """Pictures that cannot become one batch, or a batch that cannot become pictures."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"Found {found}; {needed}.")


class PictureMetadataError(LikewiseError):
    """A PNG without the settings that `imagine` writes into its pictures, or with unusable ones."""

    def __init__(self, path: object, found: str) -> None:
        super().__init__(
            f"{path} carries no settings of Likewise: {found}.\n"
            "Give a PNG just as likewise imagine wrote it; saving it again in an editor or sending it by a messenger "
            "usually strips the settings."
        )


class ImageFolderError(LikewiseError):
    """A folder of photos that does not exist, is no folder, or may not be read."""

    def __init__(self, folder: object, found: str) -> None:
        super().__init__(f"{folder} {found}. Give a folder that holds photos.")


class TooFewImagesError(LikewiseError):
    """A folder with fewer usable photos than the task needs, with the reason for each file left out."""

    def __init__(
        self, folder: object, count: int, minimum: int, skipped: Sequence[tuple[str, str]], hint: str = ""
    ) -> None:
        rows = [f"  skipped {name}: {reason}" for name, reason in skipped[:8]]
        rows += [f"  and {len(skipped) - 8} more"] * (len(skipped) > 8)
        advice = hint or f"Add images of the same subject, or run: likewise images check {folder}"
        found = f"{folder} holds {count or 'no'} usable image(s); at least {minimum} {'is' if minimum == 1 else 'are'}"
        super().__init__("\n".join([f"{found} needed.", *rows, advice]))


class CaptionFileError(LikewiseError):
    """A caption file that cannot be read, or that says two things of one photo."""

    def __init__(self, path: object, found: str, advice: str) -> None:
        self.path, self.reason, self.advice = path, found, advice
        super().__init__(f"{path}: {found}. {advice}.")


class PlaceholderError(LikewiseError):
    """A word for a concept that a tokenizer would change, or that means something already."""

    def __init__(self, word: str, problem: str, example: str = "<cat-toy>") -> None:
        super().__init__(
            f"{word!r} cannot stand for a concept: {problem}.\n"
            f"Write lower-case letters, digits, - or _ between < and >, such as {example}."
        )


class IdentifierError(LikewiseError):
    """No rare token of the tokenizer meets all the conditions for an identifier."""

    def __init__(self, noun: str, candidates: int, taken: int) -> None:
        super().__init__(
            f"None of the tokenizer's {candidates} rare short tokens can stand before {noun!r} ({taken} are taken or "
            "refused). Give an identifier of your own, or delete concepts that are no longer needed."
        )


class NounError(LikewiseError):
    """A noun that the model has no word for."""

    def __init__(self, noun: str, problem: str, near: Sequence[str] = ()) -> None:
        hint = f" Words it knows: {', '.join(near)}." if near else ""
        super().__init__(f"The noun {noun!r} {problem}.{hint} Give the plain name of the kind of thing, such as 'toy'.")


class NounSplitWarning(LikewiseWarning):
    """A noun that the model reads in pieces, and so may know less well."""

    def __init__(self, noun: str, split: str, near: Sequence[str] = ()) -> None:
        hint = f" Words it reads whole: {', '.join(near)}." if near else ""
        super().__init__(f"The model reads {noun!r} in pieces ({split}) and may know it less well.{hint}")


class AnimationWarning(LikewiseWarning):
    """Only the first frame or page of a file with several was read."""

    def __init__(self, path: object) -> None:
        super().__init__(f"{path} holds several frames; only the first is used. Save the frame you want as PNG.")


class ColourProfileWarning(LikewiseWarning):
    """A colour profile that could not be used, so that colours may be a little off."""

    def __init__(self, path: object, problem: str) -> None:
        super().__init__(
            f"{path}: its colour profile cannot be used ({problem}), so its numbers are taken as sRGB. If the colours "
            "look wrong, save it again as sRGB."
        )


class SkippedFilesWarning(LikewiseWarning):
    """Files of a photo folder that are not used, each with its reason."""

    def __init__(self, folder: object, skipped: Sequence[tuple[str, str]]) -> None:
        rows = [f"  {name}: {reason}" for name, reason in skipped[:8]]
        rows += [f"  and {len(skipped) - 8} more"] * (len(skipped) > 8)
        super().__init__("\n".join([f"{folder}: {len(skipped)} file(s) are not used.", *rows]))


class UnusedCaptionWarning(LikewiseWarning):
    """Captions that belong to no photo of the folder."""

    def __init__(self, folder: object, names: Sequence[str]) -> None:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        super().__init__(
            f"{folder}: {len(names)} caption(s) match no usable photo and are not used: {shown}. A caption file has "
            "the name of its photo: a.jpg and a.txt."
        )


class MissingCaptionWarning(LikewiseWarning):
    """Some photos of a captioned folder have no caption."""

    def __init__(self, folder: object, names: Sequence[str], total: int) -> None:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        super().__init__(
            f"{folder}: {len(names)} of {total} photos have no caption ({shown}); the default prompt is used for them. "
            "Write their captions, or delete all."
        )


class DeviceError(LikewiseError):
    """A device that this machine lacks, or a name that is no device."""

    def __init__(self, asked: str, present: Sequence[str], why: str = "") -> None:
        reason = f": {why}" if why else ""
        super().__init__(
            f"The device {asked!r} cannot be used{reason}.\nThis machine has: {', '.join(present)}. "
            "Name one of these, or leave the device out to take the fastest."
        )


class UnsafeNameError(LikewiseError):
    """A name from a file or a user that is not one plain path component."""

    def __init__(self, name: str, what: str = "name") -> None:
        super().__init__(
            f"The {what} {name!r} cannot be used as a file name: it must be one plain name of at most 200 "
            "characters, without slashes, colons, control characters, a leading or a trailing dot or space."
        )


class FolderExistsError(LikewiseError):
    """The place for a new folder is taken."""

    def __init__(self, path: Path) -> None:
        kind = "folder" if path.is_dir() else "file"
        super().__init__(
            f"{path} already exists (a {kind}) and was left as it is.\nName another place, or remove it first."
        )


class WriteError(LikewiseError):
    """The system refused to write a file or folder."""

    advice = "Check that the folder can be written to, or name another place, then run the same again."

    def __init__(self, path: Path, cause: OSError, intact: str = "") -> None:
        self.path, self.cause = path, cause
        kept = intact or "Nothing half-written was left, and what was there before is intact."
        super().__init__(f"{path} could not be written: {cause.strerror or cause}.\n{kept}\n{self.advice}")


class FullDiskError(WriteError):
    """The disk, or the user's share of it, is full."""

    codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = "Free some space, or name a place on another disk, then run the same again."


class BrokenFileError(LikewiseError):
    """A file is missing, or is not what its name says."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} cannot be read: {reason}." + (f"\n{advice}" if advice else ""))


class BrokenCheckpointError(BrokenFileError):
    """A saved folder lacks a file, or one does not match the hash in the manifest."""


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


class IdleSettingWarning(LikewiseWarning):
    """A setting that has no effect beside another one."""

    def __init__(self, name: str, other: str, found: object, needed: tuple[object, ...]) -> None:
        wanted = " or ".join(map(str, needed))
        super().__init__(f"{name} has no effect while {other} is {found}; it counts only with {other} {wanted}.")


class RunExistsError(FolderExistsError):
    """A new run where one was started already."""

    def __init__(self, path: Path) -> None:
        LikewiseError.__init__(
            self,
            f"{path} already holds a run and was left as it is.\nContinue it with --resume, or choose another folder "
            "with --out.",
        )


class MeasureError(LikewiseError):
    """Numbers that a measure is not defined for."""

    def __init__(self, measure: str, found: str, needed: str) -> None:
        super().__init__(f"For {measure}, found {found}; needed: {needed}.")


class MixedEncodersError(LikewiseError):
    """Rows that two encoders made, compared with each other: their cosine means nothing."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(
            f"These rows come from two encoders ({first[:12]} and {second[:12]}), and a likeness between them would "
            "mean nothing. Embed both sides again with one encoder."
        )


class EncoderMissingError(LikewiseError):
    """An embedded encoder whose weights are not in this installation."""

    def __init__(self, name: str) -> None:
        remedy = "Train them with: likewise toybox learn" if name == "toybox" else "Install Likewise again"
        super().__init__(f"The embedded encoder {name!r} has no weights in this installation. {remedy}.")


class EncoderFolderError(LikewiseError):
    """A folder that holds no encoder."""

    def __init__(self, folder: object, markers: Sequence[str]) -> None:
        super().__init__(f"{folder} holds no encoder: none of {', '.join(markers)} is in it. Name another folder.")


class ShapeError(LikewiseError):
    """Arrays whose shapes do not go together, or are too small for what was asked."""


class ConceptNameError(LikewiseError):
    """A name that cannot be a word in a prompt, or not a folder."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name!r} cannot name a concept: at most 40 lower-case letters, digits, - and _ are needed, with a letter "
            "or digit at both ends, such as 'my-robot'."
        )


class ConceptFolderError(LikewiseError):
    """A folder that is no whole concept."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} is no concept that can be used: {problem}.\n"
            "Give a folder that likewise teach made, or a name from: likewise concepts list"
        )


class WrongBaseError(LikewiseError):
    """A concept on another base model than it was taught on; bases are (name, hash)."""

    def __init__(self, name: str, taught: tuple[str, str], found: tuple[str, str]) -> None:
        super().__init__(
            f"<{name}> was taught on the base model {taught[0] or 'unnamed'} ({taught[1][:12]}), and this is "
            f"{found[0]} ({found[1][:12]}).\nName its own base model with --backbone, or teach it again on this one."
        )


class ConceptClashError(LikewiseError):
    """Two concepts that cannot be on one model at a time."""

    def __init__(self, one: str, other: str, why: str) -> None:
        super().__init__(f"<{one}> and <{other}> {why}, so they cannot be in one picture. Use one of them at a time.")


class ConceptClashWarning(LikewiseWarning):
    """Two concepts with one identifier, whose subjects will mix."""

    def __init__(self, one: str, other: str, identifier: str) -> None:
        super().__init__(
            f"<{one}> and <{other}> were both taught as {identifier!r}, so their subjects will mix. Teach one of them "
            "again: the library keeps identifiers apart."
        )


class BrokenConceptWarning(LikewiseWarning):
    """A concept of the library that cannot be read and is left out."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"<{name}> is left out of the list: {problem}")


class OutputFolderError(LikewiseError):
    """A place for pictures that is a file."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder} is a file, and pictures go into a folder. Name a folder, new or not, with --out.")


class ChangedModelError(LikewiseError):
    """A picture that other weights drew; both are hashes."""

    def __init__(self, what: str, needed: str, found: str) -> None:
        super().__init__(
            f"The {what} is not the one that drew this picture: its hash is {found[:12]}, and {needed[:12]} is "
            "needed.\nGive the one that did, or draw the prompt anew with likewise imagine."
        )


class DifferentPictureWarning(LikewiseWarning):
    """A picture drawn again that is not the same; most is the largest difference of a value, of 255."""

    def __init__(self, path: object, most: int) -> None:
        super().__init__(
            f"The picture differs from {path} by up to {most} of 255: the weights and settings are the same, so the "
            "processor or the version of a package is not, or the file was edited."
        )


class UnusualSizeWarning(LikewiseWarning):
    """A picture size that the model was not trained on."""

    def __init__(self, size: int, native: int) -> None:
        super().__init__(
            f"The model was trained on {native} pixels a side; at {size} it repeats or loses things. "
            f"Draw at {native} and enlarge the picture instead."
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


class EmbeddedMismatchError(LikewiseError):
    """The recipe asks to start from the embedded weights, but describes a network of another size."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(
            f"The embedded {file} does not fit this recipe: {problem}.\n"
            "Use the sizes that `likewise toybox info` prints, or start from scratch with --start scratch."
        )


class StageOrderError(LikewiseError):
    """A stage of the recipe needs what an earlier one makes."""

    def __init__(self, stage: str, needs: str) -> None:
        super().__init__(f"The stage '{stage}' needs {needs}. Run: likewise toybox learn --stage {needs}")


class StageMismatchError(LikewiseError):
    """A stage of the recipe was begun with other settings than those asked for; folder is where it was."""

    def __init__(self, stage: str, folder: object, differences: Sequence[tuple[str, object, object]]) -> None:
        listed = "; ".join(f"{name} was {old} and is {new}" for name, old, new in differences)
        super().__init__(
            f"The stage '{stage}' was begun with other settings: {listed}.\nGive the same ones, name another --world, "
            f"or remove {folder} to train it from its start; what builds on it must then be removed too."
        )


class WorldFolderError(LikewiseError):
    """A place for the world that is a file."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} is a file, and a world goes into a folder. Name a folder, new or not, with --world."
        )


class WorldMissingError(LikewiseError):
    """A folder that holds no built world."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} holds no world: it has no world.json.\nBuild one with: likewise toybox build --world {folder}"
        )


class WorldMismatchError(LikewiseError):
    """A world that was built with other settings than those asked for."""

    def __init__(self, folder: object, differences: Sequence[tuple[str, object, object]]) -> None:
        listed = "; ".join(f"its {name} is {found}, and {asked} was asked for" for name, found, asked in differences)
        flags = " ".join(f"--{name} {asked}" for name, _, asked in differences)
        super().__init__(
            f"{folder} holds another world: {listed}.\nLeave the setting as the world has it, or build a world that "
            f"has it: likewise toybox build --world DIR {flags}"
        )
