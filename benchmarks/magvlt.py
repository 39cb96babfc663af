"""MAGVLT's decoding against the released sampler and the autoregressive twin, and what UnrollMask and MixSel are worth.

Run: python benchmarks/magvlt.py speed [--reference CHECKOUT] [--width 256 --layers 4 --candidates 8], or
python benchmarks/magvlt.py ablations [--seeds 3 --steps 1500] [--only NAME].

speed: the same random weights, 256 image and 64 text tokens and the released vocabularies; greedy, so that the tokens
that come out can be compared one by one. Each side runs in a process of its own, and the sides take turns; a
ratio is of one turn. Memory is what decoding needs at most beside the weights.
CHECKOUT is a checkout of github.com/kakaobrain/magvlt; packages that its modules import and that its sampler does not
use are replaced by empty ones. Writes results/magvlt_speed.json.

ablations: the small world of likewise.magvlt.smallworld, one run a variant and seed, each a file in results/magvlt/;
finished ones are not made again. Equal steps, and equal compute: the plain training with as many passes as the variant
has. Writes results/magvlt.json and results/magvlt.md.
"""

import argparse
import json
import statistics
import sys
import time
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from bookkeeping import RESULTS, collect, measured, peak_of, spread, write

from likewise import checkpoint, devices, seeds
from likewise.magvlt import draw, smallworld, twin
from likewise.magvlt import write as writing
from likewise.magvlt.config import BASE, Config, Drawing, Writing
from likewise.magvlt.layout import Special
from likewise.magvlt.learn import learn
from likewise.magvlt.model import Transformer
from likewise.metrics.intervals import paired

PROMPT = 12  # tokens, the end mark included
SIDES = ("ours", "released", "twin", "ours in bfloat16")
WORKS = ("pictures", "captions")


# Speed


def weights(given):
    shape = BASE.model_copy(update={"width": given.width, "layers": given.layers, "heads": max(1, given.width // 128)})
    with seeds.initialising(0, "speed"):
        return Transformer(shape).eval().requires_grad_(False)


def asked(count):
    rng = seeds.stream(0, "asked")
    text = torch.full((1, 64), 49407)
    text[0, : PROMPT - 1] = torch.randint(49000, (PROMPT - 1,), generator=rng)
    image = torch.randint(16384, (1, 256), generator=rng)
    return text.expand(count, -1), torch.full((count,), PROMPT), image.expand(count, -1)


def ours(model, count, dtype=torch.float32):
    text, length, image = asked(count)
    generators = [seeds.stream(0, "speed", i) for i in range(count)]
    scope = devices.Device("cpu", dtype, "").autocast

    def drawn():
        with scope():
            return draw.last(draw.steps(model, text, length, generators, Drawing(greedy=True, steps=10)))

    def written():
        blank = torch.full((count, 64), 49407)
        with scope():
            return writing.last(writing.steps(model, image, blank, length, generators, Writing(greedy=True))).text[
                :, :PROMPT
            ]

    return drawn, written


def twins(model, count):
    text, length, image = asked(count)
    generators = [seeds.stream(0, "speed", i) for i in range(count)]
    return (
        lambda: twin.draw(model, text, length, generators, top_k=32),
        lambda: twin.write(model, image, -1, generators, top_k=32)[:, :PROMPT],
    )


class Empty(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (torch.nn.Module,), {})


def released(model, count, checkout):
    """The authors' sampler around the same weights, made greedy by its own switches and an argmax for its draws."""
    for name in ("clip", "omegaconf", "pytorch_lightning", "einops", "torchvision"):
        sys.modules.setdefault(name, Empty(name))
    sys.modules["pytorch_lightning"].LightningModule = torch.nn.Module
    sys.path.insert(0, str(checkout))
    from magvlt.models.maskgit import maskgit
    from magvlt.models.stage2.transformers import Transformer1d
    from magvlt.models.utils import SPECIAL_TOKENS_HNH

    shape = model.shape
    sizes = SimpleNamespace(
        embed_dim=shape.width, n_layers=shape.layers, n_heads=shape.heads, ctx_len_img=256, ctx_len_txt=64,
        embd_pdrop=0.0, resid_pdrop=0.1, attn_pdrop=0.1, mlp_bias=True, attn_bias=True, gelu_use_approx=False,
        use_target_vocab_only=True, use_spc_pos=True, pos_emb_img_mode="la1d", pos_emb_txt_mode="la1d",
        pos_emb_spc_mode="la1d",
    )  # fmt: skip
    theirs = Transformer1d(49408, 16384, sizes, SPECIAL_TOKENS_HNH)
    theirs.load_state_dict({k: v for k, v in model.state_dict().items() if k != "length_predictor.weight"})
    around = maskgit.MaskGITModel.__new__(maskgit.MaskGITModel)
    torch.nn.Module.__init__(around)
    codes = []
    around.model, around.use_spc_pos, around.use_hnh_task, around.use_cutmix_loss = theirs.eval(), True, True, False
    around.bot_idx, around.tokenizer = 259, None
    around.model_vqvae = SimpleNamespace(
        decode_code=lambda c: codes.append(c.flatten(1)) or torch.zeros(len(c), 3, 8, 8)
    )
    schedule = SimpleNamespace(t2i_schedule="cosine", i2t_schedule="linear", i2t_n_steps=12)
    sampling = SimpleNamespace(
        txt_sample_method="argmax", txt_mask_sample_method="topk", txt_temperature=0.1, txt_top_k=32, txt_top_p=0
    )
    around.cfg = SimpleNamespace(stage2=SimpleNamespace(mask_hparams=schedule), sampling=sampling)
    torch.distributions.categorical.Categorical.sample = lambda self: self.logits.argmax(-1)
    maskgit.token2txt = lambda *given: [""]
    text, length, image = asked(count)
    mask = torch.arange(64).expand(count, 64) < length[:, None]

    def drawn():
        around.sample_t2i(text.clone(), mask, n_steps=10, strategy="maskgit")
        return codes.pop()

    @torch.no_grad()
    def written():
        blank = torch.full((count, 64), 49407)
        tok, pos, loc_img, loc_txt, loc_spc = around._get_input(image, blank, task="i2t")
        found, _ = around.sample_txt_tok(tok, pos, loc_img, loc_txt, loc_spc, length, return_tokens=True)
        return found[:, :PROMPT]

    return drawn, written


def side(given):
    """One side, in this process: CPU and wall seconds, memory, and the tokens, printed as JSON."""
    torch.set_num_threads(given.threads)
    model = weights(given)
    made = {
        "ours": lambda: ours(model, given.candidates),
        "ours in bfloat16": lambda: ours(model, given.candidates, torch.bfloat16),
        "twin": lambda: twins(model, given.candidates),
        "released": lambda: released(model, given.candidates, given.reference),
    }[given.side]()
    found = {}
    for name, work in zip(WORKS, made, strict=True):
        own = peak_of(work)
        began, wall = time.process_time(), time.perf_counter()
        tokens = work()
        cpu, wall = time.process_time() - began, time.perf_counter() - wall
        found[name] = {"own_mib": own, "cpu": cpu, "wall": wall, "tokens": tokens.tolist()}
    print(json.dumps(found))


def speed(given):
    sizes = {name: getattr(given, name) for name in ("width", "layers", "candidates", "threads")}
    flags = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    flags += ["--reference", str(given.reference)] if given.reference else []
    sides = [name for name in given.sides if name != "released" or given.reference]
    turns = []
    for number in range(given.rounds):
        runs = {name: measured([sys.executable, __file__, "side", "--side", name, *flags]) for name in sides}
        turns.append({name: json.loads(run.out.splitlines()[-1]) for name, run in runs.items()})
        report = {name: {what: beside(turns, name, what) for what in WORKS} for name in sides}
        print(f"turn {number + 1} of {given.rounds}", json.dumps(report, indent=2), flush=True)
        print(write("magvlt_speed", {"sizes": sizes, "sides": report}))


def beside(turns, name, what):
    """One side's figures at one work, and how many times ours they are."""
    each, mine = ([turn[side][what] for turn in turns] for side in (name, "ours"))
    row = {key: spread([one[key] for one in each]) for key in ("cpu", "wall")}
    row["own_mib"] = max((one["own_mib"] for one in each if one["own_mib"]), default=None)
    if name == "ours":
        return row
    row["time over ours"] = spread([a["cpu"] / b["cpu"] for a, b in zip(each, mine, strict=True)])
    if row["own_mib"]:
        row["memory over ours"] = round(row["own_mib"] / max(one["own_mib"] for one in mine), 2)
    if name != "twin":  # which draws its tokens otherwise
        pairs = zip(*(chain.from_iterable(of[0]["tokens"]) for of in (each, mine)), strict=True)
        same = [a == b for a, b in pairs]
        row["tokens as ours"] = round(sum(same) / len(same), 4)
    return row


# Ablations

PLAIN = Config(
    t2i=1, i2t=1, it2it=0, batch=64, lr=2e-3, smoothing=0, drop=0, length_weight=0.1, residual_dropout=0,
    attention_dropout=0,
)  # fmt: skip
VARIANTS = {  # name -> changed settings, and passes a step
    "plain": ({}, 1),
    "plain, twice the steps": ({}, 1),
    "unroll fresh": ({"unroll": "fresh"}, 2),
    "unroll subset": ({"unroll": "subset"}, 2),
    "unroll fresh from lightly hidden": ({"unroll": "fresh", "unroll_from": 0.5}, 2),
    "mixsel": ({"mixsel": 1.0}, 2),
}
MEASURES = ("captions", "pictures", "agreement", "left half", "right half", "flips")


def ablation(name, seed, steps):
    path = RESULTS / "magvlt" / f"{name.replace(' ', '_').replace(',', '')}-{seed}.json"
    if path.exists():
        return f"{path.name}: there already"
    changes, passes = VARIANTS[name]
    count = 2 * steps if name.endswith("twice the steps") else steps
    config = PLAIN.model_copy(update={**changes, "steps": count})
    with seeds.initialising(seed, "ablation"):
        model = Transformer(smallworld.SHAPE)
    began = time.process_time()
    for _ in learn(model, smallworld.pairs(smallworld.things(4000, seed)), config, seed):
        pass
    row = {"variant": name, "seed": seed, "steps": count, "passes": count * passes}
    row |= judged(model.eval().requires_grad_(False)) | {"cpu_seconds": round(time.process_time() - began, 1)}
    checkpoint.write_json(path, row)
    return f"{path.name}: {row}"


def judged(model, count=512):
    new = smallworld.things(count, 99)
    text, _ = smallworld.described(model, new.images)
    codes = smallworld.drawn(model, new, 8)
    joined = smallworld.pairs(new).joined(torch.arange(count), torch.arange(count).roll(-1), False)
    captions = torch.tensor(new.captions)
    left, right = (smallworld.described(model, joined, half=h)[0][:, :3] for h in (Special.LEFT, Special.RIGHT))
    shares = (
        smallworld.captioned(text, new), smallworld.follows(codes, new), smallworld.agrees(codes),
        (left == captions).all(1), (right == captions.roll(-1, 0)).all(1), (left != right).any(1),
    )  # fmt: skip
    return {name: round(share.float().mean().item(), 4) for name, share in zip(MEASURES, shares, strict=True)}


def summarised(rows):
    """By variant the mean of each measure, and the paired interval of its difference from the plain training."""
    by = {name: {row["seed"]: row for row in rows if row["variant"] == name} for name in VARIANTS}
    report = {}
    for name, own in by.items():
        report[name] = {m: [own[s][m] for s in sorted(own)] for m in MEASURES if own}
        for base in ("plain", "plain, twice the steps"):
            shared = sorted(own.keys() & by[base].keys())
            if name != base and len(shared) > 1:
                gaps = {m: paired([own[s][m] for s in shared], [by[base][s][m] for s in shared]) for m in MEASURES}
                report[name][f"against {base}"] = {
                    m: {
                        "value": round(g.value, 4),
                        "low": round(g.low, 4),
                        "high": round(g.high, 4),
                        "verdict": told(g),
                    }
                    for m, g in gaps.items()
                }
    return {"variants": report}


def told(gap):
    """What an interval says: a report must be able to say that an idea hurts here."""
    return "helps here" if gap.low > 0 else "hurts here" if gap.high < 0 else "no difference seen"


def table(rows, summary):
    lines = ["| variant | seeds | " + " | ".join(MEASURES) + " |", "| --- " * (2 + len(MEASURES)) + "|"]
    for name, found in summary["variants"].items():
        if found.get(MEASURES[0]):
            cells = [f"{statistics.mean(found[m]):.3f} ({min(found[m]):.3f} to {max(found[m]):.3f})" for m in MEASURES]
            lines.append(f"| {name} | {len(found[MEASURES[0]])} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("speed", "side", "ablations"))
    defaults = {"width": 256, "layers": 4, "candidates": 8, "rounds": 3, "threads": 1, "seeds": 3, "steps": 1500}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)  # "ours" among them
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=VARIANTS)
    given = parser.parse_args()
    if given.part == "side":
        side(given)
    elif given.part == "speed":
        speed(given)
    else:
        for seed in range(given.seeds):
            for name in [given.only] if given.only else VARIANTS:
                print(ablation(name, seed, given.steps), flush=True)
        collect("magvlt", summarised, table)


if __name__ == "__main__":
    main()
