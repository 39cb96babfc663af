"""Settings as typer options, and a function's own typer options as settings, so that both read alike in help."""

import inspect
from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, get_args

import typer
from annotated_types import Ge, Le

from likewise import settings
from likewise.settings import REQUIRED, Setting

LETTERS = {"integer": "N", "number": "X", "array": "VALUE"}


def of_parameter(parameter: inspect.Parameter) -> Setting:
    """What a parameter with a typer annotation declares, its limits included."""
    annotation, option = get_args(parameter.annotation)
    bounds = ((Ge, option.min), (Le, option.max))
    limits = [limit(value) for limit, value in bounds if value is not None]
    default = REQUIRED if parameter.default is parameter.empty else parameter.default
    kind = Annotated[annotation, *limits] if limits else annotation
    return Setting(parameter.name, kind, default, option.help or "")


def flag(parameter: inspect.Parameter) -> str | None:
    """The long flag of a parameter; None for an argument."""
    _, option = get_args(parameter.annotation)
    if isinstance(option, type(typer.Argument())):
        return None
    declared = [name for name in (option.default, *(option.param_decls or ())) if isinstance(name, str)]
    long = [name for name in declared if name.startswith("--")]
    return long[0] if long else "--" + parameter.name.replace("_", "-")


def metavar(parameter: inspect.Parameter) -> str:
    """What stands for an argument in usage, such as PHOTOS."""
    _, option = get_args(parameter.annotation)
    return option.metavar or parameter.name.upper()


def own(parameter: inspect.Parameter, relaxed: bool) -> inspect.Parameter:
    """A function's own parameter, its help ending as a generated flag's does; relaxed, it need not be given."""
    setting = of_parameter(parameter)
    annotation, option = get_args(parameter.annotation)
    option = copy(option)
    argument = flag(parameter) is None
    if not argument and not setting.switch:
        option.metavar = option.metavar or letters(setting)
    option.help, option.show_default = option.help if argument else explained(setting), False
    option.min = option.max = None  # the setting checks its limits itself, as it does for a file
    default = None if relaxed and parameter.default is parameter.empty else parameter.default
    return parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=Annotated[annotation, option], default=default)


def generated(setting: Setting) -> inspect.Parameter:
    """A parameter for a setting: text that the setting itself will check, or a switch; None when it is not given."""
    declared = f"{setting.flag}/--no-{setting.flag[2:]}" if setting.switch else setting.flag
    kind = bool if setting.switch else list[str] if setting.many else str
    metavar = None if setting.switch else letters(setting)
    option = typer.Option(declared, help=explained(setting), show_default=False, metavar=metavar)
    annotation = Annotated[kind | None, option]
    return inspect.Parameter(setting.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def explained(setting: Setting) -> str:
    """The help of a setting: its meaning, limits and default."""
    notes = [limits] if (limits := settings.limits(setting)) else []
    if setting.optional and setting.default is not None:
        notes.append("or none")
    if setting.many:
        notes.append("may be repeated")
    plain = setting.default is None or setting.default is False or setting.default in ("", REQUIRED)
    if not plain:
        notes.append(f"default {settings.shown(setting.default)}")
    return f"{setting.help} [{'; '.join(notes)}]" if notes else setting.help


def letters(setting: Setting) -> str:
    """What stands for the value in help: the choices, or a letter for its kind."""
    choices: list[Any] = setting.schema.get("enum", [])
    return "|".join(map(str, choices)) or LETTERS.get(setting.schema.get("type", ""), "TEXT")


def signature(
    parameters: Mapping[str, inspect.Parameter],
    flags: Mapping[str, Setting],
    shared: Mapping[str, Any],
    *,
    relaxed: bool,
) -> inspect.Signature:
    """All that typer shall read: the context, a function's own parameters, generated flags and the shared ones."""
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    ours = [own(parameter, relaxed) for parameter in parameters.values()]
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in shared.items()
    ]
    return inspect.Signature([context, *ours, *map(generated, flags.values()), *common])
