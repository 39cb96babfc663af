"""Adapters change nothing until they are trained, and only then what they should."""

import pytest
import torch
from torch import nn

from likewise.diffusion import lora
from likewise.errors import LoraTargetError


class Attention(nn.Module):
    """Two layers with names that a U-Net uses, one that it does not adapt, and a 1 x 1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.proj_in = nn.Conv2d(4, 4, 1)
        self.to_q, self.to_k = nn.Linear(4, 6, bias=False), nn.Linear(4, 6)
        self.other = nn.Linear(6, 2)

    def forward(self, x):
        x = self.proj_in(x[:, :, None, None])[:, :, 0, 0]
        return self.other(self.to_q(x) + self.to_k(x))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Attention().requires_grad_(False)


def put(model, targets=("to_q", "to_k", "proj_in"), **options):
    options = {"rank": 2, "alpha": 3.0, "seed": 0, **options}
    return lora.inject(model, "unet", targets=targets, **options)


def trained(adapters, scale=0.3):
    for index, parameter in enumerate(adapters.parameters().values()):
        parameter.data += scale * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index))
    return adapters


def test_a_fresh_adapter_has_no_effect(model):
    x = torch.randn(3, 4)
    before = model(x)
    put(model)
    assert torch.equal(model(x), before)


def test_equals_the_formula_layer_by_layer(model):
    adapters = trained(put(model))
    x = torch.randn(3, 4)
    pair = adapters.pairs["to_q"]
    assert torch.allclose(model.to_q(x), x @ (model.to_q.weight + 3 / 2 * pair.up @ pair.down).T, atol=1e-6)


def test_merging_gives_the_same_outputs_without_hooks(model):
    adapters = trained(put(model))
    x = torch.randn(3, 4)
    during = model(x)
    adapters.merge()
    assert torch.allclose(model(x), during, atol=1e-6)
    assert not model.to_q._forward_hooks


@pytest.mark.parametrize("look", [{"stride": 2, "padding": 1}, {"padding": 2, "dilation": 2}, {}])
def test_a_convolution_is_adapted_by_one_of_its_own_window(look):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3, **look)).requires_grad_(False)
    adapters = trained(put(model, targets=("0",)))
    pair, x = adapters.pairs["0"], torch.randn(2, 3, 8, 8)
    during = model(x)
    weight = model[0].weight + 3 / 2 * torch.einsum("or,rihw->oihw", pair.up[:, :, 0, 0], pair.down)
    assert torch.allclose(during, nn.functional.conv2d(x, weight, model[0].bias, **look), atol=1e-6)
    adapters.merge()
    assert torch.allclose(model(x), during, atol=1e-6)


def test_removing_and_disabling_restore_the_model_bit_for_bit(model):
    x = torch.randn(3, 4)
    before, weights = model(x), {name: value.clone() for name, value in model.state_dict().items()}
    adapters = trained(put(model))
    during = model(x)
    assert not torch.equal(during, before)
    with pytest.raises(RuntimeError), adapters.disabled():
        assert torch.equal(model(x), before)
        raise RuntimeError
    assert torch.equal(model(x), during)
    adapters.strength = 0.0
    assert torch.equal(model(x), before)
    adapters.remove()
    assert torch.equal(model(x), before)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("shape", [((4, 6), (5, 4)), ((4, 3, 3, 3), (5, 4, 1, 1))])
def test_under_autocast_an_adapter_takes_its_strength_and_is_near_float32(shape):
    stream = torch.Generator().manual_seed(0)
    down, up = (torch.randn(one, generator=stream) for one in shape)
    pair, x = lora.Pair(down, up, 0.5), torch.randn(2, *((3, 8, 8) if down.ndim == 4 else (6,)), generator=stream)
    exact = pair(x)
    assert torch.allclose(pair(x, 0.4), 0.4 * exact, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        near = pair(x, 0.4)
    assert near.dtype == torch.bfloat16 and torch.allclose(near.float(), 0.4 * exact, rtol=0.05, atol=0.05)


def test_two_adapters_add_up(model):
    x = torch.randn(3, 4)
    first, second = trained(put(model, ("to_q",))), trained(put(model, ("to_q",), seed=1), 0.2)
    base = x @ model.to_q.weight.T
    assert torch.allclose(model.to_q(x), base + first.pairs["to_q"](x) + second.pairs["to_q"](x), atol=1e-6)


def test_gradients_reach_the_adapters_and_nothing_else(model):
    adapters = put(model)
    model(torch.randn(3, 4)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in adapters.parameters().values())
    assert all(value.grad is None for value in model.parameters())


def test_adapters_are_float32_beside_a_half_precision_layer():
    model = Attention().requires_grad_(False).bfloat16()
    adapters = put(model)
    assert {parameter.dtype for parameter in adapters.parameters().values()} == {torch.float32}
    assert model.to_q(torch.randn(2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("start", ["kaiming", "gaussian"])
def test_the_start_of_a_layer_does_not_depend_on_the_other_layers(model, start):
    alone = put(model, ("to_k",), start=start).pairs["to_k"].down
    assert torch.equal(put(model, start=start).pairs["to_k"].down, alone)
    assert not torch.equal(put(model, seed=1, start=start).pairs["to_k"].down, alone)


def test_kaiming_starts_within_its_bound_and_gaussian_with_its_spread():
    wide = nn.Sequential(nn.Linear(400, 8))
    down = lora.inject(wide, "unet", rank=64, alpha=1.0, targets=("0",), seed=0).pairs["0"].down
    assert down.abs().max() <= 1 / 20
    down = lora.inject(wide, "unet", rank=64, alpha=1.0, targets=("0",), seed=0, start="gaussian").pairs["0"].down
    assert down.std().item() == pytest.approx(1 / 64, rel=0.05)


def test_matching_no_layer_is_an_error_that_names_the_layers_there_are(model):
    with pytest.raises(LoraTargetError, match=r"to_v.*other, proj_in, to_k, to_q"):
        put(model, ("to_v",))


def test_a_target_is_a_whole_name_not_an_ending_of_letters():
    model = nn.ModuleDict({"not_to_q": nn.Linear(2, 2), "to_q": nn.Linear(2, 2)})
    assert list(put(model, ("to_q",)).pairs) == ["to_q"]
