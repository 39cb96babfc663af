"""The released ensemble's shape, ours against the authors' package: equal rows, and how much faster, in one run.

Run: python benchmarks/dreamsim.py --reference FOLDER [--repeats 5] [--rank 1000]. FOLDER holds a checkout of the
authors' repository; only its vision transformer is imported, in this process, with weights drawn at random in the true
shape and given to both. Their wrapper (one pass a picture, the reference encoded anew for every comparison, class token
by a hook, normalisation inside) is written out below, as the package itself needs torchvision, timm, open_clip and the
hub. Without FOLDER only ours is timed. Writes results/dreamsim.json.
"""

import argparse
import importlib.util
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from bookkeeping import write

from likewise import dreamsim
from likewise.dreamsim import export, networks, released
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.metric import Metric


def ours(seed=0):
    torch.random.default_generator.manual_seed(seed)  # weights for a measurement, not for a result
    branches = [networks.build(name, feature) for name, feature in released.RELEASES["ensemble"].parts]
    for branch in branches:
        for parameter in (branch.network.cls_token, branch.network.pos_embed):
            torch.nn.init.normal_(parameter, std=0.02)
    return Ensemble(branches).requires_grad_(False).eval()


class Theirs(torch.nn.Module):
    """The authors' forward pass, as their model.py and extractor.py do it."""

    def __init__(self, module, ensemble):
        super().__init__()
        self.parts, self.networks, self.feats = ensemble.branches, torch.nn.ModuleList(), []
        for branch in ensemble.branches:
            network, shape = module.vit_base(patch_size=branch.network.shape.patch), branch.network.shape
            state = {name.replace("pre_norm.", "pos_drop."): v for name, v in branch.network.state_dict().items()}
            state.pop("proj", None)
            if shape.pre_norm:
                network.pos_drop = torch.nn.LayerNorm(shape.width)
            network.load_state_dict(state, assign=True)  # the very tensors, so that both fit in memory
            for part in network.modules():
                if isinstance(part, torch.nn.LayerNorm):
                    part.eps = shape.epsilon
            if shape.quick_gelu:
                for block in network.blocks:
                    block.mlp.act = branch.network.blocks[0].mlp.act
            self.networks.append(network.eval().requires_grad_(False))

    def embed(self, images):
        found = []
        for branch, network in zip(self.parts, self.networks, strict=True):
            values = (images - branch.mean) / branch.deviation
            if branch.feature == "cls":
                hook = network.blocks[11].register_forward_hook(
                    lambda module, inputs, output: self.feats.append(output)
                )
                network(values)
                hook.remove()
                found.append(self.feats.pop()[:, 0])
            else:
                found.append(network(values) @ branch.network.proj)
        row = torch.cat(found, dim=-1)
        row = row - row.mean(1, keepdim=True)
        return row / row.norm(dim=1, keepdim=True)

    def forward(self, first, second):
        return 1 - torch.nn.functional.cosine_similarity(self.embed(first), self.embed(second), dim=-1)


def timed(function, repeats):
    function()
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        seconds.append(time.process_time() - began)
    return seconds


def spans(seconds):
    quarters = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [seconds[0]] * 3
    return {
        "median": round(quarters[1], 4),
        "q1": round(quarters[0], 4),
        "q3": round(quarters[2], 4),
        "n": len(seconds),
    }


def reference(folder):
    path = folder / "dreamsim" / "feature_extraction" / "vision_transformer.py"
    spec = importlib.util.spec_from_file_location("their_vision_transformer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compared(results, name, one, other, factor=1):
    """Both medians and their ratio; factor scales the other's time, where it would repeat the same work."""
    results[name] = {"ours": spans(one), "theirs": spans(other), "their_repeats": factor}
    results[name]["ratio"] = round(factor * statistics.median(other) / statistics.median(one), 2)
    print(name, results[name], flush=True)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank", type=int, default=1000, help="pictures that one is ranked against")
    asked = parser.parse_args()
    ensemble = ours()
    metric = Metric(ensemble, "random weights")
    images = torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    results = {"seconds": "of processor time", "threads": torch.get_num_threads()}
    one = timed(lambda: ensemble(images[:1]), asked.repeats)
    triplet = timed(lambda: [ensemble(image[None]) for image in images], asked.repeats)
    rows = np.random.default_rng(0).normal(size=(asked.rank, ensemble.width)).astype(np.float32)
    if asked.reference:
        theirs = Theirs(reference(asked.reference), ensemble)
        gap = (theirs.embed(images) - torch.cat([ensemble(image[None]) for image in images])).abs().max().item()
        results["largest_difference"] = gap
        assert gap <= 1e-5, f"the rows differ by {gap}, so no time means anything"
        single = timed(lambda: theirs.embed(images[:1]), asked.repeats)
        compared(results, "one picture", one, single)
        both = timed(lambda: (theirs(images[:1], images[1:2]), theirs(images[:1], images[2:])), asked.repeats)
        compared(results, "a triplet", triplet, both)
        # one against N: ours encodes N + 1 pictures once, or the new one alone where the N are in an index
        pair = timed(lambda: theirs(images[:1], images[1:2]), asked.repeats)
        ranked = timed(lambda: np.argsort(rows @ ensemble(images[:1]).numpy()[0]), asked.repeats)
        compared(results, f"one against {asked.rank}, their rows kept", ranked, pair, asked.rank)
        cold = [asked.rank * value + other for value, other in zip(one, one, strict=True)]
        compared(results, f"one against {asked.rank}, nothing kept", cold, pair, asked.rank)
    else:
        results["one picture"], results["a triplet"] = spans(one), spans(triplet)
    embedded = dreamsim.load()
    results["embedded, one picture"] = spans(timed(lambda: embedded.embed([images[0]]), asked.repeats))
    results["onnx"] = {kind: onnx(embedded, kind, asked.repeats) for kind in ("float32", "float16", "int8")}
    write("dreamsim", results)
    half = Metric(ensemble, "half", precision="bfloat16")
    gap = np.abs(half.embed([images[0]]) - metric.embed([images[0]])).max()
    results["bfloat16"] = {
        **spans(timed(lambda: half.embed([images[0]]), 1)),
        "largest_difference_of_a_row": float(gap),
    }
    write("dreamsim", results)
    print(results)


def onnx(metric, kind, repeats):
    """The embedded metric as ONNX: parity on noise and smooth pictures, time of one picture."""
    import tempfile

    import onnxruntime

    random = np.random.default_rng(0)
    some = [np.kron(random.integers(0, 256, (6, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8) for _ in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        path = export.export(metric, Path(folder) / "metric.onnx", kind)
        found = export.parity(metric, path, some)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        batch = random.random((1, 3, metric.model.pixels, metric.model.pixels), dtype=np.float32)
        return {**found, "seconds": spans(timed(lambda: session.run(None, {"images": batch}), repeats))}


if __name__ == "__main__":
    main()
