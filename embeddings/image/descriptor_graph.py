"""The copy descriptor as an ONNX graph, built from its shipped weights: inference needs neither torch nor
timm.

The weights file holds plain convolutions (batch normalisation folded in when it was written) under the names
used below. Architecture: EfficientNet-Lite0 (Tan and Le, ICML 2019; Lite: no squeeze-and-excite, ReLU6),
generalised-mean pooling with power 3, and one linear layer to 512. Padding is TensorFlow's "same", uneven
where the stride is 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
# (kernel, stride of the first, expansion, channels out, how many) of each stage
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
STEM_CHANNELS = 32
GEM_POWER = 3.0
OPSET, IR_VERSION = 17, 8


class _Writer:
    """Appends nodes to a graph; every method returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def convolution(self, source: str, name: str, *, stride: int = 1, groups: int = 1, relu6: bool = True) -> str:
        kernel = self.weights[f"{name}.weight"]
        weight = self.constant(f"{name}.weight", kernel)
        bias = self.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        output = self.node(
            "Conv", source, weight, bias, strides=[stride, stride], group=groups, auto_pad="SAME_UPPER",
            kernel_shape=list(kernel.shape[2:]),
        )  # fmt: skip
        return self.relu6(output) if relu6 else output

    def relu6(self, source: str) -> str:
        low = self.constant("zero", np.array(0.0, np.float32))
        return self.node("Clip", source, low, self.constant("six", np.array(6.0, np.float32)))


def build_graph(weights: Weights) -> bytes:
    """Serialise the network: input "pictures" (n, 3, h, w) float32 in -1..1, output "descriptors" (n, 512)
    unit vectors.

    Raises: KeyError if a tensor is missing.
    """
    writer = _Writer(weights)
    last = writer.convolution("pictures", "stem", stride=2)
    channels = STEM_CHANNELS
    for stage, (_, first_stride, expansion, out, repeats) in enumerate(STAGES):
        for i in range(repeats):
            stride = first_stride if i == 0 else 1
            last = _block(writer, last, f"blocks.{stage}.{i}", channels, out, expansion, stride)
            channels = out
    last = writer.convolution(last, "head")
    floor = writer.constant("floor", np.array(1e-6, np.float32))
    last = writer.node(
        "Pow", writer.node("Max", last, floor), writer.constant("power", np.array(GEM_POWER, np.float32))
    )
    last = writer.node("ReduceMean", last, axes=[2, 3], keepdims=0)
    last = writer.node("Pow", last, writer.constant("root", np.array(1.0 / GEM_POWER, np.float32)))
    matrix = writer.constant("projection.weight", weights["projection.weight"].T)
    last = writer.node(
        "Add", writer.node("MatMul", last, matrix), writer.constant("projection.bias", weights["projection.bias"])
    )
    writer.nodes.append(helper.make_node("LpNormalization", [last], ["descriptors"], axis=1, p=2))
    graph = helper.make_graph(
        writer.nodes,
        "copy_descriptor",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["n", 512])],
        initializer=list(writer.constants.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return bytes(model.SerializeToString())


def _block(writer: _Writer, source: str, name: str, channels: int, out: int, expansion: int, stride: int) -> str:
    """One inverted residual: widen, filter each channel by itself, narrow; added to its input where shapes
    allow.
    """
    wide, last = channels * expansion, source
    if expansion != 1:
        last = writer.convolution(last, f"{name}.expand")
    last = writer.convolution(last, f"{name}.depthwise", stride=stride, groups=wide)
    last = writer.convolution(last, f"{name}.narrow", relu6=False)
    return writer.node("Add", source, last) if stride == 1 and channels == out else last
