"""FABRIC (arXiv:2307.10159) as its algorithm reads, step by step and slowly, in whatever precision the U-Net has.

Two passes a step: the references alone, the input of every first attention kept; then the pictures, whose attention
sees those inputs after its own, projected again for every row, probabilities multiplied and renormalised.
"""

import torch


def attention(attn, hidden, reference, weights):
    """hidden (B, n, d) with reference (m, d), whose tokens have the weights (m,): softmax, scaled, renormalised."""
    rows, own, _ = hidden.shape
    both = torch.cat([hidden, reference.expand(rows, -1, -1)], dim=1)
    q, k, v = attn.to_q(hidden), attn.to_k(both), attn.to_v(both)
    q, k, v = (x.reshape(rows, -1, attn.heads, x.shape[-1] // attn.heads).transpose(1, 2) for x in (q, k, v))
    probabilities = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    scaled = probabilities * torch.cat([torch.ones(own, dtype=weights.dtype), weights])
    out = scaled / scaled.sum(-1, keepdim=True) @ v
    return attn.to_out[0](out.transpose(1, 2).reshape(rows, own, -1))


def layers(unet):
    """(attn1, factor of the bottleneck b as (1 - j / D, j / D)) of every transformer block, in the order they run."""
    count = len(unet.down_blocks)
    blocks = [(block, j) for j, block in enumerate(unet.down_blocks)] + [(unet.mid_block, count)]
    blocks += [(block, count - 1 - j) for j, block in enumerate(unet.up_blocks)]
    found = []
    for block, j in blocks:
        for group in getattr(block, "attentions", None) or []:
            found += [(inner.attn1, j / count) for inner in group.transformer_blocks]
    return found


def capture(unet, call):
    """The input of every attn1 while call() runs, in order."""
    seen = []
    hooks = [attn.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0])) for attn, _ in layers(unet)]
    try:
        call()
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def predict(unet_call, unet, latents, bound, free, references, weights, scale, bottlenecks=(1.0, 1.0)):
    """The guided output. references: noised (likes, dislikes), each (N, C, h, w); weights: the same as lists.

    unet_call(latents, which) runs the U-Net, which: a list of "bound", "free" or "blank" for every row.
    """
    count = len(latents)
    hidden = []
    for side in references:
        hidden.append(capture(unet, lambda side=side: unet_call(side, ["blank"] * len(side))) if len(side) else None)
    before = [attn.forward for attn, _ in layers(unet)]
    try:
        for index, (attn, part) in enumerate(layers(unet)):
            attn.forward = _fed(attn, attn.forward, index, part, count, hidden, weights, bottlenecks)
        output = unet_call(torch.cat([latents, latents]), ["bound"] * count + ["free"] * count)
    finally:
        for (attn, _), forward in zip(layers(unet), before, strict=True):
            attn.forward = forward
    conditioned, unconditioned = output.chunk(2)
    return unconditioned + scale * (conditioned - unconditioned)


def _fed(attn, plain, index, part, count, hidden, weights, bottlenecks):
    def forward(x, **_named):
        out = []
        for side, rows in enumerate((x[:count], x[count:])):  # likes for the rows with the prompt, which come first
            if hidden[side] is None:
                out.append(plain(rows))
                continue
            reference = hidden[side][index]
            factor = 1 + (bottlenecks[side] - 1) * part
            each = torch.tensor(weights[side], dtype=x.dtype) * factor
            out.append(attention(attn, rows, reference.flatten(0, 1), each.repeat_interleave(reference.shape[1])))
        return torch.cat(out)

    return forward


def active(steps, start, end):
    """The steps of the window, its end included."""
    return {i for i in range(steps) if round(steps * start) <= i <= round(steps * end)}


def loop(solver, signal, unet_call, unet, noise, latents, eps, scale, strong, weak, negative_part, window):
    """All steps. latents: clean references (likes, dislikes); eps(side, index, step): their noise; signal(i): abar."""
    x = noise * solver.init_noise_sigma
    steps = len(solver.timesteps)
    for i, t in enumerate(solver.timesteps):
        w = strong if i in active(steps, *window) else weak
        sides = []
        for side in (0, 1):
            rows = [
                signal(i) ** 0.5 * z + (1 - signal(i)) ** 0.5 * eps(side, j, i) for j, z in enumerate(latents[side])
            ]
            sides.append(torch.stack(rows) if rows and w > 0 else noise[:0])
        weights = [[w] * len(sides[0]), [w * negative_part] * len(sides[1])]
        scaled = solver.scale_model_input(x, t)
        call = lambda z, which, t=t: unet_call(z, which, t)  # noqa: E731
        output = predict(call, unet, scaled, None, None, sides, weights, scale)
        x = solver.step(output.to(x.dtype), t, x, return_dict=False)[0]
    return x
