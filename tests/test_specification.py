"""Every failure mode and every check of the specification has a test, and the index names tests that are there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from specification import CHECKS, FAILURE_MODES

TESTS = Path(__file__).parent
EVERY = {**{f"row {n}": names for n, names in FAILURE_MODES.items()}, **{f"check {n}": n_ for n, n_ in CHECKS.items()}}


@cache
def names_in(file):
    return {node.name for node in ast.parse((TESTS / file).read_text(encoding="utf-8")).body if hasattr(node, "name")}


def test_all_33_failure_modes_and_all_23_checks_are_in_the_index():
    assert sorted(FAILURE_MODES) == list(range(1, 34)) and sorted(CHECKS) == list(range(1, 24))
    assert all(EVERY.values())


@pytest.mark.parametrize("line", EVERY)
def test_the_tests_of_a_line_are_there(line):
    missing = [name for name in EVERY[line] if name.partition("::")[2] not in names_in(name.partition("::")[0])]
    assert missing == []
