import numpy as np
import pytest
from made_metrics import pictures
from PIL import Image

from likewise import dreamsim
from likewise.dreamsim import dedup


def test_chains_of_near_rows_form_groups_and_the_worthiest_is_kept():
    angles = np.array([0.0, 0.1, 0.2, 1.0, 1.05, 2.0])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = dedup.groups(rows, 0.006, [(1,), (3,), (2,), (5,), (5,), (9,)])
    assert [(group.keep, group.copies) for group in found] == [(1, (0, 2)), (3, (4,))]
    assert found[0].distances == pytest.approx([1 - np.cos(0.1)] * 2, abs=1e-9)
    assert dedup.groups(rows, 1e-6, [(0,)] * 6) == []


def test_exact_copies_are_found_at_threshold_zero():
    rows = np.random.default_rng(0).normal(size=(50, 37)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = dedup.groups(np.concatenate([rows, rows]), 0.0, [(0,)] * 100)
    assert [(group.keep, group.copies) for group in found] == [(n, (n + 50,)) for n in range(50)]


def planted(folder, count, seed=0):
    """Pictures, and of every third a smaller copy and a compressed one."""
    folder.mkdir()
    truth = {}
    for number, one in enumerate(pictures(count, size=120, seed=seed)):
        name = f"{number:03d}.png"
        one.save(folder / name)
        truth[name] = number
        if number % 3 == 0:
            one.save(folder / f"{number:03d}_q.jpg", quality=50)
            small = one.resize((one.width // 2, one.height // 2), Image.Resampling.LANCZOS)
            small.save(folder / f"{number:03d}_s.png")
            truth |= {f"{number:03d}_q.jpg": number, f"{number:03d}_s.png": number}
    return truth


def found_pairs(folder, truth):
    model, paths = dreamsim.load(), sorted(folder.iterdir())
    rows = model.embed(paths)
    limit = dedup.line(model, paths, rows)
    groups = dedup.groups(rows, limit, [dedup.worth(path) for path in paths])
    told = {frozenset((paths[group.keep].name, paths[copy].name)) for group in groups for copy in group.copies}
    kept = {truth[paths[group.keep].name]: paths[group.keep].name for group in groups}
    wrong = sum(len({truth[name] for name in pair}) > 1 for pair in told)
    return told, kept, wrong, groups, paths


def test_planted_copies_are_found_and_the_largest_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(dedup, "SAMPLE", 3)
    truth = planted(tmp_path / "photos", 9)
    told, kept, wrong, groups, paths = found_pairs(tmp_path / "photos", truth)
    assert wrong == 0 and len(told) == 6
    assert kept == {number: f"{number:03d}.png" for number in (0, 3, 6)}
    assert dedup.sheet(groups, paths).width > 600
    told = [one["keep"] for one in dedup.report(groups, paths)]
    assert told == [str(tmp_path / "photos" / f"{number:03d}.png") for number in (0, 3, 6)]


def test_moving_takes_the_copies_and_never_overwrites(tmp_path):
    place, away = tmp_path / "a", tmp_path / "away"
    place.mkdir(), away.mkdir()
    for name in ("x.png", "y.png"):
        Image.new("RGB", (4, 4)).save(place / name)
    (away / "y.png").write_text("taken")
    moved = dedup.move([dedup.Group(0, (1,), (0.0,))], [place / "x.png", place / "y.png"], away)
    assert moved == [str(away / "y-2.png")] and (away / "y.png").read_text() == "taken"
    assert sorted(path.name for path in place.iterdir()) == ["x.png"]


@pytest.mark.slow
def test_copies_among_many_with_precision_99_and_recall_95(tmp_path):
    truth = planted(tmp_path / "photos", 90, seed=1)
    told, _, wrong, _, _ = found_pairs(tmp_path / "photos", truth)
    assert 1 - wrong / len(told) >= 0.99 and (len(told) - wrong) / 60 >= 0.95
