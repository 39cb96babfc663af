"""The tensors of a `.pt` or `.bin` file, read without running anything that it says.

Such files are zip archives: a pickle, which is a small program, and the bytes of each tensor. Unpicklers that filter
what a program may call have been broken again and again (CVE-2025-32434, CVE-2026-24747), so none is used here. The
program is split into its instructions by `pickletools`, which runs none of them, and the few that build plain values
are followed below. A name of a function or class stays a string: this module has no way to look it up, let alone call
it. Names of tensors' own building blocks are known as such; any other ends the reading.
"""

import math
import pickletools
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from likewise.errors import BrokenFileError, UnsafeFileError

MOST_BYTES = 256 * 2**20  # of the file and of its tensors; learned words are a few kB
MOST_PROGRAM = 2**20  # bytes of the pickle
DTYPES = {
    "FloatStorage": torch.float32, "HalfStorage": torch.float16, "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64, "LongStorage": torch.int64, "IntStorage": torch.int32,
}  # fmt: skip
CONTAINER = "torch.nn.modules.container ParameterDict"
SETS = {"__builtin__ set", "builtins set"}
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
PLAIN = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
}  # fmt: skip


@dataclass(frozen=True)
class Symbol:
    """A name that the program mentions, as "module name"."""

    name: str


@dataclass(frozen=True)
class Storage:
    """A tensor's bytes: what they hold, which member of the archive has them, how many values."""

    dtype: torch.dtype
    key: str
    count: int


@dataclass
class Container:
    """A ParameterDict of the program: its state, of which only the parameters matter."""

    state: dict[str, Any] = field(default_factory=dict)


def read(path: Path, most: int = MOST_BYTES) -> Any:
    """What the file holds: dicts, lists, numbers, strings and tensors (on the CPU, in their own precision).

    most: bytes that the file, and all its tensors, may have.
    UnsafeFileError for a file that asks for anything else, BrokenFileError for one that is no such archive.
    """
    try:
        if path.stat().st_size > most:
            raise BrokenFileError(path, f"it is larger than {most // 2**20} MiB, and no such file is")
        with zipfile.ZipFile(path) as archive:
            return _Reader(path, archive, most).value()
    except zipfile.BadZipFile as error:
        advice = "A file of torch before 1.6, or no such file at all. Save it again with a newer torch: safetensors."
        raise BrokenFileError(path, "it is not an archive of tensors", advice) from error
    except OSError as error:
        raise BrokenFileError(path, error.strerror or str(error)) from error


class _Reader:
    """One file: a stack, the stacks below open marks, and the memo, as the pickle machine has them."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, most: int) -> None:
        self.path, self.archive, self.most = path, archive, most
        programs = [name for name in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", name)]
        if len(programs) != 1:
            raise BrokenFileError(path, "it holds no tensors of torch (no data.pkl)")
        self.root = programs[0].removesuffix("data.pkl")
        self.program = self._member("data.pkl", MOST_PROGRAM)
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.taken = 0  # bytes of tensors so far

    def value(self) -> Any:
        """Follow the program to its end."""
        byteorder = f"{self.root}byteorder"
        if byteorder in self.archive.namelist() and self._member("byteorder", 16) != b"little":
            raise BrokenFileError(self.path, "its numbers are not little-endian")
        try:
            for operation, argument, _ in pickletools.genops(self.program):
                if operation.name == "STOP":
                    return _plain(self.stack.pop(), {})
                self._follow(operation.name, argument)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BrokenFileError(self.path, f"its data.pkl is damaged ({error})") from error
        raise BrokenFileError(self.path, "its data.pkl ends too soon")

    def _follow(self, name: str, argument: Any) -> None:
        if name in ("PROTO", "FRAME"):
            return
        if name in PLAIN:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name == "GLOBAL":
            self.stack.append(self._symbol(argument))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "MARK":
            self.below.append(self.stack)
            self.stack = []
        elif name in _STEPS:
            _STEPS[name](self)
        else:
            raise UnsafeFileError(self.path, f"the instruction {name}")

    def _symbol(self, name: str) -> Symbol:
        module, _, what = name.partition(" ")
        if name not in KNOWN and not (module in ("torch", "torch.storage") and what in DTYPES):
            raise UnsafeFileError(self.path, name.replace(" ", "."))
        return Symbol(name)

    def since_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.below.pop()
        return found

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(self._symbol(f"{module} {name}"))

    def take_tuple(self, count: int | None) -> None:
        taken = self.since_mark() if count is None else [self.stack.pop() for _ in range(count)][::-1]
        self.stack.append(tuple(taken))

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise TypeError("items for what is no dict")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError("values for what is no list")
        self.stack[-1].extend(values)

    def persistent(self) -> None:
        kind, symbol, key, _, count = self.stack.pop()
        if kind != "storage" or not re.fullmatch(r"[0-9]{1,20}", key):
            raise ValueError("no storage")
        self.stack.append(Storage(DTYPES[symbol.name.partition(" ")[2]], key, int(count)))

    def make(self) -> None:
        """REDUCE and NEWOBJ: what a known name would make of its arguments, made here."""
        arguments, symbol = self.stack.pop(), self.stack.pop()
        if symbol.name == "torch._utils _rebuild_parameter":
            self.stack.append(arguments[0])
        elif symbol.name.startswith("torch._utils _rebuild_tensor"):
            self.stack.append(self._tensor(*arguments[:4]))
        elif symbol.name == "collections OrderedDict":
            self.stack.append(dict(arguments[0]) if arguments else {})
        elif symbol.name in SETS:  # a module's empty set of names; a list will do
            self.stack.append(list(*arguments))
        elif symbol.name == CONTAINER:
            self.stack.append(Container())
        else:
            raise TypeError(f"{symbol.name} is called")

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Container) or not isinstance(state, dict):
            raise TypeError("a state for what has none")
        target.state.update(state)

    def _tensor(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
        last = offset + sum((width - 1) * step for width, step in zip(size, stride, strict=True))
        if min((offset, *size, *stride), default=0) < 0 or (math.prod(size) and last >= storage.count):
            raise ValueError("a tensor beyond its storage")
        wanted = storage.count * storage.dtype.itemsize
        self.taken += wanted
        data = self._member(f"data/{storage.key}", self.most - self.taken + wanted)
        if len(data) != wanted or math.prod(size) > storage.count:
            raise ValueError(f"{len(data)} bytes where {wanted} are needed")
        flat = torch.frombuffer(bytearray(data), dtype=storage.dtype) if data else torch.empty(0, dtype=storage.dtype)
        return flat.as_strided(size, stride, offset).clone()

    def _member(self, name: str, most: int) -> bytes:
        info = self.archive.getinfo(self.root + name)
        if info.compress_type != zipfile.ZIP_STORED or info.file_size > most:
            raise BrokenFileError(self.path, f"its part {name} is compressed or too large, which torch never writes")
        return self.archive.read(info)


_STEPS: dict[str, Callable[[_Reader], None]] = {
    "EMPTY_DICT": lambda self: self.stack.append({}),
    "EMPTY_LIST": lambda self: self.stack.append([]),
    "EMPTY_TUPLE": lambda self: self.stack.append(()),
    "TUPLE": lambda self: self.take_tuple(None),
    "TUPLE1": lambda self: self.take_tuple(1),
    "TUPLE2": lambda self: self.take_tuple(2),
    "TUPLE3": lambda self: self.take_tuple(3),
    "SETITEM": lambda self: self.set_items([*reversed([self.stack.pop(), self.stack.pop()])]),
    "SETITEMS": lambda self: self.set_items(self.since_mark()),
    "APPEND": lambda self: self.append([self.stack.pop()]),
    "APPENDS": lambda self: self.append(self.since_mark()),
    "STACK_GLOBAL": _Reader.stack_global,
    "BINPERSID": _Reader.persistent,
    "REDUCE": _Reader.make,
    "NEWOBJ": _Reader.make,
    "BUILD": _Reader.build,
}
KNOWN = {
    "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor", "torch._utils _rebuild_parameter",
    "collections OrderedDict", CONTAINER, *SETS,
}  # fmt: skip


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    """The same without symbols, storages and containers; what occurs twice is made once, or some would blow up."""
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, Container):
        return _plain(value.state.get("_parameters") or {}, seen)
    if isinstance(value, dict):
        made: Any = seen.setdefault(id(value), {})
        made.update({key: _plain(entry, seen) for key, entry in value.items()})
        return made
    if isinstance(value, (list, tuple)):
        made = seen.setdefault(id(value), [])
        made.extend([_plain(entry, seen) for entry in value])
        return made
    if isinstance(value, (Symbol, Storage)):
        raise TypeError(f"{value} is left over")
    return value
