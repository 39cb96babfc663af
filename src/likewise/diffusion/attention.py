"""Find the attention layers of a U-Net, and exchange their processors for the length of a scope."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class Site:
    """One attention layer. name: its path in the U-Net; cross: whether it reads the text, not the picture itself."""

    name: str
    cross: bool
    heads: int
    width: int  # channels of the picture's features here
    module: Any  # diffusers' Attention, whose `processor` computes the attention

    @property
    def stage(self) -> str:
        """down, mid or up."""
        return self.name.partition("_")[0]


def sites(unet: nn.Module) -> list[Site]:
    """Every attention layer of a UNet2DConditionModel, in the order of its module tree."""
    from diffusers.models.attention_processor import Attention

    return [
        Site(name, bool(module.is_cross_attention), module.heads, module.query_dim, module)
        for name, module in unet.named_modules()
        if isinstance(module, Attention)
    ]


@contextmanager
def swapped(unet: nn.Module, choose: Callable[[Site], Any | None]) -> Iterator[list[Site]]:
    """While inside, attention runs on the processors that `choose` gives; None leaves a layer as it is.

    Yields the sites that changed. Whatever happens inside, the very processors from before are put back; so scopes
    nest, as long as the inner one ends first.
    """
    chosen = [(site, processor) for site in sites(unet) if (processor := choose(site)) is not None]
    with exchanged(chosen):
        yield [site for site, _ in chosen]


@contextmanager
def exchanged(chosen: Sequence[tuple[Site, Any]]) -> Iterator[None]:
    """As swapped, for sites that are known already: finding them walks the whole network."""
    before = [site.module.processor for site, _ in chosen]
    try:
        for site, processor in chosen:
            site.module.processor = processor
        yield
    finally:
        for (site, _), processor in zip(chosen, before, strict=True):
            site.module.processor = processor
