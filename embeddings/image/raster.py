"""The working form of a picture: at most 512 pixels long, and its versioned bytes (the proxy).

Everything about a picture is judged on its proxy, for query and reference alike, so a verdict can
be repeated years later from the two proxies alone.
"""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embeddings.errors import BadProxy
from embeddings.image.decode import Picture

PROXY_SIDE_PX = 512
PROXY_VERSION = 1
PROXY_MAX_BYTES = 96 * 1024
_MAGIC = b"OPXI"
# magic, version, width and height of the upright picture as stored
_HEADER = struct.Struct(">4sBII")


def reduce_to(pixels: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """Shrink (h, w, 3) or (h, w) uint8 to a long side of ``side_px`` at most; never enlarge.

    Area averaging is the only OpenCV filter without aliasing at large factors, and exact in
    integers.
    """
    height, width = pixels.shape[:2]
    factor = side_px / max(height, width)
    if factor >= 1.0:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def to_grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert (h, w, 3) uint8 sRGB to (h, w) uint8 luma, ITU-R BT.601."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def encode_proxy(picture: Picture) -> bytes:
    """Return the bytes that later pictures are judged against; about 20 to 60 KB."""
    image = Image.fromarray(reduce_to(picture.pixels, PROXY_SIDE_PX))
    payload = b""
    for quality in (82, 70, 55, 35):  # pure noise at 512x512 needs the lower ones
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=quality, method=2)
        payload = buffer.getvalue()
        if len(payload) <= PROXY_MAX_BYTES:
            break
    return _HEADER.pack(_MAGIC, PROXY_VERSION, picture.width, picture.height) + payload


def decode_proxy(proxy: bytes) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8 sRGB of a stored proxy.

    Raises: BadProxy if it is damaged or of an unknown version.
    """
    if len(proxy) <= _HEADER.size or proxy[:4] != _MAGIC:
        raise BadProxy()
    version = _HEADER.unpack_from(proxy)[1]
    if version != PROXY_VERSION:
        raise BadProxy(
            f"The stored reference proxy has version {version}, this oracle reads {PROXY_VERSION}:"
            " re-index it."
        )
    try:
        with Image.open(io.BytesIO(proxy[_HEADER.size :]), formats=("WEBP",)) as image:
            if max(image.size) > PROXY_SIDE_PX:
                raise BadProxy(
                    "The stored reference proxy is larger than any this oracle writes: re-index"
                    " the work."
                )
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise BadProxy() from error
