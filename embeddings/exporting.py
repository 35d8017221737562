"""Torch networks as ONNX graphs: needs the packages of the extra `clip`, running them does not."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def export_graph(network: Any, example: Any, properties: Mapping[str, str]) -> bytes:
    """Export a torch network as an ONNX graph, "pictures" (n, …) to "descriptors" (n, …).

    Args:
        network: a torch.nn.Module in evaluation mode.
        example: a torch.Tensor of two pictures; the graph takes any number of them.
        properties: kept in the file's metadata.
    """
    import onnx
    import torch

    with tempfile.TemporaryDirectory(prefix="oracle-export-") as folder:
        draft = Path(folder) / "graph.onnx"
        torch.onnx.export(
            network,
            (example,),
            draft,
            input_names=["pictures"],
            output_names=["descriptors"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            external_data=False,
            verbose=False,
        )
        model = onnx.load(draft)
    # The exporter notes where each node came from in the source, with the folders of this machine.
    for part in (
        model.graph,
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
    ):
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    onnx.helper.set_model_props(model, dict(properties))
    return bytes(model.SerializeToString())
