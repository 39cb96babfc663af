"""MAGVLT's decoding against the released sampler and the autoregressive twin.

Run: python benchmarks/magvlt.py speed [--reference CHECKOUT] [--width 256 --layers 4 --candidates 8]

The same random weights, 256 image and 64 text tokens and the released vocabularies; greedy, so that the tokens that
come out can be compared one by one. Each side runs in a process of its own, and the sides take turns; a ratio is of
one turn. Memory is what decoding needs at most beside the weights. In bfloat16 a token that comes out otherwise
changes what follows it, so it is also asked, at every step of the float32 decoding, which tokens it would take.
CHECKOUT is a checkout of github.com/kakaobrain/magvlt; packages that its modules import and that its sampler does not
use are replaced by empty ones. Writes results/magvlt_speed.json.
"""

import argparse
import copy
import json
import sys
import time
from itertools import chain
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from bookkeeping import measured, peak_of, spread, write

from likewise import seeds
from likewise.magvlt import draw, folder, twin
from likewise.magvlt import write as writing
from likewise.magvlt.config import BASE, Drawing, Writing
from likewise.magvlt.model import Hidden, Transformer
from likewise.metrics.intervals import wilson
from likewise.toybox.concepts import STYLES

PROMPT = 12  # tokens, the end mark included
SIDES = ("ours", "released", "twin", "ours in bfloat16")
WORKS = ("pictures", "captions")
SEGMENTS = ("image", "text", "bot")
THINGS, PLACES = ("dog", "cat", "apple", "car", "guitar"), ("on the beach", "in the snow")


def weights(given):
    shape = BASE.model_copy(update={"width": given.width, "layers": given.layers, "heads": max(1, given.width // 128)})
    with seeds.initialising(0, "speed"):
        return Transformer(shape).eval().requires_grad_(False)


def asked(count, each=1):
    """Prompts with their lengths, and pictures: `each` of them, and as often as makes `count` rows."""
    rng = seeds.stream(0, "asked")
    text = torch.full((each, 64), 49407)
    text[:, : PROMPT - 1] = torch.randint(49000, (each, PROMPT - 1), generator=rng)
    image = torch.randint(16384, (each, 256), generator=rng)
    return text.repeat(count // each, 1), torch.full((count,), PROMPT), image.repeat(count // each, 1)


def ours(model, count):
    return decoding(model, *asked(count))


def decoding(model, text, length, image):
    """Greedy drawing of the texts, and greedy writing about the pictures."""
    generators = [seeds.stream(0, "speed", i) for i in range(len(text))]

    def drawn():
        return draw.last(draw.steps(model, text, length, generators, Drawing(greedy=True, steps=10)))

    def written():
        blank = torch.full_like(text, int(text[0, -1]))  # texts are filled up with end marks
        steps = writing.steps(model, image, blank, length, generators, Writing(greedy=True))
        return writing.last(steps).text[:, :PROMPT]

    return drawn, written


class Both:
    """The same weights in float32 and lowered, side by side: float32 decodes, and how often they agree is kept."""

    def __init__(self, exact):
        self.models, self.asked, self.alike, self.drift = (exact, copy.deepcopy(exact).lower()), 0, 0, 0.0
        self.shape, self.device = exact.shape, exact.device

    def __call__(self, task, shown):
        here, there = (model(task, shown) for model in self.models)
        return Hidden(*(torch.cat([getattr(one, part) for one in (here, there)], -1) for part in SEGMENTS))

    def prefix(self, shown):
        (here, bot), (there, other) = (model.prefix(shown) for model in self.models)
        blocks = zip(here, there, strict=True)
        joined = [(torch.cat([one[0], two[0]], 1), torch.cat([one[1], two[1]], 1)) for one, two in blocks]
        return joined, torch.cat([bot, other], -1)

    def after(self, prefix, *rest):
        halves = [(keys.chunk(2, 1), values.chunk(2, 1)) for keys, values in prefix]
        here = [(keys[0], values[0]) for keys, values in halves]
        there = [(keys[1].bfloat16(), values[1].bfloat16()) for keys, values in halves]
        return torch.cat([self.models[0].after(here, *rest), self.models[1].after(there, *rest)], -1)

    def image_logits(self, hidden):
        return self.compared(hidden, Transformer.image_logits)

    def text_logits(self, hidden):
        return self.compared(hidden, Transformer.text_logits)

    def compared(self, hidden, read):
        here, there = (read(model, half) for model, half in zip(self.models, hidden.chunk(2, -1), strict=True))
        token = here.argmax(-1)
        self.asked += len(token)
        self.alike += int((there.argmax(-1) == token).sum())
        gaps = (here.log_softmax(-1) - there.log_softmax(-1)).gather(1, token[:, None])
        self.drift = max(self.drift, gaps.abs().max().item())
        return here


def agreement(given):
    """How many tokens bfloat16 would take as float32 does, of all that float32 is asked on its way."""
    embedded, found = folder.read("toybox"), {}
    cases = {"random weights": (weights(given), *asked(given.candidates, given.candidates))}
    cases["embedded weights"] = (embedded.model, *scenes(embedded))
    for name, (model, *rows) in cases.items():
        found[name] = {}
        for number, what in enumerate(WORKS):
            both = Both(model)
            decoding(both, *rows)[number]()
            share = wilson(both.alike, both.asked)
            about = {"share": share.value, "low": share.low, "high": share.high, "tokens": both.asked}
            found[name][what] = {**about, "log-probability drift at most": both.drift}
    return found


def scenes(parts):
    """Forty prompts of the little world, and what the embedded model draws of them."""
    prompts = [f"a {style} {thing} {place}" for style in STYLES for thing in THINGS for place in PLACES]
    text, length = parts.words.encode(prompts)
    generators = [seeds.stream(0, "scene", i) for i in range(len(prompts))]
    return text, length, draw.last(draw.steps(parts.model, text, length, generators, Drawing()))


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
        "ours in bfloat16": lambda: ours(model.lower(), given.candidates),
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
    turns, same = [], agreement(given) if "ours in bfloat16" in sides else None
    for number in range(given.rounds):
        runs = {name: measured([sys.executable, __file__, "side", "--side", name, *flags]) for name in sides}
        turns.append({name: json.loads(run.out.splitlines()[-1]) for name, run in runs.items()})
        report = {name: {what: beside(turns, name, what) for what in WORKS} for name in sides}
        print(f"turn {number + 1} of {given.rounds}", json.dumps(report, indent=2), flush=True)
        print(write("magvlt_speed", {"sizes": sizes, "sides": report, "bfloat16 agrees": same}))


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("part", choices=("speed", "side"))
    for name, default in {"width": 256, "layers": 4, "candidates": 8, "rounds": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)  # "ours" among them
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    (side if given.part == "side" else speed)(given)


if __name__ == "__main__":
    main()
