"""Whole or absent: whatever goes wrong while writing, what was there before is there after."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from likewise import disk
from likewise.errors import FolderExistsError, FullDiskError, UnsafeNameError, WriteError


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".likewise-")]


def fail_with(code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    return fail


@pytest.fixture
def old(tmp_path):
    """A folder that was there before."""
    with disk.new_folder(tmp_path / "run") as temp:
        (temp / "a.txt").write_text("old")
    return tmp_path / "run"


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetensors", "a", "été.png", "a b", "x" * 200])
def test_plain_names_become_members(tmp_path, name):
    assert disk.inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "C:x",
        ".hidden",
        "a\0b",
        "a\nb",
        "a.",
        "a ",
        " a",
        "x" * 201,
    ],
)
def test_names_that_could_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(UnsafeNameError, match="shard"):
        disk.inside(tmp_path, name, "shard")


def test_a_new_folder_appears_with_all_its_files(tmp_path):
    with disk.new_folder(tmp_path / "deep" / "er" / "run") as temp:
        (temp / "sub").mkdir()
        (temp / "sub" / "a.txt").write_text("new")
        assert not (tmp_path / "deep/er/run").exists()
    assert tree(tmp_path) == {"deep/er/run/sub/a.txt": b"new"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, FileNotFoundError, SystemExit])
def test_a_scope_that_fails_leaves_nothing(tmp_path, error):
    with pytest.raises(error), disk.new_folder(tmp_path / "run") as temp:
        (temp / "a.txt").write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_an_error_that_changes_nothing(old):
    with pytest.raises(FolderExistsError, match=r"run already exists \(a folder\)"), disk.new_folder(old):
        raise AssertionError("not reached")
    assert tree(old.parent) == {"run/a.txt": b"old"}


def test_a_file_is_never_replaced_by_a_folder(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(FolderExistsError, match="a file"), disk.new_folder(tmp_path / "run", replace=True):
        raise AssertionError("not reached")
    assert tree(tmp_path) == {"run": b"mine"}


def test_a_folder_made_in_the_meantime_is_not_overwritten(tmp_path):
    with pytest.raises(FolderExistsError), disk.new_folder(tmp_path / "run"):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "a.txt").write_text("theirs")
    assert tree(tmp_path) == {"run/a.txt": b"theirs"}


def test_replacing_keeps_the_old_folder_until_the_new_one_is_complete(old):
    with disk.new_folder(old, replace=True) as temp:
        (temp / "b.txt").write_text("new")
        assert tree(old) == {"a.txt": b"old"}
    assert tree(old.parent) == {"run/b.txt": b"new"}
    assert leftovers(old.parent) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_replacement_that_fails_leaves_the_old_folder(old, error):
    with pytest.raises(error), disk.new_folder(old, replace=True) as temp:
        (temp / "b.txt").write_text("half")
        raise error
    assert tree(old.parent) == {"run/a.txt": b"old"}


@pytest.mark.parametrize("which", [1, 2])
def test_ctrl_c_between_the_two_renames_puts_the_old_folder_back(old, monkeypatch, which):
    rename, calls = os.rename, []

    def interrupted(*names):
        calls.append(names)
        if len(calls) == which:
            raise KeyboardInterrupt
        rename(*names)

    with pytest.raises(KeyboardInterrupt), disk.new_folder(old, replace=True) as temp:
        (temp / "b.txt").write_text("new")
        monkeypatch.setattr(os, "rename", interrupted)
    assert tree(old.parent) == {"run/a.txt": b"old"}


def test_a_linked_folder_is_replaced_where_it_really_is(old):
    link = old.parent / "link"
    link.symlink_to(old)
    with disk.new_folder(link, replace=True) as temp:
        (temp / "b.txt").write_text("new")
    assert link.is_symlink()
    assert tree(old) == {"b.txt": b"new"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("where", ["body", "fsync"])
def test_a_full_disk_is_told_and_leaves_the_old_folder(old, monkeypatch, code, where):
    if where == "fsync":
        monkeypatch.setattr(os, "fsync", fail_with(code))
    with (
        pytest.raises(FullDiskError, match=rf"run could not be written: {os.strerror(code)}(.|\n)*intact(.|\n)*Free"),
        disk.new_folder(old, replace=True),
    ):
        if where == "body":
            fail_with(code)()
    assert tree(old.parent) == {"run/a.txt": b"old"}


def test_a_full_disk_inside_a_new_folder_names_the_folder_that_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", fail_with(errno.ENOSPC))
    with (
        pytest.raises(FullDiskError, match=f"^{re.escape(str(tmp_path / 'run'))} could"),
        disk.new_folder(tmp_path / "run") as temp,
    ):
        disk.write_bytes(temp / "a.txt", b"half")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="could not be written"), disk.new_folder(tmp_path / "file" / "run"):
        raise AssertionError("not reached")


def test_errors_of_the_callers_own_reading_are_not_called_write_errors(tmp_path):
    with pytest.raises(FileNotFoundError), disk.new_folder(tmp_path / "run"):
        (tmp_path / "absent").read_bytes()


def test_a_file_is_written_whole_or_left(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "a.bin"
    disk.write_bytes(path, b"old")
    monkeypatch.setattr(os, "replace", fail_with(errno.ENOSPC))
    with pytest.raises(FullDiskError):
        disk.write_bytes(path, b"new")
    assert tree(tmp_path) == {"deep/a.bin": b"old"}


def test_removing_is_complete(old):
    disk.remove(old)
    assert list(old.parent.iterdir()) == []


def test_a_removal_that_is_cut_short_never_shows_half_a_folder(old, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        disk.remove(old)
    assert not old.exists()
    monkeypatch.undo()
    disk.clean(old.parent)
    assert list(old.parent.iterdir()) == []


@pytest.fixture
def dead(tmp_path):
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_dead_processes_left_is_removed(tmp_path, dead):
    (tmp_path / f".likewise-part.{dead}.0123abcd.run").mkdir()
    (tmp_path / f".likewise-part.{dead}.0123abcd.run" / "a").write_text("half")
    (tmp_path / f".likewise-part.{dead}.0123abcd.a.json").write_text("half")
    (tmp_path / ".likewise").write_text("mine")
    with disk.new_folder(tmp_path / "other"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [".likewise", "other"]


def test_a_leftover_of_our_own_number_is_one_too(tmp_path):  # the same number again, as in a restarted container
    (tmp_path / f".likewise-part.{os.getpid()}.0123abcd.run").mkdir()
    disk.clean(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    with disk.new_folder(tmp_path / "mine") as temp:
        theirs = tmp_path / f".likewise-part.{os.getppid()}.0123abcd.run"
        theirs.mkdir()
        disk.clean(tmp_path)
        assert theirs.exists() and temp.exists()
        os.utime(theirs, (0, 0))  # older than any writing takes: its number was given to another process since
        disk.clean(tmp_path)
        assert temp.exists() and not theirs.exists()


def test_a_folder_moved_aside_by_a_dead_process_is_put_back(tmp_path, dead):
    aside = tmp_path / f".likewise-keep.{dead}.0123abcd.run"
    aside.mkdir()
    (aside / "a.txt").write_text("old")
    (tmp_path / f".likewise-part.{dead}.4567abcd.run").mkdir()
    disk.clean(tmp_path)
    assert tree(tmp_path) == {"run/a.txt": b"old"}
    assert leftovers(tmp_path) == []


def test_a_folder_moved_aside_and_replaced_is_removed(old, dead):
    (old.parent / f".likewise-keep.{dead}.0123abcd.run").mkdir()
    disk.clean(old.parent)
    assert tree(old.parent) == {"run/a.txt": b"old"}
    assert leftovers(old.parent) == []


@pytest.mark.skipif(os.name == "nt", reason="there are no permission bits of this kind")
def test_files_and_folders_follow_the_users_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with disk.new_folder(tmp_path / "run") as temp:
            disk.write_bytes(temp / "a", b"")
    finally:
        os.umask(before)
    assert Path(tmp_path / "run").stat().st_mode & 0o777 == 0o750
    assert Path(tmp_path / "run/a").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="kill is another thing there")
def test_a_killed_writer_leaves_nothing_that_is_read(tmp_path):
    code = (
        "import sys, time; from likewise import disk\n"
        "with disk.new_folder(sys.argv[1]) as temp:\n"
        "    (temp / 'a').write_text('half'); print('x', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE)
    process.stdout.read(1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "run").exists()
    assert len(leftovers(tmp_path)) == 1
    disk.clean(tmp_path)
    assert leftovers(tmp_path) == []
