"""HTML that cannot be injected into: text is escaped by construction, and only tag() makes markup."""

import base64
import html
import io
from collections.abc import Iterable

from PIL import Image

VOID = frozenset({"img", "meta", "br", "circle", "line", "path", "rect"})


class Markup(str):
    """Text that is markup already. Made by tag() and trusted() alone."""

    __slots__ = ()


def trusted(source: str) -> Markup:
    """Markup from a literal or a file of this package; never from anything a user wrote."""
    return Markup(source)


def tag(name: str, /, *children: "str | Iterable", **attributes: object) -> Markup:
    """An element. Children that are no Markup are escaped, attribute values always are.

    An attribute named class_ is `class`, view_box is `viewBox`, other underscores are hyphens; None leaves one out.
    """
    listed = "".join(
        f' {_attribute(key)}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{listed}>" if name in ("img", "meta", "br") else f"<{name}{listed}/>")
    return Markup(f"<{name}{listed}>{join(*children)}</{name}>")


def join(*children: "str | Iterable") -> Markup:
    """Children one after another, escaped where they are no Markup; lists are flattened."""
    return Markup("".join(_child(child) for child in children))


def picture(image: Image.Image, *, side: int, alt: str, **attributes: object) -> Markup:
    """An <img> that carries its own data: JPEG, at most `side` pixels on its longer side, without any metadata."""
    small = image.convert("RGB")
    small.info = {}  # Pillow would write a photo's comment into the new file
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=90, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    source = f"data:image/jpeg;base64,{data}"
    return tag("img", src=source, alt=alt, width=small.width, height=small.height, loading="lazy", **attributes)


def _attribute(key: str) -> str:
    return {"class_": "class", "view_box": "viewBox"}.get(key) or key.replace("_", "-")


def _child(child: "str | Iterable") -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        return html.escape(child, quote=True)
    return "".join(_child(one) for one in child)
