"""A metric as one ONNX file, pictures in and unit rows out, and a report of how near it stays to the original.

Normalisation is inside, the batch is free, the size is the metric's own. float32, float16 weights and activations, or
int8 weights (of matrices and convolutions, a scale a channel); onnxruntime runs the first and the last on any CPU.
"""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from likewise.disk import new_file
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.inputs import PictureLike, to_batch
from likewise.dreamsim.metric import Metric
from likewise.errors import NothingToExportError

Precision = Literal["float32", "float16", "int8"]
OPSET = 18
LARGE = 16384  # values from which a weight is stored in 8 bits: the small ones of early layers cost most and save least


class _Rows(nn.Module):
    """The ensemble for a batch of the metric's own size."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble

    def forward(self, images: Tensor) -> Tensor:
        return self.ensemble(images)


def export(metric: Metric, path: str | Path, precision: Precision = "float32") -> Path:
    """Write the metric as ONNX: input "images" (batch, 3, S, S) float32 in [0, 1], output "rows" (batch, dimension).

    Raises MissingExtraError through the import where onnx is not installed, WriteError.
    """
    import onnx

    model = _traced(metric)
    if precision == "float16":
        model = _half(model)
    elif precision == "int8":
        model = _eight_bits(model)
    for name, value in (("likewise.hash", metric.hash), ("likewise.preprocessing", metric.preprocessing)):
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    onnx.checker.check_model(model)
    path = Path(path)
    with new_file(path) as temp:
        temp.write_bytes(model.SerializeToString())
    return path


def parity(metric: Metric, path: str | Path, images: Sequence[PictureLike]) -> dict[str, Any]:
    """The file against the metric, over all pairs and triplets of at least three pictures, as JSON.

    largest: of the differences of a distance; spearman: of the order of all pairs; flips: the share of triplets whose
    nearer picture becomes another; batch: the largest difference of a row between batches of 1 and of 7.
    """
    import onnxruntime

    if len(images) < 3:
        raise NothingToExportError(f"{len(images)} pictures to compare on", "give at least three")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = torch.cat([to_batch(one, metric.model.pixels, metric.aspect) for one in images]).numpy()

    def rows(pictures: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {"images": pictures})[0])

    alone = np.concatenate([rows(one[None]) for one in batch])
    seven = rows(np.resize(batch, (7, *batch.shape[1:])))
    ours, theirs = (1 - one.astype(np.float64) @ one.T.astype(np.float64) for one in (metric.embed(images), alone))
    upper = np.triu_indices(len(ours), 1)
    return {
        "pictures": len(images),
        "bytes": Path(path).stat().st_size,
        "largest": float(np.abs(ours - theirs)[upper].max()),
        "spearman": _spearman(ours[upper], theirs[upper]),
        "flips": _flips(ours, theirs),
        "batch": float(np.abs(seven - np.resize(alone, seven.shape)).max()),
    }


def _traced(metric: Metric) -> Any:
    import onnx

    example = torch.rand(2, 3, metric.model.pixels, metric.model.pixels)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)  # checks of the picture's size, which is fixed here
        warnings.simplefilter("ignore", DeprecationWarning)  # the exporter by graph capture writes no free batch here
        torch.onnx.export(
            _Rows(metric.model).eval(),
            (example,),
            cast(Any, buffer),  # what traces takes a buffer too
            input_names=["images"],
            output_names=["rows"],
            dynamic_axes={"images": {0: "batch"}, "rows": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def _half(model: Any) -> Any:
    """All in float16 but the ends: a cast behind the input, another before the output."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT:
                values = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(values))
        node.input[:] = ["images_half" if name == "images" else name for name in node.input]
        node.output[:] = ["rows_half" if name == "rows" else name for name in node.output]
    del graph.value_info[:]
    graph.node.insert(0, helper.make_node("Cast", ["images"], ["images_half"], to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", ["rows_half"], ["rows"], to=TensorProto.FLOAT))
    return model


def _eight_bits(model: Any) -> Any:
    """Large weights as int8 with a scale a channel, brought back by DequantizeLinear where they are used."""
    from onnx import helper, numpy_helper

    graph = model.graph
    axis = {name: 0 if node.op_type == "Conv" else 1 for node in graph.node for name in node.input[1:2]
            if node.op_type in ("Conv", "MatMul", "Gemm")}  # fmt: skip
    nodes = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.name not in axis or values.dtype != np.float32 or values.size < LARGE or values.ndim < 2:
            continue
        along = axis[tensor.name]
        others = tuple(place for place in range(values.ndim) if place != along)
        scale = np.maximum(np.abs(values).max(others) / 127, 1e-12).astype(np.float32)
        shape = [-1 if place == along else 1 for place in range(values.ndim)]
        small = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
        graph.initializer.remove(tensor)
        graph.initializer.extend(
            [
                numpy_helper.from_array(small, f"{tensor.name}_int8"),
                numpy_helper.from_array(scale, f"{tensor.name}_scale"),
                numpy_helper.from_array(np.zeros(len(scale), np.int8), f"{tensor.name}_zero"),
            ]
        )
        inputs = [f"{tensor.name}_{part}" for part in ("int8", "scale", "zero")]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [tensor.name], axis=along))
    for place, node in enumerate(nodes):
        graph.node.insert(place, node)
    return model


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    one, other = (np.argsort(np.argsort(values)) for values in (first, second))
    return float(np.corrcoef(one, other)[0, 1]) if len(first) > 1 else 1.0


def _flips(first: np.ndarray, second: np.ndarray) -> float:
    """The share of triplets (i; j, k) whose nearer picture is another by the second matrix."""
    count = len(first)
    changed = total = 0
    for place in range(count):
        others = np.delete(np.arange(count), place)
        left, right = np.triu_indices(len(others), 1)
        one, other = (rows[place, others[left]] < rows[place, others[right]] for rows in (first, second))
        changed, total = changed + int((one != other).sum()), total + len(left)
    return changed / total
