"""The networks that DIDA is compared with, from their papers: dense matrices and plain loops."""

import math

import torch
from torch.nn import functional as F


def dense(snapshots, size, t, whole):
    """D^-1/2 (A + I) D^-1/2 of snapshot t, or of all up to it, messages both ways; repeated links count."""
    matrix = torch.eye(size, dtype=torch.float64)
    for s in range(len(snapshots)):
        if s == t or (whole and s < t):
            for v, u in snapshots[s].T.tolist():
                matrix[u, v] += 1
                matrix[v, u] += 1
    scale = torch.diag(matrix.sum(1).rsqrt())
    return scale @ matrix @ scale


def convolved(net, matrix, x):
    for number, linear in enumerate(net.layers):
        x = matrix @ (x @ linear.weight.T + linear.bias)
        x = x if number == len(net.layers) - 1 else F.relu(x)
    return x


def recurrent(cell, x, h):
    """A gated recurrence step by its equations (torch's order: reset, update, new)."""
    wr, wz, wn = cell.weight_ih.chunk(3)
    ur, uz, un = cell.weight_hh.chunk(3)
    br, bz, bn = cell.bias_ih.chunk(3)
    cr, cz, cn = cell.bias_hh.chunk(3)
    r = torch.sigmoid(x @ wr.T + br + h @ ur.T + cr)
    z = torch.sigmoid(x @ wz.T + bz + h @ uz.T + cz)
    n = torch.tanh(x @ wn.T + bn + r * (h @ un.T + cn))
    return (1 - z) * n + z * h


def gae(net, snapshots, x):
    return torch.stack([convolved(net, dense(snapshots, len(x), t, True), x) for t in range(len(snapshots))])


def gcn_gru(net, snapshots, x):
    state, found = torch.zeros_like(x), []
    for t in range(len(snapshots)):
        state = recurrent(net.cell, convolved(net, dense(snapshots, len(x), t, False), x), state)
        found.append(state)
    return torch.stack(found)


def evolvegcn(net, snapshots, x):
    weights, found = [net.start[layer] for layer in range(len(net.start))], []
    for t in range(len(snapshots)):
        weights = [recurrent(cell, weight, weight) for cell, weight in zip(net.cells, weights, strict=True)]
        matrix, now = dense(snapshots, len(x), t, False), x
        for number, weight in enumerate(weights):
            now = matrix @ now @ weight
            now = now if number == len(weights) - 1 else F.relu(now)
        found.append(now)
    return torch.stack(found)


def dysat(net, snapshots, x):
    heads, d = net.config.heads, net.config.width // net.config.heads
    structure = []
    for pairs in snapshots:
        links = pairs.T.tolist()
        links = links + [(b, a) for a, b in links] + [(u, u) for u in range(len(x))]
        rows = x @ net.linear.weight.T
        found = torch.zeros_like(rows)
        for u in range(len(x)):
            near = [v for v, target in links if target == u]
            for h in range(heads):
                own = slice(h * d, (h + 1) * d)
                logit = torch.stack([rows[u, own] @ net.pull[0, h] + rows[v, own] @ net.pull[1, h] for v in near])
                share = torch.softmax(F.leaky_relu(logit, 0.2), 0)
                found[u, own] = sum(share[i] * rows[v, own] for i, v in enumerate(near))
        structure.append(F.elu(found))
    seen = torch.stack(structure) + net.place[: len(snapshots), None]
    q, k, v = (seen @ linear.weight.T for linear in (net.query, net.key, net.value))
    out = torch.zeros_like(seen)
    for u in range(len(x)):
        for t in range(len(snapshots)):
            for h in range(heads):
                own = slice(h * d, (h + 1) * d)
                logit = torch.stack([q[t, u, own] @ k[s, u, own] / math.sqrt(d) for s in range(t + 1)])
                share = torch.softmax(logit, 0)
                out[t, u, own] = sum(share[s] * v[s, u, own] for s in range(t + 1))
    out = F.relu(out @ net.last.weight.T + net.last.bias) + out
    return out + seen
