"""The closed-form encoder is plain principal component analysis of patches, written as stock convolutions."""

import pytest
import torch
import torch.nn.functional as F

from likewise.toybox import autoencoder

CHANNELS = 6


@pytest.fixture(scope="module")
def images():
    """Smooth random pictures (24, 3, 32, 32) in [0, 1]."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(24, 3, 6, 6, generator=rng)
    return torch.sigmoid(F.interpolate(coarse, (32, 32), mode="bicubic"))


@pytest.fixture(scope="module")
def fitted(images):
    vae = autoencoder.build(CHANNELS, (1, 1, 1, 1))
    return vae, autoencoder.fit_encoder(vae, images)


def patches(images):
    """Rows (N * h * w, 192) of 8 px patches, any order inside a patch."""
    return F.unfold(images.double(), 8, stride=8).transpose(1, 2).reshape(-1, 192)


def principal(rows):
    """Oracle: mean, directions and spread by singular values."""
    centred = rows - rows.mean(0)
    _, values, axes = torch.linalg.svd(centred, full_matrices=False)
    return centred, axes[:CHANNELS].T, values[:CHANNELS] / len(rows) ** 0.5


@torch.no_grad()
def codes(vae, images):
    return vae.encoder(images * 2 - 1).flatten(2).transpose(1, 2).reshape(-1, CHANNELS).double()


def test_the_latents_are_the_scaled_principal_components(fitted, images):
    centred, axes, spread = principal(patches(images))
    half = 1 - autoencoder.BALANCE
    expected = centred @ axes * spread.pow(-autoencoder.BALANCE) / spread[0].pow(half)
    found = codes(fitted[0], images)
    signs = (expected * found).sum(0).sign()
    assert torch.allclose(found, expected * signs, atol=1e-4)


def test_decoding_them_linearly_loses_what_the_principal_components_lose(fitted, images):
    centred, axes, _ = principal(patches(images))
    lost = (centred - centred @ axes @ axes.T).square().mean().item()
    latents = codes(fitted[0], images)
    inputs = torch.cat([latents, torch.ones(len(latents), 1, dtype=torch.float64)], 1)
    rows = patches(images)
    again = inputs @ torch.linalg.lstsq(inputs, rows).solution
    assert (again - rows).square().mean().item() == pytest.approx(lost, rel=1e-3)


def test_the_spread_is_that_of_the_latents(fitted, images):
    vae, spread = fitted
    found = codes(vae, images)
    assert spread == pytest.approx(found.square().mean().sqrt().item(), rel=1e-3)
    assert found.mean(0).abs().max() < 1e-4 and found[:, 0].std().item() == pytest.approx(1, rel=1e-2)


def test_a_patch_is_coded_by_its_own_pixels_alone(fitted, images):
    vae, _ = fitted
    other = images[:1].clone()
    other[..., 8:16, 8:16] = 0
    with torch.no_grad():
        changed = (vae.encoder(images[:1] * 2 - 1) != vae.encoder(other * 2 - 1)).any(1)[0]
    assert changed.nonzero().tolist() == [[1, 1]]


def test_the_stock_class_loads_and_decodes_it(fitted, images):
    vae, _ = fitted
    assert type(vae).__module__.startswith("diffusers")
    values = list(autoencoder.psnr(vae, images[:5], batch=2))
    assert len(values) == 5 and all(0 < value < 60 for value in values)
