"""Batches that are spread over processes: gather with gradient, so that every process sees every negative.

The kind that our losses declare is "gather": each process gathers all rows with their gradient and computes the loss of
its own rows only, times the number of processes. Averaging parameter gradients, as DDP does, then gives the gradient of
the whole batch in one process. (Gathering without gradient loses the part of a row as a negative elsewhere; summing a
whole loss everywhere multiplies the gradient by the number of processes.)
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed


def world() -> int:
    """How many processes train together; 1 where torch.distributed is not in use."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of them this one is."""
    return distributed.get_rank() if world() > 1 else 0


@contextmanager
def joined() -> Iterator[None]:
    """Within this scope processes started by torchrun or accelerate launch train together; one alone is left as it is.

    Each takes the card of its local rank where there are cards.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or world() > 1:
        yield
        return
    cards = torch.cuda.is_available()
    if cards:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if cards else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def gather(rows: Tensor) -> tuple[Tensor, int]:
    """The rows of all processes, in the order of their ranks, and where this process's begin.

    rows: (R, ...); R may differ between processes. The gradient of every copy comes back to the process it is from.
    """
    if world() == 1:
        return rows, 0
    sizes = _sizes(len(rows), rows.device)
    return _Gather.apply(rows, sizes), sum(sizes[: rank()])


def gather_images(views: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of all processes' views, numbered view by view, and which of them are this process's.

    views: (views, images, dim) of this process. Returns (views * all images, dim) and (views * images,) row numbers.
    """
    count, images, dim = views.shape
    together, start = gather(views.transpose(0, 1))  # images first, so that ranks follow each other
    every = len(together)
    here = torch.arange(count, device=views.device)[:, None] * every + torch.arange(images, device=views.device) + start
    return together.transpose(0, 1).reshape(count * every, dim), here.flatten()


def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its mean over the processes, as DDP does; those that have none are left out."""
    if world() > 1:
        for parameter in parameters:
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= world()


def _sizes(count: int, device: torch.device) -> list[int]:
    found = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(world())]
    distributed.all_gather(found, torch.tensor([count], device=device))
    return [int(one) for one in found]


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, sizes: list[int]) -> Tensor:
        ctx.sizes = sizes
        most = max(sizes)
        filled = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])]).contiguous()
        found = [torch.empty_like(filled) for _ in sizes]
        distributed.all_gather(found, filled)
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx, slope: Tensor) -> tuple[Tensor, None]:
        total = slope.contiguous().clone()
        distributed.all_reduce(total)
        start = sum(ctx.sizes[: rank()])
        return total[start : start + ctx.sizes[rank()]], None
