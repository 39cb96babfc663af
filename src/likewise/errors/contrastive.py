"""Contrastive learning: labels, captions, teachers and batches that do not fit."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning, nearest


class SmallBatchError(LikewiseError):
    """A batch without negatives: contrast needs something to tell apart."""

    def __init__(self, found: int, what: str = "pictures") -> None:
        super().__init__(
            f"A batch holds {found} {what}; at least 2 are needed, as every other one is what a {what[:-1]} is told "
            "from. Raise --batch, or add photos."
        )


class LabelsMissingError(LikewiseError):
    """Labels that are not where they were said to be."""

    def __init__(self, folder: object, labels: str, found: str, known: Sequence[str] = ()) -> None:
        close = nearest(labels, known)
        hint = f" Did you mean {close!r}?" if close else ""
        fields = f" Fields of metadata.jsonl: {', '.join(known)}." if known else ""
        super().__init__(
            f"No labels {labels!r} in {folder}: {found}.{hint}{fields}\n"
            "Put each class into a folder of its own and give --labels folder, or name a field of metadata.jsonl."
        )


class OneClassError(LikewiseError):
    """Labels that are all the same, so that nothing can be told apart."""

    def __init__(self, found: Sequence[str], what: str) -> None:
        listed = f"the class {found[0]!r} only" if found else "no class"
        super().__init__(f"{what} needs at least 2 classes, and there is {listed}. Give photos of more classes.")


class CaptionsNeededError(LikewiseError):
    """An objective of pictures with texts, and photos without captions."""

    def __init__(self, folder: object, bare: Sequence[str], total: int, objective: str) -> None:
        first = ", ".join(bare[:3]) + (", ..." if len(bare) > 3 else "")
        super().__init__(
            f"{len(bare)} of {total} photos in {folder} have no caption ({first}), and {objective} learns from "
            "pictures with texts.\nWrite a .txt file beside each photo, or give --without-captions skip to leave those "
            "photos out, or --objective ntxent, which needs no captions."
        )


class UnusedSplitWarning(LikewiseWarning):
    """A field `split` that does not part the photos."""

    def __init__(self, folder: object, values: Sequence[str]) -> None:
        super().__init__(
            f'{folder}: "split" in metadata.jsonl says {", ".join(map(repr, values))} and is not used. Photos to learn '
            'from are called "train", others "test" or "validation".'
        )


class LongCaptionsWarning(LikewiseWarning):
    """Captions that a text tower cannot read whole."""

    def __init__(self, count: int, total: int) -> None:
        super().__init__(
            f"{count} of {total} different captions are longer than this encoder reads; retrieval is measured without "
            "them and their photos."
        )


class BareLeftOutWarning(LikewiseWarning):
    """Photos without captions that were left out, as was asked."""

    def __init__(self, count: int, total: int) -> None:
        super().__init__(f"{count} of {total} photos have no caption and were left out, as was asked.")


class TeacherRowsError(LikewiseError):
    """Teacher features that do not belong to these pictures."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(
            f"The teacher's features do not fit: found {found}; needed {needed}.\n"
            "Embed the same pictures, in the same order, with the encoder that shall teach."
        )


class TeacherInputError(LikewiseError):
    """A teacher that cannot read pictures of this size."""

    def __init__(self, teacher: str, why: str) -> None:
        super().__init__(
            f"The teacher {teacher} cannot read these pictures: {why}.\n"
            "Name an encoder that likewise can load: efficientnet-lite0, toybox, or a folder that contrastive learn "
            "wrote."
        )


class NoTextTowerError(LikewiseError):
    """A question about texts to an encoder that reads pictures only."""

    def __init__(self, encoder: str, what: str) -> None:
        super().__init__(
            f"{what} needs an encoder that reads texts too, and {encoder} reads pictures only. "
            "Give toybox, or an encoder learned with --objective clip, siglip or spectral-pairs."
        )


class IdleRuleWarning(LikewiseWarning):
    """A rule of guidance that changes nothing at this batch size."""

    def __init__(self, rule: str, share: float, count: int) -> None:
        super().__init__(
            f"The rule {rule} changes nothing: {share:g} of {count} rows is less than one. Raise --batch or the share."
        )


class PictureMemoryError(LikewiseError):
    """Photos that do not fit in memory at the size asked for."""

    def __init__(self, count: int, side: int, needed: float, limit: float) -> None:
        super().__init__(
            f"{count} photos of {side} x {side} pixels take {needed:.1f} GiB, and at most {limit:g} are used.\n"
            "Lower --source-size, or learn from fewer photos."
        )


class CutCaptionsWarning(LikewiseWarning):
    """Captions longer than a text tower reads."""

    def __init__(self, count: int, total: int, length: int) -> None:
        super().__init__(
            f"{count} of {total} captions are longer than {length - 2} tokens; what follows was not learned from."
        )
