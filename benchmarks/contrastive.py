"""Contrastive losses, views and graphs, each beside what it is compared with.

Run: python benchmarks/contrastive.py losses [--peers FOLDER] | views | large | graph --photos DIR --labels FIELD |
spectral --photos DIR. FOLDER holds the unpacked packages lightly and open_clip_torch, of which only the files of the
two losses are run; without it the same formulas are written out here. Seconds are of the CPU, on one thread.
"""

import argparse
import importlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from bookkeeping import RESULTS, measured, write
from PIL import Image, ImageEnhance, ImageFilter

from likewise import encoders
from likewise.contrastive import graph as graphs
from likewise.contrastive import measures, pairings, plot, views
from likewise.contrastive import photos as photo_files
from likewise.contrastive.losses import clip_loss, ntxent_loss, spectral_loss
from likewise.contrastive.report import Settings, build
from likewise.contrastive.teacher import features

DIM, SIZES = 128, (512, 1024, 2048, 4096, 8192, 16384)


def peers(folder):
    """lightly's NTXentLoss and open_clip's ClipLoss, or the same written out."""
    if folder is None:
        return written_ntxent, written_clip
    sys.path.insert(0, str(folder))
    packages = ("lightly", "lightly.loss", "lightly.models", "lightly.models.modules", "lightly.utils", "open_clip")
    for name in (*packages, "lightly.models.utils"):  # as they are they would import torchvision and timm
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(Path(folder, *name.split(".")))]
    theirs = importlib.import_module("lightly.loss.ntx_ent_loss").NTXentLoss(temperature=0.1)
    clip = importlib.import_module("open_clip.loss").ClipLoss()
    return lambda z: theirs(z[0], z[1]), lambda z, s: clip(F.normalize(z[0], dim=1), F.normalize(z[1], dim=1), s)


def written_ntxent(z):
    a, b = F.normalize(z[0], dim=1), F.normalize(z[1], dim=1)
    off = ~torch.eye(len(a), dtype=torch.bool)
    blocks = [x @ y.T / 0.1 for x, y in ((a, b), (a, a), (b, a), (b, b))]
    first, last = (torch.cat([cross, same[off].view(len(a), -1)], 1) for cross, same in (blocks[:2], blocks[2:]))
    return F.cross_entropy(torch.cat([first, last]), torch.arange(len(a)).repeat(2))


def written_clip(z, scale):
    a, b = F.normalize(z[0], dim=1), F.normalize(z[1], dim=1)
    target = torch.arange(len(a))
    return (F.cross_entropy(scale * a @ b.T, target) + F.cross_entropy(scale * b @ a.T, target)) / 2


def one_loss(loss, who, sizes, folder):
    """Time and memory of one loss with its gradients, at rising sizes in a process of its own, a line of JSON each."""
    torch.set_num_threads(1)
    ntxent, clip = peers(folder)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scale = torch.tensor(14.3, requires_grad=True)
    ways = {
        ("ntxent", "ours"): lambda z: ntxent_loss(z, 0.1, chunk=0),
        ("clip", "ours"): lambda z: clip_loss(F.normalize(z[0], dim=1), F.normalize(z[1], dim=1), scale, chunk=0),
        ("ntxent", "peer"): ntxent,
        ("clip", "peer"): lambda z: clip(z, scale),
    }
    for count in sizes:
        random = torch.Generator().manual_seed(0)
        z = torch.randn(2, count // 2 if loss == "ntxent" else count, DIM, generator=random)  # n rows, or n pairs
        z[1] = z[0] + 0.5 * z[1]
        z.requires_grad_()
        taken = []
        for _ in range(5 if count <= 2048 else 3 if count <= 4096 else 1):
            began = time.thread_time()
            value = ways[loss, who](z)
            slope = torch.autograd.grad(value, z)[0]
            taken.append(round(time.thread_time() - began, 4))
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024
        found = {"n": count, "seconds": statistics.median(taken), "all": taken, "mib": round(peak, 1)}
        print(json.dumps({**found, "loss": value.item(), "slope": slope.norm().item()}), flush=True)


def losses(args):
    rows = []
    for loss in ("ntxent", "clip"):
        both = {}
        for who in ("ours", "peer"):
            argv = [sys.executable, __file__, "one", loss, who, "--sizes", *map(str, args.sizes)]
            argv += ["--peers", str(args.peers)] if args.peers else []
            both[who] = [json.loads(line) for line in measured(argv, OMP_NUM_THREADS="1").out.splitlines()]
        for ours, peer in zip(both["ours"], both["peer"], strict=True):
            row = {"loss": loss, "n": ours["n"], "time_ratio": round(ours["seconds"] / peer["seconds"], 3)}
            row["memory_ratio"] = round(ours["mib"] / max(peer["mib"], 0.1), 3)
            row["difference"] = abs(ours["loss"] - peer["loss"])
            row["slope_difference"] = abs(ours["slope"] / peer["slope"] - 1)
            print(row, flush=True)
            rows.append({**row, "ours": ours, "peer": peer})
        about = {"peer": "lightly, open_clip" if args.peers else "the formulas written out", "dimension": DIM}
        write("contrastive_losses", {**about, "rows": rows})


def pillow_views(images, chances, size):
    """The same recipe, picture by picture, with Pillow."""
    tools = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    made = []
    for i, image in enumerate(images):
        top, left, height, width = chances.boxes[i].tolist()
        view = image.crop((left, top, left + width, top + height)).resize((size, size), Image.Resampling.BILINEAR)
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if chances.flip[i] else view
        for number in chances.order[i].tolist() if chances.jitter[i] else ():
            factor = float(chances.factors[i, number])
            if number < 3:
                view = tools[number](view).enhance(factor)
            else:
                hue, saturation, value = view.convert("HSV").split()
                turned = (np.asarray(hue, dtype=np.int16) + int(factor * 255)).astype(np.uint8)
                view = Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
        view = view.convert("L").convert("RGB") if chances.grey[i] else view
        view = view.filter(ImageFilter.GaussianBlur(float(chances.sigma[i]))) if chances.blur[i] else view
        made.append(torch.from_numpy(np.array(view)).permute(2, 0, 1).float() / 255)
    return torch.stack(made)


def view_speed(args):
    torch.set_num_threads(1)
    recipe, found = views.Recipe(size=64), {}
    bytes_ = torch.randint(0, 256, (128, 3, 128, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(bytes_[:, :, :16, :16].float(), (128, 128), mode="bilinear").byte()
    stored = smooth.contiguous(memory_format=torch.channels_last)  # as photos.load keeps them
    pictures = [Image.fromarray(one.permute(1, 2, 0).numpy()) for one in smooth]
    chances = views.draw(recipe, 128, 128, 0)
    ways = {
        "pillow": lambda: pillow_views(pictures, chances, 64),
        "ours": lambda: views.views(stored, chances, recipe),
    }
    far = (ways["pillow"]() - ways["ours"]()).abs()
    for _ in range(7):  # by turns, so that a busy moment hits both
        for name, way in ways.items():
            began = time.thread_time()
            way()
            found.setdefault(name, []).append(128 / (time.thread_time() - began))
    speeds = {name: round(statistics.median(taken)) for name, taken in found.items()}
    summary = {"views_a_second": speeds, "all": found, "ratio": round(speeds["ours"] / speeds["pillow"], 2)}
    print(summary["views_a_second"], summary["ratio"], "mean difference", far.mean().item())
    write("contrastive_views", {**summary, "mean_difference": far.mean().item(), "from": 128, "to": 64})


def large(args):
    """Peak memory of a step by cached accumulation, at growing batches of pairs of one picture and one text."""
    code = (
        "import torch,resource,json,sys,time;from likewise import devices;"
        "from likewise.contrastive.config import Config;from likewise.contrastive.student import make;"
        "from likewise.contrastive.trainer import Material,learn;torch.set_num_threads(1);n=int(sys.argv[1]);"
        "c=Config(objective='clip',backbone='toybox',steps=1,batch=n,part=32,size=16,source_size=16,text_layers=1,"
        "text_width=48);s=make(c,0,dict(vocabulary=100,length=8,width=48,layers=1));"
        "ids=torch.randint(0,97,(n,8));ids[:,0]=98;ids[:,-1]=99;"
        "m=Material(torch.randint(0,256,(n,3,16,16),dtype=torch.uint8),'x',ids);t=time.thread_time();"
        "[x for x in learn(s,m,c,0,devices.Device('cpu',torch.float32,''))];"
        "print(json.dumps(dict(batch=n,mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024,"
        "seconds=time.thread_time()-t)))"
    )
    found = []
    for count in args.sizes:
        found.append(json.loads(measured([sys.executable, "-c", code, str(count)], OMP_NUM_THREADS="1").out))
        print(found[-1], flush=True)
        write("contrastive_large", {"part": 32, "rows": found})


def graph(args):
    """The graph's prediction for each way of making pairs, beside probes of spectral models trained on those pairs."""
    from likewise.contrastive.prediction import compare

    how = Settings(args.labels, args.teacher, 0, 5, args.width, args.limit, 0)
    found = photo_files.load(args.photos, 128)
    classes = photo_files.labels(found, args.labels)
    chosen = np.sort(np.random.default_rng(0).permutation(len(found))[: how.limit])
    found, classes = found[chosen], classes[chosen]
    parts = photo_files.split(found, 0, classes)
    kinds = [kind for kind in pairings.KINDS if kind != "captions" or all(found.captions)]
    laws = build(found, kinds, encoders.load(how.encoder), how)
    report = compare(laws, classes, how.width, parts)
    inputs = {
        "pixels": views.whole(found.pixels, 16).flatten(1),
        "an encoder's rows": torch.from_numpy(features(encoders.load(args.teacher), found)),
    }
    orders = {}
    for what, given in inputs.items():
        means = {}
        for name, law in laws.items():
            right = _probe_of_trained(law, given, classes, parts, args.width, args.seeds)
            report["ways"][name].setdefault("measured", {})[what] = right
            means[name] = float(np.mean(right))
            print(what, name, report["ways"][name]["predicted"]["value"], "measured", right, flush=True)
        orders[what] = sorted(means, key=lambda name: -means[name])
    print(write(f"contrastive_graph_{args.name}", {**report, "measured_order": orders, "photos": len(found)}))
    series = {name: way["spectrum"] for name, way in report["ways"].items()}
    axes = plot.Axis("rank"), plot.Axis("singular value", 0, 1)
    plot.lines(series, "Spectra of three kinds of pairs", *axes).save(RESULTS / f"contrastive_graph_{args.name}.png")


def _probe_of_trained(law, given, classes, parts, width, seeds):
    """Probes of small networks on rows (N, D), trained on pairs drawn from the law with the spectral loss."""
    shares = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        with torch.random.fork_rng():
            torch.random.default_generator.manual_seed(seed)
            net = torch.nn.Sequential(
                torch.nn.Linear(given.shape[1], 256), torch.nn.ReLU(), torch.nn.Linear(256, width)
            )
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
        inputs = (given - given.mean(0)) / (given.std(0) + 1e-3)
        train = np.isin(np.arange(len(given)), parts[0])
        inside = law * train[:, None]
        inside = inside[:, inside.sum(0) > 0]
        for _ in range(1500):
            pairs = torch.from_numpy(graphs.draw_pairs(inside, 256, random))
            loss = spectral_loss(net(inputs[pairs[:, 0]]), net(inputs[pairs[:, 1]]), 0)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            rows = measures.Embedding(F.normalize(net(inputs), dim=1).numpy(), "x")
        right = measures.probed(rows[parts[0]], classes[parts[0]], rows[parts[1]], classes[parts[1]])
        shares.append(round(float(right["linear_probe"].mean()), 4))
    return shares


def spectral(args):
    """Angles between what two free tables of rows learn from captions' pairs, and the singular vectors of their law.

    The partner of a photo is a word of its caption that not all captions have. The width is where the spectrum falls
    most, as a space is only well defined above a gap.
    """
    captions = [str(caption).split() for caption in photo_files.load(args.photos, 16).captions]
    shared = set.intersection(*map(set, captions))
    words = sorted(set().union(*captions) - shared)
    law = np.array([[own.count(word) for word in words] for own in captions], dtype=float)
    law /= law.sum(1, keepdims=True) * len(law)
    law = (1 - args.smooth) * law + args.smooth / law.size  # any word may go with any photo, now and then
    made = graphs.graph(law)
    falls = made.values[4:48] - made.values[5:49]
    rank = int(falls.argmax()) + 5
    masses = [torch.tensor(np.sqrt(made.law.sum(axis)))[:, None] for axis in (1, 0)]
    random, line = np.random.default_rng(0), made.law.ravel().cumsum()
    sides = [torch.tensor(0.01 * random.standard_normal((side, rank)), requires_grad=True) for side in law.shape]
    optimiser = torch.optim.Adam(sides)
    angles = {}
    for step in range(args.steps + 1):
        if step in (0, args.steps // 8, args.steps // 2, args.steps):
            found_angles = graphs.principal_angles(sides[0].detach().numpy(), made.left[:, :rank])
            angles[f"{step} steps"] = np.degrees(found_angles).round(2).tolist()
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - step / (args.steps + 1))
        chosen = torch.from_numpy(np.searchsorted(line, random.random(1024)).clip(max=law.size - 1))
        rows = (sides[0] / masses[0])[chosen // law.shape[1]], (sides[1] / masses[1])[chosen % law.shape[1]]
        optimiser.zero_grad()
        spectral_loss(*rows, 0).backward()
        optimiser.step()
    about = {"photos": len(law), "words": len(words), "width": rank, "smooth": args.smooth}
    about |= {"singular_values": made.values[:49].round(4).tolist(), "angles_in_degrees": angles}
    print({name: (max(one), float(np.mean(one))) for name, one in angles.items()})
    write(f"contrastive_spectral_{args.name}", about)
    axes = plot.Axis("principal angle, by size"), plot.Axis("degrees", 0, 90)
    picture = plot.lines(angles, "Learned space against singular vectors", *axes)
    picture.save(RESULTS / f"contrastive_spectral_{args.name}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["losses", "views", "large", "graph", "spectral", "one"])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--name", default="photos")
    parser.add_argument("--labels", default="folder")
    parser.add_argument("--teacher", default="efficientnet-lite0")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--smooth", type=float, default=0.1)
    args = parser.parse_args()
    if args.part == "one":
        one_loss(*args.words, args.sizes, args.peers)
    else:
        parts = {"losses": losses, "views": view_speed, "large": large, "graph": graph, "spectral": spectral}
        parts[args.part](args)


if __name__ == "__main__":
    main()
