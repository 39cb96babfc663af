"""One training in a process of its own, ours or diffusers' script, and what its steps cost.

    python benchmarks/teaching_child.py JOB.json

Prints a line of JSON: CPU seconds of each step after the warm-up, MiB in use before a model was loaded, MiB at most.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import peft
import stock_parity
import stock_scripts
import torch
import transformers

from oracles import stock_losses

RANK = 4


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    # Both sides have their libraries loaded before the count begins: what is compared is what teaching takes.
    assert all((diffusers.UNet2DConditionModel, transformers.CLIPTextModel, peft.LoraConfig))
    before = _most()
    with tempfile.TemporaryDirectory() as place:
        times, losses = (_ours if job["who"] == "ours" else _stock)(job, Path(place))
    steps = [after - first for first, after in pairwise(times)][job["warm"] :]
    print(json.dumps({"cpu_seconds": steps, "mib_before": before, "mib_peak": _most(), "losses": losses}))


def _most() -> float:
    """MiB of memory at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _stock(job: dict[str, Any], place: Path) -> tuple[list[float], list[float]]:
    script = stock_scripts.load(Path(job["scripts"]), job["train"])
    flags = stock_parity.stock_flags(
        job["train"], job["base"], Path(job["photos"]), place, stock_losses.RATES[job["train"]]
    )
    flags += ["--resolution", job["size"], "--train_batch_size", job["batch"], "--max_train_steps", job["steps"]]
    flags += ["--rank", RANK, "--center_crop"] if job["train"] == "lora" else []
    with stock_scripts.any_autoencoder(script):
        heard = stock_scripts.run(script, flags, job["steps"])
    return heard.cpu, heard.losses


def _ours(job: dict[str, Any], place: Path) -> tuple[list[float], list[float]]:
    from likewise import diffusion, imageset, training

    backbone, photos = diffusion.load(job["base"]), imageset.load(job["photos"])
    shape = {"lr_schedule": "constant", "weight_decay": 1e-2, "batch": job["batch"], "steps": job["steps"]}
    steps = (_word if job["train"] == "word" else _lora)(backbone, photos, shape, place)
    times: list[float] = []
    losses: list[float] = []

    def watched() -> Iterator[training.Step]:
        for step in steps:
            times.append(time.process_time())
            losses.append(step.losses["loss"])
            yield step

    training.run(watched(), folder=place / "run", total=job["steps"], save_every=0, quiet=True)
    return times, losses


def _lora(backbone: Any, photos: Any, shape: dict[str, Any], place: Path) -> Iterator[Any]:
    from likewise.dreambooth import Config, prepare
    from likewise.dreambooth.learn import learn

    config = Config(rank=RANK, alpha=RANK, start="gaussian", prior="none", lr=stock_losses.RATES["lora"], **shape)
    texts = ("a zxq dog",) * len(photos)
    return learn(backbone, prepare(backbone, photos.photos, texts, config, "dog", cache=place / "cache"), config, 0)


def _word(backbone: Any, photos: Any, shape: dict[str, Any], place: Path) -> Iterator[Any]:
    from likewise.textual_inversion import Config, Data, start
    from likewise.textual_inversion.captions import sentences
    from likewise.textual_inversion.learn import learn
    from likewise.tuning.cache import views

    config = Config(lr=stock_losses.RATES["word"], scale_lr=False, **shape)
    words = {stock_losses.WORD: start(backbone, stock_losses.INITIALIZER, 1, 0)}
    moments = views(backbone, photos.photos, False, place / "cache")
    data = Data(
        moments, sentences(config, stock_losses.WORD, stock_losses.INITIALIZER), (None,) * len(photos), words, "photos"
    )
    return learn(backbone, data, config, 0)


if __name__ == "__main__":
    main()
