"""From photos, captions and class images to the encoded Data that learning reads."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from likewise import checkpoint
from likewise.concept.prompts import called
from likewise.diffusion.backbone import Backbone, Text
from likewise.diffusion.latents import Picture, TextCache
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data
from likewise.tuning.cache import views
from likewise.words.marks import plainly


def caption(text: str | None, config: Config, identifier: str, noun: str, placeholder: str = "") -> str:
    """What a photo is called while the model learns it.

    Without a caption of its own, the instance prompt. With one, `placeholder` in it is read as in any prompt, as
    "identifier noun"; one that names neither gets the identifier in front of its noun, or, without the noun, both in
    front of everything: otherwise the subject would be bound to the caption's other words.
    """
    subject = f"{identifier} {noun}"
    if not text:
        return config.instance_prompt.format(identifier=identifier, noun=noun)
    if placeholder and placeholder in text:
        return re.sub(re.escape(placeholder), partial(called, identifier, noun), text)
    if re.search(rf"\b{re.escape(identifier)}\b", text, re.IGNORECASE):
        return text
    named, found = plainly(noun).subn(lambda _: subject, text, count=1)
    return named if found else f"a {subject}, {text}"


def captions(
    texts: Sequence[str | None], config: Config, identifier: str, noun: str, placeholder: str = ""
) -> tuple[tuple[str, ...], list[str]]:
    """One caption a photo, and "before -> after" of every caption that had to be given the identifier."""
    final = tuple(caption(text, config, identifier, noun, placeholder) for text in texts)
    changed = [
        f"{text!r} -> {new!r}"
        for text, new in zip(texts, final, strict=True)
        if text and text != new and not (placeholder and placeholder in text)
    ]
    return final, changed


def prepare(
    backbone: Backbone,
    photos: Sequence[Picture],
    texts: tuple[str, ...],
    config: Config,
    noun: str,
    *,
    class_images: Sequence[Picture] = (),
    class_captions: tuple[str, ...] = (),
    plain: str = "",
    cache: Path | None = None,
) -> Data:
    """Encode everything once; `cache` is a folder that keeps latents and encoded prompts between runs.

    texts: one caption a photo; plain: what all are called where captions are dropped; class_captions: one a class
    image, where not all are called by the class prompt. Pictures are scaled to cover the model's native square, or
    photos with `buckets` the shape nearest to their own, and cropped at the centre.
    """
    prompt = config.class_prompt.format(noun=noun)
    sources = [[[photo.image_hash for photo in pictures] for pictures in (photos, class_images)], list(texts), prompt]
    said = {*texts, *class_captions, prompt, plain or prompt}
    return Data(
        photos=views(backbone, photos, config.flip, cache, bucketed=config.buckets),
        captions=texts,
        class_prompt=prompt,
        plain=plain,
        classes=views(backbone, class_images, config.flip, cache) if class_images else (),
        texts={} if config.train_text else _encoded(backbone, said, cache),
        class_captions=class_captions,
        hash=checkpoint.hash_json([*sources, *class_captions]),
    )


def _encoded(backbone: Backbone, prompts: set[str], cache: Path | None) -> dict[str, Text]:
    texts = TextCache(cache / "texts" if cache else None, backbone)
    return {prompt: texts.encode([prompt]) for prompt in sorted(prompts)}
