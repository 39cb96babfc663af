"""Backbones have the published sizes, and every one gives features that can be trained and exported."""

import pytest
import torch

from likewise.contrastive.config import Config
from likewise.contrastive.student import make
from likewise.encoders.backbones import BACKBONES, Features
from likewise.encoders.resnet import resnet


@pytest.mark.parametrize(("name", "weights"), [("resnet18", 11_176_512), ("resnet50", 23_508_032)])
def test_resnets_have_the_published_number_of_weights_and_names(name, weights):
    with torch.device("meta"):
        net = resnet(name)
    assert sum(p.numel() for p in net.parameters()) == weights
    names = net.state_dict().keys()
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias"} <= names


@pytest.mark.parametrize("name", ["vit-tiny", "vit-small", "vit-base"])
def test_transformers_have_the_published_number_of_weights(name):
    with torch.device("meta"):
        net = Features(name, 224)
    published = {"vit-tiny": 5_524_416, "vit-small": 21_665_664, "vit-base": 85_798_656}  # without a classifier
    assert sum(p.numel() for p in net.parameters()) == published[name]


def test_small_pictures_keep_their_resolution_longer():
    small, large = resnet("resnet18", small=True), resnet("resnet18")
    assert small.conv1.weight.shape[-1] == 3 and large.conv1.weight.shape[-1] == 7


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"vit-base", "vit-small", "resnet50"}))
def test_every_backbone_gives_features_with_a_gradient(name):
    net = make(Config(backbone=name, size=32), 0)
    rows = net.view_rows(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert rows.shape == (2, 128)
    rows.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_trained_backbone_starts_from_its_weights():
    from likewise import encoders

    net = make(Config(backbone="efficientnet-lite0"), 0)
    theirs = encoders.load("efficientnet-lite0").network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in net.reader.features.net.state_dict().items())


def test_the_same_seed_makes_the_same_student():
    first, second, other = (make(Config(backbone="toybox"), seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())
