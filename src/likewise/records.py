"""What a run did, for people and for resuming: one record, and a log of events that is the same bits every time.

Times do not belong in a log that must not differ between two runs; they go to a log of their own.
"""

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import torch
from pydantic import BaseModel

from likewise.checkpoint import hash_json, write_bytes
from likewise.disk import writing
from likewise.errors import BrokenFileError

PACKAGES = ("likewise", "torch", "numpy", "pillow", "safetensors", "diffusers", "transformers", "peft", "accelerate")


class Events:
    """An append-only log, one JSON object a line. Every line is handed to the system at once.

    A process that is killed can leave half of a last line; it is not read, and goes when the log is next written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = None

    def append(self, event: Mapping[str, Any]) -> None:
        """Add one event. NaN is refused (ValueError), as JSON has no word for it."""
        line = json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n"
        with writing(self.path):
            if self._file is None:
                self._mend()
                self._file = self.path.open("ab")
            self._file.write(line.encode("utf-8", "backslashreplace"))
            self._file.flush()

    def read(self) -> list[dict[str, Any]]:
        """All whole events, oldest first; none when there is no file. Raises BrokenFileError, naming the line."""
        return [event for _, event in self._lines()]

    def truncate(self, step: int) -> None:
        """Forget the events after `step`, and half a line at the end: what stays is left bit for bit."""
        self.close()
        kept = []
        for line, event in self._lines():
            if event.get("step", 0) > step:
                break
            kept.append(line)
        if self.path.exists():
            write_bytes(self.path, b"".join(kept))

    def sync(self) -> None:
        """Force what was appended to the disk, to outlive a power cut."""
        if self._file is not None:
            with writing(self.path):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; the next append opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        for number, line in enumerate(self._raw().splitlines(keepends=True), start=1):
            if not line.endswith(b"\n"):
                return  # torn
            try:
                event = json.loads(line)
            except ValueError as error:
                raise BrokenFileError(self.path, f"line {number} is not valid JSON ({error})") from error
            if not isinstance(event, dict):
                raise BrokenFileError(self.path, f"line {number} holds no JSON object")
            yield line, event

    def _raw(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def _mend(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        raw = self._raw()
        if raw and not raw.endswith(b"\n"):
            write_bytes(self.path, raw[: raw.rfind(b"\n") + 1])


def record(config: BaseModel | Mapping[str, Any], **facts: object) -> dict[str, Any]:
    """What to write into record.json: the settings and their hash, the given facts, and what they ran on.

    facts: JSON values, such as seed=0 and device=device.note. Paths are cut to their last part, and the home folder
    to "~", so that a record can be shown to anyone.
    """
    settings = plain(config)
    return {
        "config": _shown(settings),
        "config_hash": hash_json(settings),
        **{name: _shown(value) for name, value in facts.items()},
        "versions": versions(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }


def plain(config: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the JSON values that they will be read back as."""
    return config.model_dump(mode="json") if isinstance(config, BaseModel) else json.loads(json.dumps(dict(config)))


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The versions of the packages that are installed."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The fields that differ, as (dotted name, old value, new value); a missing one has the value None."""
    found = []
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += [(f"{name}.{inner}", *values) for inner, *values in differences(before, after)]
        elif before != after:
            found.append((name, before, after))
    return found


def _shown(value: object) -> Any:
    if isinstance(value, Mapping):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(inner) for inner in value]
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, str):
        return _without_place(value)
    return value


def _without_place(text: str) -> str:
    for flavour in (PurePosixPath, PureWindowsPath):
        if flavour(text).is_absolute():
            return flavour(text).name
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text
