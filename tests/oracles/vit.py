"""A vision transformer read literally: every token through every block, attention as a materialised softmax."""

import torch


def literal(network, images, feature):
    """What ViT(images, feature) must give, from the same weights."""
    shape = network.shape
    w = dict(network.named_parameters())
    patches = []
    for row in range(images.shape[2] // shape.patch):
        for column in range(images.shape[3] // shape.patch):
            y, x = row * shape.patch, column * shape.patch
            part = images[:, :, y : y + shape.patch, x : x + shape.patch].flatten(1)
            patches.append(part @ w["patch_embed.proj.weight"].flatten(1).T + w["patch_embed.proj.bias"])
    tokens = torch.stack([w["cls_token"][0].expand(len(images), -1), *patches], dim=1) + w["pos_embed"]
    if shape.pre_norm:
        tokens = norm(tokens, w, "pre_norm", shape)
    for index in range(shape.depth):
        tokens = block(tokens, w, f"blocks.{index}.", shape)
    if feature == "cls_patch":
        return tokens
    first = tokens[:, 0]
    if feature == "cls":
        return first
    last = norm(first, w, "norm", shape)
    return last @ w["proj"] if feature == "embedding" else last


def block(x, w, at, shape):
    size = shape.width // shape.heads
    q, k, v = (norm(x, w, f"{at}norm1", shape) @ w[f"{at}attn.qkv.weight"].T + w[f"{at}attn.qkv.bias"]).chunk(3, -1)
    heads = []
    for head in range(shape.heads):
        part = slice(head * size, (head + 1) * size)
        scores = torch.softmax(q[..., part] @ k[..., part].transpose(1, 2) / size**0.5, -1)
        heads.append(scores @ v[..., part])
    attended = torch.cat(heads, -1) @ w[f"{at}attn.proj.weight"].T + w[f"{at}attn.proj.bias"]
    x = x + attended * (w[f"{at}ls1.gamma"] if shape.layer_scale else 1)
    wide = norm(x, w, f"{at}norm2", shape) @ w[f"{at}mlp.fc1.weight"].T + w[f"{at}mlp.fc1.bias"]
    gate = 1 / (1 + torch.exp(-1.702 * wide)) if shape.quick_gelu else 0.5 * (1 + torch.erf(wide / 2**0.5))
    wide = wide * gate
    narrow = wide @ w[f"{at}mlp.fc2.weight"].T + w[f"{at}mlp.fc2.bias"]
    return x + narrow * (w[f"{at}ls2.gamma"] if shape.layer_scale else 1)


def norm(x, w, name, shape):
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + shape.epsilon)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]
