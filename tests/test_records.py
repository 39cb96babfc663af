"""The log survives a kill, says the same twice, and the record tells nothing of the machine's owner."""

import errno
import json
import math
import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from likewise import records
from likewise.errors import BrokenFileError, FullDiskError


@pytest.fixture
def events(tmp_path):
    log = records.Events(tmp_path / "run" / "events.jsonl")
    yield log
    log.close()


def test_events_come_back_in_order(events):
    said = [{"step": 1, "losses": {"loss": 0.1}}, {"step": 2, "text": "é\udcff\u2028\r\n"}, {"step": 3, "x": 1e-320}]
    for event in said:
        events.append(event)
    assert events.read() == said
    assert len(events.path.read_bytes().splitlines()) == 3


def test_every_event_is_handed_over_at_once(events):
    events.append({"step": 1})
    assert events.path.read_bytes() == b'{"step": 1}\n'  # the file is still open


def test_a_log_that_is_not_there_is_empty(events):
    assert events.read() == []
    events.truncate(3)
    assert not events.path.exists()


def test_half_a_last_line_is_not_read(events):
    events.append({"step": 1})
    with events.path.open("ab") as file:
        file.write(b'{"step": 2')
    assert events.read() == [{"step": 1}]


@pytest.mark.parametrize("torn", [b'{"step": 2', b'{"step": 2}'])
def test_half_a_last_line_goes_when_the_log_is_written_again(events, torn):
    events.append({"step": 1})
    events.close()
    with events.path.open("ab") as file:
        file.write(torn)
    events.append({"step": 3})
    assert events.path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_a_log_of_half_a_line_is_empty(events):
    events.path.parent.mkdir()
    events.path.write_bytes(b'{"st')
    assert events.read() == []
    events.append({"step": 1})
    assert events.read() == [{"step": 1}]


@pytest.mark.parametrize("line", [b"{", b"[1]", b"\xff"])
def test_damage_before_the_end_is_named_by_line(events, line):
    events.append({"step": 1})
    events.close()
    events.path.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(BrokenFileError, match=r"events\.jsonl cannot be read: line 2 "):
        events.read()


def test_truncating_keeps_the_steps_before_bit_for_bit(events):
    for step in (1, 2, 2, 3):
        events.append({"step": step})
    events.close()
    raw = events.path.read_bytes().replace(b'"step": 2', b'"step":   2')
    events.path.write_bytes(raw + b'{"step": 4')
    events.truncate(2)
    assert events.path.read_bytes() == b'{"step": 1}\n{"step":   2}\n{"step":   2}\n'
    events.append({"step": 3})
    assert [event["step"] for event in events.read()] == [1, 2, 2, 3]


def test_nothing_is_written_of_an_event_that_is_no_json(events):
    with pytest.raises(ValueError):
        events.append({"loss": math.nan})
    assert events.read() == []


def test_syncing_reaches_the_disk(events, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    events.sync()
    assert synced == []
    events.append({"step": 1})
    events.sync()
    assert len(synced) == 1


def test_a_full_disk_is_told(events, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    events.append({"step": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FullDiskError, match=r"events\.jsonl could not be written"):
        events.sync()


class Config(BaseModel):
    lr: float = 0.5
    sizes: tuple[int, ...] = (1, 2)


def test_a_record_says_what_ran_on_what():
    made = records.record(Config(), seed=3, device="cpu: float32")
    assert made["config"] == {"lr": 0.5, "sizes": [1, 2]}
    assert (made["seed"], made["device"]) == (3, "cpu: float32")
    assert {"torch", "likewise", "numpy"} <= made["versions"].keys()
    assert made["python"].startswith("3.")
    assert json.loads(json.dumps(made)) == made


def test_the_hash_of_settings_does_not_depend_on_how_they_are_given():
    hashes = {records.record(config)["config_hash"] for config in (Config(), {"sizes": (1, 2), "lr": 0.5})}
    assert len(hashes) == 1
    assert records.record(Config(lr=0.25))["config_hash"] not in hashes


def test_a_record_made_twice_is_the_same():
    assert records.record(Config(), seed=1) == records.record(Config(), seed=1)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/data/anna/photos/dog"), "dog"),
        ("/data/anna/photos/dog", "dog"),
        ("C:\\Users\\anna\\dog", "dog"),
        ("a photo of a dog/cat", "a photo of a dog/cat"),
        (["/home/anna/a.png", {"x": Path("/home/anna/b.png")}], ["a.png", {"x": "b.png"}]),
        (None, None),
    ],
)
def test_a_record_holds_no_places(value, shown):
    assert records.record({}, fact=value)["fact"] == shown


def test_a_record_does_not_name_the_home_folder(home):
    assert records.record({}, note=f"cached in {home}/x")["note"] == "cached in ~/x"


def test_packages_that_are_not_installed_are_left_out():
    assert records.versions(["torch", "no-such-package-anywhere"]).keys() == {"torch"}


def test_differences_are_named_with_dots():
    old = {"lr": 0.1, "model": {"rank": 4, "alpha": 8}, "same": [1], "gone": 1}
    new = {"lr": 0.2, "model": {"rank": 4, "alpha": 9}, "same": [1], "fresh": 2}
    assert records.differences(old, new) == [
        ("lr", 0.1, 0.2),
        ("model.alpha", 8, 9),
        ("gone", 1, None),
        ("fresh", None, 2),
    ]


def test_a_setting_that_is_new_and_unset_is_no_difference():
    assert records.differences({}, {"fresh": None}) == []
