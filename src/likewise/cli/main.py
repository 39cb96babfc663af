"""`likewise COMMAND`: only the command that is called gets imported, so that help comes at once."""

import errno
import importlib
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

import typer

import likewise
from likewise.errors import LikewiseError, LikewiseWarning


@dataclass(frozen=True)
class Entry:
    """One line of `likewise --help`: the module that holds COMMANDS, and whether it is a group of them."""

    help: str
    group: bool = False


ENTRIES = {
    "demo": Entry("Teach a bundled mascot, judge it, draw it in new scenes."),
    "teach": Entry("Learn the subject of a folder of photos as a word for prompts."),
    "verdict": Entry("Judge every checkpoint of a run and choose the one to keep."),
    "imagine": Entry("Draw pictures from a prompt, with concepts written as <name>."),
    "steer": Entry("Draw rounds of pictures, each from what you liked before."),
    "decompose": Entry("Take photos or a concept apart into a tree of words."),
    "tree": Entry("Show, blend, prune, merge and read trees of words.", group=True),
    "images": Entry("Look at a folder of photos before it is learned from.", group=True),
    "concepts": Entry("List, show, export, import, inspect and delete concepts.", group=True),
    "dreamsim": Entry("Measure how alike pictures look to people; learn it from votes.", group=True),
    "contrastive": Entry("Train encoders of pictures, measure them, and see why they work.", group=True),
    "magvlt": Entry("Draw drafts, describe pictures, draw parts anew, fill in words.", group=True),
    "dida": Entry("Forecast the links of an evolving graph, and measure the forecast.", group=True),
    "toybox": Entry("Build, train and measure the embedded models' small world.", group=True),
    "doctor": Entry("Say what is installed, what is missing, and what to do."),
}
QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}
# click's UsageError, which typer takes from click or from its own copy of it, by its version.
USAGE: Any = typer.BadParameter.__base__
# Told in a line, not a traceback: what the machine, not the program, could not do.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 a mistake the user can mend, 2 usage, 130 interrupted."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show must not end a run
            stream.reconfigure(errors="backslashreplace")
    with _plain_warnings():
        try:
            typer.main.get_command(app(argv)).main(argv, prog_name="likewise")
        except SystemExit as stop:
            usage: Any = stop.__context__
            if isinstance(usage, USAGE):  # typer has told it on standard error
                _tell(argv, "UsageError", usage.format_message())
            raise
        except LikewiseError as error:
            _fail(argv, type(error).__name__, str(error), error.exit_code)
        except ModuleNotFoundError as error:
            _fail(argv, "MissingExtraError", _extra(error))
        except OSError as error:
            _fail(argv, type(error).__name__, _machine(error))
        except KeyboardInterrupt:
            sys.exit(130)
    sys.exit(0)


def app(argv: Sequence[str]) -> typer.Typer:
    """The application that these arguments need: the command called is real, the others are a line of help."""
    root = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True, callback=_root)
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, entry in ENTRIES.items():
        add = _real if name == called else _stub
        add(root, name, entry, list(argv))
    return root


def commands(name: str) -> dict[str, Any]:
    """The commands of one entry by name; a single command has the entry's own name."""
    return importlib.import_module(f"likewise.cli.{name}").COMMANDS


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"likewise {likewise.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print it.")] = False,
) -> None:
    """Show it what you mean, tell it what you like, and it measures what looks alike."""


def _stub(root: typer.Typer, name: str, entry: Entry, argv: Sequence[str]) -> None:
    if entry.group:
        root.add_typer(typer.Typer(), name=name, help=entry.help)
    else:
        root.command(name, help=entry.help)(lambda: None)


def _real(root: typer.Typer, name: str, entry: Entry, argv: Sequence[str]) -> None:
    from likewise.cli.command import add

    target = root
    if entry.group:
        target = typer.Typer(rich_markup_mode=None, help=entry.help, no_args_is_help=True, callback=_group)
        root.add_typer(target, name=name)
    called = argv[argv.index(name) + 1 :]
    for verb, command in commands(name).items():
        add(target, verb, command, called if not entry.group or verb in called[:1] else [])


def _group() -> None:
    """A group has no options of its own, but a callback keeps one verb a group."""


def _fail(argv: Sequence[str], kind: str, message: str, status: int = 1) -> NoReturn:
    _tell(argv, kind, message)
    typer.echo(message, err=True)
    sys.exit(status)


def _tell(argv: Sequence[str], kind: str, message: str) -> None:
    """The error on standard output, where JSON is asked for."""
    if "--json" in argv:
        typer.echo(json.dumps({"error": kind, "message": message}, ensure_ascii=False))


def _extra(error: ModuleNotFoundError) -> str:
    from likewise.errors import MissingExtraError
    from likewise.registry import EXTRAS

    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    return str(MissingExtraError(package, EXTRAS[package]))


def _machine(error: OSError) -> str:
    if error.errno not in MACHINE:
        raise error
    where = f": {error.filename}" if error.filename else ""
    return f"The machine refused: {error.strerror}{where}.\nFree some space, or choose a folder that can be written."


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Our warnings become one line each on standard error; those of other packages are silent unless asked for (-W)."""
    with warnings.catch_warnings():
        show = warnings.showwarning
        warnings.showwarning = lambda message, category, *rest, **more: _warn(show, message, category, *rest, **more)
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        warnings.simplefilter("always", LikewiseWarning)
        yield


def _warn(show: Callable[..., None], message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
    if issubclass(category, LikewiseWarning):
        typer.echo("warning: " + " ".join(str(message).split("\n")), err=True)
    else:
        show(message, category, *rest, **more)
