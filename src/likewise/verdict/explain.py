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
        return f"Step {choice.step} is the best of these{_shortfall(choice, chosen, gauge, noun)}."
    most = " most" if chosen.likeness.value >= max(one.likeness.value for one in choice.judged) else ""
    return (
        f"Keep step {choice.step}: its pictures look{most} like your photos ({chosen.likeness.value:.2f} of "
        f"{gauge.ceiling:.2f} possible){_heeded(chosen, choice[0])}."
    )


def _shortfall(choice: Choice, chosen: Judged, gauge: Gauge, noun: str) -> str:
    """Why no checkpoint is recommended: too little was learned, or what was learned is worth nothing."""
    untaught = f"the untaught model does, beyond the noise ({chosen.likeness.value:.2f} against "
    untaught += f"{choice[0].likeness.value:.2f})"
    if not choice.alike:
        return f", but none of them looks more like your photos than {untaught}"
    overdone = _overdone(choice)
    if overdone is None:
        likest = max(choice[step].likeness.value for step in choice.alike)
        any_other = f"any {noun} does ({likest:.2f} against {gauge.floor:.2f})"
        return f", but none of them looks more like your photos than {any_other}"
    if overdone.step == chosen.step:
        return f" and looks more like your photos than {untaught}, but {_joined(_faults(chosen, choice[0]))}"
    return (
        f", but it looks no more like your photos than {untaught}; step {overdone.step} does "
        f"({overdone.likeness.value:.2f}), but {_joined(_faults(overdone, chosen))}"
    )


def _overdone(choice: Choice) -> Judged | None:
    """Where none is recommended: the chosen one if it has learned, else the likest of those that have; None if none."""
    gained = [choice[step] for step in choice.alike if choice[step].gain.value > 0]
    return max(gained, key=lambda one: (one.step == choice.step, one.likeness.value), default=None)


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
    best, chosen = choice[choice.best], choice[choice.step]
    noise = f"inside the noise of {best.likeness.count} pictures (standard error {choice.noise[choice.step]:.2f})"
    lead = f"Step {choice.best} scores a little higher (by {best.worth.value - chosen.worth.value:.2f} of worth), but"
    if choice.best not in choice.alike:
        return f"{lead} that is {noise}, and it looks no more like your photos than the untaught model does."
    if choice.step < choice.best:
        return f"{lead} that is {noise}; the earlier of equals changes the model less."
    return f"{lead} that is {noise}, and it {_joined(_faults(best, chosen))}."


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
    alike = rival.likeness.value > chosen.likeness.value
    lead = f"looks more alike ({rival.likeness.value:.2f}), but " if alike else ""
    return f"Step {rival.step} {lead}{_joined(_faults(rival, chosen))}."


def _faults(rival: Judged, other: Judged) -> list[str]:
    """What speaks against a checkpoint beside another one, or beside the base model; never empty."""
    faults = []
    if rival.copied.value > other.copied.value and rival.photo is not None:
        faults.append(f"copies photo {rival.photo + 1} ({_count(rival)} pictures are copies)")
    if rival.fidelity and other.fidelity and rival.fidelity.value < other.fidelity.value - 0.02:
        faults.append(f"heeds prompts less ({percent(rival.fidelity.value)} against {percent(other.fidelity.value)})")
    if rival.drift.value > other.drift.value + 0.05:
        faults.append(f"draws the subject unasked ({percent(rival.drift.value)} drift)")
    if rival.likeness.value < other.likeness.value:
        faults.append(f"looks less like your photos ({rival.likeness.value:.2f})")
    return faults or [f"is worth less on the whole ({rival.worth.value:.2f} against {other.worth.value:.2f})"]


def _joined(faults: list[str]) -> str:
    return " and ".join([", ".join(faults[:-1]), faults[-1]] if len(faults) > 1 else faults)


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
    before, last = choice.judged[-2:]
    if not choice.learned and _overdone(choice) is not None:
        return "Teach for fewer steps, at a lower rate, or from more photos that differ in place and pose."
    if not choice.learned:
        return "Teach for more steps, at a higher rate, or from clearer photos of the one subject."
    rose = before.step > 0 and before.step not in choice.tied and before.worth.value < last.worth.value
    if choice.step == last.step == choice.best and rose:
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
