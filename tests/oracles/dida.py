"""DIDA straight from its definition: node by node, neighbour by neighbour, in plain loops, for float64 tensors."""

import math

import torch
from torch.nn import functional as F


def softmax(values):
    top = max(values)
    raised = [math.exp(value - top) for value in values]
    return [value / (sum(raised) + 1e-16) for value in raised]


def _softmax(values):  # the same with gradients
    raised = torch.exp(values - values.max().detach())
    return raised / (raised.sum() + 1e-16)


def network(layer, x, config):
    """y = MLP(norm(x)), then x + y, or a gated mean."""
    made = layer.network(layer.norm(x) if config.norm else x)
    if config.skip:
        share = torch.sigmoid(layer.gate)
        return (1 - share) * x + share * made
    return x + made


def project(linear, x, code, config):
    if config.time_code == "concat":
        return linear(torch.cat([x, code]))
    return linear(x + code) if config.time_code == "add" else linear(x)


def layer(layer, snapshots, xs, config):
    """The invariant and variant parts, (T, N, d) each. snapshots: T edge_index; xs (T, N, d)."""
    heads, size = config.heads, config.width // config.heads
    invariant, variant = [], []
    for t in range(len(snapshots)):
        code_t = layer.time(layer.table[t])
        rows, other_rows = [], []
        for u in range(xs.shape[1]):
            q = project(layer.query, xs[t][u], code_t, config)
            keys, values = [], []
            for s in range(t + 1):
                code_s = layer.time(layer.table[s])
                pairs = snapshots[s].T.tolist()
                pairs = pairs + [(b, a) for a, b in pairs] if config.both_ways else pairs
                for v, target in pairs:
                    if target == u:
                        keys.append(project(layer.key, xs[s][v], code_s, config))
                        values.append(project(layer.value, xs[s][v], code_s, config))
            c, n = torch.zeros(config.width, dtype=xs.dtype), torch.zeros(config.width, dtype=xs.dtype)
            if keys:
                parts, other_parts = [], []
                for h in range(heads):
                    own = slice(h * size, (h + 1) * size)
                    a = torch.stack([(q[own] * k[own]).sum() / math.sqrt(size) for k in keys])
                    m = _softmax(a)
                    w = _softmax(-m) if config.variant_softmax == "reference" else _softmax(-a)
                    parts.append(sum(m[e] * values[e][own] for e in range(len(values))))
                    other_parts.append(sum(w[e] * values[e][own] for e in range(len(values))))
                c, n = torch.cat(parts), torch.cat(other_parts)
            if config.feature_mask and config.branches:
                c = c * layer.mask.softmax(0)
            rows.append(network(layer, c + xs[t][u], config))
            other_rows.append(network(layer, n, config))
        invariant.append(torch.stack(rows))
        variant.append(torch.stack(other_rows))
    return torch.stack(invariant), torch.stack(variant)


def model(net, snapshots, features, config):
    """The last layer's parts."""
    still = features is None or features.ndim == 2
    given = net.feature if features is None else features
    x = net.enter(given)
    x = x.expand(len(snapshots), -1, -1) if still else x
    for number, one in enumerate(net.layers, start=1):
        parts = layer(one, snapshots, x, config)
        if number < len(net.layers):
            x = F.relu(parts[0] if config.only_invariant or not config.branches else parts[0] + parts[1])
    return parts


def risks(p, y, scales):
    """The mean cross-entropy of s p for each row of scales, draw by draw and pair by pair."""
    found = []
    for row in scales:
        total = 0.0
        for pe, ye, s in zip(p, y, row, strict=True):
            total = total - (torch.log(s * pe) if ye else torch.log(1 - s * pe))
        found.append(total / len(p))
    return torch.stack(found)


def penalty(p, y, scales, form="reference"):
    """mean + I^2 var, or var alone, of the risks; scales (I, P): the donor's score of every pair in every draw."""
    found = risks(p, y, scales)
    count = len(found)
    mean = sum(found) / count
    variance = sum((one - mean) ** 2 for one in found) / (count - 1)
    return variance if form == "paper" else mean + count**2 * variance


# the same time by time and snapshot by snapshot, with whole tensors of links: what an implementation does that takes
# the definition literally; defaults, messages along links only


def segment_softmax(values, index, size):
    top = torch.full((size, values.shape[1]), -math.inf, dtype=values.dtype)
    top = top.scatter_reduce(0, index[:, None].expand_as(values), values.detach(), "amax")
    raised = torch.exp(values - top[index])
    return raised / (torch.zeros(size, values.shape[1], dtype=values.dtype).index_add(0, index, raised)[index] + 1e-16)


def literal_layer(layer, snapshots, xs, heads):
    """One layer, time by time and snapshot by snapshot, messages along links only."""
    invariant, variant = [], []
    for t, x in enumerate(xs):
        logits, values, targets = [], [], []
        for s in range(t + 1):
            sender, target = snapshots[s]
            q = layer.query(x[target] + layer.time(layer.table[t]))
            k = layer.key(xs[s][sender] + layer.time(layer.table[s]))
            v = layer.value(xs[s][sender] + layer.time(layer.table[s]))
            q, k, v = (part.unflatten(1, (heads, -1)) for part in (q, k, v))
            logits.append((q * k).sum(-1) / math.sqrt(q.shape[-1]))
            values.append(v)
            targets.append(target)
        logit, value, index = torch.cat(logits), torch.cat(values), torch.cat(targets)
        m = segment_softmax(logit, index, len(x))
        n = segment_softmax(-m, index, len(x))
        c, o = (torch.zeros_like(x).index_add(0, index, (w[..., None] * value).flatten(1)) for w in (m, n))
        c = c * layer.mask.softmax(0)
        invariant.append(_residual(layer, c + x))
        variant.append(_residual(layer, o))
    return invariant, variant


def _residual(layer, x):
    return x + layer.network(layer.norm(x))


def literal(net, snapshots, heads):
    xs = [net.enter(net.feature)] * len(snapshots)
    for number, layer in enumerate(net.layers, start=1):
        invariant, variant = literal_layer(layer, snapshots, xs, heads)
        if number < len(net.layers):
            xs = [F.relu(a + b) for a, b in zip(invariant, variant, strict=True)]
    return torch.stack(invariant), torch.stack(variant).detach()
