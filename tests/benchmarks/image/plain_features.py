"""Peers that know nothing of copies: the untouched ImageNet network's features, as they are and
whitened by PCA.

Reads the two files that ``train_descriptor.py`` leaves in its OUT_DIR, taken from the environment's
PLAIN_DIR or ./descriptor: the benchmark says so and goes on without them where they are missing.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from descriptor_model import CopyDescriptor, lower_half
from PIL import Image
from safetensors.torch import load_file

from embeddings.image.descriptor import as_input


class PlainFeatures:
    def __init__(self) -> None:
        torch.set_num_threads(1)
        path = Path(os.environ.get("PLAIN_DIR", "descriptor")) / "whitened.safetensors"
        self.model: CopyDescriptor | None = None
        if not path.is_file():
            print(f"{path} is missing: plain and whitened features are left out")
            return
        self.model = CopyDescriptor().eval()
        self.model.load_state_dict(load_file(path))
        self.lower = lower_half(self.model.backbone)

    @torch.inference_mode()
    def describe(self, image: Image.Image) -> dict[str, np.ndarray]:
        """Method name -> unit vector."""
        if self.model is None:
            return {}
        maps = self.lower(torch.from_numpy(as_input(np.asarray(image.convert("RGB"))))[None])
        plain = self.model.pooled(maps)
        both = {"plain features": plain, "whitened features": self.model.projection(plain)}
        return {
            name: torch.nn.functional.normalize(value, dim=1)[0].numpy()
            for name, value in both.items()
        }
