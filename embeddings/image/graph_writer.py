"""Write ONNX graphs node by node: the networks here are small enough to spell out, and need no
exporter then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, NDArray[np.float32]]
OPSET, IR_VERSION = 17, 8


class GraphWriter:
    """Appends nodes to a graph; every method returns the name of its output."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        """A tensor of the checkpoint as it is. Raises: KeyError if it is missing."""
        return self.constant(name, self.weights[name])

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def finish(self, last: str, name: str, height: int | str, width: int | str) -> bytes:
        """Normalise to unit length and serialise: "pictures" (n, 3, height, width) to
        "descriptors" (n, 512).
        """
        self._nodes.append(
            helper.make_node("LpNormalization", [last], ["descriptors"], axis=1, p=2)
        )
        graph = helper.make_graph(
            self._nodes,
            name,
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, height, width])],
            [helper.make_tensor_value_info("descriptors", TensorProto.FLOAT, ["n", 512])],
            initializer=list(self._constants.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        return bytes(model.SerializeToString())


def open_session(graph: bytes) -> Any:
    """An ONNX Runtime session on one CPU thread: callers work on several pictures at once as it
    is.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
