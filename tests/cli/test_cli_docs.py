"""The generated pages say what the code says, and the links in all pages lead somewhere."""

import inspect
import re
from pathlib import Path

import pytest

from likewise import errors
from likewise.cli import docs
from likewise.cli.main import ENTRIES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", ["commands.md", "configuration.md", "errors.md"])
def test_a_generated_page_is_fresh(name):
    found = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert found == docs.pages()[name], "stale: run python -m likewise.cli.docs"


def test_every_error_is_documented():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, Exception)]
    assert [kind.__name__ for kind in kinds if f"`{kind.__name__}`" not in text] == []


def test_every_command_is_documented():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert all(f"## likewise {name}\n" in text for name in ENTRIES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


def test_the_navigation_names_every_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert {page.name for page in PAGES[1:]} <= set(re.findall(r"([\w-]+\.md)", text))
