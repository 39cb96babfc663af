"""Base models, encoders and adapters that do not fit."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning


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


class ModelFolderError(LikewiseError):
    """A model folder that cannot be used as it is."""

    def __init__(self, part: object, problem: str) -> None:
        super().__init__(
            f"The model's {part} cannot be used: {problem}.\n"
            "Give a folder in diffusers' StableDiffusionPipeline or StableDiffusionXLPipeline layout, with safetensors "
            "weights."
        )


class UnsupportedModelError(ModelFolderError):
    """A model of a kind that cannot be taught or drawn with here."""

    def __init__(self, what: str, found: str, remedy: str) -> None:
        LikewiseError.__init__(self, f"This is {what}, and cannot be used: {found}.\n{remedy}")


class MemoryBudgetError(LikewiseError):
    """A training that does not fit the device; sizes in GiB, and the estimate of the way that needs least."""

    def __init__(self, given: int, needed: float, estimate: str, remedy: str) -> None:
        super().__init__(
            f"This training does not fit {given} GiB. The way that needs least takes {needed:.1f} GiB: {estimate}.\n"
            f"{remedy}"
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


class NonFiniteLatentsError(LikewiseError):
    """Latents that hold NaN or infinity."""

    def __init__(self, where: object) -> None:
        super().__init__(
            f"The latents of {where} are not finite.\n"
            "The weights are damaged or their precision too low: run in float32, or train again with a lower rate."
        )


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
