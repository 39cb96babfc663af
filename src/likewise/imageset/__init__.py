"""A folder of photos as data: every photo validated, every file left out named with its reason, captions, one hash.

load(folder) is for training, check(folder) explains a folder to a person.
"""

from likewise.imageset.checking import Finding, Row, as_json, as_table, check, summary
from likewise.imageset.photos import TEACHING_MINIMUM, ImageSet, Photo, load

__all__ = [
    "TEACHING_MINIMUM",
    "Finding",
    "ImageSet",
    "Photo",
    "Row",
    "as_json",
    "as_table",
    "check",
    "load",
    "summary",
]
