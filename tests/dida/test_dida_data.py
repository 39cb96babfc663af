"""Files of links are read or explained, and cut into snapshots; graphs, splits, negatives and the shift are sound."""

import gzip
import importlib.util
import re

import numpy as np
import pytest
import torch
from evolving import edges

from likewise.dida import cut, read, shift
from likewise.dida.graph import build
from likewise.dida.leakage import features
from likewise.dida.negatives import KINDS, Pool, draw
from likewise.dida.splits import split
from likewise.errors import (
    BadRowsError,
    CalendarError,
    FeatureError,
    LinkFileError,
    MissingColumnError,
    MissingExtraError,
    NoNegativesError,
    SettingError,
    SkippedRowsWarning,
    TooFewSnapshotsError,
    UnknownDomainError,
    UnknownNameError,
)

GOOD = "source,target,time,kind\nann,bob,2024-01-30,cup\nbob,cat,2024-02-01,cup\nann,cat,2024-04-02,friendly\n"


@pytest.fixture
def file(tmp_path):
    def write(text, name="links.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_file_is_read_in_the_order_of_time(file):
    links = read(file("time,target,source\n2,b,a\n1,c,b\n2,c,a\n"))
    assert links.nodes == ("b", "c", "a")
    assert links.source.tolist() == [0, 2, 2] and links.target.tolist() == [1, 0, 1]
    assert links.time.tolist() == [1, 2, 2] and not links.dated


@pytest.mark.parametrize("name", ["links.csv.gz", "links.tsv"])
def test_packed_and_tabbed_files_are_the_same(file, name):
    text = GOOD.replace(",", "\t") if name.endswith("tsv") else GOOD
    packed = file(gzip.compress(text.encode()) if name.endswith("gz") else text, name)
    plain = read(file("\ufeff" + GOOD, "plain.csv"))  # with the mark that spreadsheets put in front
    assert read(packed).nodes == plain.nodes == ("ann", "bob", "cat")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("ann,bob,soon,cup", r"line 5, column time: found 'soon', needed a date as in the rows before"),
        ("ann,bob,2024-13-01,cup", r"line 5, column time: found '2024-13-01'"),
        ("ann,bob,17,cup", r"column time: found '17', needed a date"),
        ("ann,bob,nan,cup", r"column time: found 'nan'"),
        (",bob,2024-05-01,cup", r"line 5, column source: found nothing, needed a source"),
        ("ann,bob", r"column time: found nothing, needed a time"),
        ("ann,-4,2024-05-01,cup", r"column target: found -4, needed a name, or a number from 0"),
        ("ann,ann,2024-05-01,cup", r"column target: found 'ann' linked with itself"),
        ("bob,cat,2024-02-01,cup", r"line 5, all columns: found the same as in line 3"),
        ("bob,cat,2024-02-03,", r"column kind: found nothing, needed a domain"),
    ],
)
def test_a_bad_row_is_told_by_line_and_column(file, row, told):
    path = file(GOOD + row + "\n")
    with pytest.raises(BadRowsError, match=told):
        read(path, domain="kind")
    with pytest.warns(SkippedRowsWarning, match=r"1 of 4 rows of .* were left out"):
        assert len(read(path, domain="kind", skip_bad_rows=True)) == 3


def test_many_bad_rows_are_counted(file):
    with pytest.raises(BadRowsError, match=r"has 14 row\(s\)(.*\n){11}  and 4 more\nMend them"):
        read(file("source,target,time\n" + "a,a,1\n" * 14))


def test_a_missing_column_brings_the_nearest(file):
    with pytest.raises(
        MissingColumnError, match=r"no column 'when' \(time\).*'source', 'target', 'time'(.*\n.*)--time"
    ):
        read(file(GOOD), time="when")
    with pytest.raises(MissingColumnError, match=r"Did you mean 'kind'\?"):
        read(file(GOOD), domain="kinds")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no column"),
        (b"source,target,time\n", "no link"),
        (b"\xff\xfe\x00", "no UTF-8 text"),
        (b'a,"b\n', "column"),
    ],
)
def test_a_file_without_links_is_told(file, content, why):
    with pytest.raises((LinkFileError, MissingColumnError), match=why):
        read(file(content))


def test_a_broken_archive_and_no_file_are_told(file, tmp_path):
    with pytest.raises(LinkFileError, match="cannot be read as links"):
        read(file(b"plain", "x.csv.gz"))
    with pytest.raises(LinkFileError, match="No such file"):
        read(tmp_path / "none.csv")


def test_parquet_is_read_as_csv_is(file, tmp_path):
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(MissingExtraError, match=r"likewise\[graph\]"):
            read(tmp_path / "links.parquet")
        return
    from datetime import date

    import pyarrow
    from pyarrow import parquet

    rows = [line.split(",") for line in GOOD.splitlines()[1:]]
    columns = {
        "source": [row[0] for row in rows],
        "target": [row[1] for row in rows],
        "time": [date.fromisoformat(row[2]) for row in rows],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "links.parquet")
    found, plain = read(tmp_path / "links.parquet"), read(file(GOOD))
    assert found.nodes == plain.nodes and found.time.tolist() == plain.time.tolist()
    with pytest.raises(LinkFileError, match="no Parquet file"):
        read(file("no", "broken.parquet"))


@pytest.mark.parametrize(
    ("every", "labels", "sizes"),
    [
        ("year", None, None),
        ("quarter", ("2024-Q1", "2024-Q2"), [2, 1]),
        ("month", ("2024-01", "2024-02", "2024-03", "2024-04"), [1, 1, 0, 1]),
        ("30", ("from 2024-01-30", "from 2024-02-29", "from 2024-03-30"), [2, 0, 1]),
    ],
)
def test_snapshots_follow_the_calendar_and_may_be_empty(file, every, labels, sizes):
    links = read(file(GOOD))
    if labels is None:
        with pytest.raises(TooFewSnapshotsError, match=r"1 snapshot\(s\); at least 2"):
            cut(links, every=every)
        return
    graph = cut(links, every=every)
    assert graph.labels == labels
    assert [graph.links(t).shape[1] for t in range(len(graph))] == sizes


def test_weeks_begin_on_monday_and_days_and_hours_have_names(file):
    links = read(file("source,target,time\na,b,2024-05-05T23:00\nb,c,2024-05-06T01:00:00+00:00\n"))
    assert cut(links, every="week").labels == ("week of 2024-04-29", "week of 2024-05-06")
    assert cut(links, every="day").labels == ("2024-05-05", "2024-05-06")
    assert cut(links, every="hour").labels[0] == "2024-05-05 23h"
    assert cut(links, count=2).labels[1] == "2024-05-06 01:00 to 2024-05-06 01:00"


def test_snapshots_by_count_never_part_links_of_one_time(file):
    rows = [f"a{i},b{i},{[0, 0, 0, 1, 2, 3, 4, 5][i]}" for i in range(8)]
    graph = cut(read(file("\n".join(["source,target,time", *rows]))), count=4)
    assert graph.labels == ("0 to 1", "2 to 3", "4 to 5")
    assert graph.ends == (4, 6, 8)


def test_labels_of_numbers_are_told_in_full_and_never_twice(file):
    def labels(times, **how):
        rows = [f"a{i},b{i},{time}" for i, time in enumerate(times)]
        return cut(read(file("\n".join(["source,target,time", *rows]))), **how).labels

    seconds = [1706659200 + 60 * i for i in range(4)]
    assert labels(seconds, count=2) == ("1706659200 to 1706659260", "1706659320 to 1706659380")
    assert labels([0, 0.1, 0.2, 0.3], every="0.1")[1:3] == ("from 0.1", "from 0.2")
    close = labels([f"2024-01-01T00:00:{second:02d}" for second in (1, 2, 3, 4)], count=4)
    assert close == tuple(f"2024-01-01 00:00 to 2024-01-01 00:00{more}" for more in ("", " (2)", " (3)", " (4)"))


def test_widths_that_do_not_fit_are_refused(file):
    plain = read(file("source,target,time\na,b,0\nb,c,1000000\n"))
    with pytest.raises(CalendarError, match="Snapshots by the month need dates"):
        cut(plain, every="month")
    for every, why in (("fortnight", "a width above 0"), ("0", "above 0"), ("1", "makes 1000001 snapshots")):
        with pytest.raises(SettingError, match=why):
            cut(plain, every=every)
    with pytest.raises(SettingError, match="not both"):
        cut(plain, every="10", count=3)


def test_a_graph_ends_and_parts_as_asked(file):
    graph = cut(read(file(GOOD), domain="kind"), every="month")
    assert graph.until(2).ends == (1, 2) and graph.until(2).hash != graph.hash
    assert graph.without(["cup"]).ends == (0, 0, 0, 1) and graph.without(["cup"]).nodes == graph.nodes
    with pytest.raises(UnknownDomainError, match="Did you mean 'friendly'"):
        graph.without(["freindly"])
    assert not graph.bipartite and build([edges([(0, 1)]), edges([(0, 2)])], 3).bipartite


@pytest.mark.parametrize(
    ("features", "why"),
    [
        (torch.ones(2, 4), r"of shape \(2, 4\); \(3, F\)"),
        (torch.tensor([[1.0], [2], [float("nan")]]), r"node '2', column 1"),
    ],
)
def test_features_that_do_not_fit_are_told(features, why):
    with pytest.raises(FeatureError, match=why):
        build([edges([(0, 1)]), edges([(0, 2)])], 3, features=features)


@pytest.mark.parametrize(("size", "val", "test", "counts"), [(16, 1, 5, (9, 1, 5)), (24, 1, 8, (14, 1, 8))])
def test_splits_count_as_in_the_paper(size, val, test, counts):
    found = split(size, val, test)
    assert (len(found.train), len(found.val), len(found.test)) == counts
    assert [*found.train, *found.val, *found.test] == list(range(size - 1))


def test_too_short_a_history_is_told():
    with pytest.raises(TooFewSnapshotsError, match=r"3 snapshot.*at least 5 are needed, one to look at"):
        split(3, 1, 2)


def test_negatives_are_no_links_and_belong_to_the_seed(graph):
    for kind in KINDS:
        found = draw(graph, 3, kind, 30, 0)
        assert found.shape == (2, 30) and (found[0] != found[1]).all()
        assert not np.isin(graph.pair_numbers(found), graph.linked[3]).any()
        assert torch.equal(found, draw(graph, 3, kind, 30, 0))
        assert not torch.equal(found, draw(graph, 3, kind, 30, 1))


def test_historical_negatives_were_links_and_inductive_ones_come_only_later(graph):
    pool = Pool(graph)
    before, known = pool.keys(graph.edges[:, : graph.starts[3]]), pool.keys(graph.edges[:, : graph.starts[4]])
    old = graph.pair_numbers(draw(graph, 3, "historical", 8, 0))
    assert np.isin(old, before).all() and len(set(old.tolist())) == 8
    fresh = graph.pair_numbers(draw(graph, 5, "inductive", 3, 0, known=4))
    assert not np.isin(fresh, known).any() and np.isin(fresh, pool.keys(graph.edges[:, graph.starts[4] :])).all()


def test_bipartite_negatives_cross_the_sides():
    graph = build([edges([(0, 3), (1, 4)]), edges([(2, 5), (0, 4)])], 7)
    found = draw(graph, 1, "auto", 200, 0)
    assert (found[0] < 3).all() and (found[1] >= 3).all() and found[1].max() == 5


def test_a_full_snapshot_leaves_no_negatives():
    whole = edges([(0, 1), (0, 2), (1, 2)])
    with pytest.raises(NoNegativesError, match="all 3 possible pairs"):
        draw(build([whole, whole], 3), 1, "random", 2, 0)
    nearly = build([whole, whole[:, :2]], 3)
    assert draw(nearly, 1, "random", 4, 0).T.tolist() == [[1, 2]] * 4
    with pytest.raises(UnknownNameError, match="Did you mean 'historical'"):
        draw(nearly, 1, "historic", 1, 0)


def test_the_leak_holds_the_share_it_says_and_is_worth_that_much():
    graph = shift.world(0, nodes=200, snapshots=5, links=400)
    pool = Pool(graph)
    for share in (0.0, 0.4, 0.8):
        found = graph.pair_numbers(shift.betrayed(graph, 2, share, 0))
        assert np.isin(found, pool.keys(graph.links(3))).mean() == pytest.approx(share, abs=0.01)
    values = []
    for strength in (0.0, 0.4, 0.8):
        leaky = shift.leak(graph, strength=strength, wobble=0.0, test_snapshots=1, seed=0)
        bare = build([leaky.links(t) for t in range(4)], 200, features=leaky.features[..., 16:])
        values.append(features(bare, [1])[0]["future"])
    assert values[0] < values[1] < values[2] and values[2] > 0.8
    with pytest.raises(SettingError, match="from 0 to 1"):
        shift.leak(graph, strength=1.5, test_snapshots=1, seed=0)


@pytest.mark.parametrize(("by", "low", "high"), [("sketch", 0.85, 0.95), ("eigenvectors", 0.5, 0.75)])
def test_a_sketch_tells_the_links_of_a_large_sparse_graph_and_eigenvectors_do_not(by, low, high):
    graph = shift.world(0, nodes=3000, snapshots=4, links=1500)
    leaky = shift.leak(graph, strength=0.8, wobble=0.0, test_snapshots=1, seed=0, width=16, by=by)
    bare = build([leaky.links(t) for t in range(3)], 3000, features=leaky.features[..., 16:])
    assert low < features(bare, [0])[0]["future"] < high


def test_factors_are_those_of_the_whole_decomposition():
    graph = shift.world(1, nodes=60, snapshots=2, links=150)
    adjacency = torch.zeros(60, 60)
    adjacency[graph.links(0)[0], graph.links(0)[1]] = 1
    values = torch.linalg.eigvalsh(adjacency + adjacency.T).flip(0)[:4]
    found = shift.factors(graph.links(0), 60, 4, 0, 0)
    torch.testing.assert_close(found.square().sum(0), values, rtol=2e-2, atol=0)


def test_a_line_break_in_a_name_keeps_the_count_of_lines(file):
    with pytest.raises(BadRowsError) as told:
        read(file('source,target,time\n"a\nb",c,1\nd,d,2\n'))
    assert re.search("line 4, column target", str(told.value))
