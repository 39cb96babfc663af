import sys
import threading
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_metrics import batch, ensemble, metric, patch_metric, pictures

from likewise import dreamsim, encoders
from likewise.checkpoint import write_tensors
from likewise.dreamsim import shim
from likewise.dreamsim.calibration import Calibration, SameCurve
from likewise.dreamsim.metric import Metric
from likewise.encoders import Encoder
from likewise.encoders.efficientnet import Network
from likewise.errors import (
    MissingWeightsError,
    NoPlacesError,
    NotCalibratedError,
    SettingError,
    ShapeError,
    UnknownNameError,
)


@pytest.fixture(scope="module")
def embedded():
    return dreamsim.load()


@pytest.mark.parametrize("made", [metric, patch_metric])
def test_distance_is_zero_to_itself_symmetric_and_within_bounds(made):
    model, (one, other, third) = made(), pictures(3)
    assert abs(model.distance(one, one)) <= 1e-6
    assert model.distance(one, other) == model.distance(other, one) > 1e-4
    assert model.distance(one, [other, third]).shape == (2,)
    assert all(-1e-6 <= value <= 2 + 1e-6 for value in model.pairwise([one, other, third]).ravel())
    assert model.distance(one, one, clamp=True) >= 0


@pytest.mark.parametrize("made", [metric, patch_metric])
def test_a_row_does_not_depend_on_its_company(made):
    model, some = made(), pictures(8)
    alone, together = model.embed(some), model.embed(some, batch=8)
    assert np.abs(alone - together).max() <= 1e-5
    assert np.array_equal(alone[:5], model.embed(some[:5]))  # one by one: to the bit
    assert model.embed(some[0]).shape == (1, model.dimension) and model.embed([]).shape == (0, model.dimension)


def test_rows_of_the_embedded_metric_are_bit_equal_in_any_company(embedded):
    some = pictures(5)
    rows = embedded.embed(some)
    for count in (1, 2, 5):
        assert np.array_equal(embedded.embed(some[:count]), rows[:count])


def test_centred_rows_have_mean_zero_length_one_and_twice_the_distance_as_square(rng):
    model, some = metric(), pictures(4)
    rows = model.embed(some)
    assert np.abs(rows.mean(1)).max() <= 1e-6 and np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    squares = ((rows[0] - rows[1:]) ** 2).sum(1)
    assert squares == pytest.approx(2 * model.distance(some[0], some[1:]), abs=1e-5)


def test_without_centring_the_distance_is_that_of_the_raw_cosine():
    plain, images = ensemble(centre=False), batch(2)
    raw = plain.features(images)
    expected = 1 - F.cosine_similarity(raw[:1], raw[1:]).item()
    found = 1 - (plain(images)[0] @ plain(images)[1]).item()
    assert found == pytest.approx(expected, abs=1e-6)
    assert found != pytest.approx(1 - (ensemble()(images)[0] @ ensemble()(images)[1]).item(), abs=1e-6)


def test_the_order_of_centring_of_old_releases_gives_the_same_distance():
    """Before 0.2.1 rows were normalised first and centred then: other rows, the same cosine."""
    raw = ensemble().features(batch(2))
    legacy = F.normalize(raw) - F.normalize(raw).mean(1, keepdim=True)
    assert legacy.norm(dim=1).sub(1).abs().min() > 1e-4
    rows = ensemble()(batch(2))
    assert F.cosine_similarity(legacy[:1], legacy[1:]).item() == pytest.approx((rows[0] @ rows[1]).item(), abs=1e-6)


def test_a_triplet_in_one_go_equals_separate_calls(embedded):
    one, left, right = pictures(3)
    for model in (metric(), embedded):
        found = model.triplet(one, left, right)
        assert found == pytest.approx((model.distance(one, left), model.distance(one, right)), abs=1e-5)
    lefts, rights = metric().triplet(one, [left, right], [right, left])
    assert lefts.tolist() == pytest.approx(rights[::-1].tolist())


def test_ranking_puts_the_picture_itself_first_and_keeps_the_order_of_equals(embedded):
    some = pictures(4)
    ranking = embedded.rank(some[2], [*some, some[2]])
    assert [place for place, _ in ranking[:2]] == [2, 4] and [v for _, v in ranking] == sorted(v for _, v in ranking)


def test_the_gradient_of_the_loss_is_that_of_finite_differences():
    model = Metric(ensemble().double(), "double")
    for one in model.model.branches:
        one.mean, one.deviation = one.mean.double(), one.deviation.double()
    images, target = batch(1).double().requires_grad_(), batch(1, seed=1).double()
    model.loss(images, target).backward()
    rows, step = model.target(target), 1e-5
    for place in ((0, 0, 5, 7), (0, 1, 20, 3), (0, 2, 31, 31)):
        ends = []
        for sign in (1, -1):
            moved = images.detach().clone()
            moved[place] += sign * step
            ends.append(model.loss(moved, rows).item())
        assert images.grad[place].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-2, abs=1e-9)
    assert all(parameter.grad is None for parameter in model.model.parameters())


def halved(model, size, steps):
    target, pixels = model.target(batch(1, size, seed=1)), batch(1, size).requires_grad_()
    optimiser, first = torch.optim.Adam([pixels], lr=0.02), model.loss(pixels, target).item()
    for _ in range(steps):
        optimiser.zero_grad()
        model.loss(pixels.clamp(0, 1), target).backward()
        optimiser.step()
    return model.loss(pixels.clamp(0, 1), target).item() < first / 2


def test_fifty_steps_on_pixels_halve_the_distance():
    assert halved(metric(), 32, 50)


@pytest.mark.slow
def test_fifty_steps_on_pixels_halve_the_distance_of_the_embedded_metric(embedded):
    assert halved(embedded, 192, 50)


def test_a_full_mask_changes_nothing_and_outside_a_mask_nothing_is_learned():
    model, target = metric(), batch(1, seed=1)
    images = batch(1).requires_grad_()
    whole, full = model.loss(images, target), model.loss(images, target, torch.ones(32, 32))
    assert full.item() == pytest.approx(whole.item(), abs=1e-7)
    half = torch.zeros(1, 1, 32, 32)
    half[..., :16] = 1
    model.loss(images, target, half).backward()
    assert images.grad[..., 16:].abs().max() == 0 < images.grad[..., :16].abs().max()
    assert model.loss(images, target, torch.zeros(32, 32)).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(ShapeError, match="mask"):
        model.loss(images, model.target(target), half)


def test_the_map_adds_up_to_the_distance(embedded):
    one, other = pictures(2)
    for model in (embedded, patch_metric(), patch_metric(centre=False)):
        found = model.map(one, other)
        assert found.sum() == pytest.approx(model.distance(one, other), abs=1e-6)
    with pytest.raises(NoPlacesError, match="as a whole"):
        metric().map(one, other)


def test_the_map_points_at_what_changed(embedded):
    (one,) = pictures(1, 96)
    other = one.copy()
    other.paste((255, 0, 0), (60, 0, 104, 40))  # top right
    found = embedded.map(one, other)
    assert np.unravel_index(found.argmax(), found.shape)[1] >= found.shape[1] / 2


def test_a_metric_is_an_encoder_and_its_hash_covers_what_its_rows_depend_on(embedded):
    assert isinstance(embedded, Encoder)
    again = dreamsim.load()
    assert again.hash == embedded.hash
    others = [
        dreamsim.load(aspect="crop"),
        Metric(embedded.model, "x", precision="bfloat16"),
        metric(),
        metric(centre=False),
    ]
    assert len({embedded.hash, *(other.hash for other in others)}) == 5
    assert encoders.load("dreamsim").hash == embedded.hash


def test_two_threads_give_the_rows_of_one(embedded):
    some, found = pictures(4), {}
    expected = embedded.embed(some)
    threads = [threading.Thread(target=lambda n=n: found.update({n: embedded.embed(some)})) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(rows, expected) for rows in found.values()) and len(found) == 2


def test_a_users_module_called_utils_is_not_in_the_way(monkeypatch, embedded):
    decoy = types.ModuleType("utils")
    monkeypatch.setitem(sys.modules, "utils", decoy)
    assert dreamsim.load().hash == embedded.hash


def test_missing_weights_fail_at_once_with_their_names(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"(?s)dino_vitbase16.*clip_vitb16.*ensemble_lora"):
        dreamsim.load("ensemble", weights=tmp_path)
    with pytest.raises(MissingWeightsError, match="no such folder"):
        dreamsim.load("ensemble", weights=tmp_path / "none")
    with pytest.raises(UnknownNameError, match="efficientnet-lite0"):
        dreamsim.load("efficientnet-lite00")


def test_probabilities_need_a_calibration_and_follow_it():
    model, (one, left, right) = metric(), pictures(3)
    with pytest.raises(NotCalibratedError, match="votes on triplets"):
        model.preference(one, left, right)
    with pytest.raises(NotCalibratedError, match="'same'"):
        model.same_probability(one, left)
    known = Metric(model.model, "known", calibration=Calibration(0.1, SameCurve(0.5, 0.1, 0.02)))
    nearer, farther = known.triplet(one, left, right)
    expected = 1 / (1 + np.exp(-(nearer - farther) / 0.1))
    assert known.preference(one, left, right) == pytest.approx(expected)
    assert known.same_probability(one, one) == pytest.approx(0.98 / (1 + np.exp(-5)), abs=1e-5)
    assert known.same_probability(one, [left, right]).shape == (2,)


def test_an_unknown_precision_is_refused():
    with pytest.raises(SettingError, match="float32"):
        Metric(ensemble(), "x", precision="float8")


def test_the_drop_in_has_the_published_signature_and_behaviour():
    import inspect

    parameters = inspect.signature(dreamsim.dreamsim).parameters
    assert {name: one.default for name, one in parameters.items()} == {
        "pretrained": True, "device": "cuda", "cache_dir": "./models", "normalize_embeds": True,
        "dreamsim_type": "ensemble", "use_patch_model": False,
    }  # fmt: skip
    model, preprocess = dreamsim.dreamsim(device="cpu", dreamsim_type="embedded")
    one, other = (preprocess(picture) for picture in pictures(2))
    assert one.shape == (1, 3, 192, 192) and model(one, other).shape == (1,)
    assert model(torch.cat([one, other]), torch.cat([other, one])).shape == (2,)
    assert model(one, other).item() == pytest.approx(dreamsim.load().distance(*pictures(2)), abs=1e-6)


def test_the_drop_in_of_patches_gives_tokens_and_without_normalising_raw_features():
    made = patch_metric().model
    images = batch(2)
    model = shim.PerceptualModel(made)
    tokens = model.embed(images)
    assert tokens.shape == (2, 1 + 16, 24) and tokens.norm(dim=-1) == pytest.approx(torch.ones(2, 17), abs=1e-5)
    pooled = torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], dim=1)
    expected = 1 - F.cosine_similarity(pooled[:1], pooled[1:]).item()
    assert model(images[:1], images[1:]).item() == pytest.approx(expected, abs=1e-6)
    assert torch.equal(shim.PerceptualModel(made, False).embed(images), made.features(images))


def test_larger_lites_come_from_a_folder_of_converted_weights(tmp_path):
    """The shapes of lite2, random values."""
    with pytest.raises(MissingWeightsError, match="efficientnet_lite1"):
        dreamsim.load("efficientnet-lite1:pooled", weights=tmp_path)
    write_tensors(tmp_path / "efficientnet_lite2.safetensors", Network("lite2").state_dict())
    model = dreamsim.load("efficientnet-lite2:scene", weights=tmp_path)
    assert model.dimension == 1280 + 208 * 9 and np.isfinite(model.embed(pictures(1))).all()
