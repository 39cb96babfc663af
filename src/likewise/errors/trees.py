"""Trees of concepts that cannot be grown, read or joined as asked."""

from collections.abc import Iterable, Mapping

from likewise.errors.root import LikewiseError, LikewiseWarning, nearest


class TreeFolderError(LikewiseError):
    """A folder that holds no tree, or one that is damaged."""

    def __init__(self, folder: object, found: str) -> None:
        super().__init__(f"{folder} cannot be read as a tree: {found}.\nGrow one: likewise decompose PHOTOS")


class TreeTakenError(LikewiseError):
    """A place for a new tree that holds something else."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} is there already and holds no tree.\nName another place with --out, or move it away."
        )


class UnknownTreeNodeError(LikewiseError):
    """A node that a tree does not have."""

    def __init__(self, tree: object, found: str, known: Iterable[str]) -> None:
        known = list(known)
        close = nearest(found, known)
        hint = f" Did you mean {close}?" if close else ""
        super().__init__(f"{tree} has no node {found!r}; it has {', '.join(known)}.{hint}")


class SplitNodeError(LikewiseError):
    """A node that is split already."""

    def __init__(self, tree: object, node: str, children: Iterable[str]) -> None:
        super().__init__(
            f"{node} of {tree} is split already, into {' and '.join(children)}; nothing was changed.\n"
            "Split it anew with --again, which replaces all that grew from it."
        )


class SplitTakenError(LikewiseError):
    """A node that another program is splitting."""

    def __init__(self, tree: object, node: str) -> None:
        super().__init__(
            f"{node} of {tree} is being split by another program already; nothing was changed.\n"
            "Wait until that has ended, or stop it and go on here. Other nodes can be split meanwhile."
        )


class TreeChangedError(LikewiseError):
    """A tree that another program changed, where this one was about to."""

    def __init__(self, tree: object, node: str) -> None:
        super().__init__(
            f"Another program changed {tree} at {node} or under it in the meantime. Nothing was written into the tree, "
            f"and nothing that was learned is lost.\nSee what it is now: likewise tree show {tree}. Then run the same "
            "again."
        )


class TreeBaseError(LikewiseError):
    """A tree that belongs to another base model; both are (name, hash)."""

    def __init__(self, tree: object, needed: tuple[str, str], found: tuple[str, str]) -> None:
        super().__init__(
            f"{tree} grew on {needed[0]} ({needed[1][:12]}), and {found[0]} ({found[1][:12]}) was given; its words "
            "mean nothing there, and nothing was changed.\nGive its own base model with --backbone, or grow a new tree."
        )


class TreeSourceError(LikewiseError):
    """A tree that grew from something else than what was given."""

    def __init__(self, tree: object, needed: str, found: str) -> None:
        super().__init__(
            f"{tree} grew from {needed}, and {found} was given; nothing was changed.\n"
            "Name another place with --out, or go on with the tree by naming its folder."
        )


class FixedTreeError(LikewiseError):
    """An option that a tree gets when it is begun, and that was given otherwise to one that is there."""

    def __init__(self, tree: object, option: str, found: object, own: object) -> None:
        super().__init__(
            f"{tree} is there already and keeps what it was begun with: {option} is {own}, and {found} was given; "
            f"nothing was changed.\nLeave {option} out to go on with this tree, or begin another in a place of its own."
        )


class JudgeGoneError(LikewiseError):
    """An encoder that judged a split, and that cannot be loaded again."""

    def __init__(self, node: str, name: str) -> None:
        super().__init__(
            f"{node} was judged by the encoder {name!r}, which is not what loads by that name now.\n"
            "Name what shall judge: --encoder efficientnet-lite0"
        )


class TreeSettingsError(LikewiseError):
    """A split under way that was begun with other settings; changed: name -> (then, now)."""

    def __init__(self, node: str, changed: Mapping[str, tuple[object, object]]) -> None:
        told = ", ".join(f"{name} was {old!r} and is {new!r}" for name, (old, new) in changed.items())
        super().__init__(
            f"The split of {node} was begun with other settings: {told}.\n"
            f"Go on with those, or begin it anew with --node {node} --again."
        )


class RootWordError(LikewiseError):
    """The root of a tree of photos, used as if it were a word."""

    def __init__(self, tree: object) -> None:
        super().__init__(f"The root of {tree} is its photos and no word of its own.\nUse v1, v2, or both together.")


class NoStepsKeptError(LikewiseError):
    """A node, or a step of it, whose vectors on the way were not kept."""

    def __init__(self, node: str, asked: object, known: Iterable[int]) -> None:
        steps = ", ".join(map(str, known))
        super().__init__(f"Step {asked} of {node} was not kept; there are {steps or 'none'}.")


class TreesDifferError(LikewiseError):
    """Two trees that do not belong together."""

    def __init__(self, first: object, second: object, reason: str) -> None:
        super().__init__(f"{second} cannot be merged into {first}: {reason}. Nothing was changed.")


class ForeignTreeError(LikewiseError):
    """A file of learned vectors that are no tree's."""

    def __init__(self, path: object, found: str) -> None:
        super().__init__(
            f"{path} holds no vectors of a tree: {found}.\n"
            'Vectors are called "v1", "v2", ..., or "<cat_v1>", alone or in a table for each concept.'
        )


class NoAgreementError(LikewiseError):
    """A rank agreement of fewer than two things."""

    def __init__(self, count: int) -> None:
        super().__init__(f"Agreement of ranks needs at least two seeds or nodes scored by both encoders, got {count}.")


class UnlikePhotosWarning(LikewiseWarning):
    """Photos that hardly look like one thing."""

    def __init__(self, alike: float, least: float, odd: Iterable[str]) -> None:
        names = ", ".join(odd)
        told = f" Least like the others: {names}." if names else ""
        super().__init__(
            f"These photos may show different things: they are {alike:.2f} alike, and photos of one thing are mostly "
            f"above {least:.2f}. The tree would take apart what they have in common, which may be little.{told}"
        )


class NothingToSplitWarning(LikewiseWarning):
    """A node that was left whole, and why."""

    def __init__(self, node: str, reason: str) -> None:
        super().__init__(f"{node} was left whole: {reason}. To split it all the same: --node {node} --force")


class SparseNodeWarning(LikewiseWarning):
    """A tree from files that hold no pictures."""

    def __init__(self, tree: object, count: int) -> None:
        super().__init__(
            f"{tree} has {count} words and no pictures, as the file holds none; they are drawn when a node is split "
            "or shown."
        )
