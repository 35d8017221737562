"""Step 1 of training: edited views of the "fit" pictures through the frozen lower half of
EfficientNet-Lite0.

    python tests/benchmarks/image/train_features.py FIT_DIR WEIGHTS.pth OUT.npz [VIEWS] [SEED]

The lower half's feature maps are kept as float16, so that the upper half can be trained over them
many times on one core. View 0 of every picture is the picture itself; one or two edits of random
strength make each of the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from descriptor_model import LOWER_BLOCKS, backbone_from_checkpoint, lower_half
from edits import TRAINED, jpeg
from numpy.random import Generator
from PIL import Image, ImageOps

SIDE_PX = 192
BACKGROUNDS = 160
MEAN, STD = 127.5, 127.5


def edited(image: Image.Image, rng: Generator, others: list[Image.Image]) -> Image.Image:
    for name in rng.choice(list(TRAINED), 1 + int(rng.random() < 0.5), replace=False):
        image = TRAINED[str(name)](image, float(rng.random()), rng, others)
    if rng.random() < 0.25:
        image = ImageOps.mirror(image)
    return jpeg(image, float(rng.random() * 0.7), rng, others) if rng.random() < 0.3 else image


def as_input(image: Image.Image, side_px: int = SIDE_PX) -> np.ndarray:
    squeezed = image.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR)
    return ((np.asarray(squeezed, np.float32) - MEAN) / STD).transpose(2, 0, 1)


def main(folder: Path, weights: Path, out: Path, views: int = 10, seed: int = 20261122) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    paths = sorted(folder.glob("*.jpg"))
    rng.shuffle(paths)  # type: ignore[arg-type]
    load = lambda path: ImageOps.contain(Image.open(path).convert("RGB"), (448, 448))  # noqa: E731
    others = [load(path) for path in paths[:BACKGROUNDS]]
    lower = lower_half(backbone_from_checkpoint(weights)).to(memory_format=torch.channels_last)
    maps = np.zeros(
        (len(paths) - BACKGROUNDS, views, 112, SIDE_PX // 16, SIDE_PX // 16), np.float16
    )
    for i, path in enumerate(paths[BACKGROUNDS:]):
        image = load(path)
        inputs = [as_input(image)] + [
            as_input(edited(image, rng, others)) for _ in range(views - 1)
        ]
        with torch.inference_mode():
            maps[i] = lower(
                torch.from_numpy(np.stack(inputs)).to(memory_format=torch.channels_last)
            ).numpy()
        if i % 100 == 0:
            print(i, len(paths) - BACKGROUNDS, flush=True)
    np.save(out, maps)
    print("kept", maps.shape, "lower blocks", LOWER_BLOCKS)


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        *(int(value) for value in sys.argv[4:]),
    )
