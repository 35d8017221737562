"""Photographs and tunes, each handed out once, so that two clips share nothing by accident."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from clips import Frame
from numpy.random import Generator
from PIL import Image

SPLIT = Path(__file__).parents[1] / "image" / "bench_split.json"
BUSY_STD, BUSY_SHARE, ONE_COLOUR_SHARE, COLOURS = 4.0, 0.5, 0.2, 180


class Photos:
    """Pictures in random order."""

    def __init__(self, paths: list[Path], rng: Generator) -> None:
        self._paths = [paths[int(i)] for i in rng.permutation(len(paths))]

    def take(self, count: int) -> list[Frame]:
        """The next ones. Raises: IndexError when there are no more: none is used twice."""
        return [np.asarray(Image.open(self._paths.pop()).convert("RGB")) for _ in range(count)]


def photographic(path: Path) -> bool:
    """Whether a picture looks like a photograph: structure in most places, many colours, none on
    its own.

    The picture benchmark's set also holds program windows, cut-outs on grey and drawings.
    """
    small = cv2.resize(
        np.asarray(Image.open(path).convert("RGB")), (320, 240), interpolation=cv2.INTER_AREA
    )
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    busy = grey.reshape(30, 8, 40, 8).std(axis=(1, 3)) > BUSY_STD
    codes = (small >> 3).reshape(-1, 3).astype(int) @ [1024, 32, 1]
    counts = np.bincount(codes)
    one_colour = counts.max() / counts.sum()
    return bool(
        busy.mean() > BUSY_SHARE and one_colour < ONE_COLOUR_SHARE and (counts > 0).sum() > COLOURS
    )


def parts(pictures: Path, rng: Generator) -> dict[str, Photos]:
    """The pictures by the part they play.

    photos: photographs for references; screens: the other pictures of the same part, for references
    that are screens and drawings, for negatives and for what moves about; scenes: for places seen
    twice; backgrounds: for other people's videos around copies.
    """
    split: dict[str, list[str]] = json.loads(SPLIT.read_text())
    names = [pictures / name for name in split["references"]]
    real = {path for path in names if photographic(path)}
    scenes = [path for path in (pictures / name for name in split["scenes"]) if photographic(path)]
    return {
        "photos": Photos([path for path in names if path in real], rng),
        "screens": Photos([path for path in names if path not in real], rng),
        "scenes": Photos(scenes, rng),
        "backgrounds": Photos([pictures / name for name in split["backgrounds"]], rng),
    }


def tunes(folder: Path, rng: Generator) -> list[Path]:
    paths = sorted(folder.glob("*.ogg"))
    return [paths[int(i)] for i in rng.permutation(len(paths))]
