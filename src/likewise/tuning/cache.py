"""Photos as latents, kept between runs in the user's cache."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

from likewise import images
from likewise.diffusion import buckets
from likewise.diffusion.backbone import Backbone, Moments
from likewise.diffusion.latents import LatentCache, Picture
from likewise.errors import SquarePhotosWarning


def cache_folder() -> Path:
    """Where what can be made again is kept: LIKEWISE_HOME/cache, or the platform's folder for caches."""
    chosen = os.environ.get("LIKEWISE_HOME")
    return Path(chosen).expanduser() / "cache" if chosen else user_cache_path("likewise", appauthor=False)


def views(
    backbone: Backbone, photos: Sequence[Picture], flip: bool, cache: Path | None, *, bucketed: bool = False
) -> tuple[Moments, ...]:
    """The photos' latent moments; with `flip` a second entry of the mirrored photos, in the same order.

    cache: the folder that keeps them. Photos are scaled to cover the model's native square, or where `bucketed` the
    shape nearest to their own, and cropped at the centre.
    """
    latents = LatentCache(cache / "latents" if cache else None, backbone)
    framed = frames(backbone, photos) if bucketed else None
    return tuple(
        latents.moments(photos, framed, mirrored=mirrored) for mirrored in ((False, True) if flip else (False,))
    )


def frames(backbone: Backbone, photos: Sequence[Picture]) -> list[buckets.Frame]:
    """The bucket of each photo; SquarePhotosWarning if all are square, so that buckets change nothing."""
    among = buckets.of(backbone)
    found = [buckets.nearest(images.read(photo.path).size, among) for photo in photos]
    if all(width == height for width, height in found):
        warnings.warn(SquarePhotosWarning(), stacklevel=2)
    return found
