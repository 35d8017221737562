"""The picture tower of CLIP ViT-B/32 as an ONNX graph, built straight from an open_clip checkpoint.

Source of the architecture: Radford et al. 2021; Dosovitskiy et al., "An Image is Worth 16x16
Words", ICLR 2021; the LAION checkpoints use the exact GELU. A test compares the graph with
open_clip's own forward pass.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.image.graph_writer import GraphWriter

WIDTH, LAYERS, HEADS, PATCH_PX, SIDE_PX = 768, 12, 12, 32, 224
TOKENS = (SIDE_PX // PATCH_PX) ** 2 + 1
EPSILON = 1e-5
PREFIX = "visual."


def read_picture_tower(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of the picture tower from a .safetensors file or a PyTorch checkpoint (read
    without its pickled code).

    Raises: whatever the format's reader raises where the file is no checkpoint.
    """
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            names = [name for name in file.keys() if name.startswith(PREFIX)]  # noqa: SIM118
            return {name: file.get_tensor(name).astype(np.float32) for name in names}
    import torch

    stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    stored = stored.get("state_dict", stored)
    named = {str(name).removeprefix("module."): tensor for name, tensor in stored.items()}
    return {
        name: tensor.float().numpy() for name, tensor in named.items() if name.startswith(PREFIX)
    }


def build_graph(weights: dict[str, NDArray[np.float32]]) -> bytes:
    """Serialise the tower: "pictures" (n, 3, 224, 224) float32, normalised as CLIP's, to
    "descriptors" (n, 512) unit.

    Raises: KeyError if a tensor is missing; ValueError if the file holds another architecture.
    """
    _check(weights)
    writer = GraphWriter(weights)
    patches = writer.node(
        "Conv", "pictures", writer.weight("visual.conv1.weight"), strides=[PATCH_PX, PATCH_PX]
    )
    patches = writer.node("Reshape", patches, _shape(writer, 0, WIDTH, TOKENS - 1))
    patches = writer.node("Transpose", patches, perm=[0, 2, 1])
    batch = writer.node(
        "Slice", writer.node("Shape", "pictures"), *(_shape(writer, i) for i in (0, 1))
    )
    sizes = writer.node("Concat", batch, _shape(writer, 1, WIDTH), axis=0)
    first = writer.constant("class", weights["visual.class_embedding"].reshape(1, 1, WIDTH))
    tokens = writer.node("Concat", writer.node("Expand", first, sizes), patches, axis=1)
    tokens = writer.node("Add", tokens, writer.weight("visual.positional_embedding"))
    tokens = _norm(writer, tokens, "visual.ln_pre")
    for layer in range(LAYERS):
        tokens = _layer(writer, tokens, f"visual.transformer.resblocks.{layer}")
    pooled = writer.node("Gather", tokens, writer.constant("zeroth", np.array(0, np.int64)), axis=1)
    pooled = _norm(writer, pooled, "visual.ln_post")
    return writer.finish(
        writer.node("MatMul", pooled, writer.weight("visual.proj")),
        "clip_picture_tower",
        SIDE_PX,
        SIDE_PX,
    )


def _check(weights: dict[str, NDArray[np.float32]]) -> None:
    wanted = {
        "visual.conv1.weight": (WIDTH, 3, PATCH_PX, PATCH_PX),
        "visual.proj": (WIDTH, 512),
        "visual.positional_embedding": (TOKENS, WIDTH),
    }
    for name, shape in wanted.items():
        if weights[name].shape != shape:
            raise ValueError(f"{name} has shape {weights[name].shape}, ViT-B-32 has {shape}")
    if f"visual.transformer.resblocks.{LAYERS}.ln_1.weight" in weights:
        raise ValueError(f"the checkpoint has more than {LAYERS} layers")


def _shape(writer: GraphWriter, *sizes: int) -> str:
    return writer.constant("shape_" + "_".join(map(str, sizes)), np.array(sizes, np.int64))


def _norm(writer: GraphWriter, source: str, name: str) -> str:
    scale, shift = writer.weight(f"{name}.weight"), writer.weight(f"{name}.bias")
    return writer.node("LayerNormalization", source, scale, shift, axis=-1, epsilon=EPSILON)


def _linear(writer: GraphWriter, source: str, weight: str, bias: str) -> str:
    matrix = writer.constant(f"{weight}.T", writer.weights[weight].T)
    return writer.node("Add", writer.node("MatMul", source, matrix), writer.weight(bias))


def _layer(writer: GraphWriter, tokens: str, name: str) -> str:
    attended = _attention(writer, _norm(writer, tokens, f"{name}.ln_1"), f"{name}.attn")
    tokens = writer.node("Add", tokens, attended)
    hidden = _norm(writer, tokens, f"{name}.ln_2")
    hidden = _gelu(
        writer, _linear(writer, hidden, f"{name}.mlp.c_fc.weight", f"{name}.mlp.c_fc.bias")
    )
    return writer.node(
        "Add",
        tokens,
        _linear(writer, hidden, f"{name}.mlp.c_proj.weight", f"{name}.mlp.c_proj.bias"),
    )


def _attention(writer: GraphWriter, source: str, name: str) -> str:
    joined = _linear(writer, source, f"{name}.in_proj_weight", f"{name}.in_proj_bias")
    split = writer.node("Reshape", joined, _shape(writer, 0, TOKENS, 3, HEADS, WIDTH // HEADS))
    query, key, value = (
        writer.node("Gather", split, writer.constant(f"part_{i}", np.array(i, np.int64)), axis=2)
        for i in range(3)
    )
    query = writer.node("Transpose", query, perm=[0, 2, 1, 3])
    key = writer.node("Transpose", key, perm=[0, 2, 3, 1])
    value = writer.node("Transpose", value, perm=[0, 2, 1, 3])
    scale = writer.constant("scale", np.array((WIDTH // HEADS) ** -0.5, np.float32))
    share = writer.node(
        "Softmax", writer.node("MatMul", writer.node("Mul", query, scale), key), axis=-1
    )
    mixed = writer.node("Transpose", writer.node("MatMul", share, value), perm=[0, 2, 1, 3])
    mixed = writer.node("Reshape", mixed, _shape(writer, 0, TOKENS, WIDTH))
    return _linear(writer, mixed, f"{name}.out_proj.weight", f"{name}.out_proj.bias")


def _gelu(writer: GraphWriter, source: str) -> str:
    root = writer.constant("root_half", np.array(0.5**0.5, np.float32))
    one, half = (writer.constant(f"gelu_{v}", np.array(v, np.float32)) for v in (1.0, 0.5))
    bent = writer.node("Add", writer.node("Erf", writer.node("Mul", source, root)), one)
    return writer.node("Mul", writer.node("Mul", source, bent), half)
