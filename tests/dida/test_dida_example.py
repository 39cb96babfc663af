"""The football example runs on the extract that comes with it, and says what it promises."""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_football_example_measures_forecasts_explains_and_draws(tmp_path):
    argv = [sys.executable, str(EXAMPLES / "dida_football.py"), str(tmp_path / "drawn")]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    figures = dict(re.findall(r"^(\w+).*: dida AUC ([\d.]+) \[", done.stdout, re.MULTILINE))
    assert set(figures) == {"competitive", "friendlies"} and float(figures["competitive"]) > 0.6
    assert len(re.findall(r"^  .* - .*: \d+% \(met \d+ times\)$", done.stdout, re.MULTILINE)) == 5
    assert len(re.findall(r"effect [+-]\d\.\d{3}$", done.stdout, re.MULTILINE)) == 3
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"auc.svg", "attention.svg", "drift.svg"}
