"""What a data folder asks about: its triplets or pairs by the names that they have in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from likewise.dreamsim import jnd, triplets
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.room_log import Ledger
from likewise.dreamsim.room_settings import RoomSettings, Task
from likewise.dreamsim.room_trials import item_name
from likewise.dreamsim.triplets import Triplet
from likewise.errors import NoJudgementsError

Items = Mapping[str, Triplet] | Mapping[str, Pair]


@dataclass(frozen=True)
class Collected:
    """The judgements of a folder, to be read while a room may be adding to them."""

    folder: Path
    task: Task
    items: Items
    ledger: Ledger
    settings: RoomSettings


def questions(folder: Path, task: Task | None = None) -> tuple[Task, Items]:
    """The task, 2afc where there are triplets unless one is given, and the items by name."""
    if task is None:
        task = "2afc" if (folder / triplets.FILE).is_file() else "jnd" if (folder / jnd.FILE).is_file() else None
    if task is None:
        advice = "Make some first: likewise dreamsim make --out DIR, or write the file yourself."
        raise NoJudgementsError(folder, f"{triplets.FILE} and no {jnd.FILE}", advice)
    if task == "2afc":
        return task, {item_name(one.pictures): one for one in triplets.read(folder)}
    return task, {item_name(one.pictures): one for one in jnd.read(folder)}


def collected(folder: str | Path, task: Task | None = None) -> Collected:
    """What was judged so far, under the settings of the last room. Raises what reading the data and the log does."""
    task, items = questions(Path(folder), task)
    ledger = Ledger(folder)
    settings = RoomSettings(**ledger.settings.get(task, {}))
    return Collected(Path(folder), task, items, ledger, settings)
