"""Attention in which the keys of references have a weight beside the picture's own.

For a query with scores a_j = q k_j / sqrt(d):  p_j = u_j exp(a_j) / sum_m u_m exp(a_m), with u = 1 on own keys and
u = w on those of references. As u exp(a) = exp(a + log u), a bias does it. (The paper's equation 2 divides the weights
by their sum and does not renormalise; the authors' code is what is written here, and what we follow.)
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Own = Float[Tensor, "rows heads tokens width"]
Shared = Float[Tensor, "one heads others width"]
# PyTorch's fused kernel on the CPU also tells the log-sum-exp of each query's scores; the public function hides it.
_KERNEL = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)


def attend(q: Own, k: Own, v: Own, other_k: Shared, other_v: Shared, bias: Float[Tensor, " others"]) -> Own:
    """Exact weighted attention, by whichever form the device has a kernel for; bias: log w of each shared key."""
    return (split if splits(q) else concatenated)(q, k, v, other_k, other_v, bias)


def splits(q: Tensor) -> bool:
    """Whether the device's kernel tells what `split` needs."""
    return _KERNEL is not None and q.device.type == "cpu" and not torch.is_grad_enabled()


def concatenated(q: Own, k: Own, v: Own, other_k: Shared, other_v: Shared, bias: Float[Tensor, " others"]) -> Own:
    """One attention over own and shared keys, with log w added to the scores of the latter."""
    rows = len(q)
    keys = torch.cat([k, other_k.expand(rows, -1, -1, -1)], dim=2)
    values = torch.cat([v, other_v.expand(rows, -1, -1, -1)], dim=2)
    added = torch.cat([bias.new_zeros(k.shape[2]), bias]).to(q.dtype)
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=added.expand(rows, 1, q.shape[2], -1))


def split(q: Own, k: Own, v: Own, other_k: Shared, other_v: Shared, bias: Float[Tensor, " others"]) -> Own:
    """Two attentions, joined by their log-sum-exps: nothing is copied a row, and all rows' queries go together.

    out = s others + (1 - s) own with s = exp(L_others) / (exp(L_own) + exp(L_others)).
    """
    own, own_sum = summed(q, k, v)
    lean(own, own_sum, q, other_k, other_v, bias, even=bool((bias == bias[0]).all()))
    return own


def lean(own: Own, own_sum: Tensor, q: Own, other_k: Shared, other_v: Shared, bias: Tensor, *, even: bool) -> None:
    """Join the attention to others into `own`, in place. own_sum: (rows, heads, tokens), its log-sum-exps.

    even: the bias is one for all others; then it only moves L_others, and the kernel needs no mask.
    """
    rows, heads, tokens, width = q.shape
    queries = q.transpose(0, 1).reshape(1, heads, rows * tokens, width)
    mask = None if even else bias.to(q.dtype).expand(1, 1, rows * tokens, -1)
    other, other_sum = summed(queries, other_k, other_v, mask)
    other_sum = other_sum + bias[0].to(other_sum.dtype) if even else other_sum
    other = other.reshape(heads, rows, tokens, width).transpose(0, 1)
    other_sum = other_sum.reshape(heads, rows, tokens).transpose(0, 1)
    own.lerp_(other, torch.sigmoid(other_sum - own_sum).to(q.dtype)[..., None])


def summed(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Attention, and the log-sum-exps of its scores (rows, heads, tokens)."""
    assert _KERNEL is not None
    # the kernel itself takes it for granted that neighbours in a row are neighbours in memory, and does not look
    q, k, v = (each if each.stride(-1) == 1 else each.contiguous() for each in (q, k, v))
    out, sums = _KERNEL(q, k, v, 0.0, False, attn_mask=bias)[:2]
    return out, sums.reshape(q.shape[:3])
