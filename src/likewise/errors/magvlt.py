"""Pictures and captions as tokens: models, token files, masks and templates that do not fit."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning


class DraftModelMissingError(LikewiseError):
    """No draft model is embedded in this installation."""

    def __init__(self) -> None:
        super().__init__(
            "This installation holds no weights for drafts and captions.\n"
            "Name a folder with --model, train them with: likewise toybox learn --stage vq, then --stage magvlt and "
            "--stage publish."
        )


class DraftFolderError(LikewiseError):
    """A folder that holds no draft model, or one whose parts do not fit."""

    def __init__(self, folder: object, problem: str) -> None:
        super().__init__(
            f"{folder} holds no draft model: {problem}.\n"
            "Give a folder that `likewise magvlt learn` or `likewise toybox learn --stage publish` wrote."
        )


class OfficialWeightsError(LikewiseError):
    """A checkpoint whose tensors are not those of the model that was asked for."""

    def __init__(self, path: object, missing: Sequence[str], extra: Sequence[str], shapes: Sequence[str]) -> None:
        parts = [
            f"{len(names)} {what} (such as {', '.join(names[:3])})"
            for names, what in ((missing, "missing"), (extra, "unknown"), (shapes, "of another shape"))
            if names
        ]
        super().__init__(
            f"{path} does not hold this model: {'; '.join(parts)}.\n"
            "Give the size that the checkpoint was trained with, and a file that was not changed."
        )


class TokenFileError(LikewiseError):
    """A file of tokens that does not fit the model."""

    def __init__(
        self, path: object, problem: str, advice: str = "Remove it, and the pairs will be tokenised anew."
    ) -> None:
        super().__init__(f"{path} does not fit: {problem}.\n{advice}")


class MixSelError(LikewiseError):
    """MixSel was asked for where pairs cannot be mixed."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Pairs cannot be mixed: {reason}.\nTrain with --mixsel 0, or give what is missing.")


class MaskError(LikewiseError):
    """A mask of what to draw anew that cannot be used."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The mask cannot be used: {problem}.\n"
            "White (or 1) is drawn anew and black (or 0) is kept; some of it must be white."
        )


class TemplateError(LikewiseError):
    """A text with blanks that cannot be filled in."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The text cannot be filled in: {problem}.\nWrite each missing word as ___ (three underscores)."
        )


class EmptyPromptError(LikewiseError):
    """A prompt without a word in it."""

    def __init__(self) -> None:
        super().__init__("The prompt is empty. Say what to draw, such as 'a 3d dog on the beach'.")


class NoRankingError(LikewiseError):
    """Candidates to be ranked by an encoder that cannot compare pictures with texts."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The encoder {name!r} reads no texts, so it cannot tell which candidate fits its prompt.\n"
            "Take one that reads both, such as 'toybox', or rank by the model's own confidence: --rank none."
        )


class UnknownWordsWarning(LikewiseWarning):
    """Words of a prompt that the tokenizer has to spell out."""

    def __init__(self, words: Sequence[str]) -> None:
        listed = ", ".join(map(repr, words))
        super().__init__(f"The model reads {listed} letter by letter, and so may not know what is meant.")


class CroppedPictureWarning(LikewiseWarning):
    """A picture that is not square, of which the middle was used."""

    def __init__(self, width: int, height: int, side: int) -> None:
        super().__init__(
            f"The picture is {width}x{height}, and the model reads {side}x{side}: the middle square was used."
        )
