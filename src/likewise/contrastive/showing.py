"""The pairs that a teacher changes, for people: counts, the share within a class, and a sheet of pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise import encoders
from likewise.contrastive import photos as photo_files
from likewise.contrastive.changed import Change, changes
from likewise.contrastive.photos import Photos
from likewise.contrastive.teacher import features
from likewise.images import sheet, to_pil

RULES = ("add-new-positive", "drop-false-negative", "drop-easy-negative")


def show(
    folder: Path, teacher: str, rules: Sequence[str], *, batch: int, labels: str = "none", top: int = 8, seed: int = 0
) -> tuple[dict[str, Any], Image.Image]:
    """The changed pairs as JSON, and `top` pairs of each rule as a sheet, the surest first.

    labels: classes as in photos.labels, or "none"; with them the share of changed pairs within one class is told,
    beside the same share of all pairs: a good positive is of the same class, a good negative is not.
    """
    encoder = encoders.load(teacher)
    photos = photo_files.load_for(encoder, folder)
    classes = None if labels == "none" else photo_files.labels(photos, labels)
    rows = features(encoder, photos)
    found = changes(photos, rows, rules or RULES, batch=batch, seed=seed)
    report: dict[str, Any] = {"photos": len(photos), "batch": min(batch, len(photos)), "teacher": teacher, "rules": {}}
    if classes is not None:
        counts, total = np.unique(classes, return_counts=True)[1], len(classes)
        report["same_class_of_all"] = round(float((counts * (counts - 1)).sum() / (total * (total - 1))), 4)
    shown: list[Change] = []
    for rule in rules or RULES:
        of_rule = [one for one in found if one.rule == rule]
        ranked = sorted(of_rule, key=lambda one: one.likeness if rule == "drop-easy-negative" else -one.likeness)
        surest = list({frozenset((one.first, one.second)): one for one in reversed(ranked)}.values())[::-1][:top]
        shown += surest
        report["rules"][rule] = {"changed": len(of_rule), "pairs": [_named(photos, one) for one in surest]}
        if classes is not None and of_rule:
            alike = np.mean([one.alike(classes) for one in of_rule])
            report["rules"][rule]["same_class"] = round(float(alike), 4)
    return report, _sheet(photos, shown, min(top, 4))


def told(report: Mapping[str, Any]) -> list[str]:
    """The report as lines."""
    lines = [f"A batch of {report['batch']} photos, judged by {report['teacher']}"]
    for rule, one in report["rules"].items():
        alike = f", {one['same_class']:.0%} within a class" if "same_class" in one else ""
        lines.append(f"{rule}: {one['changed']} pairs{alike}")
        lines += [f"  {pair['likeness']:.3f}  {pair['first']}  {pair['second']}" for pair in one["pairs"]]
    if "same_class_of_all" in report:
        lines.append(f"Of all pairs, {report['same_class_of_all']:.0%} are within a class.")
    return lines


def _named(photos: Photos, one: Change) -> dict[str, Any]:
    first, second = (photos.paths[row].relative_to(photos.folder).as_posix() for row in (one.first, one.second))
    return {"first": first, "second": second, "likeness": round(one.likeness, 4)}


def _sheet(photos: Photos, shown: Sequence[Change], columns: int) -> Image.Image:
    """Each pair side by side, under its rule and likeness."""
    pictures = []
    for one in shown:
        both = to_pil(photos.pixels[[one.first, one.second]].float() / 255)
        side = both[0].width
        pair = Image.new("RGB", (2 * side + 4, side), "white")
        pair.paste(both[0], (0, 0))
        pair.paste(both[1], (side + 4, 0))
        pictures.append(pair)
    return sheet(pictures, [f"{one.rule} {one.likeness:.2f}" for one in shown], columns=columns)
