"""A saved folder proves itself: `manifest.json`, written last, holds the SHA-256 of every other file.

Tensors are safetensors, the rest is JSON; nothing that is read can run code. Everything is written by `likewise.disk`,
whole or not at all.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from likewise.disk import clean as clean
from likewise.disk import inside, new_file
from likewise.disk import new_folder as new_folder
from likewise.disk import remove as remove
from likewise.disk import write_bytes as write_bytes
from likewise.errors import BrokenCheckpointError, BrokenFileError

MANIFEST = "manifest.json"


def hash_bytes(data: bytes) -> str:
    """The SHA-256 of some bytes, as 64 hex digits, like all hashes here."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: str | Path) -> str:
    """The SHA-256 of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_json(value: object) -> str:
    """The SHA-256 of a JSON value; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hash_bytes(text.encode())


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 over names, dtypes, shapes and values; neither order nor device matters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def numbered(parent: Path, step: int) -> Path:
    """The checkpoint folder of a step: 000010 for 10."""
    return parent / f"{step:06d}"


def write_json(path: str | Path, value: object) -> None:
    """Write JSON for people: indented, keys in the given order, unicode as it is. NaN is refused (ValueError)."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8", "backslashreplace"))  # a file name's stray surrogate becomes JSON's escape


def read_json(path: str | Path) -> Any:
    """Read a JSON file. Raises BrokenFileError."""
    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise BrokenFileError(Path(path), "there is no such file") from error
    except OSError as error:
        raise BrokenFileError(Path(path), str(error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(Path(path), f"it is not valid JSON ({error})") from error


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file whole, or leave what was there. Tensors may share memory and be on any device."""
    with new_file(Path(path)) as temp:
        mode = temp.stat().st_mode
        try:
            safetensors.torch.save_file(_separate(tensors), temp, dict(metadata) if metadata else None)
        except SafetensorError as error:
            raise _as_os_error(error) from error
        temp.chmod(mode)  # the writer makes its files private; ours follow the user's umask like any other


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file onto the CPU: its tensors and its metadata. Raises BrokenFileError."""
    try:
        with safe_open(path, framework="pt") as file:
            # Copies, as the tensors that the library hands out keep the file mapped.
            return {name: file.get_tensor(name).clone() for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise BrokenFileError(Path(path), f"it is not a whole safetensors file ({error})") from error


def _separate(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values on the CPU, each in memory of its own."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        apart[name] = plain.clone() if place in seen else plain
        seen.add(place)
    return apart


def _as_os_error(error: SafetensorError) -> Exception:
    code = re.search(r"os error (\d+)", str(error))  # the library reports a full disk as text only
    return OSError(int(code[1]), os.strerror(int(code[1]))) if code else error


def write_manifest(folder: Path) -> None:
    """Write manifest.json: the hash and size of every file of a finished folder, but for hidden ones."""
    names = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    names = [name for name in names if name != Path(MANIFEST) and not any(part.startswith(".") for part in name.parts)]
    files = {
        name.as_posix(): {"sha256": hash_file(folder / name), "bytes": (folder / name).stat().st_size} for name in names
    }
    write_json(folder / MANIFEST, {"format": 1, "files": files})


def verify(folder: Path) -> None:
    """Check every file against the manifest. Raises BrokenCheckpointError, which names the first that differs."""
    try:
        listed = read_json(folder / MANIFEST)
    except BrokenFileError as error:
        raise BrokenCheckpointError(error.path, error.reason) from error
    if not (isinstance(listed, dict) and listed.get("format") == 1 and isinstance(listed.get("files"), dict)):
        raise BrokenCheckpointError(folder / MANIFEST, "it is not a manifest that this version knows")
    for name, facts in listed["files"].items():
        path = folder
        for part in name.split("/"):
            path = inside(path, part, "file name in the manifest")
        if not path.is_file():
            raise BrokenCheckpointError(path, "it is missing")
        if not isinstance(facts, dict) or _hash_of_member(path) != facts.get("sha256"):
            raise BrokenCheckpointError(path, "it was changed or damaged after it was saved (its hash differs)")


def _hash_of_member(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise BrokenCheckpointError(path, str(error.strerror)) from error


def save_state(folder: str | Path, tensors: Mapping[str, Tensor], data: Mapping[str, Any]) -> None:
    """Save tensors and JSON data as one folder; an earlier one there stays whole until this one is."""
    with new_folder(folder, replace=True) as temp:
        write_tensors(temp / "state.safetensors", tensors)
        write_json(temp / "state.json", data)
        write_manifest(temp)


def load_state(folder: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the data of a saved folder. Raises BrokenCheckpointError, naming the file."""
    folder = Path(folder)
    verify(folder)
    try:
        tensors, data = read_tensors(folder / "state.safetensors")[0], read_json(folder / "state.json")
    except BrokenFileError as error:
        raise BrokenCheckpointError(error.path, error.reason) from error
    if not isinstance(data, dict):
        raise BrokenCheckpointError(folder / "state.json", "it holds no JSON object")
    return tensors, data


def checkpoints(parent: str | Path) -> list[Path]:
    """The complete checkpoints in a folder, NNNNNN, oldest first; empty when there is no such folder."""
    found = [path for path in Path(parent).glob("*") if re.fullmatch(r"[0-9]{6,}", path.name)]
    return sorted((path for path in found if (path / MANIFEST).is_file()), key=lambda path: int(path.name))


def latest(parent: str | Path) -> Path | None:
    """The newest complete checkpoint, or None."""
    return next(reversed(checkpoints(parent)), None)


def prune(parent: str | Path, keep: int) -> None:
    """Remove all complete checkpoints but the newest `keep` (at least 1)."""
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    for path in checkpoints(parent)[:-keep]:
        remove(path)
