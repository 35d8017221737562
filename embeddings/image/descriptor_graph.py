"""The copy descriptor as an ONNX graph, built from its shipped weights: inference needs neither
torch nor timm.

The weights file holds plain convolutions (batch normalisation folded in when it was written) under
the names used below. Architecture: EfficientNet-Lite0 (Tan and Le, ICML 2019; Lite: no
squeeze-and-excite, ReLU6), generalised-mean pooling with power 3, and one linear layer to 512.
Padding is TensorFlow's "same", uneven where the stride is 2.
"""

from __future__ import annotations

import numpy as np

from embeddings.image.graph_writer import GraphWriter, Weights

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


def build_graph(weights: Weights) -> bytes:
    """Serialise the network: input "pictures" (n, 3, h, w) float32 in -1..1, output "descriptors"
    (n, 512) unit.

    Raises: KeyError if a tensor is missing.
    """
    writer = GraphWriter(weights)
    last = _convolution(writer, "pictures", "stem", stride=2)
    channels = STEM_CHANNELS
    for stage, (_, first_stride, expansion, out, repeats) in enumerate(STAGES):
        for i in range(repeats):
            stride = first_stride if i == 0 else 1
            last = _block(writer, last, f"blocks.{stage}.{i}", channels, out, expansion, stride)
            channels = out
    last = _convolution(writer, last, "head")
    floor = writer.constant("floor", np.array(1e-6, np.float32))
    power = writer.constant("power", np.array(GEM_POWER, np.float32))
    last = writer.node(
        "ReduceMean",
        writer.node("Pow", writer.node("Max", last, floor), power),
        axes=[2, 3],
        keepdims=0,
    )
    last = writer.node("Pow", last, writer.constant("root", np.array(1.0 / GEM_POWER, np.float32)))
    matrix = writer.constant("projection.weight", weights["projection.weight"].T)
    last = writer.node("Add", writer.node("MatMul", last, matrix), writer.weight("projection.bias"))
    return writer.finish(last, "copy_descriptor", "h", "w")


def _convolution(
    writer: GraphWriter,
    source: str,
    name: str,
    *,
    stride: int = 1,
    groups: int = 1,
    relu6: bool = True,
) -> str:
    output = writer.node(
        "Conv",
        source,
        writer.weight(f"{name}.weight"),
        writer.weight(f"{name}.bias"),
        strides=[stride, stride],
        group=groups,
        auto_pad="SAME_UPPER",
        kernel_shape=list(writer.weights[f"{name}.weight"].shape[2:]),
    )
    if not relu6:
        return output
    low = writer.constant("zero", np.array(0.0, np.float32))
    return writer.node("Clip", output, low, writer.constant("six", np.array(6.0, np.float32)))


def _block(
    writer: GraphWriter,
    source: str,
    name: str,
    channels: int,
    out: int,
    expansion: int,
    stride: int,
) -> str:
    """One inverted residual: widen, filter each channel by itself, narrow; added to its input where
    shapes allow.
    """
    wide, last = channels * expansion, source
    if expansion != 1:
        last = _convolution(writer, last, f"{name}.expand")
    last = _convolution(writer, last, f"{name}.depthwise", stride=stride, groups=wide)
    last = _convolution(writer, last, f"{name}.narrow", relu6=False)
    return writer.node("Add", source, last) if stride == 1 and channels == out else last
