import numpy as np
import pytest
from synthetic import Colours, noisy, plain

from likewise.metrics import Embedding
from likewise.verdict import pixels
from likewise.verdict.scores import Drawn, Judge, diversity

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def judge(photos, texts=("red", "green"), text_encoder=True):
    colours = Colours()
    return Judge(photos, list(texts), colours, colours if text_encoder else None)


def drawn(step, subject, bare=((0, 0, 200),)):
    return Drawn(step, [plain(colour) for colour in subject], [plain(colour) for colour in bare])


def test_pictures_equal_to_the_photos_score_1():
    photos = [noisy(1)] * 3
    one = Drawn(5, [noisy(1)] * 4, [noisy(1)] * 2)
    found = judge(photos).measure(one, one)
    assert found.likeness == pytest.approx(np.ones(4)) and found.overlap == pytest.approx(np.ones(4))
    assert found.plain == pytest.approx(np.ones(2)) and found.change == pytest.approx(np.zeros(2), abs=1e-7)


def test_orthogonal_features_score_0():
    base = drawn(0, [GREEN] * 4, [BLUE])
    found = judge([plain(RED)]).measure(drawn(1, [GREEN] * 4, [RED]), base)
    assert found.likeness == pytest.approx(np.zeros(4), abs=1e-7)
    assert found.plain == pytest.approx([1.0])  # the bare noun became the subject
    assert found.change == pytest.approx([1.0])


def test_likeness_is_the_mean_over_all_pairs_and_nearest_the_best_of_them():
    found = judge([plain(RED), plain(GREEN), plain(GREEN)]).measure(drawn(1, [RED, GREEN]), drawn(0, [BLUE] * 2))
    assert found.likeness == pytest.approx([1 / 3, 2 / 3])
    assert found.nearest == pytest.approx([1, 1]) and found.photo.tolist() == [0, 1]


def test_each_picture_is_compared_with_its_own_prompt():
    base = drawn(0, [BLUE] * 4)
    right = judge([plain(BLUE)]).measure(drawn(1, [RED, RED, GREEN, GREEN]), base)
    wrong = judge([plain(BLUE)]).measure(drawn(1, [GREEN, GREEN, RED, RED]), base)
    assert right.prompt == pytest.approx(np.ones(4)) and wrong.prompt == pytest.approx(np.zeros(4), abs=1e-7)


def test_without_a_text_encoder_prompts_are_not_measured():
    one = judge([plain(RED)], text_encoder=False)
    assert one.photo_prompt is None and one.measure(drawn(1, [RED] * 2), drawn(0, [RED] * 2)).prompt is None


def test_diversity_of_equal_pictures_is_0_and_counts_only_within_a_prompt():
    rows = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    assert diversity(Embedding(rows, "a"), prompts=2) == pytest.approx(np.zeros(4))
    assert diversity(Embedding(rows, "a"), prompts=1) == pytest.approx(np.full(4, 2 / 3))
    assert diversity(Embedding(rows, "a"), prompts=4) == pytest.approx(np.zeros(4))  # lone pictures


def test_diversity_equals_the_mean_over_pairs():
    rows = np.random.default_rng(0).normal(size=(6, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [1 - rows[i] @ rows[j] for block in ((0, 1, 2), (3, 4, 5)) for i in block for j in block if i < j]
    assert diversity(Embedding(rows, "a"), prompts=2).mean() == pytest.approx(np.mean(pairs))


def overlap(first, second):
    return pixels.overlap(pixels.thumbs([first]), pixels.thumbs([second])).item()


def test_a_copy_is_seen_through_mirror_blur_and_light():
    photo = noisy(3, 64)
    mirrored = photo.transpose(0)
    darker = photo.point(lambda value: value * 0.8)
    assert overlap(photo, photo) == pytest.approx(1)
    assert overlap(photo, mirrored) == pytest.approx(1)
    assert overlap(photo, darker) > 0.99
    assert overlap(photo, photo.resize((20, 20)).resize((64, 64))) > 0.95


def test_other_pictures_overlap_little_and_blank_ones_not_at_all():
    assert overlap(noisy(3), noisy(4)) < 0.5
    assert overlap(plain(RED), noisy(4)) < 0.9
    grey = plain((90, 90, 90))
    assert overlap(grey, grey) == 0.0  # no structure to copy
