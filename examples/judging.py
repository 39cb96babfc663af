"""From photos to votes: make questions, let people judge them, see who looked and how far they agree.

    python examples/judging.py PHOTOS OUT

Three simulated people judge here, one of whom presses at random, so that the example runs by itself. For real ones, run
`likewise dreamsim judge OUT/questions` and open its page in as many browsers as there are people.
"""

import sys
from pathlib import Path

from likewise import imageset
from likewise.dreamsim import making, observers, room_desk, room_export
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_questions import collected
from likewise.dreamsim.room_settings import RoomSettings


def looks(trial, rng):
    """Somebody who sees what is obvious, and otherwise has an order of their own that they keep to."""
    return trial.answers[0] or min(("left", "right"), key=lambda side: trial.pictures[1 + (side == "right")]), 900.0


def main(photos: str, out: str) -> dict:
    """Make questions in OUT/questions, collect judgements, and write the votes that count into OUT/votes."""
    questions = Path(out) / "questions"
    paths = [photo.path for photo in imageset.load(photos, captions=False).photos]
    for _ in making.distorted(questions, paths, each=4):
        pass
    with Room(questions, RoomSettings(block=10, sentinels=10, practice=0)) as room:
        observers.visit(room, "Ada", looks)
        observers.visit(room, "Bo", looks)
        observers.visit(room, "Cy", observers.clicking())
        report = room_desk.report(room)
    for person in report["people"]:
        print(person["name"], "is left out: " + "; ".join(person["reasons"]) if person["flagged"] else "counts")
    print("Noise ceiling", report["agreement"]["ceiling"] if report["agreement"] else "needs more votes")
    room_export.write(collected(questions), Path(out) / "votes")
    return report


if __name__ == "__main__":
    main(*sys.argv[1:])
