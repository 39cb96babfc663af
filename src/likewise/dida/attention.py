"""Every node attends to all its past neighbours at once: the invariant and the variant sum of one layer.

For node u at time t, over all links (v -> u) of snapshots s <= t:

    a = q_u^t . k_v^s / sqrt(d_k)     m = softmax(a)     n = softmax(-m), or softmax(-a) as the paper writes it
    c_u^t = sum m v_v^s               s_u^t = sum n v_v^s

A literal reading projects every neighbour again for every t. Here keys and values are made once a snapshot and node,
and nodes with about as many links share one padded block, in which a link is masked until its snapshot has come. One
batched product then serves all times, with no scatter, so the result is the same bits each time, on a GPU too. Rows of
nodes are in the order of their blocks, so what a block asks and answers is one piece of memory.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likewise.dida import blending
from likewise.dida.graph import Graph

PADDING, ROOM = 1.25, 1 << 18  # a block's width over its narrowest row, and logits a block and head
KEPT = 1 << 24  # numbers that one attention keeps for its gradient; the rest is made anew


@dataclass(frozen=True)
class Block:
    """b nodes with at most n links each, asked at T times; their queries are rows that follow each other."""

    first: int  # the row of the first
    cells: Tensor  # (b * n,) the row of keys and values in every slot
    since: Tensor  # (b, n) the snapshot in which each link came; one after all moments where there is none
    moments: Tensor  # (T,)

    @property
    def rows(self) -> slice:
        """Their places among the rows of queries."""
        return slice(self.first, self.first + len(self.since))

    def to(self, device: str | torch.device) -> "Block":
        """The same on a device."""
        return Block(self.first, *(part.to(device) for part in (self.cells, self.since, self.moments)))


@dataclass(frozen=True)
class Past:
    """Who attends to whom in the first T snapshots; made once a graph, shared by layers and steps."""

    blocks: tuple[Block, ...]  # of all nodes with links, which come first in the order
    order: Tensor  # (N,) the node of each row
    place: Tensor  # (N,) the row of each node
    snapshot: Tensor  # (U,) of each distinct sender: a row of keys and values
    sender: Tensor  # (U,) its node
    moments: Tensor  # (T,) the snapshots that are asked for: all, or the last alone

    @property
    def times(self) -> int:
        """How many snapshots are asked for."""
        return len(self.moments)

    def to(self, device: str | torch.device) -> "Past":
        """The same on a device."""
        parts = (self.order, self.place, self.snapshot, self.sender, self.moments)
        return Past(tuple(block.to(device) for block in self.blocks), *(part.to(device) for part in parts))


def messages(graph: Graph, *, both_ways: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Sender, target and snapshot of every message, (M,) each; both_ways: a link carries one to its source as well.

    Message m is of link m, or of link m - E.
    """
    sender, target, snapshot = graph.edges[0], graph.edges[1], graph.snapshot_of
    if both_ways:
        sender, target = torch.cat([sender, target]), torch.cat([target, sender])
        snapshot = torch.cat([snapshot, snapshot])
    return sender, target, snapshot


def past(graph: Graph, *, both_ways: bool, last: bool = False) -> Past:
    """The plan of attention over a graph; both_ways: a link carries messages to its source as well.

    last: only the last snapshot asks, of all that came, which takes a T-th of the memory.
    """
    moments = torch.arange(len(graph) - 1 if last else 0, len(graph))
    sender, target, snapshot = messages(graph, both_ways=both_ways)
    cells, cell = torch.unique(snapshot * graph.size + sender, return_inverse=True)
    order = torch.argsort(target * len(graph) + snapshot, stable=True)
    degree = torch.bincount(target, minlength=graph.size)
    first = torch.cumsum(degree, 0) - degree
    ranked = torch.argsort(degree, descending=True, stable=True)
    blocks, row = [], 0
    linked = ranked[degree[ranked] > 0]
    for nodes in _groups(linked, degree[linked], len(moments)):
        slot = torch.arange(int(degree[nodes].max()))
        there = slot < degree[nodes, None]  # (b, n)
        edge = order[torch.where(there, first[nodes, None] + slot, 0)]
        since = torch.where(there, snapshot[edge], len(graph))
        blocks.append(Block(row, torch.where(there, cell[edge], 0).flatten(), since, moments))
        row += len(nodes)
    return Past(tuple(blocks), ranked, torch.argsort(ranked), cells // graph.size, cells % graph.size, moments)


def _groups(ranked: Tensor, degree: Tensor, times: int) -> list[Tensor]:
    """Nodes of falling degree in groups that waste little on padding and fit a processor's cache."""
    degrees, groups, start = degree.tolist(), [], 0
    while start < len(degrees):
        most = max(1, ROOM // (degrees[start] * times))
        end = start + 1
        while end < len(degrees) and end - start < most and degrees[end] * PADDING >= degrees[start]:
            end += 1
        groups.append(ranked[start:end])
        start = end
    return groups


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    blocks: tuple[Block, ...],
    heads: int,
    *,
    variant: str | None,
    apart: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """The invariant and the variant sums, (T, N, d) each; variant: "reference", "paper", or None for no such sum.

    query (T, N, d), nodes in the order of the blocks; key and value (U, d), rows of past.sender. Nodes without past
    links get zeros. apart: no gradient passes through the variant sum.
    """
    return Attention.apply(query, key, value, blocks, heads, variant, apart)


class Attention(torch.autograd.Function):
    """`attend` that goes block by block: what is gathered for one is used while the processor's cache still holds it.

    Weights take links times snapshots times heads. They are kept for the gradient up to a bound and made anew beyond
    it, so that memory grows with the links alone.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        blocks: tuple[Block, ...],
        heads: int,
        variant: str | None,
        apart: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """See `attend`."""
        ctx.save_for_backward(query, key, value)
        ctx.how, ctx.kept = (blocks, heads, variant, apart), {}
        room = KEPT if any(ctx.needs_input_grad) else 0
        sums, others = _empty(query, blocks), _empty(query, blocks) if variant else None
        for number, block in enumerate(blocks):
            made = _made(query, key, value, block, heads, variant)
            own, other = blending.sums(made)
            made = made._replace(against=None) if apart else made
            if made.numbers <= room:
                room, ctx.kept[number] = room - made.numbers, made
            _rows_of(sums, block, heads).copy_(own)
            if others is not None and other is not None:
                _rows_of(others, block, heads).copy_(other)
        if others is not None and apart:
            ctx.mark_non_differentiable(others)
        return sums, others

    @staticmethod
    def backward(ctx: Any, own: Tensor, other: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of query, key and value from those of the sums."""
        blocks, heads, variant, apart = ctx.how
        query, key, value = ctx.saved_tensors
        by_query, by_key, by_value = _empty(query, blocks), torch.zeros_like(key), torch.zeros_like(value)
        other, variant = (None, None) if apart or other is None else (other, variant)
        for number, block in enumerate(blocks):
            made = ctx.kept.pop(number, None)  # and its memory is free again
            made = made if made is not None else _made(query, key, value, block, heads, variant)
            slopes = _rows_of(own, block, heads), None if other is None else _rows_of(other, block, heads)
            q, k, v = blending.slopes(made, *slopes, variant)
            _rows_of(by_query, block, heads).copy_(q)
            by_key.index_add_(0, block.cells, _joined(k))
            by_value.index_add_(0, block.cells, _joined(v))
        return by_query, by_key, by_value, None, None, None, None


def _empty(query: Tensor, blocks: tuple[Block, ...]) -> Tensor:
    """Memory as large as the queries, (T, N, d): to be filled by the blocks, and 0 where nodes have no links."""
    made = torch.empty_like(query, memory_format=torch.contiguous_format)
    made[:, blocks[-1].rows.stop if blocks else 0 :] = 0
    return made


def _made(query: Tensor, key: Tensor, value: Tensor, block: Block, heads: int, variant: str | None) -> blending.Made:
    k, v = (_split(rows.index_select(0, block.cells).unflatten(0, block.since.shape), heads) for rows in (key, value))
    return blending.make(_rows_of(query, block, heads), k, v, block.since, block.moments, variant)


def _rows_of(rows: Tensor, block: Block, heads: int) -> Tensor:
    """A block's part of (T, N, d), as (b, h, T, d/h) in the same memory."""
    return _split(rows[:, block.rows].transpose(0, 1), heads)


def _split(rows: Tensor, heads: int) -> Tensor:
    """(b, m, d) to (b, h, m, d/h)."""
    return rows.unflatten(-1, (heads, -1)).transpose(1, 2)


def _joined(slots: Tensor) -> Tensor:
    """(b, h, n, d/h) to (b * n, d)."""
    return slots.transpose(1, 2).flatten(2).flatten(0, 1)
