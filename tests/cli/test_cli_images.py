"""`likewise images check` explains a folder photo by photo."""

import os
import subprocess
import sys

from PIL import Image


def test_a_folder_is_explained_file_by_file(run, tmp_path):
    folder = tmp_path / "my photos é"
    folder.mkdir()
    Image.effect_noise((200, 200), 80).convert("RGB").save(folder / "a.png")
    (folder / "b.jpg").write_text("not a photo")
    result = run("images", "check", folder)
    assert result.code == 0
    assert "a.png" in result.out
    assert "b.jpg" in result.out
    data = run("images", "check", folder, "--json").json
    assert {row["name"]: row["status"] for row in data["rows"]}["b.jpg"] == "skipped"
    assert (data["usable"], data["enough"]) == (1, False)


def test_a_folder_that_is_not_there_is_told_of(run, tmp_path):
    result = run("images", "check", tmp_path / "none")
    assert (result.code, result.out) == (1, "")
    assert "none" in result.err


def test_a_name_that_the_terminal_cannot_show_is_still_explained(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "日.png")
    command = [sys.executable, "-m", "likewise", "images", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"}, check=True)
    assert rb"\u65e5.png" in done.stdout
