"""PDQ, the 256-bit perceptual hash of ThreatExchange, with its quality.

Source: Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019;
    binding: pdqhash.
"""

from __future__ import annotations

import numpy as np
import pdqhash
from numpy.typing import NDArray

from embeddings.image.raster import PROXY_SIDE_PX, reduce_to

MODEL_ID = "pdq-256/area-512/v1"


def pdq(pixels: NDArray[np.uint8]) -> tuple[bytes, int]:
    """Hash (h, w, 3) uint8 sRGB. Returns: 32 bytes, and the quality 0..100 (low: too little
    structure).

    The picture is first reduced to 512 pixels by area averaging. Resize methods of libraries change
    more bits than a re-encode does, so ours is fixed and named in the model id.
    """
    bits, quality = pdqhash.compute(np.ascontiguousarray(reduce_to(pixels, PROXY_SIDE_PX)))
    return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)


def hamming(a: bytes, b: bytes) -> int:
    """Return the number of bits, 0..256, in which two hashes differ."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()
