"""What the Makefile installs is what the package asks for, pinned, and from no particular place."""

import re
import tomllib
from pathlib import Path

import pytest

from likewise import registry
from likewise.cli.checkup import at_least, requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
INSTALLED = [*PROJECT["dependencies"], *EXTRAS["diffusion"], *EXTRAS["toybox"], *EXTRAS["docs"], *EXTRAS["dev"][1:]]


@pytest.mark.parametrize("line", INSTALLED)
def test_what_is_installed_is_pinned_at_no_less_than_is_needed(line):
    name, wanted, _ = requirement(line)
    assert at_least(PINS[name], wanted)


def test_torch_is_installed_first_at_its_pin():
    makefile = (ROOT / "Makefile").read_text()
    assert f"torch=={PINS['torch']}" in makefile
    assert makefile.index("torch==") < makefile.index("-e '.[diffusion,dev]'")


def test_no_pin_needs_a_gpu_and_no_file_names_a_registry():
    assert [name for name in PINS if re.search("nvidia|cuda|triton|torchvision", name)] == []
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        assert "://" not in (ROOT / name).read_text()


def test_every_extra_that_an_error_names_exists():
    assert set(registry.EXTRAS.values()) <= set(EXTRAS)


def test_the_type_marker_is_inside_the_package():
    assert (ROOT / "src/likewise/py.typed").is_file()
