"""What a run is called, and the command line that goes on with it."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likewise.concept.card import check_name
from likewise.settings import flags


def name_of(photos: str | Path) -> str:
    """A concept's name from the name of a folder."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", Path(photos).resolve().name.lower())[:40].strip("-_")
    return check_name(plain or "subject")


def command_of(
    photos: str | Path, run: Path, facts: Mapping[str, Any], options: Mapping[str, Any], asked: Mapping[str, Any]
) -> str:
    """The command line that goes on with this run; asked: what else teach was told, such as install=False."""
    parts = ["likewise", "teach", str(photos), "--noun", facts["noun"], "--out", str(run), "--resume"]
    defaults = {"method": "dreambooth", "backbone": "toybox", "seed": 0}
    for key, default in defaults.items():
        parts += [f"--{key}", str(facts[key])] if facts[key] != default else []
    parts += ["--name", facts["name"]] if facts["name"] != name_of(photos) else []
    usual = {"install": True, "verdict": True, "stop_early": False, "vram": None, "device": None}
    given = {key: asked[key] for key, default in usual.items() if asked.get(key, default) != default}
    return shlex.join([*parts, *flags({**given, **options})])
