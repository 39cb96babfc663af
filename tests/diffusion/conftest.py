import pytest

from tiny_models import folders, sd1, sdxl, toybox

__all__ = ["folders", "sd1", "sdxl", "toybox"]


@pytest.fixture(params=["toybox", "sd1", "sdxl"])
def backbone(request, toybox, sd1, sdxl):
    """Each of the three that differ in kind."""
    return {"toybox": toybox, "sd1": sd1, "sdxl": sdxl}[request.param]
