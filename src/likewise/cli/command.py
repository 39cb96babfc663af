"""A command is a plain function; this gives it flags from a Config, --config, --dump-config, --json and exit codes."""

import contextlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from likewise import settings
from likewise.errors import BadSettingError
from likewise.settings import REQUIRED, Setting

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file of settings; flags win over it.")
]
Dump = Annotated[bool, typer.Option("--dump-config", help="Print the settings in force as TOML, and stop.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
SHARED = {"config": Config, "dump_config": Dump, "json": Json}


@dataclass(frozen=True)
class Answer:
    """What a command found: a JSON object for programs, lines for people, and the exit status."""

    data: Mapping[str, Any]
    lines: Sequence[str]
    status: int = 0


@dataclass(frozen=True)
class Command:
    """A function with typer annotations that returns an Answer, and the model its further flags come from.

    config: given the values known so far (defaults, file, flags as text), the model; None when there is none.
    The function then takes `settings`, a dict of the values that the user set.
    """

    function: Callable[..., Answer]
    config: Callable[[Mapping[str, Any]], type] | None = None

    @property
    def help(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def own(self) -> dict[str, inspect.Parameter]:
        """The function's own parameters, without `settings`."""
        found = inspect.signature(self.function).parameters
        return {name: parameter for name, parameter in found.items() if name != "settings"}

    def settings(self) -> dict[str, Setting]:
        """The function's own parameters as settings."""
        return {name: _setting(parameter) for name, parameter in self.own.items()}

    def generated(self, known: Mapping[str, Any]) -> dict[str, Setting]:
        """The settings that flags are generated for; a parameter of the function hides one of the same name."""
        if self.config is None:
            return {}
        return {name: s for name, s in settings.of(self.config(known)).items() if name not in self.own}


def add(app: typer.Typer, name: str, command: Command, argv: Sequence[str]) -> None:
    """Register a command as these arguments ask for it: its flags may depend on --config and on a choice in argv."""
    file = peek(argv, "--config")
    values = settings.read_toml(Path(file)) if file else {}
    own = command.settings()
    known = {name: s.default for name, s in own.items()} | values
    known |= {name: text for name, s in own.items() if (text := peek(argv, s.flag)) is not None}
    generated = command.generated(known)
    source = f"The settings file {file}"
    settings.refuse_unknown(values, [*own, *generated], source)
    checked = {name: (own | generated)[name].check(value, source) for name, value in values.items()}
    from_file = {name: value for name, value in checked.items() if name in generated}
    defaults = {name: values[name] for name, value in checked.items() if name in own and value is not None}
    body = _Body(command, own, generated, from_file)
    body.__signature__ = _signature(command, generated, dumping="--dump-config" in argv)
    body.__annotations__ = {name: p.annotation for name, p in body.__signature__.parameters.items()}
    body.__doc__ = inspect.getdoc(command.function)
    app.command(name, help=body.__doc__, context_settings={"default_map": defaults})(body)


def peek(argv: Sequence[str], flag: str) -> str | None:
    """The text that a flag is given in argv, before anything is parsed; None when it is not there."""
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    for index, word in enumerate(words):
        if word == flag and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(flag + "="):
            return word.partition("=")[2]
    return None


class _Body:
    """What typer calls: sorts the values, runs the command with standard output kept clean, and prints its answer."""

    def __init__(
        self, command: Command, own: Mapping[str, Setting], generated: Mapping[str, Setting], file: Mapping[str, Any]
    ) -> None:
        self.command, self.own, self.generated, self.file = command, own, generated, file
        self.__name__ = command.function.__name__

    def __call__(self, ctx: typer.Context, **given: Any) -> None:
        as_json = given["json"]
        own = {name: given[name] for name in self.own}
        chosen = dict(self.file) | self._flags(given)
        if given["dump_config"]:
            defaults = {name: s.default for name, s in self.generated.items()}
            _dump(own | defaults | chosen, self.own, as_json)
            return
        if self.command.config is not None:
            own["settings"] = chosen
        with contextlib.redirect_stdout(sys.stderr):  # whatever a library prints must not mix with the answer
            answer = self.command.function(**own)
        emit(answer, as_json)
        if answer.status:
            raise typer.Exit(answer.status)

    def _flags(self, given: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for name, setting in self.generated.items():
            text = given[name]
            if text is None or text == []:
                continue
            try:
                values[name] = text if setting.switch else setting.parse(text)
            except BadSettingError as error:
                raise typer.BadParameter(str(error).splitlines()[-1].strip(), param_hint=setting.flag) from None
        return values


def emit(answer: Answer, as_json: bool) -> None:
    """Print the answer to standard output, as one JSON object or as lines."""
    if as_json:
        typer.echo(json.dumps(answer.data, ensure_ascii=False, default=str))
    else:
        for line in answer.lines:
            typer.echo(line)


def _dump(values: Mapping[str, Any], own: Mapping[str, Setting], as_json: bool) -> None:
    missing = {name: REQUIRED for name, s in own.items() if s.default is REQUIRED and values[name] in (None, [])}
    values = {**values, **missing}
    if as_json:
        typer.echo(json.dumps({k: v for k, v in values.items() if v is not REQUIRED}, default=str))
    else:
        typer.echo(settings.to_toml(values), nl=False)


def _signature(command: Command, generated: Mapping[str, Setting], dumping: bool) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("ctx", keyword, annotation=typer.Context)]
    for name, parameter in command.own.items():
        relaxed = dumping and parameter.default is parameter.empty
        parameters.append(parameter.replace(kind=keyword, default=None) if relaxed else parameter.replace(kind=keyword))
    parameters += [
        inspect.Parameter(name, keyword, default=None, annotation=_flag(setting)) for name, setting in generated.items()
    ]
    for name, annotation in SHARED.items():
        default = None if name == "config" else False
        parameters.append(inspect.Parameter(name, keyword, default=default, annotation=annotation))
    return inspect.Signature(parameters)


def _flag(setting: Setting) -> Any:
    """The typer annotation of a generated flag: text, that the setting itself will check, or a switch."""
    default = settings.shown(setting.default)
    declared = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.switch else setting.flag
    kind = bool if setting.switch else list[str] if setting.many else str
    text = setting.help if setting.switch else f"{setting.help} ({settings.described(setting).replace('`', '')})"
    option = typer.Option(declared, help=text, show_default=default, metavar=None if setting.switch else _word(setting))
    return Annotated[kind | None, option]


def _word(setting: Setting) -> str:
    kinds = {"integer": "N", "number": "X", "array": "VALUE"}
    choices = setting.schema.get("enum")
    return "|".join(map(str, choices)) if choices else kinds.get(setting.schema.get("type", ""), "TEXT")


def _setting(parameter: inspect.Parameter) -> Setting:
    annotation, option = get_args(parameter.annotation)
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    return Setting(parameter.name, annotation, default, option.help)


def rows(table: Iterable[Sequence[object]]) -> list[str]:
    """Lines of left-aligned columns, two spaces apart."""
    cells = [[str(cell) for cell in row] for row in table]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
