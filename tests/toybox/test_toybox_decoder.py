"""The decoder begins as the pretrained one, and each stage trains its own part, exactly resumable."""

import pytest
import torch
from toybox_made import changed, taef2, weights

from likewise.seeds import initialising
from likewise.toybox import autoencoder, decoder


def fresh():
    with initialising(0, "test"):
        vae = autoencoder.build(4, (3, 1, 1, 1))
    with torch.no_grad():  # an encoder that keeps something of its picture
        for layer in vae.encoder.layers:
            layer.weight.mul_(2)
    return vae


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taef2")
    return folder, taef2(folder)


def test_every_tensor_that_both_have_is_taken_over(pretrained):
    folder, theirs = pretrained
    vae = autoencoder.build(4)
    before = weights(vae.decoder.layers)
    decoder.start(vae, folder)
    after = vae.decoder.layers.state_dict()
    # theirs counts two layers more in front (a clamp and their first convolution's activation stands after it)
    for key, value in theirs.items():
        place, rest = key.split(".", 1)
        if ".pool." not in key and place != "1":
            assert torch.equal(after[f"{int(place) - 1}.{rest}"], value), key
    assert before.keys() - changed(before, vae.decoder.layers) == {"0.weight", "0.bias"}


def test_the_teacher_gives_features_where_the_front_does(pretrained):
    folder, _ = pretrained
    images, vae = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)), autoencoder.build(4)
    features = decoder.Teacher(folder)(images)
    with torch.no_grad():
        assert features.shape == decoder.front(vae)(vae.encoder(images * 2 - 1)).shape == (2, 64, 4, 4)
    assert (features >= 0).all() and not features.requires_grad


def learn(stage, vae, config, images, resume=None):
    if stage == "whole":
        return decoder.learn(vae, lambda rows: images[rows], len(images), config, resume)
    features = images.mean(1, keepdim=True)[..., ::8, ::8].expand(-1, 64, -1, -1)
    with torch.no_grad():
        latents = vae.encoder(images * 2 - 1)
    return decoder.learn_front(vae, lambda rows: (latents[rows], features[rows]), len(images), config, resume)


@pytest.fixture(scope="module")
def images():
    rng = torch.Generator().manual_seed(1)
    return torch.rand(6, 3, 1, 1, generator=rng).expand(6, 3, 32, 32) * torch.linspace(0.4, 1, 32)


@pytest.mark.parametrize("stage", ["front", "whole"])
def test_the_loss_falls_and_only_the_trained_part_changes(stage, images):
    vae = fresh()
    encoder, layers = weights(vae.encoder), weights(vae.decoder.layers)
    config = decoder.Config(steps=24, batch=4, crop=16, lr=2e-3, warmup=2)
    losses = [step.losses["decoder"] for step in learn(stage, vae, config, images)]
    assert sum(losses[-4:]) < 0.6 * sum(losses[:4])
    assert changed(encoder, vae.encoder) == set()
    front = {name for name in layers if int(name.split(".")[0]) < decoder.FRONT}
    assert changed(layers, vae.decoder.layers) == (front if stage == "front" else layers.keys())


@pytest.mark.parametrize("stage", ["front", "whole"])
def test_a_resumed_training_ends_in_the_same_bits(stage, images):
    config = decoder.Config(steps=4, batch=2, crop=16)
    straight = fresh()
    states = [step.state() for step in learn(stage, straight, config, images)]
    resumed = fresh()
    again = [step.state() for step in learn(stage, resumed, config, images, states[1])]
    assert len(again) == 2 and changed(weights(straight), resumed) == set()
    assert all(torch.equal(value, again[-1].tensors[name]) for name, value in states[-1].tensors.items())


def test_the_pixel_loss_is_nothing_for_the_picture_itself_and_minds_its_outlines(images):
    assert decoder.pixel_loss(images, images) == 0
    shifted = images + 0.1  # no difference between neighbours
    assert decoder.pixel_loss(shifted, images).item() == pytest.approx(0.1 + 2 * 0.01, rel=1e-4)
