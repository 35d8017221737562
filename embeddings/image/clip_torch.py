"""CLIP as open_clip builds and loads it: exported once for ONNX Runtime, or run as it is on CUDA.

Needs the packages of the extra `clip`, which are imported where they are used.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embeddings.errors import ModelUnavailable
from embeddings.exporting import export_graph
from embeddings.image.clip_weights import ARCHITECTURE, Progress, ResolvedWeights
from embeddings.inference import open_session

# What a graph may differ by from open_clip's own transform and network.
MAX_DIFFERENCE = 1e-5
SAMPLES = ((320, 240), (224, 224), (300, 700))


def load_tower(checkpoint: Path, device: str = "cpu") -> tuple[Any, Any, Any]:
    """Load a checkpoint by open_clip.

    Returns: the picture tower, (n, 224, 224, 3) uint8 to (n, 512) float32 unit; the whole model;
        its transform.
    Raises: ModelUnavailable if the file is no checkpoint of this architecture.
    """
    import open_clip
    import torch

    class PictureTower(torch.nn.Module):
        """Pictures of the right size to unit vectors, normalised as the model's transform does."""

        mean: torch.Tensor
        std: torch.Tensor

        def __init__(self, visual: Any) -> None:
            super().__init__()
            self.visual = visual
            for name, values in (("mean", visual.image_mean), ("std", visual.image_std)):
                self.register_buffer(
                    name, torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1)
                )

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            scaled = pictures.permute(0, 3, 1, 2).to(torch.float32) / 255.0
            return torch.nn.functional.normalize(
                self.visual((scaled - self.mean) / self.std), dim=1
            )

    try:
        model, _, transform = open_clip.create_model_and_transforms(
            ARCHITECTURE, pretrained=str(checkpoint), device=device
        )
    except Exception as error:  # each format's reader has its own errors; all mean "not this model"
        raise ModelUnavailable(
            f"{checkpoint} is not a {ARCHITECTURE} checkpoint: {error}"
        ) from error
    model.eval()
    return PictureTower(model.visual).to(device).eval(), model, transform


def export_once(weights: ResolvedWeights, progress: Progress = lambda *_: None) -> None:
    """Write the graphs that are not there yet, both precisions. Call it with the folder locked.

    Raises: ModelUnavailable if the checkpoint is none, or if a graph would differ from open_clip's
        network.
    """
    fp32, int8 = (weights.graphs / f"{precision}.onnx" for precision in ("fp32", "int8"))
    if fp32.is_file() and int8.is_file():
        return
    if weights.checkpoint is None:
        raise ModelUnavailable(
            f"{weights.graphs} is incomplete and holds no checkpoint; remove it and pull again."
        )
    progress("exporting", 0, 2)
    weights.graphs.mkdir(parents=True, exist_ok=True)
    _export_fp32(weights.checkpoint, fp32, weights.sha256)
    progress("exporting", 1, 2)
    _quantize(fp32, int8)
    progress("exporting", 2, 2)


def _export_fp32(checkpoint: Path, target: Path, sha256: str) -> None:
    import torch

    from embeddings.image.clip import preprocess

    tower, model, transform = load_tower(checkpoint)
    rng = np.random.default_rng(1)
    images = [
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).resize(size) for size in SAMPLES
    ]
    pictures = np.stack([preprocess(np.asarray(image)) for image in images])
    with torch.no_grad():
        wanted = model.encode_image(
            torch.stack([transform(image) for image in images]), normalize=True
        ).numpy()
        content = export_graph(
            tower,
            torch.from_numpy(pictures[:2]),
            {"architecture": ARCHITECTURE, "checkpoint_sha256": sha256},
        )
    difference = float(
        np.abs(open_session(content).run(None, {"pictures": pictures})[0] - wanted).max()
    )
    if not difference < MAX_DIFFERENCE:
        raise ModelUnavailable(
            f"The graph exported from {checkpoint} differs from open_clip's by {difference:.1e}."
        )
    draft = target.with_suffix(".new")
    draft.write_bytes(content)
    draft.replace(target)


def _quantize(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    draft = target.with_suffix(".new")
    root = logging.getLogger()
    level = root.level
    # it advises pre-processing on the root logger, which does nothing for this graph
    root.setLevel(logging.ERROR)
    try:
        quantize_dynamic(
            source, draft, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"]
        )
    finally:
        root.setLevel(level)
    draft.replace(target)


def cuda_runner(checkpoint: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]] | None:
    """The tower on CUDA; None where there is no torch or no such device.

    Raises: ModelUnavailable.
    """
    if find_spec("torch") is None or find_spec("open_clip") is None or not _has_driver():
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    tower, _, _ = load_tower(checkpoint, "cuda")

    def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        # TF32 would cost three digits, and vectors of other machines are compared with these.
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            return np.asarray(
                tower(torch.from_numpy(pictures).to("cuda")).cpu().numpy(), np.float32
            )

    return run


def _has_driver() -> bool:
    """Whether NVIDIA's driver is on this machine: importing torch to ask takes seconds and 300
    MB.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
