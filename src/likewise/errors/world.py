"""The Toybox world and its recipe."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError


class PackageError(LikewiseError):
    """A package of sprites could not be fetched, or is not the one that was pinned."""


class SpriteError(LikewiseError):
    """A picture that the world needs is not there."""


class EmbeddedMismatchError(LikewiseError):
    """The recipe asks to start from the embedded weights, but describes a network of another size."""

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(
            f"The embedded {file} does not fit this recipe: {problem}.\n"
            "Use the sizes that `likewise toybox info` prints, or start from scratch with --start scratch."
        )


class StageOrderError(LikewiseError):
    """A stage of the recipe needs what an earlier one makes."""

    def __init__(self, needs: str) -> None:
        super().__init__(f"The stage '{needs}' comes first. Run: likewise toybox learn --stage {needs}")


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
