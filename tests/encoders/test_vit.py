import pytest
import torch

from likewise.encoders.vit import Shape, ViT
from likewise.errors import ImageBatchError
from oracles.vit import literal

PLAIN = Shape(patch=4, width=24, depth=3, heads=3, pixels=16)
CLIP = Shape(
    patch=8, width=24, depth=2, heads=2, pixels=16, epsilon=1e-5, pre_norm=True, quick_gelu=True, projection=10
)
OPEN = Shape(patch=8, width=24, depth=2, heads=2, pixels=16, epsilon=1e-5, pre_norm=True, projection=10)
SCALED = Shape(patch=4, width=24, depth=2, heads=4, pixels=16, layer_scale=True)


def made(shape, seed=0):
    """A ViT with every parameter random, so that none can be left out unnoticed."""
    network = ViT(shape).double().eval()
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64) * 0.3)
    return network


@pytest.mark.parametrize("shape", [PLAIN, CLIP, OPEN, SCALED], ids=["plain", "clip", "openclip", "scaled"])
def test_every_feature_equals_the_literal_network(shape, rng):
    network, images = made(shape), torch.randn(2, 3, 16, 16, generator=rng, dtype=torch.float64)
    for feature in ("cls", "last_layer", "cls_patch", *(("embedding",) if shape.projection else ())):
        found = network(images, feature)
        assert (found - literal(network, images, feature)).abs().max() <= 1e-10


def test_cls_is_taken_before_the_final_norm(rng):
    network, images = made(PLAIN), torch.randn(1, 3, 16, 16, generator=rng, dtype=torch.float64)
    cls, last = network(images, "cls"), network(images, "last_layer")
    assert (network.norm(cls) - last).abs().max() <= 1e-12
    assert (cls - last).abs().max() > 1e-3
    assert torch.allclose(network(images, "cls_patch")[:, 0], cls, atol=1e-12, rtol=0)


def test_quick_gelu_and_gelu_differ(rng):
    images = torch.randn(1, 3, 16, 16, generator=rng, dtype=torch.float64)
    assert (made(CLIP)(images, "cls") - made(OPEN)(images, "cls")).abs().max() > 1e-4


def test_an_adapter_on_the_fused_layer_reaches_the_last_block(rng):
    network, images = made(PLAIN), torch.randn(1, 3, 16, 16, generator=rng, dtype=torch.float64)
    before = network(images, "cls")
    handle = network.blocks[-1].attn.qkv.register_forward_hook(lambda layer, inputs, output: output * 1.5)
    assert (network(images, "cls") - before).abs().max() > 1e-3
    handle.remove()


def test_other_sizes_interpolate_the_position_codes(rng):
    network, images = made(PLAIN), torch.randn(1, 3, 24, 20, generator=rng, dtype=torch.float64)
    assert network(images, "cls_patch").shape == (1, 1 + 6 * 5, 24)
    codes = network._positions(6, 5)
    assert torch.equal(codes[:, :1], network.pos_embed[:, :1])
    network.pos_embed.data[:] = 3.0
    assert torch.allclose(network._positions(6, 5), torch.full((1, 31, 24), 3.0, dtype=torch.float64), atol=1e-9)


def test_dinov2_reads_224_pixels_with_the_codes_of_518():
    with torch.device("meta"):
        network = ViT(Shape(patch=14, width=48, depth=1, heads=2, pixels=518, layer_scale=True))
        assert network.pos_embed.shape == (1, 37 * 37 + 1, 48)
        assert network(torch.empty(1, 3, 224, 224), "cls").shape == (1, 48)


def test_sides_must_be_multiples_of_the_patch():
    with pytest.raises(ImageBatchError, match="multiples of 4"):
        made(PLAIN)(torch.zeros(1, 3, 18, 16, dtype=torch.float64))
