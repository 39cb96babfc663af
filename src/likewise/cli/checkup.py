"""What a run depends on, looked at one by one: found, good or not, and what to do."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import likewise

GIB = 2**30
MAIN = ("", "diffusion")  # what the main job needs; other extras may be absent
MEMORY, DISK = 4 * GIB, 2 * GIB


@dataclass(frozen=True)
class Check:
    """One finding. "option": may be absent; "note": worth knowing; "missing": keeps the main job from running."""

    name: str
    verdict: Literal["ok", "option", "note", "missing"]
    found: str
    advice: str = ""


def run() -> list[Check]:
    """Every check, in the order in which one would mend them."""
    looks: tuple[Callable[[], Iterator[Check]], ...] = (_python, _packages, _device, _weights, _machine)
    return [check for look in looks for check in look()]


def _python() -> Iterator[Check]:
    yield Check("likewise", "ok", likewise.__version__)
    yield Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> Iterator[Check]:
    """What the package's own metadata asks for, extra by extra."""
    lacking: dict[str, list[str]] = {}
    for text in metadata.requires("likewise") or []:
        name, wanted, extra = requirement(text)
        found = version(name)
        good = found is not None and (not wanted or at_least(found, wanted))
        if extra in MAIN:
            advice = "" if good else f"pip install 'likewise[diffusion]' (needs {name} {wanted or 'in any version'})"
            yield Check(name, "ok" if good else "missing", found or "not installed", advice)
        elif found is None and name != "likewise":
            lacking.setdefault(extra, []).append(name)
    for extra in sorted(set(metadata.metadata("likewise").get_all("Provides-Extra") or ()) - {"diffusion"}):
        absent = lacking.get(extra)
        found = f"without {', '.join(absent)}; to have it: pip install 'likewise[{extra}]'" if absent else "installed"
        yield Check(f"[{extra}]", "option" if absent else "ok", found)


def requirement(text: str) -> tuple[str, str, str]:
    """(package, least version or "", extra or "") of one line of Requires-Dist."""
    name = re.match(r"[\w.-]+", text)
    wanted = re.search(r"[=>]=\s*([\w.]+)", text.partition(";")[0])
    extra = re.search(r"""extra == ["']([\w-]+)""", text)
    return name.group() if name else text, wanted.group(1) if wanted else "", extra.group(1) if extra else ""


def at_least(found: str, wanted: str) -> bool:
    """Whether a version is no older than another, by their leading numbers."""
    numbers = [[int(n) for n in re.findall(r"\d+", text.partition("+")[0])[:3]] for text in (found, wanted)]
    return numbers[0] >= numbers[1]


def version(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _device() -> Iterator[Check]:
    if version("torch") is None:
        return
    from likewise import devices

    yield Check("device", "ok", devices.choose().note)


def _weights() -> Iterator[Check]:
    from likewise.diffusion.loading import toybox_folder

    folder = toybox_folder()
    files = sorted(folder.rglob("*.safetensors"))
    if not (folder / "model_index.json").is_file() or not files:
        advice = "Install likewise again, or train it: likewise toybox build, then likewise toybox learn"
        yield Check("toybox", "missing", f"no weights in {folder}", advice)
        return
    size = sum(file.stat().st_size for file in files) / 2**20
    broken = [file.name for file in files if not _readable(file)]
    advice = "Install likewise again: these files are damaged" if broken else ""
    yield Check("toybox", "missing" if broken else "ok", f"{size:.0f} MiB in {folder}", advice)


def _readable(file: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np"):
            return True
    except (SafetensorError, OSError):
        return False


def _machine() -> Iterator[Check]:
    memory = _memory()
    low = memory is not None and memory < MEMORY
    cores = f"{os.cpu_count()} cores, "
    found = cores + (f"{memory / GIB:.1f} GiB" if memory else "memory unknown")
    yield Check("memory", "note" if low else "ok", found, "Toybox needs 4 GiB; use --batch 1" if low else "")
    free = shutil.disk_usage(Path.cwd()).free
    advice = "A run keeps its checkpoints: free at least 2 GiB, or choose another --out" if free < DISK else ""
    yield Check("disk", "note" if advice else "ok", f"{free / GIB:.1f} GiB free here", advice)


def _memory() -> int | None:
    """Bytes of memory, where the system tells."""
    if sys.platform == "win32":
        return None
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
