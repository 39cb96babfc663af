"""The example runs, on a tiny model."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_grows_blends_and_ends_with_a_page(folders, pictures, tmp_path):
    env = {**os.environ, "LIKEWISE_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, str(ROOT / "examples/decompose.py"), str(pictures), str(folders["toybox"])]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "trees/idea").is_dir() and "Open trees/idea/tree.html" in done.stdout
