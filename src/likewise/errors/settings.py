"""Settings, names and devices that do not fit."""

from collections.abc import Iterable, Sequence

from likewise.errors.root import LikewiseError, LikewiseWarning, nearest


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


class MissingExtraError(LikewiseError):
    """An optional dependency is not installed; the message names the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is needed for this and is not installed. Run: pip install 'likewise[{extra}]'")


class SettingError(LikewiseError):
    """A setting outside what is possible."""

    def __init__(self, name: str, value: object, needed: str) -> None:
        super().__init__(f"{name} is {value!r}; {needed}.")


class DeviceError(LikewiseError):
    """A device that this machine lacks, or a name that is no device."""

    def __init__(self, asked: str, present: Sequence[str], why: str = "") -> None:
        reason = f": {why}" if why else ""
        super().__init__(
            f"The device {asked!r} cannot be used{reason}.\nThis machine has: {', '.join(present)}. "
            "Name one of these, or leave the device out to take the fastest."
        )


class IdleSettingWarning(LikewiseWarning):
    """A setting that has no effect beside another one."""

    def __init__(self, name: str, other: str, found: object, needed: tuple[object, ...]) -> None:
        wanted = " or ".join(map(str, needed))
        super().__init__(f"{name} has no effect while {other} is {found}; it counts only with {other} {wanted}.")


class MeasureError(LikewiseError):
    """Numbers that a measure is not defined for."""

    def __init__(self, measure: str, found: str, needed: str) -> None:
        super().__init__(f"For {measure}, found {found}; needed: {needed}.")


class ShapeError(LikewiseError):
    """Arrays whose shapes do not go together, or are too small for what was asked."""
