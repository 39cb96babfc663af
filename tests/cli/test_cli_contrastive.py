"""`likewise contrastive`: photos in, an encoder, its figures and the reasons out; mistakes are told in plain lines."""

import json

import numpy as np
import pytest
from PIL import Image

from likewise.images import read

SMALL = ("--backbone", "toybox", "--batch", 4, "--size", 16, "--source-size", 24, "--hidden", 8, "--projection", 3)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve noisy squares in three colours, each colour a folder."""
    place, random = tmp_path_factory.mktemp("squares"), np.random.default_rng(0)
    for number, name in enumerate(("red", "green", "blue")):
        (place / name).mkdir()
        for index in range(4):
            pixels = random.integers(0, 60, (24, 24, 3), dtype=np.uint8)
            pixels[4:20, 4:20, number] += 180
            Image.fromarray(pixels).save(place / name / f"{index}.png")
    return place


def test_a_folder_is_learned_from_and_measured(run, photos):
    learned = run("contrastive", "learn", photos, "--steps", 2, "--out", "run", *SMALL, "--json")
    assert learned.code == 0 and learned.json["photos"] == 12 and learned.json["steps"] == 2
    again = run("contrastive", "learn", photos, "--steps", 2, "--out", "run", *SMALL, "--resume", "--json")
    assert again.json["loss"] == learned.json["loss"]
    report = run("contrastive", "evaluate", "run/encoder", photos, "--k", 2, "--json").json
    assert report["classes"] == 3 and 0 <= report["linear_probe"]["value"] <= 1
    told = run("contrastive", "evaluate", "run", photos, "--labels", "none").out
    assert "uniformity" in told and "linear probe" not in told


def test_pairs_and_graphs_are_shown(run, photos):
    how = ("--teacher", "efficientnet-lite0", "--batch", 12, "--top", 2, "--labels", "folder", "--sheet", "pairs.png")
    found = run("contrastive", "pairs", photos, *how, "--rule", "add-new-positive", "--json").json
    assert found["rules"]["add-new-positive"]["changed"] == 12 and len(found["rules"]["add-new-positive"]["pairs"]) == 2
    assert read("pairs.png").width > 200
    how = ("--pairs", "teacher", "--neighbours", 2, "--width", 4, "--plot", "g.png")
    graph = run("contrastive", "graph", photos, *how)
    assert graph.code == 0 and "Best first: teacher" in graph.out and read("g.png").size == (760, 460)


def test_mistakes_are_told(run, photos):
    def fails(*words):
        result = run("contrastive", *words)
        assert result.code in (1, 2), result.out
        return result.err

    assert "no caption" in fails("learn", photos, "--objective", "clip", "--out", "x", *SMALL)
    assert "lower --batch" in fails("learn", photos, "--out", "y", *SMALL, "--batch", 99)
    assert "rules need a teacher" in fails("learn", photos, "--out", "z", *SMALL, "--rules", "add-new-positive")
    assert "no metadata.jsonl" in fails("graph", photos, "--labels", "fine")
    assert "all photos lie in that folder itself" in fails("evaluate", "efficientnet-lite0", photos / "red")
    assert "must hold {}" in fails("evaluate", "efficientnet-lite0", photos, "--template", "a photo")
    assert "Did you mean 'add-new-positive'" in fails("pairs", photos, "--rule", "add-new-positives")
    assert "Did you mean 'teacher'" in fails("graph", photos, "--pairs", "teachers")
    assert "drop-false-positive" in fails("pairs", photos, "--rule", "drop-false-positive")
    missing = run("contrastive", "evaluate", "nothing", photos, "--json")
    assert json.loads(missing.out)["error"] == "UnknownNameError"
