"""`likewise images check` explains a folder photo by photo."""

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
