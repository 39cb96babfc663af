"""`likewise imagine` end to end on a tiny random model."""

from pathlib import Path

import pytest


def test_pictures_come_as_files_with_a_sheet_and_can_be_drawn_again(run, tiny, tmp_path):
    words = ["--backbone", tiny, "--steps", 2, "-n", 2, "--seed", 7]
    done = run("imagine", "a dog", "a cat", *words, "--out", "first", "--json")
    assert done.code == 0, done.err
    pictures = done.json["pictures"]
    drawn = [(one["prompt"], one["seed"]) for one in pictures]
    assert drawn == [("a dog", 7), ("a dog", 8), ("a cat", 7), ("a cat", 8)]
    assert len(list((tmp_path / "first").glob("sheet*.png"))) == 1
    assert done.json["peak_memory_mib"] > 0
    again = run("imagine", "--from", pictures[3]["path"], "--backbone", tiny, "--out", "again")
    assert again.code == 0, again.err
    assert Path(again.out.strip()).read_bytes() == Path(pictures[3]["path"]).read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "give a prompt, or a picture with --from"),
        (["--from", "a.png", "--seed", "3"], 2, "--seed has no place"),
        (["a dog", "--from", "a.png"], 2, "a prompt has no place"),
        (["a dog", "-n", "0"], 2, "greater than or equal to 1"),
        (["--from", "a.png"], 1, "a.png"),
        (["a <nobody> dog"], 1, "nobody"),
        (["a dog", "--concept", "nobody"], 1, "nobody"),
        (["a dog", "--backbone", "nowhere"], 1, "nowhere"),
        (["a dog", "--scheduler", "dpm"], 1, "dpm"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(run, tiny, tmp_path, words, code, message):
    if "--backbone" not in words:
        words = [*words, "--backbone", tiny] if code == 1 else words
    result = run("imagine", *words)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "pictures").exists()


def test_a_prompt_longer_than_the_model_reads_is_told_of(run, tiny, tmp_path):
    result = run("imagine", "dog " * 100, "--backbone", tiny)
    assert result.code == 1
    assert "77" in result.err or "75" in result.err
    assert not (tmp_path / "pictures").exists()
