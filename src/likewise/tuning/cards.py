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


def header(plan: Plan, step: int) -> dict[str, str]:
    """What a LoRA file says about itself: nothing that differs between two runs of one plan."""
    facts = {"name": plan.name, "noun": plan.noun, "identifier": plan.identifier, "base_hash": plan.base_hash}
    facts |= {"method": plan.method, "step": str(step), "seed": str(plan.seed)}
    trigger = plan.identifier if plan.identifier == plan.placeholder else f"{plan.identifier} {plan.noun}"
    return {f"likewise.{key}": value for key, value in facts.items()} | {"modelspec.trigger_phrase": trigger}
