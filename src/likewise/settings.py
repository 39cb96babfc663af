"""Settings are declared once, as a pydantic model; flags, TOML files, docs tables and records are read off it."""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticUndefined

from likewise.errors import BadSettingError, SettingsFileError, UnknownSettingError

Model = TypeVar("Model", bound=BaseModel)
REQUIRED = PydanticUndefined
VARIES = "fits the base model"  # stands for a default that only the run itself can tell
WORDS = {"integer": "whole number", "number": "number", "boolean": "yes or no", "string": "text"}
LIMITS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}


@dataclass(frozen=True)
class Setting:
    """One setting as every face of it needs: its name, type with limits, default and meaning."""

    name: str
    type: Any  # a type that pydantic can check, limits included
    default: Any  # REQUIRED when there is none
    help: str

    @property
    def flag(self) -> str:
        """The command-line flag, such as --learning-rate."""
        return "--" + self.key.replace("_", "-")

    @property
    def key(self) -> str:
        """Its name in TOML: without the underscore that keeps `from_` apart from Python's keyword."""
        return self.name.rstrip("_")

    @cached_property
    def adapter(self) -> TypeAdapter:
        """What checks and converts a value of this setting."""
        return TypeAdapter(self.type)

    @cached_property
    def schema(self) -> dict:
        """The JSON schema of the value, without the alternative `null`; a one-level $ref is followed."""
        schema = self.adapter.json_schema()
        branches = [branch for branch in schema.get("anyOf", [schema]) if branch.get("type") != "null"]
        branch = branches[0]
        return schema["$defs"][branch["$ref"].rsplit("/", 1)[-1]] if "$ref" in branch else branch

    @cached_property
    def optional(self) -> bool:
        """True when None is a value, written `none` on the command line and "none" in TOML."""
        return any(branch.get("type") == "null" for branch in self.adapter.json_schema().get("anyOf", []))

    @property
    def switch(self) -> bool:
        """True for a plain yes or no, given as --flag or --no-flag."""
        return self.schema.get("type") == "boolean" and not self.optional

    @property
    def many(self) -> bool:
        """True for a list, whose flag is repeated once a value."""
        return self.schema.get("type") == "array"

    def parse(self, text: str | list[str]) -> Any:
        """The value that a command-line text means; raises BadSettingError."""
        if self.optional and text == "none":
            return None
        return self._validated(lambda: self.adapter.validate_python(text), text, "The command line")

    def check(self, value: Any, source: str) -> Any:
        """The value that a TOML value means, without guessing: true is no number, 5.5 is no whole number."""
        if self.optional and value == "none":
            return None
        return self._validated(lambda: self.adapter.validate_json(_json(value), strict=True), value, source)

    def _validated(self, validate: Any, found: Any, source: str) -> Any:
        try:
            return validate()
        except ValidationError as error:
            raise BadSettingError([(self.name, repr(found), needed(d)) for d in error.errors()], source) from None


def of(config: type[BaseModel]) -> dict[str, Setting]:
    """The settings of a model by name, in the order declared."""
    return {
        name: Setting(
            name,
            Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation,
            field.get_default(call_default_factory=True),
            field.description or "",
        )
        for name, field in config.model_fields.items()
    }


def needed(detail: Mapping[str, Any]) -> str:
    """What one entry of a ValidationError asks for, as the end of a sentence."""
    message = str(detail["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be a valid integer", "should be a whole number")
    return message.removeprefix("Input ").replace("Field required", "a value is required")


def build(config: type[Model], values: Mapping[str, Any], source: str = "The call") -> Model:
    """The model with these values; unknown names and values that do not fit are a LikewiseError."""
    refuse_unknown(values, config.model_fields, source)
    try:
        return config(**values)
    except ValidationError as error:
        raise BadSettingError([_problem(detail) for detail in error.errors()], source) from None


def _problem(detail: Mapping[str, Any]) -> tuple[str, str, str]:
    found = "nothing" if detail["type"] == "missing" else repr(detail["input"])
    return ".".join(map(str, detail["loc"])) or "together", found, needed(detail)


def refuse_unknown(values: Iterable[str], known: Iterable[str], source: str) -> None:
    """Raise UnknownSettingError for the first name that is not known."""
    known = set(known)
    for name in values:
        if name not in known:
            raise UnknownSettingError(name, known, source)


def read_toml(path: Path) -> dict[str, Any]:
    """The settings in a TOML file, by name; hyphens in names count as underscores."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsFileError(path, problem or type(error).__name__) from None
    return {name.replace("-", "_"): value for name, value in values.items()}


def to_toml(values: Mapping[str, Any]) -> str:
    """The values as TOML, one a line; None, which TOML cannot say, is written "none", REQUIRED as a comment."""
    lines = [
        f"# {name} is required" if value is REQUIRED else f"{name} = {_toml('none' if value is None else value)}"
        for name, value in values.items()
    ]
    return "\n".join(lines) + "\n"


def to_json(values: Mapping[str, Any]) -> str:
    """The values as one JSON object."""
    return json.dumps({name: _plain(value) for name, value in values.items()}, ensure_ascii=False)


def record(config: BaseModel) -> dict[str, Any]:
    """The settings as plain JSON values, to be saved beside what they made."""
    return config.model_dump(mode="json")


def described(setting: Setting) -> str:
    """The kind and limits of a setting in words, such as "whole number, at least 1"."""
    text = _kind(setting.schema)
    return f"{text}, or none" if setting.optional else text


def limits(setting: Setting) -> str:
    """Only the limits of a number in words, such as "at least 1"; empty when there are none."""
    return ", ".join(_limits(setting.schema))


def shown(value: Any) -> str:
    """A default as a person would type it."""
    if value is REQUIRED:
        return "required"
    if isinstance(value, bool):
        return "yes" if value else "no"
    plain = _plain(value)
    if isinstance(plain, list):
        return " ".join(f'"{item}"' if " " in str(item) else str(item) for item in plain)
    return "none" if plain is None else str(plain)


def table(settings: Iterable[Setting]) -> str:
    """A Markdown table of settings: name, kind, default, meaning."""
    rows = [
        f"| `{s.name}` | {described(s)} | {shown(s.default) or '(empty)'} | {s.help} |".replace("\n", " ")
        for s in settings
    ]
    return "\n".join(["| setting | kind | default | meaning |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _kind(schema: Mapping[str, Any]) -> str:
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        length = f"{len(items)} values" if "prefixItems" in schema else "list"
        return f"{length}, each a {_kind(items[0])}"
    name = "path" if schema.get("format") == "path" else WORDS.get(schema.get("type", ""), "value")
    return ", ".join([name, *_limits(schema)])


def _limits(schema: Mapping[str, Any]) -> list[str]:
    return [f"{word} {schema[key]}" for key, word in LIMITS.items() if key in schema]


def _plain(value: Any) -> Any:
    return TypeAdapter(Any).dump_python(value, mode="json")


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _toml(value: Any) -> str:
    if isinstance(value, float):  # repr is what TOML writes too, inf and nan included
        return repr(value)
    plain = _plain(value)
    if isinstance(plain, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in plain.items()) + "}"
    if isinstance(plain, list):
        return "[" + ", ".join(map(_toml, plain)) + "]"
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def flags(values: Mapping[str, Any]) -> list[str]:
    """Settings by name as the words of a command line that sets them again."""
    words = []
    for name, value in values.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [f"--{flag}", "none" if one is None else str(one)]
    return words
