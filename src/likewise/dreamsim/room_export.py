"""Write what was judged as a data folder of its own: votes in place, pictures beside them, every answer as a table."""

import shutil
from pathlib import Path
from typing import Any, cast

from likewise.disk import new_folder, write_bytes
from likewise.dreamsim import jnd, triplets
from likewise.dreamsim.making_rounds import kept
from likewise.dreamsim.room_desk import answers_csv, voted
from likewise.dreamsim.room_questions import Collected
from likewise.errors import NoJudgementsError, SettingError


def write(room: Collected, out: str | Path, *, everyone: bool = False, unanimous: int | None = None) -> None:
    """A new folder with the items that have votes, copies of their pictures, and votes.csv with every answer.

    everyone: votes of people whose answers broke a rule count too. unanimous: only triplets with at least so many
    votes that all agree. Raises NoJudgementsError where nothing is left, FolderExistsError for a place that is taken.
    """
    if unanimous is not None and room.task != "2afc":
        raise SettingError("unanimous", unanimous, "it is a filter of triplets, and these are pairs")
    found = [one for one in voted(room, everyone=everyone) if one.votes]
    found = found if unanimous is None else cast(list[Any], kept(found, unanimous))
    if not found:
        raise NoJudgementsError(room.folder, "votes that count", "Collect some: likewise dreamsim judge DIR")
    with new_folder(out) as temp:
        for name in sorted({name for one in found for name in one.pictures}):
            (temp / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(room.folder / name, temp / name)
        (triplets if room.task == "2afc" else jnd).write(temp, found)
        write_bytes(temp / "votes.csv", answers_csv(room).encode("utf-8", "backslashreplace"))
