"""Any pixel format to 8-bit RGB: scale deep pixels, convert colour profiles to sRGB, lay transparency on white."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms, features


def eight_bits(image: Image.Image) -> Image.Image:
    """16-bit, integer and float greys as mode "L", by their full range; other modes as they are.

    Pillow's own convert("L") would clip everything above 255 to white. ValueError when the range cannot be known.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("its pixels hold values that are no numbers (NaN or infinity)")
    top = 1.0 if image.mode == "F" else 65535.0
    if values.min() < 0 or values.max() > top:
        found = f"{values.min():g} to {values.max():g}"
        raise ValueError(f"its {image.mode} pixels run from {found}, where 0 to {top:g} is expected")
    grey = Image.fromarray(np.rint(values * (255 / top)).astype(np.uint8))
    key = image.info.get("transparency")
    if isinstance(key, int):  # a PNG's one transparent grey
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def to_srgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str, str]:
    """(picture, profile converted from or "", problem or ""); alpha is kept. Without a profile nothing changes."""
    if not icc:
        return image, "", ""
    if not features.check("littlecms2"):
        return image, "", "this Pillow was built without LittleCMS"
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        name = ImageCms.getProfileDescription(profile).strip()
        if "sRGB" in name:  # converting sRGB to sRGB only adds rounding
            return image, "", ""
        return _convert(image, profile, _space(icc)), name or "unnamed", ""
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        return image, "", str(error)


def _convert(image: Image.Image, profile: ImageCms.ImageCmsProfile, space: str) -> Image.Image:
    has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    alpha = image.convert("RGBA").getchannel("A") if has_alpha else None
    family = "CMYK" if image.mode == "CMYK" else "GRAY" if image.mode in ("1", "L", "LA") else "RGB"
    if space != family and (space, family) != ("RGB", "GRAY"):  # greys are colours, but not the other way round
        raise ValueError(f"it is made for {space or 'unnamed'} pixels, and these are {family}")
    converted = ImageCms.profileToProfile(
        image.convert({"CMYK": "CMYK", "GRAY": "L", "RGB": "RGB"}[space]),
        profile,
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    assert converted is not None  # only in-place conversion gives None
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _space(icc: bytes) -> str:
    """The pixels that a profile is made for, such as "RGB", "GRAY" or "CMYK": bytes 16 to 20 of its header."""
    return icc[16:20].decode("ascii", "replace").strip()


def opaque(image: Image.Image) -> tuple[Image.Image, bool]:
    """(RGB picture on white, whether anything showed through)."""
    if image.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and "transparency" not in image.info:
        return image.convert("RGB"), False
    layer = image.convert("RGBA")
    transparent = layer.getchannel("A").histogram()[255] < layer.width * layer.height
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB"), transparent
