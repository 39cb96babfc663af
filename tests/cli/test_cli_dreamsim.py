"""`likewise dreamsim`: distances, rankings, an index, copies; and a metric tuned, calibrated and used by its folder."""

import numpy as np
import pytest
from PIL import Image

from likewise import dreamsim, encoders
from likewise.dreamsim import jnd, triplets
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.triplets import Triplet

pytestmark = pytest.mark.filterwarnings("ignore::likewise.errors.WorseMetricWarning")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight coloured pictures, twelve triplets and six pairs with votes."""
    folder = tmp_path_factory.mktemp("photos")
    coarse = np.random.default_rng(0).integers(0, 256, size=(8, 5, 5, 3), dtype=np.uint8)
    for number, one in enumerate(coarse):
        Image.fromarray(one).resize((48, 40), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    asked = [
        Triplet(f"{n % 4}.png", f"{4 + n % 3}.png", f"{5 + (n + 1) % 3}.png", n % 3, 3 - n % 3, None) for n in range(12)
    ]
    triplets.write(folder, asked)
    pairs = [Pair(f"{n}.png", f"{n + 1}.png", n, 6 - n, None) for n in range(6)]
    jnd.write(folder, [*pairs, Pair("0.png", "0.png", 6, 0, None)])
    return folder


def test_a_distance_is_printed_and_a_picture_is_as_itself(run, photos):
    same, other = (run("dreamsim", "distance", photos / "0.png", photos / name) for name in ("0.png", "1.png"))
    assert same.code == 0 and float(same.out) == 0 < float(other.out) < 2
    told = run("dreamsim", "distance", photos / "0.png", photos / "1.png", "--json").json
    assert told["distance"] == pytest.approx(float(other.out), abs=1e-4) and told["metric"] == "embedded"


def test_a_ranking_puts_the_most_alike_first(run, photos):
    found = run("dreamsim", "rank", photos / "3.png", photos, "--top", 3, "--json").json["ranking"]
    assert found[0]["image"].endswith("3.png") and len(found) == 3
    assert [one["distance"] for one in found] == sorted(one["distance"] for one in found)


def test_mistakes_are_told_in_plain_lines(run, photos, tmp_path):
    for words, told in (
        (("distance", photos / "0.png", tmp_path / "none.png"), "there is no such file"),
        (("distance", photos / "0.png", photos / "1.png", "--metric", "ensemble"), "no such folder"),
        (("distance", photos / "0.png", photos / "1.png", "--aspect", "round"), "squash, pad or crop"),
        (("rank", photos / "0.png", tmp_path), "holds no pictures"),
        (("learn", tmp_path), "triplets.jsonl"),
        (("index", "query", tmp_path, photos / "0.png"), "holds no index"),
        (("evaluate", tmp_path, "--format", "bapps"), "judge"),
    ):
        result = run("dreamsim", *words)
        assert result.code == 1 and told in result.err and "Traceback" not in result.err


def test_an_index_is_built_asked_and_thinned(run, photos):
    built = run("dreamsim", "index", "build", "idx", photos, "--json")
    assert built.code == 0 and built.json["added"] == built.json["rows"] == 8
    assert run("dreamsim", "index", "add", "idx", photos, "--json").json["known"] == 8
    found = run("dreamsim", "index", "query", "idx", photos / "2.png", "--top", 2, "--json").json["answers"]
    assert next(iter(found.values()))[0]["name"] == str(photos / "2.png")
    gone = run("dreamsim", "index", "delete", "idx", photos / "2.png", "--json").json
    assert (gone["deleted"], gone["rows"]) == (1, 7)
    assert run("dreamsim", "index", "info", "idx", "--json").json["rows"] == 7
    again = run("dreamsim", "index", "delete", "idx", photos / "2.png")
    assert again.code == 1 and "holds none of them" in again.err
    rest = run("dreamsim", "index", "delete", "idx", photos, "--json").json  # what lies in a folder
    assert (rest["deleted"], rest["rows"]) == (7, 0)
    missing = run("dreamsim", "index", "info", "none")
    assert "likewise dreamsim index build none PICTURES" in missing.err


def test_copies_are_found_and_nothing_is_touched(run, photos, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(3):
        Image.open(photos / f"{number}.png").resize((96, 80)).save(folder / f"{number}.png")
    Image.open(folder / "0.png").save(folder / "0.jpg", quality=60)
    result = run("dreamsim", "dedup", folder, "--threshold", 0.1, "--sheet", "sheet.png", "--json")
    assert result.json["copies"] == 1 and result.json["groups"][0]["keep"].endswith("0.png")
    assert (tmp_path / "sheet.png").is_file() and len(list(folder.iterdir())) == 4


def test_a_tuned_metric_is_used_by_its_folder(run, photos):
    made = run("dreamsim", "learn", photos, "--out", "tuned", "--part", "linear", "--epochs", 2, "--json")
    assert made.code == 0, made.err
    assert made.json["settings"]["lr"] == 3e-3 and made.json["triplets"]["test"] > 0
    told = run("dreamsim", "distance", photos / "0.png", photos / "1.png", "--metric", "tuned", "--json")
    assert told.json["metric"] == "tuned"
    assert encoders.load("tuned").hash == encoders.load("tuned/metric").hash == dreamsim.load("tuned").hash
    scored = run("dreamsim", "evaluate", photos, "--metric", "tuned", "--json")
    assert scored.json["triplets"] == made.json["triplets"]["test"] and "left out of the score" in scored.err
    again = run("dreamsim", "learn", photos, "--out", "tuned", "--part", "linear", "--epochs", 2)
    assert again.code == 1 and "tuned" in again.err


def test_calibration_makes_a_distance_a_share_of_people(run, photos):
    made = run("dreamsim", "calibrate", photos, "--out", "known", "--json")
    assert made.code == 0, made.err
    assert {"temperature", "lapse", "50%_say_same_at"} <= made.json.keys()
    told = run("dreamsim", "distance", photos / "0.png", photos / "1.png", "--metric", "known")
    assert "of people would take one for the other" in told.out
    assert run("dreamsim", "evaluate", photos, "--format", "jnd", "--json").json["pairs"] == 7


def test_probes_tell_what_a_metric_attends_to(run, photos):
    found = run("dreamsim", "probe", photos / "0.png", photos / "1.png", "--json").json
    assert {"foreground", "background", "hue", "flip", "crop", "blur", "layout"} <= found.keys()
    assert found["hue"]["value"] > 0


def test_the_defaults_of_the_part_are_dumped(run):
    dumped = run("dreamsim", "learn", "data", "--part", "lora", "--dump-config").out
    assert "batch = 32" in dumped and "epochs = 8" in dumped
