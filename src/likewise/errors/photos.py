"""Photos, captions and pictures that cannot be used as they are."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning


class CaptionWarning(LikewiseWarning):
    """Captions without the word that stands for the subject."""

    def __init__(self, changed: list[str]) -> None:
        super().__init__(
            f"{len(changed)} caption(s) did not name the subject, which would then be learned by other words; it was "
            f"put in: {'; '.join(changed[:3])}{'; ...' if len(changed) > 3 else ''}"
        )


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
    """Caption files that cannot be read, belong to no photo, or say two things of one photo."""

    def __init__(self, path: object, found: str, advice: str) -> None:
        self.path, self.reason, self.advice = path, found, advice
        super().__init__(f"{path}: {found}. {advice}.")


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


class NoCaptionsWarning(LikewiseWarning):
    """A metadata file that describes photos and captions none of them."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f'{path} has no captions: none of its lines has "text" or "caption". Its other fields can serve as labels.'
        )


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


class SquarePhotosWarning(LikewiseWarning):
    """Aspect-ratio buckets were asked for, and every photo is square."""

    def __init__(self) -> None:
        super().__init__("buckets has no effect: every photo is as good as square. Leave the option out.")
