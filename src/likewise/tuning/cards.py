"""The card of a concept, filled in from the plan of its run."""

from collections.abc import Mapping

from likewise import settings
from likewise.concept import Card
from likewise.diffusion.backbone import Backbone
from likewise.tuning.plan import Plan


def card(backbone: Backbone, plan: Plan, step: int, scores: Mapping[str, object]) -> Card:
    """Names, base model, settings and origin; a learned word has no identifier beside it."""
    facts = {key: getattr(plan, key) for key in ("name", "noun", "placeholder", "base_hash", "method")}
    facts |= {"identifier": None if plan.identifier == plan.placeholder else plan.identifier}
    facts |= {"base_name": backbone.name, "config": settings.record(plan.config)}
    origin = {"plan": plan.hash, "photos": plan.photos_hash, "seed": plan.seed, "step": step}
    return Card.model_validate({**facts, "scores": dict(scores), "provenance": origin})
