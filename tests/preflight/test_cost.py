"""What a run is expected to take, by hand."""

from types import SimpleNamespace

import pytest
import torch

from likewise.devices import Device
from likewise.dreambooth.config import Config
from likewise.preflight import cost
from likewise.records import Events
from likewise.textual_inversion.config import Config as Inversion
from likewise.tuning.plan import Plan

CPU = Device("cpu", torch.float32, "")
CUDA = Device("cuda", torch.bfloat16, "")


def plan(config=None, **changes):
    facts = {"method": "dreambooth", "name": "rex", "noun": "dog", "identifier": "qzx", "seed": 0, "backbone": "toybox"}
    facts |= {"base_hash": "ab" * 32, "photos_hash": "cd" * 32}
    return Plan(**{**facts, **changes}, config=config or Config(steps=100, batch=2, prior="none"))


def facts(family="toybox", size=128):
    return SimpleNamespace(family=family, image_size=size)


def expected(config, tmp_path, *, family="toybox", size=128, device=CUDA, **more):
    how = {"saves": 8, **more}
    return cost.expect(facts(family, size), plan(config), device, 1000, tmp_path / "run", tmp_path / "cache", **how)


def test_the_estimate_is_the_arithmetic(tmp_path):
    found = expected(Config(steps=100, batch=2, prior="none"), tmp_path, family="sd1", size=512)
    assert not found.measured
    assert found.step == pytest.approx(0.803 * 2.1 * 2 / 40)
    assert found.training == pytest.approx(100 * found.step)
    assert found.verdict == pytest.approx(0.803 * 6 * 15 * 10 * 2 / 40)
    assert "within a factor of three" in found.rows()[0].text


@pytest.mark.parametrize(
    ("more", "times"),
    [
        ({"batch": 4}, 2),
        ({"accumulation": 3}, 3),
        ({"prior": "images"}, 2),
        ({"train": "full"}, 3 / 2.1),
        ({"checkpointing": True}, 1.4),
        ({"prior": "teacher"}, 2 + 1 / 2.1),
    ],
)
def test_what_doubles_the_work_doubles_the_time(more, times, tmp_path):
    plainly = {"steps": 100, "batch": 2, "prior": "none"}
    one, other = (expected(Config(**{**plainly, **settings}), tmp_path) for settings in ({}, more))
    assert other.step / one.step == pytest.approx(times)


def test_class_images_are_counted_no_more_than_are_made(tmp_path):
    few = expected(Config(steps=2, batch=1, prior="images", class_images=500), tmp_path)
    none = expected(Config(steps=2, batch=1, prior="none"), tmp_path)
    assert (few.pictures - none.pictures) / few.verdict == pytest.approx(2 * 20 * 2 / (6 * 15 * 10 * 2))


def test_without_a_verdict_it_costs_nothing(tmp_path):
    assert expected(None, tmp_path, verdict=False).verdict == 0


def test_a_run_that_was_made_replaces_the_estimate(tmp_path):
    run, cache, made = tmp_path / "run", tmp_path / "cache", plan()
    log = Events(run / "timings.jsonl")
    for index, seconds in enumerate([9.0, 0.2, 0.3, 0.4]):
        log.append({"event": "step", "step": index + 1, "seconds": seconds})
    log.append({"event": "saved", "step": 4, "seconds": 50.0})
    log.close()
    cost.remember(run, made, CPU, cache)
    found = cost.expect(facts(), made, CPU, 1000, run, cache, saves=8)
    assert found.measured and found.step == 0.3 and found.training == pytest.approx(30)
    assert "as an earlier run took" in found.rows()[0].text


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (plan(Config(steps=999, batch=2, prior="none", lr=1.0)), True),
        (plan(seed=4, noun="cat"), True),
        (plan(Config(steps=100, batch=3, prior="none")), False),
        (plan(Config(steps=100, batch=2, prior="none", train="full")), False),
        (plan(Inversion(steps=100, batch=2), method="textual-inversion"), False),
        (plan(base_hash="ef" * 32), False),
    ],
)
def test_only_runs_of_one_pace_share_it(other, same):
    assert (cost.key(plan(), CPU) == cost.key(other, CPU)) is same
    assert cost.key(plan(), CPU) != cost.key(plan(), CUDA)


def test_a_memory_of_paces_that_is_broken_is_none(tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / cost.PACE).write_text("{half")
    assert not expected(None, tmp_path).measured


def test_disk_counts_weights_moments_and_averages_of_every_checkpoint(tmp_path):
    one, averaged = (expected(Config(steps=9, prior="none", ema=ema), tmp_path).disk for ema in (0.0, 0.99))
    assert averaged - one == 8 * 4 * 1000


def test_a_disk_that_is_too_small_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    row = expected(None, tmp_path).rows()[-1]
    assert row.level == "warning" and "of 1 kB free" in row.text and "--out" in row.advice


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (45, "45 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations_are_said_as_people_say_them(seconds, said):
    assert cost.duration(seconds) == said


@pytest.mark.parametrize(("count", "said"), [(0, "0 B"), (12e6, "12 MB"), (3.44e9, "3.4 GB"), (5e12, "5000.0 GB")])
def test_sizes_likewise(count, said):
    assert cost.size(count) == said
