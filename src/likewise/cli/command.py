"""A command is a plain function; this gives it flags from a Config, --config, --dump-config, --json and exit codes."""

import contextlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from likewise import settings
from likewise.cli import options
from likewise.errors import BadSettingError
from likewise.settings import REQUIRED, Setting

Known = Mapping[str, Any]
SHARED = {
    "config": (
        Annotated[
            Path | None, typer.Option("--config", metavar="FILE", help="A TOML file of settings; flags win over it.")
        ],
        None,
    ),
    "dump_config": (
        Annotated[bool, typer.Option("--dump-config", help="Print the settings in force as TOML, and stop.")],
        False,
    ),
    "json": (Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")], False),
}


@dataclass(frozen=True)
class Answer:
    """What a command found: a JSON object for programs, lines for people, and the exit status."""

    data: Mapping[str, Any]
    lines: Sequence[str]
    status: int = 0


def _in_force(known: Known, given: Known, defaults: Known) -> Known:
    return {**defaults, **given}


@dataclass(frozen=True)
class Command:
    """A function with typer annotations that returns an Answer, and where its generated flags come from.

    config: given the values known so far (defaults, file, flags as text), the model of further settings. The function
    then takes `settings`, a dict of those that the user set.
    defaults: given the same, defaults that differ from the model's; VARIES for what only the run itself can tell.
    in_force: known values, settings given, defaults -> what --dump-config shall print.
    measured: tell how long it took and how much memory at most.
    The function may take `given` too, the names of its parameters that the user set.
    """

    function: Callable[..., Answer]
    config: Callable[[Known], type[BaseModel]] | None = None
    defaults: Callable[[Known], Known] = lambda known: {}
    in_force: Callable[[Known, Known, Known], Known] = _in_force
    measured: bool = False

    @property
    def help(self) -> str:
        """The function's docstring."""
        return inspect.getdoc(self.function) or ""

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The function's own parameters, without `settings` and `given`."""
        found = inspect.signature(self.function).parameters
        return {name: parameter for name, parameter in found.items() if name not in ("settings", "given")}

    def own(self) -> dict[str, Setting]:
        """The function's own parameters as settings."""
        return {name: options.of_parameter(parameter) for name, parameter in self.parameters.items()}

    def generated(self, known: Known) -> dict[str, Setting]:
        """The settings that flags are generated for; a parameter of the function hides one of the same name."""
        if self.config is None:
            return {}
        found, other, own = settings.of(self.config(known)), self.defaults(known), self.parameters
        return {name: replace(s, default=other.get(name, s.default)) for name, s in found.items() if name not in own}


def add(app: typer.Typer, name: str, command: Command, argv: Sequence[str]) -> None:
    """Register a command as these arguments ask for it: its flags may depend on --config and on a choice in argv."""
    file = peek(argv, "--config")
    values = settings.read_toml(Path(file)) if file else {}
    own = command.own()
    generated = command.generated(_known(command, values, argv))
    source = f"The settings file {file}"
    by_key = {s.key: s for s in (own | generated).values()}
    settings.refuse_unknown(values, by_key, source)
    checked = {by_key[key].name: by_key[key].check(value, source) for key, value in values.items()}
    from_file = {name: value for name, value in checked.items() if name in generated}
    defaults = {name: values[own[name].key] for name, value in checked.items() if name in own and value is not None}
    body = _Body(command, own, generated, from_file)
    relaxed = "--dump-config" in argv
    body.__signature__ = options.signature(command.parameters, generated, SHARED, relaxed=relaxed)
    body.__annotations__ = {key: p.annotation for key, p in body.__signature__.parameters.items()}
    app.command(name, help=command.help, context_settings={"default_map": defaults})(body)


def peek(argv: Sequence[str], flag: str) -> str | None:
    """The text that a flag is given in argv, before anything is parsed; None when it is not there."""
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    for index, word in enumerate(words):
        if word == flag and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(flag + "="):
            return word.partition("=")[2]
    return None


def _known(command: Command, values: Known, argv: Sequence[str]) -> Known:
    """Defaults, then the file, then every flag in argv, whether it is known yet or not."""
    own = {name: s.default for name, s in command.own().items()}
    flags = {word[2:].partition("=")[0] for word in argv if word.startswith("--")}
    return {**own, **values, **{name.replace("-", "_"): peek(argv, f"--{name}") for name in flags}}


class _Body:
    """What typer calls: sorts the values, runs the command with standard output kept clean, and prints its answer."""

    __signature__: inspect.Signature  # what typer reads

    def __init__(self, command: Command, own: Known, generated: Mapping[str, Setting], file: Known) -> None:
        self.command, self.own, self.generated, self.file = command, own, generated, file
        self.__name__ = command.function.__name__

    def __call__(self, ctx: typer.Context, **given: Any) -> None:
        own = {name: self._fitting(self.own[name], given[name]) for name in self.own}
        chosen = {**self.file, **self._flags(given)}
        if given["dump_config"]:
            self._dump(own, chosen, given["json"])
            return
        _stay_offline(own)
        wanted = inspect.signature(self.command.function).parameters
        extra = {"settings": chosen, "given": {name for name in own if _was_given(ctx, name)}}
        began = time.monotonic()
        with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints must not mix with the answer
            answer = self.command.function(**own, **{name: extra[name] for name in extra if name in wanted})
        if self.command.measured:
            answer = _measured(answer, time.monotonic() - began)
        emit(answer, given["json"])
        if answer.status:
            raise typer.Exit(answer.status)

    def _flags(self, given: Known) -> dict[str, Any]:
        there = {name: given[name] for name in self.generated if given[name] not in (None, [])}
        return {name: self._fitting(self.generated[name], text) for name, text in there.items()}

    def _fitting(self, setting: Setting, value: Any) -> Any:
        if value is None or setting.switch:
            return value
        try:
            return setting.parse(value)
        except BadSettingError as error:
            problem = str(error).splitlines()[-1].partition(": ")[2]
            raise typer.BadParameter(problem, param_hint=setting.flag) from None

    def _dump(self, own: Known, chosen: Known, as_json: bool) -> None:
        defaults = {name: s.default for name, s in self.generated.items() if s.default is not settings.VARIES}
        missing = {name: REQUIRED for name, s in self.own.items() if s.default is REQUIRED and own[name] in (None, [])}
        values = {**own, **missing, **self.command.in_force(own, chosen, defaults)}
        values = {name.rstrip("_"): value for name, value in values.items()}
        if as_json:
            typer.echo(settings.to_json({name: value for name, value in values.items() if value is not REQUIRED}))
        else:
            typer.echo(settings.to_toml(values), nl=False)


def emit(answer: Answer, as_json: bool) -> None:
    """Print the answer to standard output, as one JSON object or as lines."""
    if as_json:
        typer.echo(json.dumps(answer.data, ensure_ascii=False, default=str))
    else:
        for line in answer.lines:
            typer.echo(line)


def rows(table: Iterable[Sequence[object]]) -> list[str]:
    """Lines of left-aligned columns, two spaces apart."""
    cells = [[str(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _was_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT", "DEFAULT_MAP")


def _measured(answer: Answer, seconds: float) -> Answer:
    """The answer with its cost, which people read on standard error."""
    peak = _peak()
    typer.echo(f"{seconds:.1f} s" + (f", at most {peak} MiB of memory" if peak else ""), err=True)
    return replace(answer, data={**answer.data, "seconds": round(seconds, 1), "peak_memory_mib": peak})


def _peak() -> int | None:
    """MiB of memory that this process has held at most, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def _stay_offline(own: Known) -> None:
    """Nothing is looked up on the hub unless the base model is a hub id, such as owner/name."""
    backbone = str(own.get("backbone") or "toybox")
    if backbone.count("/") != 1 or Path(backbone).exists():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
