import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from made_metrics import metric, pictures

from likewise.dreamsim import index
from likewise.dreamsim.index import Entry
from likewise.dreamsim.ingest import ingest
from likewise.errors import BrokenFileError, FolderExistsError, IndexFolderError, MixedIndexError, ShapeError

HASH = "a" * 64


def rows(count, width=16, seed=0):
    made = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def entries(count, start=0):
    return [Entry(f"p{number:06d}.png", f"{number:064x}") for number in range(start, start + count)]


def filled(folder, count=300, width=16, shard=100):
    made, values = index.create(folder, HASH, width), rows(count, width)
    for start in range(0, count, shard):
        made.add(values[start : start + shard], entries(count)[start : start + shard])
    return made, values


def nearest(values, query, count, gone=()):
    near = values.astype(np.float16).astype(np.float32) @ query
    near[list(gone)] = -9
    return [f"p{number:06d}.png" for number in np.argsort(-near, kind="stable")[:count]]


def test_a_search_finds_what_comparing_every_row_finds(tmp_path):
    made, values = filled(tmp_path / "index")
    found = made.query(values[:5], 10)
    for row, answers in zip(values[:5], found, strict=True):
        assert [one.name for one in answers] == nearest(values, row, 10)
        assert answers[0].distance == pytest.approx(0, abs=2e-3)


def test_what_is_deleted_is_gone_and_stays_gone_after_a_restart(tmp_path):
    made, values = filled(tmp_path / "index")
    assert made.delete(["p000003.png", "p000150.png", "never"]) == 2
    again = index.open_(tmp_path / "index", HASH)
    assert len(again) == len(made) == 298
    for one in (made, again):
        assert [a.name for a in one.query(values[3], 5)[0]] == nearest(values, values[3], 5, gone=(3, 150))


def test_a_name_added_again_replaces_its_row(tmp_path):
    made, _ = filled(tmp_path / "index", 10)
    fresh = rows(1, seed=9)
    made.add(fresh, [Entry("p000004.png", "f" * 64)])
    for one in (made, index.open_(tmp_path / "index")):
        assert len(one) == 10 and one.query(fresh, 1)[0][0].name == "p000004.png"
        assert one.knows("p000004.png", "f" * 64) and not one.knows("p000004.png", f"{4:064x}")


def test_rows_of_another_metric_are_refused(tmp_path):
    filled(tmp_path / "index", 3)
    with pytest.raises(MixedIndexError, match="bbbbbbbbbbbb"):
        index.open_(tmp_path / "index", "b" * 64)
    with pytest.raises(ShapeError, match="16"):
        index.open_(tmp_path / "index").query(rows(1, 8))
    with pytest.raises(IndexFolderError, match=r"index\.json"):
        index.open_(tmp_path)
    with pytest.raises(FolderExistsError):
        index.create(tmp_path / "index", HASH, 16)


def test_an_empty_index_has_no_answers(tmp_path):
    made = index.create(tmp_path / "index", HASH, 16)
    assert made.query(rows(2), 5) == [[], []] and len(index.open_(tmp_path / "index")) == 0


def test_damage_is_told_with_the_shard(tmp_path):
    filled(tmp_path / "index", 300)
    shard = tmp_path / "index" / "rows" / "00000001.safetensors"
    data = shard.read_bytes()
    shard.write_bytes(data[:50])
    with pytest.raises(BrokenFileError, match="00000001"):
        index.open_(tmp_path / "index")
    shard.unlink()
    with pytest.raises(BrokenFileError, match=r"00000001.*missing"):
        index.open_(tmp_path / "index")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "photos"
    place.mkdir()
    for number, one in enumerate(pictures(8)):
        one.save(place / f"{number}.png")
    (place / "copy.png").write_bytes((place / "0.png").read_bytes())
    (place / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    return place


def test_ingest_computes_each_content_once_and_passes_over_what_is_in(tmp_path, folder, monkeypatch):
    from likewise.dreamsim import ingest as module

    model, paths, computed = metric(), sorted(folder.iterdir()), []
    monkeypatch.setattr(module, "row", lambda model, path: computed.append(path.name) or model.embed(path)[0])
    made = index.create(tmp_path / "index", model.hash, model.dimension)
    first = ingest(made, model, paths)
    assert (first.added, first.known, len(first.problems)) == (9, 0, 1) and "broken.png" in first.problems[0]
    assert len(computed) == 9 and ("0.png" in computed) != ("copy.png" in computed)
    again = ingest(index.open_(tmp_path / "index"), model, paths)
    assert (again.added, again.known) == (0, 9) and len(computed) == 10  # the broken one is looked at again
    pictures(1, seed=5)[0].save(folder / "3.png")
    assert ingest(made, model, paths).added == 1 and len(made) == 9
    with pytest.raises(MixedIndexError):
        ingest(index.create(tmp_path / "other", HASH, model.dimension), model, paths)


def test_an_ingest_killed_in_the_middle_goes_on_without_loss_or_doubles(tmp_path, folder):
    """The child is killed with SIGKILL once two shards are written; the same ingest then ends."""
    code = f"""
import os, signal, sys
sys.path[:0] = {[os.fspath(p) for p in (os.path.dirname(__file__),)]!r}
from pathlib import Path
from made_metrics import metric
from likewise.dreamsim import index, ingest
ingest.SHARD = 2
model = metric()
made = index.create({os.fspath(tmp_path / "index")!r}, model.hash, model.dimension)
def show(done, total):
    if done == 6: os.kill(os.getpid(), signal.SIGKILL)
ingest.ingest(made, model, sorted(p for p in Path({os.fspath(folder)!r}).iterdir() if p.stem != "broken"), show=show)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    model, paths = metric(), sorted(path for path in folder.iterdir() if path.stem != "broken")
    made = index.open_(tmp_path / "index", model.hash)
    assert 0 < len(made) < 9
    finished = ingest(made, model, paths)
    assert finished.known + finished.added == 9 == len(index.open_(tmp_path / "index"))
    names = [entry.name for shard in index.open_(tmp_path / "index").shards for entry in shard.entries]
    assert len(names) == len(set(names)) == 9


def test_beyond_the_limit_a_graph_answers_and_follows_changes(tmp_path):
    pytest.importorskip("usearch", reason="usearch is not installed")
    made, values = filled(tmp_path / "index", 3000, 32, 1000)
    made.exact_up_to = 100
    recalled = [recall(made, values[:50])]
    made.delete([f"p{number:06d}.png" for number in range(40)])
    more = rows(500, 32, seed=1)
    made.add(more, entries(500, 3000))
    again = index.open_(tmp_path / "index")
    again.exact_up_to = 100
    recalled += [recall(again, values[:50]), recall(again, more[:50])]
    assert min(recalled) >= 0.95
    assert json.loads((tmp_path / "index" / "graph.json").read_text())["shards"] == 4


def test_a_graph_widens_its_search_past_deleted_rows_and_is_not_built_anew_at_every_query(tmp_path, monkeypatch):
    usearch = pytest.importorskip("usearch.index", reason="usearch is not installed")
    made, values = filled(tmp_path / "index", 3000, 16, 1000)
    made.exact_up_to = 10
    made.query(values[:1], 5)
    near = [one.name for one in made.query(values[0], 900, exact=True)[0]]
    made.delete(near)  # all that the graph would tell of
    assert made.query(values[0], 5) == made.query(values[0], 5, exact=True)
    made.delete([one.name for one in made.query(values[0], 1200, exact=True)[0]])  # now it is built anew, once
    assert len(made.query(values[0], 5)[0]) == 5
    monkeypatch.setattr(usearch.Index, "save", lambda *a: pytest.fail("built again"))
    assert made.query(values[0], 5) == made.query(values[0], 5, exact=True)


def recall(made, queries, count=10):
    pairs = zip(made.query(queries, count), made.query(queries, count, exact=True), strict=True)
    return np.mean([len({a.name for a in one} & {b.name for b in other}) / count for one, other in pairs])


@pytest.mark.slow
def test_a_hundred_thousand_rows_with_planted_neighbours(tmp_path):
    """Exact equals brute force, the graph recalls 95 %, and ingest memory stays flat."""
    import tracemalloc

    count, width = 100_000, 64
    made, values, peaks = index.create(tmp_path / "index", HASH, width), rows(count, width), []
    planted = values[:200] + 0.05 * rows(200, width, seed=1)
    planted /= np.linalg.norm(planted, axis=1, keepdims=True)
    tracemalloc.start()
    for start in range(0, count, 1000):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        made.add(values[start : start + 1000], entries(1000, start))
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
    tracemalloc.stop()
    assert np.mean(peaks[-10:]) < 3 * np.mean(peaks[:10])
    exact = made.query(planted, 10, exact=True)
    assert all(answers[0].name == f"p{number:06d}.png" for number, answers in enumerate(exact))
    for row, answers in zip(planted[:5], exact, strict=False):
        assert [one.name for one in answers] == nearest(values, row, 10)
    made.exact_up_to = 10
    assert recall(made, planted[:100]) >= 0.95
