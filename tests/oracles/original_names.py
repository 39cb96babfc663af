"""LoRA names of SD 1, SD 2 and SDXL, found without any formula: by walking the original network's constructor.

`rows(family)` lists every layer that a LoRA of attention and feed-forward adapts, by diffusers', kohya's and
ComfyUI's name. The original (ldm, sgm) code appends blocks in two loops; the diffusers model, built on the meta device
from its published config, has its transformers in the same order. Run as a script to write the committed lists:

    python tests/oracles/original_names.py tests/fixtures
"""

import sys
from pathlib import Path

import torch

# unet/config.json of the published models, where it differs from the class's defaults, and the openaimodel.UNetModel
# arguments of v1-inference.yaml, v2-inference-v.yaml and sd_xl_base.yaml.
CROSS, PLAIN = "CrossAttnDownBlock2D", "DownBlock2D"
UP, UP_PLAIN = "CrossAttnUpBlock2D", "UpBlock2D"
CONFIGS = {
    "sd1": {
        "sample_size": 64, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
        "down_block_types": [CROSS, CROSS, CROSS, PLAIN], "up_block_types": [UP_PLAIN, UP, UP, UP],
        "cross_attention_dim": 768, "attention_head_dim": 8,
    },
    "sd2": {
        "sample_size": 96, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
        "down_block_types": [CROSS, CROSS, CROSS, PLAIN], "up_block_types": [UP_PLAIN, UP, UP, UP],
        "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True,
    },
    "sdxl": {
        "sample_size": 128, "block_out_channels": [320, 640, 1280], "layers_per_block": 2,
        "down_block_types": [PLAIN, CROSS, CROSS], "up_block_types": [UP, UP, UP_PLAIN],
        "cross_attention_dim": 2048, "attention_head_dim": [5, 10, 20], "use_linear_projection": True,
        "transformer_layers_per_block": [1, 2, 10], "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
    },
}  # fmt: skip
SD = {"num_res_blocks": 2, "attention_resolutions": [4, 2, 1], "channel_mult": [1, 2, 4, 4]}
YAML = {"sd1": SD, "sd2": SD, "sdxl": {"num_res_blocks": 2, "attention_resolutions": [4, 2], "channel_mult": [1, 2, 4]}}
TEXTS = {  # prefix in each scheme, number of layers of CLIP-L, OpenCLIP-H as SD 2 uses it, OpenCLIP-bigG
    "sd1": [("text_encoder", "lora_te", "clip_l", 12)],
    "sd2": [("text_encoder", "lora_te", "clip_h", 23)],
    "sdxl": [("text_encoder", "lora_te1", "clip_l", 12), ("text_encoder_2", "lora_te2", "clip_g", 32)],
}
IN_BLOCK = [f"attn{a}.{to}" for a in (1, 2) for to in ("to_k", "to_out.0", "to_q", "to_v")] + [
    "ff.net.0.proj",
    "ff.net.2",
]
IN_TEXT = ["mlp.fc1", "mlp.fc2", *(f"self_attn.{part}_proj" for part in ("k", "out", "q", "v"))]


def original_transformers(num_res_blocks, attention_resolutions, channel_mult):
    """The places of spatial transformers, in the order in which UNetModel.__init__ appends them."""
    down, up, scale, blocks = [], [], 1, 1  # input_blocks.0 is the first convolution
    for level in range(len(channel_mult)):
        for _ in range(num_res_blocks):
            if scale in attention_resolutions:
                down.append(f"input_blocks.{blocks}.1")
            blocks += 1
        if level != len(channel_mult) - 1:
            blocks, scale = blocks + 1, scale * 2
    blocks = 0
    for level in reversed(range(len(channel_mult))):
        for _ in range(num_res_blocks + 1):
            if scale in attention_resolutions:
                up.append(f"output_blocks.{blocks}.1")
            blocks += 1
        if level:
            scale //= 2
    return {"down_blocks": down, "mid_block": ["middle_block.1"], "up_blocks": up}


def rows(family):
    """(diffusers, kohya, comfyui) of every layer, without the ending of the tensor; sorted."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(dict(CONFIGS[family]))
    places = {name: module for name, module in unet.named_modules() if type(module).__name__ == "Transformer2DModel"}
    found = []
    for side, originals in original_transformers(**YAML[family]).items():
        ours = [name for name in places if name.startswith(side)]
        for name, original in zip(ours, originals, strict=True):
            inner = ["proj_in", "proj_out"]
            for depth in range(len(places[name].transformer_blocks)):
                inner += [f"transformer_blocks.{depth}.{part}" for part in IN_BLOCK]
            for part in inner:
                kohya = f"{original if family == 'sdxl' else name}.{part}".replace(".", "_")
                found.append((f"unet.{name}.{part}.lora", f"lora_unet_{kohya}", f"diffusion_model.{original}.{part}"))
    for component, prefix, clip, count in TEXTS[family]:
        for path in (f"text_model.encoder.layers.{layer}.{part}" for layer in range(count) for part in IN_TEXT):
            flat = path.replace(".", "_")
            names = (
                f"{component}.{path}.lora_linear_layer",
                f"{prefix}_{flat}",
                f"text_encoders.{clip}.transformer.{path}",
            )
            found.append(names)
    return sorted(found)


def read(folder, family):
    """A committed list."""
    text = (folder / f"lora_names_{family}.tsv").read_text(encoding="utf-8")
    return [tuple(line.split("\t")) for line in text.splitlines()]


if __name__ == "__main__":
    for family in CONFIGS:
        text = "".join("\t".join(row) + "\n" for row in rows(family))
        Path(sys.argv[1], f"lora_names_{family}.tsv").write_text(text, encoding="utf-8")
