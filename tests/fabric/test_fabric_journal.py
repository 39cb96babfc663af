"""A line of a log is whole or absent, whatever the disk does and whoever else writes."""

import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from likewise.errors import FullDiskError
from likewise.fabric import journal


def test_a_line_that_the_system_takes_in_parts_is_written_whole(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:5]))
    log = tmp_path / "log.jsonl"
    assert journal.append(log, {"event": "vote", "what": "1-1"}) == log.stat().st_size
    assert journal.read(log) == [{"event": "vote", "what": "1-1"}]


def test_a_disk_that_fills_up_within_a_line_leaves_the_log_as_it_was(tmp_path, monkeypatch):
    log = tmp_path / "log.jsonl"
    journal.append(log, {"event": "vote"})
    before, write = log.read_bytes(), os.write

    def filling(handle, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:5])

    monkeypatch.setattr(os, "write", filling)
    with pytest.raises(FullDiskError):
        journal.append(log, {"event": "round", "prompt": "a dog in the snow"}, len(before))
    assert log.read_bytes() == before


def test_lines_that_are_written_at_once_are_all_whole(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:3]))
    log = tmp_path / "log.csv"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: journal.write(log, json.dumps([number] * 20).encode() + b"\n", header=b"h\n"),
                      range(20)))  # fmt: skip
    head, *lines = log.read_text().splitlines()
    assert head == "h"
    assert sorted(json.loads(line)[0] for line in lines) == list(range(20))
