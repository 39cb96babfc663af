"""Acceptance check 10: loss and gradients over several processes are those of the whole batch in one."""

import multiprocessing
import socket
from datetime import timedelta

import pytest
import torch
from torch import distributed, nn

from likewise.checkpoint import read_tensors
from likewise.contrastive.distributed import average_gradients, gather
from likewise.contrastive.objectives import OBJECTIVES
from likewise.contrastive.rules import SHARES
from likewise.contrastive.run import fit

WIDTH = 5
CASES = [(name, ()) for name in OBJECTIVES] + [("ntxent", (rule,)) for rule in SHARES] + [("ntxent", tuple(SHARES))]
SIZES = {2: (10, 14), 4: (3, 9, 5, 7)}  # unequal on purpose


def net() -> nn.Module:
    made = nn.Module()
    random = torch.Generator().manual_seed(5)
    draw = lambda *shape: nn.Parameter(torch.randn(shape, generator=random, dtype=torch.float64))  # noqa: E731
    made.first, made.second, made.scale, made.bias = draw(6, WIDTH), draw(4, WIDTH), draw(), draw()
    return made


class Loss(nn.Module):
    """A module, so that DDP can wrap it."""

    def __init__(self, objective: str, rules: tuple) -> None:
        super().__init__()
        self.net, self.objective, self.rules = net(), objective, rules

    def forward(self, x, y, teacher):
        chosen = OBJECTIVES[self.objective]
        f, g = (
            torch.tanh(x @ self.net.first),
            torch.tanh(y @ (self.net.second if chosen.modalities == 2 else self.net.first)),
        )
        idle = sum(p.sum() * 0 for p in self.net.parameters())  # DDP wants every parameter used
        if chosen.normalised:
            f, g = nn.functional.normalize(f, dim=1), nn.functional.normalize(g, dim=1)
        if self.objective == "ntxent":
            more = {"teacher": teacher, "rules": self.rules}
            return idle + chosen.loss(torch.stack([f, g]), **more)
        more = {"clip": {"scale": self.net.scale}, "siglip": {"scale": self.net.scale, "bias": self.net.bias}}
        return idle + chosen.loss(f, g, **more.get(self.objective, {}))


def data(modalities):
    random = torch.Generator().manual_seed(1)
    draw = lambda *shape: torch.randn(*shape, generator=random, dtype=torch.float64)  # noqa: E731
    teacher = nn.functional.normalize(draw(2, 24, 3), dim=2)
    return draw(24, 6), draw(24, 4 if modalities == 2 else 6), teacher


def mine(parts, sizes, rank):
    start = sum(sizes[:rank])
    x, y, teacher = parts
    rows = slice(start, start + sizes[rank])
    return x[rows], y[rows], teacher[:, rows]


def work(rank, sizes, place, queue):
    try:
        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo", init_method=f"file://{place}", rank=rank, world_size=len(sizes), timeout=timedelta(seconds=100)
        )
        found = []
        for number, (objective, rules) in enumerate(CASES):
            module = Loss(objective, rules)
            wrapped = nn.parallel.DistributedDataParallel(module) if number % 2 == 0 else module
            loss = wrapped(*mine(data(OBJECTIVES[objective].modalities), sizes, rank))
            loss.backward()
            if wrapped is module:
                average_gradients(module.parameters())
            whole = loss.detach().clone()
            distributed.all_reduce(whole)
            found.append((float(whole) / len(sizes), [p.grad.tolist() for p in module.parameters()]))
        rows, start = gather(torch.full((sizes[rank], 1), float(rank)))
        queue.put((rank, found, rows.flatten().tolist(), start))
        distributed.barrier()
    except BaseException as error:
        queue.put((rank, repr(error), None, None))
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


@pytest.mark.parametrize("processes", [2, 4])
def test_check_10_processes_together_are_one_large_batch(processes, tmp_path):
    sizes = SIZES[processes]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=work, args=(rank, sizes, tmp_path / "meet", queue)) for rank in range(processes)]
    for child in children:
        child.start()
    results = [queue.get(timeout=100) for _ in children]
    for child in children:
        child.join(30)
    for rank, found, rows, start in results:
        assert rows is not None, found
        assert rows == [float(r) for r, size in enumerate(sizes) for _ in range(size)] and start == sum(sizes[:rank])
        for (objective, rules), (value, slopes) in zip(CASES, found, strict=True):
            module = Loss(objective, rules)
            wanted = module(*data(OBJECTIVES[objective].modalities))
            wanted.backward()
            assert value == pytest.approx(wanted.item(), abs=1e-10), (objective, rules)
            for parameter, slope in zip(module.parameters(), slopes, strict=True):
                assert torch.allclose(parameter.grad, torch.tensor(slope, dtype=torch.float64), rtol=0, atol=1e-10), (
                    objective,
                    rules,
                )


def test_every_objective_declares_its_kind():
    assert {one.distributed for one in OBJECTIVES.values()} == {"gather"}


def train(rank, place, folder, out, queue):
    torch.set_num_threads(1)
    more = {"backbone": "toybox", "batch": 6, "size": 16, "source_size": 24, "hidden": 8, "projection": 4, "lr": 0.05}
    environment = {"WORLD_SIZE": "2", "RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(place)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items() if place else ():
            patch.setenv(name, value)
        patch.setattr(torch.cpu, "get_capabilities", dict, raising=False)  # float32, where sums of parts are of a whole
        done = fit(folder, out=out, steps=2, optimiser="lars", **more)
    queue.put((rank, done.loss))


def test_check_10_processes_that_were_launched_together_make_one_encoder(folder, tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = context.Process(target=train, args=(0, 0, folder, tmp_path / "alone", queue))
    both = [context.Process(target=train, args=(rank, port, folder, tmp_path / "both", queue)) for rank in range(2)]
    for child in (alone, *both):
        child.start()
    results = [queue.get(timeout=200) for _ in range(3)]
    for child in (alone, *both):
        child.join(30)
    assert len(results) == 3 and all(child.exitcode == 0 for child in (alone, *both))
    first, second = (
        read_tensors(tmp_path / name / "encoder" / "contrastive.safetensors")[0] for name in ("alone", "both")
    )
    for name, value in first.items():
        assert torch.allclose(value, second[name], atol=1e-5), name
