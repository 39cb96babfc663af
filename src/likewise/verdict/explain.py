"""Why this checkpoint: the choice in plain sentences, every claim with its number."""

from likewise.verdict.choose import Choice, Judged
from likewise.verdict.gauge import Gauge

CLEAR_DRIFT = 0.25  # shares from which a side effect is worth a sentence
CLEAR_LOSS = 0.10
COLLAPSE = 0.5  # of the base model's diversity
CLOSE = 0.25  # share of pictures nearer to one photo than photos are to each other, from which it is worth a sentence


def explain(choice: Choice, gauge: Gauge, noun: str, prefer: str = "balance") -> list[str]:
    """Sentences, the most important first; the first one alone is an answer."""
    chosen = choice[choice.step]
    said = [_answer(choice, chosen, gauge, noun), _way(choice, gauge, noun), _prompts(chosen, gauge)]
    said += [_noise(choice), *_others(choice, chosen), *_costs(choice, chosen, noun)]
    said += [_advice(choice), _spread(gauge, noun), _leaning(prefer)]
    return [sentence for sentence in said if sentence]


def percent(share: float) -> str:
    """0.814 -> "81 %"."""
    return f"{round(100 * share)} %"


def _answer(choice: Choice, chosen: Judged, gauge: Gauge, noun: str) -> str:
    if not choice.learned:
        return (
            f"Step {choice.step} is the best of these, but none of them looks more like your photos than the untaught "
            f"model does, beyond the noise ({chosen.likeness.value:.2f} against {choice[0].likeness.value:.2f})."
        )
    most = " most" if chosen.likeness.value >= max(one.likeness.value for one in choice.judged) else ""
    return (
        f"Keep step {choice.step}: its pictures look{most} like your photos ({chosen.likeness.value:.2f} of "
        f"{gauge.ceiling:.2f} possible){_heeded(chosen, choice[0])}."
    )


def _heeded(chosen: Judged, base: Judged) -> str:
    """How the answer goes on about prompts."""
    if chosen.prompt is None or chosen.fidelity is None or base.prompt is None:
        return ""
    still = (
        ", and prompts still come true"
        if chosen.fidelity.value >= 1 - CLEAR_LOSS
        else ", though prompts come true less"
    )
    return f"{still} ({chosen.prompt.value:.2f} against {base.prompt.value:.2f} untaught)"


def _way(choice: Choice, gauge: Gauge, noun: str) -> str:
    """What the possible is, and how far the chosen checkpoint has come."""
    return (
        f"Any {noun} is at {gauge.floor:.2f} and {gauge.photos} are at {gauge.ceiling:.2f}: it has come "
        f"{percent(choice[choice.step].gain.value)} of that way."
    )


def _prompts(chosen: Judged, gauge: Gauge) -> str:
    """What stands behind the measure of prompts, or that there is none."""
    if chosen.prompt is None or gauge.prompt_floor is None:
        return "Whether prompts still come true was not measured, as there is no encoder of texts."
    if gauge.prompt_ratio:
        return (
            "Mind: the untaught model's pictures fit the prompts no better than your photos do, so what is said about "
            "prompts weighs little."
        )
    return f"Pictures that ignored the prompts altogether would fit them at {gauge.prompt_floor:.2f}."


def _noise(choice: Choice) -> str:
    if choice.step == choice.best:
        return ""
    gap = choice[choice.best].worth.value - choice[choice.step].worth.value
    count = choice[choice.best].likeness.count
    return (
        f"Step {choice.best} scores a little higher (by {gap:.2f} of worth), but that is inside the noise of {count} "
        f"pictures (standard error {choice.noise[choice.step]:.2f}); the earlier of equals changes the model less."
    )


def _others(choice: Choice, chosen: Judged) -> list[str]:
    """What spoke against the checkpoint that looks most like the photos, and against the last one."""
    if not choice.learned:
        return []
    taught = [one for one in choice.judged if one.step > 0]
    likest = max(taught, key=lambda one: one.likeness.value)
    rivals = {one.step: one for one in (likest, taught[-1]) if one.step not in (choice.step, *choice.tied)}
    return [_against(one, chosen) for one in rivals.values()]


def _against(rival: Judged, chosen: Judged) -> str:
    """One sentence; a rival outside the noise lost by at least one of these."""
    likeness = rival.likeness.value - chosen.likeness.value
    lead = f"looks more alike ({rival.likeness.value:.2f})" if likeness > 0 else ""
    faults = []
    if rival.copied.value > chosen.copied.value and rival.photo is not None:
        faults.append(f"copies photo {rival.photo + 1} ({_count(rival)} pictures are copies)")
    if rival.fidelity and chosen.fidelity and rival.fidelity.value < chosen.fidelity.value - 0.02:
        faults.append(f"heeds prompts less ({percent(rival.fidelity.value)} against {percent(chosen.fidelity.value)})")
    if rival.drift.value > chosen.drift.value + 0.05:
        faults.append(f"draws the subject unasked ({percent(rival.drift.value)} drift)")
    if likeness < 0:
        faults.append(f"looks less like your photos ({rival.likeness.value:.2f})")
    if not faults:
        faults.append(f"is worth less on the whole ({rival.worth.value:.2f} against {chosen.worth.value:.2f})")
    joined = " and ".join([", ".join(faults[:-1]), faults[-1]] if len(faults) > 1 else faults)
    return f"Step {rival.step} {lead}, but {joined}." if lead else f"Step {rival.step} {joined}."


def _count(one: Judged) -> str:
    return f"{round(one.copied.value * one.copied.count)} of {one.copied.count}"


def _costs(choice: Choice, chosen: Judged, noun: str) -> list[str]:
    said = []
    if chosen.drift.value >= CLEAR_DRIFT:
        said.append(
            f"Mind: the bare word {noun!r} now draws something like your subject too ({percent(chosen.drift.value)} of "
            "the way). Prior preservation, or more class images, would hold it back."
        )
    else:
        said.append(
            f"The bare word {noun!r} still means any {noun} ({percent(chosen.drift.value)} drift to your photos)."
        )
    if chosen.photo is not None:
        said.append(f"Mind: {_count(chosen)} of its pictures copy a photo, most often photo {chosen.photo + 1}.")
    elif chosen.above >= CLOSE:
        said.append(
            f"Mind: {percent(chosen.above)} of its pictures are nearer to one photo than any two photos are to each "
            "other. None repeats its pixels, but look whether they only repeat its pose and place."
        )
    if chosen.diversity.value < COLLAPSE * choice[0].diversity.value and chosen.likeness.count > 1:
        said.append(
            f"Its pictures of one prompt vary much less than the untaught model's ({chosen.diversity.value:.2f} "
            f"against {choice[0].diversity.value:.2f})."
        )
    return said


def _advice(choice: Choice) -> str:
    last = choice.judged[-1]
    if not choice.learned:
        return "Teach for more steps, at a higher rate, or from clearer photos of the one subject."
    if choice.step == last.step and choice.step == choice.best and len(choice.judged) > 2:
        return "It is the last checkpoint and worth was still rising: more steps may do better."
    return ""


def _spread(gauge: Gauge, noun: str) -> str:
    if not gauge.unlike:
        return ""
    return (
        f"Mind: your photos are hardly more alike ({gauge.ceiling:.2f}) than any {noun} is to them "
        f"({gauge.floor:.2f}). Photos of one subject alone, filling the frame, would make likeness mean more."
    )


def _leaning(prefer: str) -> str:
    leaning = {"likeness": "looking like the photos", "prompt": "doing what the prompt says"}
    return f"As you asked, {leaning[prefer]} counted more." if prefer in leaning else ""
