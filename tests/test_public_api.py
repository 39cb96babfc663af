"""`import likewise` is light, and what it promises is there and documented."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import likewise

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", likewise.__all__)
def test_every_public_name_loads(name):
    assert getattr(likewise, name).__name__ == name


def test_the_public_list_is_sorted_and_documented():
    assert likewise.__all__ == sorted(likewise.__all__)
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `likewise\.(\w+)", text, re.MULTILINE)) == set(likewise.__all__)


def test_a_function_keeps_its_name_though_a_module_shares_it():
    importlib.import_module("likewise.teach")
    assert callable(likewise.teach)
    from likewise.teach import teach

    assert likewise.teach is teach


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'teech'"):
        _ = likewise.teech


def test_importing_loads_nothing_heavy():
    heavy = "{'torch', 'numpy', 'PIL', 'pydantic', 'typer', 'diffusers', 'transformers'}"
    code = f"import sys, likewise; sys.exit(bool({heavy} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
