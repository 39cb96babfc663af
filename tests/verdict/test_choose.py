import numpy as np
import pytest
from synthetic import BASE, GAUGE, scores

from likewise.verdict.choose import Weights, choose
from likewise.verdict.explain import explain


def why(choice, prefer="balanced"):
    return "\n".join(explain(choice, GAUGE, "dog", prefer))


def test_likeness_bought_with_prompts_is_not_worth_it():
    run = [BASE, scores(100, 0.6, 0.30), scores(200, 0.70, 0.29), scores(300, 0.74, 0.15), scores(400, 0.78, 0.11)]
    choice = choose(run, GAUGE)
    assert choice.step == 200
    assert "Step 400 looks more alike (0.78), but heeds prompts less (5 % against 95 %)" in why(choice)


def test_a_copier_is_passed_over():
    run = [BASE, scores(100, 0.68, 0.29), scores(200, 0.75, 0.29, copied=0.75)]
    choice = choose(run, GAUGE)
    assert choice.step == 100
    assert "Step 200 looks more alike (0.75), but copies photo 3 (9 of 12 pictures are copies)" in why(choice)


def test_drift_of_the_bare_noun_counts_against_a_checkpoint():
    run = [BASE, scores(100, 0.68, 0.29), scores(200, 0.69, 0.29, drift=0.3)]
    choice = choose(run, GAUGE)
    assert choice.step == 100 and "draws the subject unasked (75 % drift)" in why(choice)
    assert choice[200].drift.value == pytest.approx(0.75)


def test_inside_the_noise_the_earlier_is_taken_and_said_so():
    run = [BASE, scores(100, 0.55, 0.30), scores(200, 0.700, 0.295, noise=0.1), scores(300, 0.705, 0.295, noise=0.1)]
    choice = choose(run, GAUGE)
    assert (choice.step, choice.best, choice.tied) == (200, 300, [200, 300])
    assert "inside the noise of 12 pictures" in why(choice)


def test_without_tolerance_the_best_is_taken():
    run = [BASE, scores(200, 0.700, 0.295, noise=0.1), scores(300, 0.705, 0.295, noise=0.1)]
    assert choose(run, GAUGE, Weights(tolerance=0.0)).step == 300


def test_a_clear_lead_outweighs_being_earlier():
    run = [BASE, scores(100, 0.55, 0.30), scores(200, 0.72, 0.30)]
    choice = choose(run, GAUGE)
    assert choice.step == 200 and choice.tied == [200]
    assert "worth was still rising" in why(choice)


def test_what_is_preferred_moves_the_choice():
    run = [BASE, scores(100, 0.52, 0.30), scores(200, 0.64, 0.24), scores(300, 0.78, 0.18)]
    chosen = [choose(run, GAUGE, Weights(likeness=share, tolerance=0.0)).step for share in (0.15, 0.5, 0.9)]
    assert chosen == sorted(chosen) and chosen[0] < chosen[-1]


def test_the_base_model_is_never_chosen_even_when_nothing_was_learned():
    run = [BASE, scores(100, 0.39, 0.30), scores(200, 0.40, 0.30)]
    choice = choose(run, GAUGE)
    assert not choice.learned
    assert choice.step == choice.best == 200  # where nothing is sure, the earliest would have learned even less
    assert "none of them looks more like your photos" in why(choice)
    assert "Teach for more steps" in why(choice)


UNSURE = scores(0, 0.50, 0.30)  # a base model that is some way alike already


def test_a_run_that_went_from_nothing_to_copies_is_told_to_learn_less():
    choice = choose([UNSURE, scores(50, 0.505, 0.3), scores(100, 0.85, 0.3, copied=1)], GAUGE)
    first, *_, advice = explain(choice, GAUGE, "dog")
    assert (choice.step, choice.learned, choice.alike) == (50, False, [100])
    assert "step 100 does (0.85), but copies photo 3 (12 of 12 pictures are copies)" in first
    assert "none of them" not in first and advice.startswith("Teach for fewer steps, at a lower rate")


@pytest.mark.parametrize(
    ("spoiled", "said"),
    [
        ({"copied": 1}, "copies photo 3 (12 of 12 pictures are copies)"),
        ({"prompt": 0.05}, "heeds prompts less (0 % against 100 %)"),
    ],
)
def test_where_all_that_was_learned_is_worth_nothing_it_is_said_and_the_first_is_kept(spoiled, said):
    run = [UNSURE, scores(50, 0.38, 0.3)] + [scores(n, 0.8 + n / 1e4, **{"prompt": 0.3} | spoiled) for n in (100, 150)]
    choice = choose(run, GAUGE)
    first, *_, advice = explain(choice, GAUGE, "dog")
    assert (choice.step, choice.tied, choice.learned) == (100, [100], False)
    assert "step 100 is the best of these and looks more like your photos" in first.lower() and said in first
    assert advice.startswith("Teach for fewer steps")


def test_a_copier_is_no_equal_of_an_honest_checkpoint_however_large_the_noise():
    run = [UNSURE, scores(50, 0.41, 0.3, noise=0.2), scores(100, 0.85, 0.2, copied=11 / 12)]
    choice = choose(run, GAUGE, Weights(tolerance=100.0))
    assert (choice.step, choice.tied, choice.learned) == (50, [50], False)


def test_what_is_less_alike_than_any_other_was_not_overdone():
    choice = choose([scores(0, 0.30, 0.3), scores(50, 0.36, 0.3), scores(100, 0.38, 0.3)], GAUGE)
    assert not choice.learned and choice.alike == [50, 100]
    assert "none of them looks more like your photos than any dog does (0.38 against 0.40)" in why(choice)
    assert "Teach for more steps" in why(choice)


def test_a_later_checkpoint_that_is_kept_is_not_called_the_earlier():
    run = [UNSURE, scores(50, 0.506, 0.3, noise=0.2), scores(100, 0.7, 0.15, noise=0.2), scores(150, 0.71, 0.15)]
    choice = choose(run, GAUGE)
    assert (choice.step, choice.best) == (100, 50)
    assert "Step 50 scores a little higher" in why(choice) and "earlier of equals" not in why(choice)
    assert "it looks no more like your photos than the untaught model does." in why(choice)


def test_worth_is_still_rising_only_beyond_the_noise():
    choice = choose([UNSURE, scores(100, 0.505, 0.3, noise=0.2), scores(200, 0.6, 0.26)], GAUGE)
    assert choice.step == choice.best == 200 and 100 in choice.tied
    assert "still rising" not in why(choice)


def test_the_worth_is_the_formula():
    one = scores(100, 0.6, 0.25, drift=0.1, copied=0.25)
    found = choose([BASE, one], GAUGE)[100]
    gain, fidelity, copied, drift = 0.5, 0.75, 0.25, 0.25
    assert (found.gain.value, found.fidelity.value) == pytest.approx((gain, fidelity))
    assert found.worth.value == pytest.approx((gain * fidelity) ** 0.5 * (1 - copied) * (1 - drift / 2))
    assert found.worth.low < found.worth.value < found.worth.high


def test_without_texts_likeness_alone_is_weighed():
    run = [scores(0, 0.41), scores(100, 0.6), scores(200, 0.7, copied=0.5)]
    choice = choose(run, GAUGE)
    assert choice.step == 100 and choice[100].fidelity is None
    assert choice[100].worth.value == pytest.approx(0.5)
    assert "was not measured" in why(choice)


def test_the_same_scores_always_give_the_same_choice_and_intervals():
    run = [BASE, scores(100, 0.6, 0.29), scores(200, 0.65, 0.28)]
    assert choose(run, GAUGE).judged == choose(run, GAUGE).judged


def test_shared_noise_cancels():
    """All checkpoints drew from the same noise, so a difference far smaller than the pictures' spread is seen."""
    calm = [scores(step, level, 0.3, noise=0.15) for step, level in ((0, 0.41), (100, 0.60), (200, 0.66))]
    for one, level in zip(calm, (0.41, 0.60, 0.66), strict=True):
        one.likeness[:] = calm[0].likeness - calm[0].likeness.mean() + level  # exactly the same noise
        one.prompt[:] = calm[0].prompt
    choice = choose(calm, GAUGE)
    assert choice.tied == [200]
    assert choice[200].likeness.low < choice[100].likeness.high  # apart, the intervals overlap


@pytest.mark.parametrize("seed", range(5))
def test_equal_checkpoints_give_the_first(seed):
    run = [BASE] + [scores(step, 0.7, 0.29, seed=seed) for step in (100, 200, 300)]
    assert choose(run, GAUGE).step == 100


def test_over_many_noisy_runs_the_truly_best_region_is_found():
    truth = {100: (0.50, 0.30), 200: (0.70, 0.29), 300: (0.72, 0.20), 400: (0.75, 0.12)}
    picks = []
    for trial in range(40):
        random = np.random.default_rng(trial)
        run = [BASE]
        for step, (likeness, prompt) in truth.items():
            one = scores(step, likeness + random.normal(0, 0.01), prompt + random.normal(0, 0.005), seed=trial)
            run.append(one)
        picks.append(choose(run, GAUGE).step)
    assert np.mean(np.array(picks) == 200) > 0.9


def test_the_side_effects_of_the_chosen_are_named():
    run = [BASE, scores(100, 0.5, 0.3, drift=0.12, copied=0.25)]
    said = why(choose(run, GAUGE))
    assert "the bare word 'dog' now draws something like your subject too (30 % of the way)" in said
    assert "3 of 12 of its pictures copy a photo, most often photo 3" in said


def test_the_leaning_is_said():
    run = [BASE, scores(100, 0.6, 0.3)]
    assert "As you asked, looking like the photos counted more." in why(choose(run, GAUGE), "likeness")
