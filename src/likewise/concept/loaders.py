"""How other programs load a concept, as the README that is exported with it."""

from likewise.concept.folder import LORA, PIPELINE, PREVIEW, WORDS, Concept


def readme(concept: Concept, pictured: bool = False) -> str:
    """Markdown: what the concept is, and the exact calls that load it."""
    parts = concept.parts()
    said = f"{concept.identifier} {concept.noun}" if concept.identifier else concept.placeholder
    lines = [f"# {concept.placeholder}: a {concept.noun}", ""]
    lines += [f"![{concept.name}]({PREVIEW})", ""] if pictured else []
    lines += [
        f"Taught by {concept.method} on the base model {concept.base_name or 'of this hash'}",
        f"(sha256 {concept.card.base_hash}). It works with that model only.",
        "",
        f"In Likewise, prompts say `{concept.placeholder}`; in other programs, `{said}`.",
        "",
        "## Likewise",
        f"    likewise imagine '{concept.placeholder} on the beach' --concept .",
        "",
        "## diffusers",
        "    pipe = StableDiffusionPipeline.from_pretrained(BASE)",
    ]
    if "pipeline" in parts:
        lines[-1] = f'    pipe = StableDiffusionPipeline.from_pretrained("{PIPELINE}")'
    if "lora" in parts:
        lines.append(f'    pipe.load_lora_weights(".", weight_name="{LORA}")')
    if "words" in parts:
        lines.append(f'    pipe.load_textual_inversion("{WORDS}")')
    lines.append(f'    pipe("{said} on the beach").images[0].save("picture.png")')
    lines += ["", "## A1111 and ComfyUI"] * ("words" in parts or "lora" in parts)
    if "words" in parts:
        lines.append(f"Put `{concept.name}.safetensors` into the embeddings folder.")
    if "lora" in parts:
        lines.append(f"Put `{concept.name}-lora.safetensors` into the Lora folder.")
    return "\n".join(lines) + "\n"
