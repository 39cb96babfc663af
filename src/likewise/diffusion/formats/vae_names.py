"""An autoencoder's tensors by diffusers' names and by those of the original code (ldm), which counts up blocks down."""

import re

_RESNET, _ATTENTION = {"conv_shortcut": "nin_shortcut"}, {
    "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
}  # fmt: skip
_BLOCK = re.compile(r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.(.+)")
_MIDDLE = re.compile(r"(encoder|decoder)\.mid_block\.(resnets|attentions)\.(\d+)\.(.+)")
_OLD_BLOCK = re.compile(r"(encoder|decoder)\.(down|up)\.(\d+)\.(?:block\.(\d+)|(?:down|up)sample)\.(.+)")
_OLD_MIDDLE = re.compile(r"(encoder|decoder)\.mid\.(block|attn)_(\d+)\.(.+)")


def to_original(name: str, levels: int) -> str:
    """The original name of a tensor; levels: blocks of the encoder, and of the decoder."""
    block, middle = _BLOCK.fullmatch(name), _MIDDLE.fullmatch(name)
    if block:
        level = int(block[3]) if block[2] == "down" else levels - 1 - int(block[3])
        kind = f"block.{block[5]}" if block[4] == "resnets" else f"{block[2]}sample"
        return f"{block[1]}.{block[2]}.{level}.{kind}.{_swap(block[6], _RESNET)}"
    if middle and middle[2] == "resnets":
        return f"{middle[1]}.mid.block_{int(middle[3]) + 1}.{_swap(middle[4], _RESNET)}"
    if middle:
        return f"{middle[1]}.mid.attn_1.{_swap(middle[4], _ATTENTION)}"
    return name.replace("conv_norm_out", "norm_out")


def to_diffusers(name: str, levels: int) -> str:
    """diffusers' name of a tensor that the original calls `name`."""
    resnet, attention = ({new: old for old, new in table.items()} for table in (_RESNET, _ATTENTION))
    block, middle = _OLD_BLOCK.fullmatch(name), _OLD_MIDDLE.fullmatch(name)
    if block:
        level = int(block[3]) if block[2] == "down" else levels - 1 - int(block[3])
        kind = f"resnets.{block[4]}" if block[4] else f"{block[2]}samplers.0"
        return f"{block[1]}.{block[2]}_blocks.{level}.{kind}.{_swap(block[5], resnet)}"
    if middle and middle[2] == "block":
        return f"{middle[1]}.mid_block.resnets.{int(middle[3]) - 1}.{_swap(middle[4], resnet)}"
    if middle:
        return f"{middle[1]}.mid_block.attentions.0.{_swap(middle[4], attention)}"
    return name.replace("norm_out", "conv_norm_out")


def is_matrix(name: str) -> bool:
    """Whether the tensor of this original name is a matrix that the original keeps as a 1 x 1 convolution."""
    return re.fullmatch(r"(encoder|decoder)\.mid\.attn_1\.(q|k|v|proj_out)\.weight", name) is not None


def _swap(rest: str, table: dict[str, str]) -> str:
    found = next((key for key in table if rest.startswith(f"{key}.")), None)
    return rest if found is None else table[found] + rest.removeprefix(found)
