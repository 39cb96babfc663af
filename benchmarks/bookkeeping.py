"""What every benchmark needs: a place for its figures with the machine beside them, and children that are measured."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from likewise import checkpoint, records
from likewise.metrics.intervals import Interval

RESULTS = Path(__file__).parent / "results"
WORK = Path(__file__).parents[1] / "runs" / "benchmarks"  # not in git; can be removed at any time


@dataclass(frozen=True)
class Child:
    """A finished child process: wall and CPU seconds, MiB of memory at most, what it printed."""

    seconds: float
    cpu: float
    peak: int
    out: str


def write(name: str, data: Mapping[str, Any]) -> Path:
    """results/NAME.json: the figures, the machine they were taken on, and the versions."""
    path = RESULTS / f"{name}.json"
    checkpoint.write_json(path, {**data, "machine": machine(), "versions": records.versions()})
    return path


def run_each(work: Callable[[int], str], numbers: Iterable[int], jobs: int) -> None:
    """Do numbered pieces of work, `jobs` at a time, each of which leaves a file of its own; tells a line about each."""
    with ProcessPoolExecutor(jobs) as pool:
        for line in pool.map(work, numbers):
            print(line, flush=True)


def collect(
    name: str, summarised: Callable[[list[Any]], Mapping[str, Any]], table: Callable[[list[Any], Any], str]
) -> None:
    """results/NAME.json and results/NAME.md from the files in results/NAME/, if there are any."""
    done = [checkpoint.read_json(path) for path in sorted((RESULTS / name).glob("*.json"))]
    if done:
        summary = summarised(done)
        print(write(name, summary))
        checkpoint.write_bytes(RESULTS / f"{name}.md", table(done, summary).encode())


def machine() -> dict[str, object]:
    """What the figures depend on and a reader may compare."""
    names = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 1),  # above 1 on an idle machine, others were at work too
        "system": platform.system(),
    }


def measured(argv: Sequence[str], **environment: str) -> Child:
    """Run a command and wait for it; CalledProcessError with its standard error if it fails."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    ) as child:
        assert child.stdout is not None
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, argv, out)
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, KiB elsewhere
    return Child(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // unit, out)


def peak_of(way: Callable[[], Any]) -> float | None:
    """MiB that a fork needs at most beyond what it had; None where the system does not tell."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = _status("VmRSS")
        way()
        os.write(writing, str((_status("VmHWM") - before) / 1024).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return round(float(told.read()), 1)


def likewise(*words: object) -> list[str]:
    """The command line of this very installation."""
    return [sys.executable, "-m", "likewise", *map(str, words)]


def interval(found: Interval) -> dict[str, float | int]:
    """For JSON."""
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4), "n": found.count}


def spread(values: Sequence[float]) -> dict[str, float | int]:
    """Smallest, middle and largest of repeated timings, in seconds."""
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    return {"min": round(ordered[0], 3), "median": round(middle, 3), "max": round(ordered[-1], 3), "n": len(ordered)}


def folder_or_none(path: Path, asked: bool, what: str) -> Path | None:
    """The folder; without it, an error if it was asked for, and a line to read if it is only the default."""
    if path.is_dir():
        return path
    if asked:
        raise SystemExit(f"There is no folder {path}: {what}")
    print(f"Left out, as there is no folder {path}: {what}")
    return None


def _status(name: str) -> int:
    return next(int(line.split()[1]) for line in _lines("/proc/self/status") if line.startswith(name))


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []
