"""The example of judging runs by itself, and finds the one who clicks at random."""

import importlib.util
from pathlib import Path

from likewise import seeds
from likewise.dreamsim import observers, triplets

EXAMPLE = Path(__file__).parents[2] / "examples" / "judging.py"


def test_the_example_goes_from_photos_to_votes(tmp_path, capsys):
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(5):
        observers.draw(observers.look(seeds.numpy_stream(0, index)), 32).save(photos / f"{index}.png")
    spec = importlib.util.spec_from_file_location("judging", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    report = example.main(str(photos), str(tmp_path / "out"))
    assert [one["flagged"] for one in report["people"]] == [False, False, True]
    found = triplets.read(tmp_path / "out" / "votes")
    assert len(found) == 20 and all(one.unanimous and one.votes == 2 for one in found)
    assert "Cy is left out" in capsys.readouterr().out
