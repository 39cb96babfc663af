import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evolving import RAGGED, edges, random_snapshots

from likewise.dida.graph import build


@pytest.fixture
def ragged():
    return build([edges(pairs) for pairs in RAGGED], 7)


@pytest.fixture
def graph():
    return build(random_snapshots(), 12)
