"""Do we lower what diffusers' scripts lower? Ten steps of each, from the same samples, loss beside loss."""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stock_scripts
import torch
from bookkeeping import WORK

from likewise import checkpoint, diffusion
from likewise.dreambooth.trained import thaw

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from oracles import stock_losses

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "stock_losses.json"
LIMIT = 1e-6
HOW = (
    "Losses that diffusers' example scripts print. Each script ran as it is, for ten optimiser steps on a tiny random "
    "pipeline, in float32 on one thread of a CPU; its batches, the autoencoder's samples, the noise and the timesteps "
    "were those of tests/oracles/stock_losses.py, and its adapters started where ours do. Made by: "
    "python benchmarks/personalization.py --parity diffusers --scripts CHECKOUT/examples --record"
)


def compare(scripts: Path, record: bool) -> dict[str, Any]:
    """Every case; with `record` the fixture of the tests is written again."""
    torch.set_num_threads(1)
    packages = {name: version(name) for name in ("diffusers", "transformers", "peft", "accelerate", "torch")}
    hashes = {name: checkpoint.hash_file(scripts / name) for name in stock_scripts.NAMES.values()}
    with tempfile.TemporaryDirectory() as place:
        kept = WORK / "parity" / checkpoint.hash_json([packages, hashes])[:16]
        rows = [_row(scripts, Path(place), case, kept / f"{case.name}.json") for case in stock_losses.CASES]
    if record:
        keep = [{key: row[key] for key in ("case", "samples", "stock")} for row in rows]
        facts = {"how": HOW, "packages": packages, "scripts_sha256": hashes}
        lines = ",\n".join(json.dumps(row) for row in keep)
        head = json.dumps(facts, indent=1).removesuffix("\n}")
        FIXTURE.write_text(f'{head},\n "cases": [\n{lines}\n]\n}}\n')
    worst = max(row["largest_difference"] for row in rows)
    return {"limit": LIMIT, "largest_difference": worst, "scripts_sha256": hashes, "packages": packages, "cases": rows}


def _row(scripts: Path, place: Path, case: stock_losses.Case, kept: Path) -> dict[str, Any]:
    """One case; what the script said is kept, so that a run that was stopped goes on."""
    folder = stock_losses.pipeline(place, case)
    samples = stock_losses.fingerprint(diffusion.load(folder), case)
    saved = checkpoint.read_json(kept) if kept.is_file() else {}
    stock = saved["stock"] if saved.get("samples") == samples else _stock(scripts, folder, place, case)
    checkpoint.write_json(kept, {"samples": samples, "stock": stock})
    mine = list(stock_losses.ours(diffusion.load(folder), case))
    gap = max(abs(a - b) for a, b in zip(mine, stock, strict=True))
    print(f"{case.name:32} {stock[0]:.7f} .. {stock[-1]:.7f}  largest difference {gap:.1e}", flush=True)
    return {"case": case.name, "samples": samples, "stock": stock, "ours": mine, "largest_difference": gap}


def _stock(scripts: Path, folder: Path, place: Path, case: stock_losses.Case) -> list[float]:
    script, backbone = stock_scripts.load(scripts, case.train), diffusion.load(folder)
    starts: dict[str, torch.Tensor] = {}
    if case.train == "lora":
        with thaw(backbone, case.config, stock_losses.SEED) as trained:
            starts = {name: value.detach().clone() for name, value in trained.named.items()}
    batches = stock_losses.batches(diffusion.load(folder), case)
    flags = stock_flags(case.train, folder, place / "photos", place / "out", stock_losses.RATES[case.train])
    flags += ["--max_train_steps", stock_losses.STEPS, "--train_batch_size", stock_losses.BATCH]
    flags += ["--train_text_encoder"] * case.text
    flags += ["--with_prior_preservation", "--class_data_dir", place / "photos"] * case.prior
    flags += ["--class_prompt", "a dog", "--num_class_images", 0] * case.prior
    (place / "photos").mkdir(exist_ok=True)
    with stock_scripts.fed(script, batches, starts):
        return stock_scripts.run(script, flags, stock_losses.STEPS).losses


def stock_flags(train: str, folder: Path, photos: Path, out: Path, rate: float) -> list[Any]:
    """What every run tells a script: constant rates, one process, no validation, nothing saved on the way."""
    common = ["--pretrained_model_name_or_path", folder, "--output_dir", out, "--learning_rate", rate]
    common += ["--lr_scheduler", "constant", "--lr_warmup_steps", 0, "--resolution", 32, "--seed", 0]
    common += ["--checkpointing_steps", 10**9]
    if train == "word":
        more = ["--train_data_dir", photos, "--placeholder_token", stock_losses.WORD, "--save_steps", 10**9]
        return [*common, *more, "--initializer_token", stock_losses.INITIALIZER]
    return [*common, "--instance_data_dir", photos, "--instance_prompt", "a zxq dog"]
