"""What is changed to fit a device, in which order, and what is never changed; who waits in main memory meanwhile."""

import pytest
import torch

from likewise import diffusion
from likewise.devices import Device
from likewise.diffusion import tiny
from likewise.diffusion.estimate import GIB, Estimate
from likewise.diffusion.seat import Seat
from likewise.dreambooth.config import Config
from likewise.errors import MemoryBudgetError, SettingError
from likewise.pivotal.config import Config as PivotalConfig
from likewise.textual_inversion.config import Config as WordConfig
from likewise.tuning import budget

GPU, CPU = Device("cuda", torch.bfloat16, ""), Device("cpu", torch.float32, "")


class Model:
    """A stand-in that needs 4 GiB of weights, and 3 for each row, a third of it when recomputing."""

    def estimate(self, job):
        weights = 4 * GIB if job.precision == "bfloat16" else 8 * GIB
        weights += 12 * GIB if job.train == "full" else 0
        activations = job.rows * (GIB if job.checkpointing else 3 * GIB)
        return Estimate(weights, 0, 0, 0, 0, activations, 0)


def choose(vram, device=GPU, **options):
    return budget.choose(Model(), lambda given: Config(**{"batch": 2, "steps": 9, **given}), options, vram, device)


@pytest.mark.parametrize(
    ("vram", "changes"),
    [
        (24, {}),
        (12, {"batch": 1, "accumulation": 2}),
        (8, {"batch": 1, "accumulation": 2, "checkpointing": True}),
    ],
)
def test_the_fastest_way_that_fits_is_taken(vram, changes):
    fitted = choose(vram)
    assert fitted.options == {"precision": "bfloat16", **changes}
    assert fitted.estimate.needed <= vram * GIB
    config = Config(**{"batch": 2, "steps": 9, **fitted.options})
    assert config.samples == 2


def test_the_halves_part_only_where_nothing_else_helps_and_there_is_a_prior():
    def last(**options):
        return budget._ways(Config(batch=2, **options), GPU, {})[-1]

    assert last() == {
        "precision": "bfloat16", "batch": 1, "accumulation": 2, "checkpointing": True, "prior_apart": True,
    }  # fmt: skip
    assert "prior_apart" not in last(prior="none")


def test_what_was_asked_for_is_never_changed():
    assert choose(24, checkpointing=False, batch=2, precision="bfloat16").options == {}
    assert choose(16, checkpointing=False, batch=2).options == {"precision": "bfloat16", "prior_apart": True}
    with pytest.raises(MemoryBudgetError, match=r"does not fit 8 GiB.*needs least takes 8\.1 GiB"):
        choose(8, checkpointing=False, batch=1)


def test_what_cannot_fit_is_refused_with_what_would():
    with pytest.raises(MemoryBudgetError, match="--train lora"):
        choose(16, train="full")
    with pytest.raises(MemoryBudgetError, match="smaller base model"):
        choose(8, device=CPU)
    with pytest.raises(SettingError, match="8, 12, 16, 24"):
        budget.fit("toybox", Config, {}, 10, CPU)


def test_a_device_without_bfloat16_keeps_float32():
    assert choose(16, device=CPU).options == {"batch": 1, "accumulation": 2}


@pytest.mark.parametrize(
    ("config", "spared"),
    [
        (Config(), ("vae", "text", "unet")),
        (Config(train_text=True), ("vae",)),
        (Config(train="full"), ("vae", "text")),
        (WordConfig(), ("vae",)),
        (PivotalConfig(), ("vae",)),
    ],
)
def test_what_gradients_go_through_is_not_spared(config, spared):
    assert budget.spare(config) == spared
    learns = {WordConfig: "words", PivotalConfig: "lora"}.get(type(config)) or config.train
    assert budget.job_of(config, GPU, spared).train == learns


class Moved:
    def __init__(self):
        self.at = "cpu"

    def to(self, device):
        self.at = str(device)


def test_a_spared_network_comes_for_a_call_and_the_unet_makes_room():
    unet, vae, text = Moved(), Moved(), Moved()
    seat = Seat({"unet": [unet], "vae": [vae], "text": [text]})
    seat.spare("unet", "vae")
    seat.to("cuda:0")
    assert (unet.at, vae.at, text.at) == ("cuda:0", "cpu", "cuda:0")
    with seat.using("vae"):
        assert (unet.at, vae.at, text.at) == ("cpu", "cuda:0", "cuda:0")
    with seat.using("text"):
        assert (unet.at, vae.at, text.at) == ("cuda:0", "cpu", "cuda:0")
    with pytest.raises(KeyError), seat.using("vae"):
        raise KeyError
    assert (unet.at, vae.at) == ("cuda:0", "cpu")
    seat.spare()
    assert (unet.at, vae.at, text.at) == ("cuda:0",) * 3


def test_a_model_is_opened_with_the_options_that_fit_and_a_given_one_is_let_be(tmp_path):
    folder = tiny.pipeline(tmp_path / "sdxl", "sdxl")
    model, options, told = budget.opened(folder, Config, {"rank": 2, "precision": "bfloat16"}, 8, CPU)
    assert options == {"rank": 2, "precision": "bfloat16"} and "GiB" in str(told)
    assert {p.dtype for p in model.unet.parameters()} == {torch.bfloat16}
    assert {p.dtype for tower in model.text_encoders for p in tower.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in model.vae.parameters()} == {torch.float32}  # SDXL's overflows in half precision
    assert budget.opened(model, Config, {}, None, CPU) == (model, {}, None)
    with pytest.raises(SettingError, match="name the model or its folder"):
        budget.opened(model, Config, {}, 8, CPU)
    with pytest.raises(SettingError, match="holds bfloat16"):
        budget.opened(model, Config, {"precision": "float32"}, None, CPU)
    with pytest.raises(SettingError, match="precision is 'half'"):
        diffusion.load(folder, "half")
