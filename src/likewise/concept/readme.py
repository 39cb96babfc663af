"""How other programs load an exported concept: the README.txt beside it, with the exact calls."""

from collections.abc import Iterator

from likewise.concept import header
from likewise.concept.folder import LORA, PIPELINE, PREVIEW, WORDS, WORDS_2, Concept

CLASSES = {"sdxl": "StableDiffusionXLPipeline"}
SECOND = ", text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)"
FIRST = ", text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)"


def readme(concept: Concept, format: str, family: str, *, pictured: bool = False) -> str:
    """Plain text: what the concept is, and the calls that load the files of this format."""
    said = header.trigger(concept.card) or "nothing: it acts on every prompt"
    lines = [
        f"{concept.placeholder}: {concept.noun or 'a style'}",
        "",
        f"Taught by {concept.method} on the base model {concept.base_name or 'of this hash'}",
        f"(sha256 {concept.card.base_hash}). It works with that model only.",
        f"In Likewise, prompts say {concept.placeholder}; in other programs: {said}",
        *([f"{PREVIEW} is a picture of it."] if pictured else []),
    ]
    if format == "all":
        lines += ["", "Likewise:", f"    likewise imagine '{concept.placeholder} on the beach' --concept .",
                  "    likewise concepts import ."]  # fmt: skip
    if format in ("all", "diffusers", "pipeline"):
        lines += ["", "diffusers (0.42 or newer):", *_diffusers(concept, format, family)]
    if format == "single-file":
        lines += ["", "diffusers:", *_single(concept, family)]
    if format != "diffusers" and format != "pipeline":
        lines += _others(concept, format, family)
    return "\n".join(lines) + "\n"


def _diffusers(concept: Concept, format: str, family: str) -> Iterator[str]:
    kind = CLASSES.get(family, "StableDiffusionPipeline")
    whole = format == "pipeline" or (PIPELINE in concept.parts() and "lora" not in concept.parts())
    place = f'"{PIPELINE}"' if whole else "BASE"
    yield f"    from diffusers import {kind}"
    yield f"    pipe = {kind}.from_pretrained({place})"
    if "lora" in concept.parts() and not whole:
        yield f'    pipe.load_lora_weights(".", weight_name="{LORA}")'
    yield from _words(concept, family)
    yield f'    pipe("{header.trigger(concept.card)} on the beach").images[0].save("picture.png")'


def _words(concept: Concept, family: str) -> Iterator[str]:
    if "words" in concept.parts() and family == "sdxl":
        yield f'    pipe.load_textual_inversion("{WORDS}"{FIRST}'
        yield f'    pipe.load_textual_inversion("{WORDS_2}"{SECOND}'
    elif "words" in concept.parts():
        yield f'    pipe.load_textual_inversion("{WORDS}")'


def _single(concept: Concept, family: str) -> Iterator[str]:
    kind = CLASSES.get(family, "StableDiffusionPipeline")
    yield f"    from diffusers import {kind}"
    yield f'    pipe = {kind}.from_single_file("{concept.name}.safetensors", config=BASE)'
    yield from _words(concept, family)
    yield f'    pipe("{header.trigger(concept.card)} on the beach").images[0].save("picture.png")'


def _others(concept: Concept, format: str, family: str) -> Iterator[str]:
    parts, name, said = concept.parts(), concept.name, header.trigger(concept.card)
    if family == "toybox":
        yield from ("", "A1111 and ComfyUI do not know this base model; the files are in their names all the same.")
    has_lora, has_words = "lora" in parts and format != "single-file", "words" in parts
    word = f"{name}-word" if format == "single-file" else name
    yield from ("", "A1111, Forge:")
    if format == "single-file":
        yield f"    models/Stable-diffusion/{name}.safetensors"
        if family == "sd2":
            yield f"    Copy v2-inference.yaml, or v2-inference-v.yaml for a v model, beside it as {name}.yaml."
    if has_lora and format != "comfyui":
        yield f"    models/Lora/{name}-lora.safetensors       prompt: {said} <lora:{name}-lora:1>"
    if has_words:
        yield f"    embeddings/{word}.safetensors       prompt: {word}"
    yield from ("", "ComfyUI:")
    if format == "single-file":
        yield f"    models/checkpoints/{name}.safetensors       node Load Checkpoint"
    if has_lora:
        yield f"    models/loras/{name}-lora.safetensors       node Load LoRA, strength 1, prompt: {said}"
    if has_words:
        yield f"    models/embeddings/{word}.safetensors       prompt: embedding:{word}"
    if has_words and family == "sdxl":
        pooling = concept.card.config.get("pooling", "argmax")
        yield f"    Learned with the pooled text read at the {_POOLED.get(str(pooling), str(pooling))}."


_POOLED = {
    "eos": "end mark, as ComfyUI and A1111 do",
    "argmax": "word itself, as diffusers does; others differ slightly",
}
