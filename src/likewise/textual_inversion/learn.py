"""Teach a frozen diffusion model one new word from a few photos (Textual Inversion, arXiv:2208.01618)."""

from collections.abc import Iterator

from likewise.devices import Device
from likewise.diffusion.backbone import Backbone
from likewise.textual_inversion.config import Config
from likewise.textual_inversion.descent import optimise
from likewise.textual_inversion.draw import Data
from likewise.training import State, Step


def learn(
    backbone: Backbone,
    data: Data,
    config: Config,
    seed: int,
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step; see `optimise`, of which this is the case of one seed.

    No weight of `backbone` changes; the word's vectors are in each step's state.
    """
    return optimise(backbone, data, config, [seed], [data.words], resume=resume, device=device)
