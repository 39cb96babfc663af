"""Graphs of other programs come in whole, or are explained."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from evolving import random_snapshots

from likewise.dida import cut
from likewise.dida.edgebank import EdgeBank
from likewise.dida.foreign import Reference, temporal_data
from likewise.dida.measures import wins
from likewise.errors import BadRowsError, BrokenCheckpointError, LinkFileError, SkippedRowsWarning


def events(src, dst, t):
    return SimpleNamespace(src=torch.tensor(src), dst=torch.tensor(dst), t=torch.tensor(t))


def test_temporal_data_becomes_links_named_by_their_numbers():
    links = temporal_data(events([7, 2, 7], [3, 3, 2], [30, 10, 20]), domain=["a", "b", "a"])
    assert links.nodes == ("2", "3", "7") and links.time.tolist() == [10, 20, 30]
    assert links.domains == ("a", "b") and not links.dated
    graph = cut(links, count=3)
    assert [graph.links(t).T.tolist() for t in range(3)] == [[[0, 1]], [[2, 0]], [[2, 1]]]


def test_a_real_temporal_data_is_one():
    data = pytest.importorskip("torch_geometric.data", reason="needs the extra 'graph'")
    made = data.TemporalData(src=torch.tensor([0, 1]), dst=torch.tensor([2, 2]), t=torch.tensor([1, 2]))
    assert len(temporal_data(made)) == 2


@pytest.mark.parametrize(
    ("src", "dst", "t", "told"),
    [
        ([0, 1], [2, 1], [1.0, 2.0], r"event 1, column dst: found '1' linked with itself"),
        ([0, -1], [2, 1], [1.0, 2.0], r"event 1, column src: found -1"),
        ([0, 1], [2, 2], [1.0, float("nan")], r"event 1, column t: found 'nan'"),
        ([0, 0], [2, 2], [1.0, 1.0], r"event 1, all columns: found the same as in event 0"),
    ],
)
def test_an_event_that_cannot_be_used_is_told_by_its_number(src, dst, t, told):
    with pytest.raises(BadRowsError, match=told):
        temporal_data(events(src, dst, t))
    with pytest.warns(SkippedRowsWarning):
        assert len(temporal_data(events(src, dst, t), skip_bad_rows=True)) == 1


def test_columns_of_unlike_length_are_told():
    with pytest.raises(LinkFileError, match="differ in length"):
        temporal_data(events([0, 1], [2], [1]))


@pytest.fixture
def dictionary():
    parts = {}
    for part, seed in (("train", 0), ("test", 1)):
        lists = random_snapshots(4, seed=seed)
        negatives = [*random_snapshots(3, seed=seed + 5), torch.empty(2, 0, dtype=torch.int64)]
        parts[part] = {"edge_index_list": lists, "pedges": lists, "nedges": negatives}
    return {"x": torch.randn(12, 5), **parts}


def test_the_authors_dictionary_comes_in_and_goes_through_a_folder(dictionary, tmp_path):
    found = Reference.of(dictionary)
    assert len(found.train) == 4 and found.train.size == 12 and found.train.features.shape == (12, 5)
    assert all(torch.equal(found.test.links(t), dictionary["test"]["edge_index_list"][t]) for t in range(4))
    trials = found.trials("test", [0, 1, 2])
    assert [one.t for one in trials] == [0, 1]  # the last snapshot has no negatives
    assert all(np.isfinite(wins(one, EdgeBank(found.test))).all() for one in trials)
    found.save(tmp_path / "converted")
    again = Reference.load(tmp_path / "converted")
    assert again.train.hash == found.train.hash and again.test.hash == found.test.hash
    assert all(torch.equal(value, again.pairs[name]) for name, value in found.pairs.items())
    (tmp_path / "converted" / "reference.safetensors").write_bytes(b"no")
    with pytest.raises(BrokenCheckpointError):
        Reference.load(tmp_path / "converted")


def test_features_of_every_snapshot_may_be_a_list(dictionary):
    dictionary["x"] = [torch.randn(12, 5) for _ in range(4)]
    assert Reference.of(dictionary).train.features.shape == (4, 12, 5)


def test_a_dictionary_of_another_kind_is_explained(dictionary):
    with pytest.raises(LinkFileError, match="lacks x, test"):
        Reference.of({"train": dictionary["train"]})
    del dictionary["test"]["nedges"]
    with pytest.raises(LinkFileError, match="lacks test/nedges"):
        Reference.of(dictionary)
    dictionary["test"]["nedges"] = []
    dictionary["train"]["edge_index_list"][2] = torch.tensor([[0], [12]])
    with pytest.raises(LinkFileError, match=r"edge_index_list\[2\] of train names node 12"):
        Reference.of(dictionary)
