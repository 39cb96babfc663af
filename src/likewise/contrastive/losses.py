"""Contrastive losses of one process: NT-Xent, CLIP, SigLIP, and the spectral loss of one modality or two.

Each has a plain form, which is its formula, and a form whose memory grows with the batch and not with its square.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from likewise.contrastive.contrast import Pairs, blocks, contrast, rows_of
from likewise.errors import ShapeError


def clip_loss(
    images: Float[Tensor, "pairs dim"],
    texts: Float[Tensor, "pairs dim"],
    scale: Float[Tensor, ""],
    chunk: int | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding each image's text among the batch's, and each text's image.

    (CLIP, arXiv:2103.00020, figure 3.) Row i of both belongs together; rows have unit length; `scale` is the inverse
    temperature. chunk: rows at a time (0 chooses), with first derivatives only; None keeps the whole matrix.
    """
    _matched(images, texts)
    if chunk is not None:
        return _Symmetric.apply(images, texts, scale, chunk or rows_of(len(texts)))
    logits = scale * images @ texts.T
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def ntxent_loss(
    views: Float[Tensor, "views images dim"],
    temperature: float = 0.1,
    pairs: Pairs | None = None,
    chunk: int | None = None,
) -> Float[Tensor, ""]:
    """Normalised temperature-scaled cross-entropy (SimCLR, arXiv:2002.05709, equation 1), of any number of views.

    - mean_i mean_p log( exp(z_i . z_p / t) / sum_{j != i} exp(z_i . z_j / t) ), over all n = views * images rows i and
    the views - 1 other views p of the same image. Rows need not have unit length; they are normalised here.
    pairs: other positives and negatives, as `rules.guide` makes them; rows are numbered view by view.
    """
    count, images, _ = views.shape
    if count < 2 or images < 2:
        raise ShapeError(f"at least 2 views of 2 images are needed, got {tuple(views.shape)}")
    rows = F.normalize(views.flatten(0, 1), dim=1)
    return contrast(rows, rows, 1 / temperature, pairs or view_pairs(count, images, rows), chunk)


def view_pairs(views: int, images: int, like: Tensor) -> Pairs:
    """The other views of the same image attract, everything else repels; dtype and device of `like`."""
    rows = torch.arange(views * images, device=like.device)
    others = torch.arange(1, views, device=like.device) * images
    index = (rows[:, None] + others) % (views * images)
    weight = torch.full(index.shape, 1 / index.numel(), dtype=like.dtype, device=like.device)
    return Pairs(index, weight, rows)


def siglip_loss(
    images: Float[Tensor, "pairs dim"],
    texts: Float[Tensor, "pairs dim"],
    scale: Float[Tensor, ""],
    bias: Float[Tensor, ""],
    chunk: int | None = None,
) -> Float[Tensor, ""]:
    """Every pair is a yes or no of its own (SigLIP, arXiv:2303.15343, algorithm 1).

    - (1 / B) sum_ij log sigmoid( y_ij (scale * images_i . texts_j + bias) ), y = 1 on the diagonal, else -1.
    """
    _matched(images, texts)
    return sigmoid_sum(images, texts, scale, bias, 0, chunk) / len(images)


def sigmoid_sum(
    images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, first: int = 0, chunk: int | None = None
) -> Tensor:
    """The sum in SigLIP's loss over images (R, D) and texts (N, D), where image i belongs to text first + i."""
    if chunk is not None:
        return _Sigmoid.apply(images, texts, scale, bias, first, chunk or rows_of(len(texts)))
    logits = scale * images @ texts.T + bias
    signs = 2 * torch.eye(*logits.shape, dtype=logits.dtype, device=logits.device).roll(first, 1) - 1
    return F.softplus(-signs * logits).sum()


def spectral_loss(
    first: Float[Tensor, "pairs dim"], second: Float[Tensor, "pairs dim"], chunk: int | None = None
) -> Float[Tensor, ""]:
    """-(2 / B) sum_i f_i . g_i + 1 / (B (B - 1)) sum_{i != j} (f_i . g_j)^2, an unbiased estimate of

    L(f, g) = -2 E_P[f(v) . g(l)] + E_{pV x pL}[(f(v) . g(l))^2]   (arXiv:2106.04156; two modalities: ICML 2023).

    One modality: two views of the same images by one encoder. Two: pictures and their texts. Rows are not normalised.
    Unbounded below where dim >= pairs. chunk: not None takes the squares from the two D x D moments instead of the
    B x B products, sum_ij (f_i . g_j)^2 = trace(F'F G'G): the same sum, linear in B.
    """
    _matched(first, second)
    count = len(first)
    attract = (first * second).sum(1)
    squares = square_sum(first, second, chunk) - attract.square().sum()
    return squares / (count * (count - 1)) - 2 * attract.mean()


def square_sum(first: Tensor, second: Tensor, chunk: int | None = None) -> Tensor:
    """sum_ij (f_i . g_j)^2 of rows (R, D) and (N, D)."""
    if chunk is None:
        return (first @ second.T).square().sum()
    return ((first.T @ first) * (second.T @ second)).sum()


def _matched(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ShapeError(
            f"two (B, D) batches with B >= 2 are needed, got {tuple(first.shape)} and {tuple(second.shape)}"
        )


class _Symmetric(torch.autograd.Function):
    """CLIP's loss in two sweeps over rows: the sums of both directions, then gradients; four products in all."""

    @staticmethod
    def forward(ctx, images: Tensor, texts: Tensor, scale: Tensor, chunk: int) -> Tensor:
        """Column sums are gathered block by block, as running logarithms."""
        count = len(images)
        across = torch.empty(count, dtype=images.dtype, device=images.device)
        down = torch.full_like(across, -torch.inf)
        for rows in blocks(count, chunk):
            logits = (images[rows] @ texts.T).mul_(scale)
            across[rows] = logits.logsumexp(1)
            down = torch.logaddexp(down, logits.logsumexp(0))
        right = scale * (images * texts).sum(1)
        loss = (across + down - 2 * right).sum() / (2 * count)
        if any(ctx.needs_input_grad[:3]):
            ctx.save_for_backward(*_symmetric_slopes(images, texts, scale, across, down, chunk))
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        """The gradients of the sweep, scaled."""
        return *(upstream * slope for slope in ctx.saved_tensors), None


def _symmetric_slopes(
    images: Tensor, texts: Tensor, scale: Tensor, across: Tensor, down: Tensor, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    d_images, d_texts = torch.zeros_like(images), torch.zeros_like(texts)
    for rows in blocks(len(images), chunk):
        logits = (images[rows] @ texts.T).mul_(scale)
        slope = (logits - across[rows, None]).exp_()
        slope += logits.sub_(down).exp_()
        slope.diagonal(rows.start).sub_(2)
        torch.matmul(slope, texts, out=d_images[rows])
        d_texts.addmm_(slope.T, images[rows])
    share = 1 / (2 * len(images))
    d_scale = (d_images * images).sum() * share
    return d_images.mul_(scale * share), d_texts.mul_(scale * share), d_scale


class _Sigmoid(torch.autograd.Function):
    """SigLIP's sum with its gradients, block by block of rows."""

    @staticmethod
    def forward(ctx, images: Tensor, texts: Tensor, scale: Tensor, bias: Tensor, first: int, chunk: int) -> Tensor:
        """The slope of softplus(-y x) is -y sigmoid(-y x)."""
        loss, d_scale, d_bias = (images.new_zeros(()) for _ in range(3))
        d_images, d_texts = torch.zeros_like(images), torch.zeros_like(texts)
        for rows in blocks(len(images), chunk):
            logits = (images[rows] @ texts.T).mul_(scale).add_(bias)
            right = logits.diagonal(first + rows.start)
            right.neg_()  # from here on -y x
            loss += F.softplus(logits).sum()
            slope = logits.sigmoid_()
            slope.diagonal(first + rows.start).neg_()
            torch.matmul(slope, texts, out=d_images[rows])
            d_texts.addmm_(slope.T, images[rows])
            d_bias += slope.sum()
        d_scale += (d_images * images).sum()
        ctx.save_for_backward(d_images.mul_(scale), d_texts.mul_(scale), d_scale, d_bias)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        """The gradients of the sweep, scaled."""
        return *(upstream * slope for slope in ctx.saved_tensors), None, None
