"""Photos as latents, kept between runs in the user's cache."""

import os
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from likewise.diffusion.backbone import Backbone, Moments
from likewise.diffusion.latents import LatentCache, Picture


def cache_folder() -> Path:
    """Where what can be made again is kept: LIKEWISE_HOME/cache, or the platform's folder for caches."""
    chosen = os.environ.get("LIKEWISE_HOME")
    return Path(chosen).expanduser() / "cache" if chosen else user_cache_path("likewise", appauthor=False)


def views(backbone: Backbone, photos: Sequence[Picture], flip: bool, cache: Path | None) -> tuple[Moments, ...]:
    """The photos' latent moments; with `flip` a second entry of the mirrored photos, in the same order.

    cache: the folder that keeps them. Photos are scaled to cover the model's native square and cropped at the centre.
    """
    latents = LatentCache(cache / "latents" if cache else None, backbone)
    return tuple(latents.moments(photos, mirrored=mirrored) for mirrored in ((False, True) if flip else (False,)))
