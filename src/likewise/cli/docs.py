"""Writes the pages of the documentation that repeat the code: commands, settings, errors.

Run `python -m likewise.cli.docs` in the repository; a test compares the pages with what this would write.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

from likewise import errors, registry, settings
from likewise.cli import options
from likewise.cli.command import SHARED, Command
from likewise.cli.main import ENTRIES, commands
from likewise.errors import LikewiseError, LikewiseWarning

NOTICE = "<!-- Made by `python -m likewise.cli.docs`; change the code, not this page. -->\n"
CONVENTIONS = """\
Results go to standard output, progress and warnings to standard error. With `--json` standard output holds exactly one
JSON object; for a mistake it is `{"error": KIND, "message": TEXT}`.

Exit status: 0 done, 1 a mistake that you can mend (told in a few plain lines), 2 wrong usage, 130 interrupted. A
traceback is a bug in Likewise; please report it.

In a settings file (`--config FILE`, TOML) a setting has its flag's name with underscores. A flag wins over the file,
the file over the default; `"none"` stands for no value.
"""
SETTINGS = """\
Each setting is a flag of the command (`lr` is `--lr`, `text_lr` is `--text-lr`), a line of a settings file, an argument
in Python and an entry of the run's `config.json`. The base model refines the defaults of the first table, as the second
says.
"""
ERRORS = """\
An error names what was found, what is needed and what to do. Commands print it and exit with 1; in Python it is an
exception of the class named here. A warning says what was done otherwise than asked.
"""


def pages() -> dict[str, str]:
    """File name -> text of every generated page."""
    return {"commands.md": _commands(), "configuration.md": _configuration(), "errors.md": _errors()}


def write(folder: Path) -> None:
    """Write every page into the folder."""
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _commands() -> str:
    index = [f"- [`likewise {name}`](#likewise-{name}): {_safe(entry.help)}" for name, entry in ENTRIES.items()]
    common = [
        f"| `{option.param_decls[0] if option.param_decls else option.default}` | {option.help} |"
        for option in (annotation.__metadata__[0] for annotation, _ in SHARED.values())
    ]
    head = [
        NOTICE,
        "# Commands\n",
        "\n".join(index) + "\n",
        "Every command takes these as well:\n",
        "\n".join(["| flag | meaning |", "| --- | --- |", *common, "| `--help` | Explain the command. |"]) + "\n",
        CONVENTIONS,
    ]
    return "\n".join([*head, *(line for name in ENTRIES for line in _entry(name))])


def _entry(name: str) -> Iterator[str]:
    entry = ENTRIES[name]
    yield f"## likewise {name}\n"
    if entry.group:
        yield f"{_safe(entry.help)}\n"
    for verb, command in commands(name).items():
        if entry.group:
            yield f"### likewise {name} {verb}\n"
        yield from _command(f"likewise {name} {verb}" if entry.group else f"likewise {name}", command)


def _command(name: str, command: Command) -> Iterator[str]:
    own = command.own()
    arguments = [own[key] for key, p in command.parameters.items() if options.flag(p) is None]
    flags = [(options.flag(p), own[key]) for key, p in command.parameters.items() if options.flag(p)]
    words = " ".join(options.metavar(command.parameters[one.name]) for one in arguments)
    yield f"{_safe(command.help)}\n"
    yield f"```\n{name} {words}".rstrip() + (" [FLAGS]" if flags else "") + "\n```\n"
    rows = [f"| `{options.metavar(command.parameters[one.name])}` | {_safe(one.help)} | |" for one in arguments]
    rows += [f"| `{flag}` | {_safe(s.help)} | {_kind(s)} |" for flag, s in flags]
    if rows:
        yield "\n".join(["| | meaning | value |", "| --- | --- | --- |", *rows]) + "\n"
    if command.config is not None:
        yield "Its [settings](configuration.md) are flags too.\n"


def _safe(text: str) -> str:
    """Text in which Markdown sees no tags outside code."""
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def _kind(setting: settings.Setting) -> str:
    if setting.switch:
        return "switch"
    default = settings.shown(setting.default)
    if setting.default is None:
        return settings.described(setting).removesuffix(", or none")
    return f"{settings.described(setting)}; {default or 'empty'}"


def _configuration() -> str:
    parts = [
        NOTICE,
        "# Settings\n",
        SETTINGS,
    ]
    for name in sorted(registry.METHODS):
        parts += [f"## teach --method {name}\n", f"{registry.method(name).summary}\n"]
        parts.append(settings.table(settings.of(registry.config(name)).values()))
        parts += [f"### {name}: defaults by base model\n", _by_family(name)]
    others = {
        "verdict": registry.VERDICT,
        "steer": registry.FABRIC,
        "decompose": registry.TREE,
        "magvlt draft, magvlt inpaint": registry.MAGVLT_DRAWING,
        "magvlt describe, magvlt infill": registry.MAGVLT_WRITING,
        "magvlt learn": registry.MAGVLT,
        "contrastive learn": registry.CONTRASTIVE,
        "dida learn": registry.DIDA,
        "dreamsim learn": registry.DREAMSIM,
        "dreamsim judge": registry.ROOM,
        "toybox learn": registry.RECIPE,
    }
    for name, reference in others.items():
        parts += [f"## {name}\n", settings.table(settings.of(registry.resolve(reference)).values())]
    return "\n".join(parts)


def _by_family(name: str) -> str:
    found = registry.defaults(name)
    columns = list(dict.fromkeys(key for row in found.values() for key in row))
    lines = ["| base model | trains | " + " | ".join(f"`{key}`" for key in columns) + " |"]
    lines.append("| --- " * (len(columns) + 2) + "|")
    for (family, train), row in found.items():
        lines.append(f"| {family} | {train} | " + " | ".join(str(row.get(key, "")) for key in columns) + " |")
    return "\n".join(lines) + "\n"


def _errors() -> str:
    head = [
        NOTICE,
        "# Errors and warnings\n",
        ERRORS,
    ]
    return "\n".join([*head, "## Errors\n", _tree(LikewiseError), "## Warnings\n", _tree(LikewiseWarning)])


def _tree(root: type) -> str:
    found = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, root)]
    told = {kind.__name__: _safe(" ".join((inspect.getdoc(kind) or "").split())) for kind in found}
    rows = [f"| `{name}` | {text} |" for name, text in sorted(told.items())]
    return "\n".join(["| class | when |", "| --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    write(Path("docs"))
