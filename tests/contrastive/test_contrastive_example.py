"""The worked example of the documentation runs, on drawings of its own."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "contrastive.py"


@pytest.mark.slow
def test_the_example_learns_and_measures(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    report = example.main(None, tmp_path, steps=2)
    assert report["classes"] == 3 and report["test"] == 9
    told = capsys.readouterr().out
    assert "A teacher's pairs: " in told and "linear_probe: " in told and (tmp_path / "run" / "encoder").is_dir()
