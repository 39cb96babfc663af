"""Looks at everything that a training is about to use, and changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from likewise import settings
from likewise.devices import Device
from likewise.diffusion.backbone import Backbone
from likewise.diffusion.buckets import Frame
from likewise.imageset import ImageSet, checking
from likewise.imageset.photos import TEACHING_MINIMUM
from likewise.preflight import captions, cost
from likewise.preflight.report import Preflight, Row, rows_of
from likewise.tuning.cache import frames
from likewise.tuning.lesson import Lesson
from likewise.tuning.plan import Plan
from likewise.words.tokenizer import ids_of


def look(
    folder: str | Path,
    photos: ImageSet,
    backbone: Backbone,
    plan: Plan,
    lesson: Lesson,
    device: Device,
    called: tuple[Any, list[str]],
    *,
    run: Path,
    cache: Path,
    saves: int,
    verdict: bool = True,
    memory: str = "",
) -> Preflight:
    """What a run of this plan would learn from, what would learn, and what it would take.

    folder: the photos', looked at once more for what a person could mend. called: what the lesson's `captions` gave.
    run: where it will be written. saves: how many checkpoints it keeps; verdict: whether one follows; memory: of the
    device, if it was estimated. Raises what the method's `check` raises.
    """
    texts, changed = called
    lesson.check(backbone, plan, texts)
    told = lesson.told(backbone, plan, texts)
    seen = checking.check(folder, size=backbone.facts.image_size)
    framed = frames(backbone, photos.photos) if plan.config.buckets else []
    parts = lesson.learns(backbone, plan)
    learned = sum(parameters for _, parameters in parts.values())
    spent = cost.expect(backbone.facts, plan, device, learned, run, cache, saves=saves, verdict=verdict)
    rows = [
        *_photos(seen, framed),
        *_captions(backbone, plan, lesson, photos, texts, changed),
        *_word(backbone, plan, told),
        *_learns(plan, parts, told[-1]),
        Row("device", "ok", device.note),
        *spent.rows(),
        *([Row("memory", "ok", memory)] if memory else []),
    ]
    return Preflight(tuple(rows), _data(plan, seen, parts, spent, run))


def _photos(seen: Sequence[checking.Row], framed: Sequence[Frame]) -> list[Row]:
    """One line in all, the shapes that photos are framed to if they keep theirs, then each that should be looked at."""
    usable = [row for row in seen if row.kind == "photo" and row.status != "skipped"]
    short = min((min(row.width, row.height) for row in usable), default=0)
    text = checking.summary(seen, TEACHING_MINIMUM).rstrip(".")
    rows = [Row("photos", "ok", f"{text}; the smallest is {short} pixels on its shorter side")]
    if framed:
        shapes = (f"{framed.count(one)} of {one[0]}x{one[1]}" for one in sorted(set(framed)))
        rows.append(Row("photos", "ok", f"Each keeps its shape, in pixels: {', '.join(shapes)}"))
    for row in seen:
        found = [one for one in row.findings if one.level == "warning" and not (framed and one.code == "narrow")]
        rows += [Row("photos", "warning", f"{row.name}: {one.reason}", one.advice) for one in found]
    return rows


def _captions(
    backbone: Backbone, plan: Plan, lesson: Lesson, photos: ImageSet, texts: Sequence[str | None], changed: list[str]
) -> list[Row]:
    own = [text for text in texts if text]
    said = own or lesson.prompts(plan)[:1]
    subject = plan.identifier if plan.identifier == plan.placeholder else f"{plan.identifier} {plan.noun}"
    vectors = settings.record(plan.config).get("vectors", 1)
    rows = captions.look(backbone, said, photos.captions, subject, vectors)
    if changed:
        text = f"{len(changed)} did not name the subject, and it was put in: {'; '.join(changed[:2])}"
        rows.append(Row("captions", "warning", text, "Name it in each yourself, as it should be read"))
    return rows


def _word(backbone: Backbone, plan: Plan, told: Sequence[str]) -> list[Row]:
    """The rare word before the noun, or what the method says of the word that it learns whole."""
    if plan.identifier == plan.placeholder:
        return rows_of("identifier", told[:2])
    ids = ", then ".join(" ".join(map(str, ids_of(one, plan.identifier))) for one in backbone.tokenizers)
    text = f"{plan.placeholder} is read as '{plan.identifier} {plan.noun}'; {plan.identifier!r} is token {ids}"
    split = [one for one in backbone.tokenizers if len(ids_of(one, plan.identifier)) != 1]
    if not split:
        return [Row("identifier", "ok", text)]
    advice = "A word of one token holds together better; leave --identifier out and one is found"
    return [Row("identifier", "warning", f"{text}, which is more than one", advice)]


def _learns(plan: Plan, parts: dict[str, tuple[int, int]], told: str) -> list[Row]:
    """In the method's words, and each part of the model with its layers; a word has vectors instead."""
    listed = [
        f"{name}: {count} {'vectors' if name == 'word' else 'layers'}, {parameters:,} parameters"
        for name, (count, parameters) in parts.items()
    ]
    return rows_of("learns", [f"{plan.method}: {told}", *listed])


def _data(
    plan: Plan, seen: Sequence[checking.Row], parts: dict[str, tuple[int, int]], spent: cost.Cost, run: Path
) -> dict[str, Any]:
    return {
        "run": str(run),
        "plan": plan.as_json(),
        "photos": checking.as_json(seen, TEACHING_MINIMUM),
        "learns": {name: {"layers": layers, "parameters": count} for name, (layers, count) in parts.items()},
        "seconds_a_step": round(spent.step, 4),
        "measured": spent.measured,
        "expected_seconds": round(spent.seconds),
        "disk_bytes": spent.disk,
        "free_bytes": spent.free,
    }
