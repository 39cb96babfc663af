import sys
from pathlib import Path

from tiny_models import backbone, folders, sd1, sdxl, toybox

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["backbone", "folders", "sd1", "sdxl", "toybox"]
