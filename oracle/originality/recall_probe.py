"""Whether the indexes find what they should, right now: near-copies of plants are looked up.

The plants are in the index for one transaction that is rolled back: no other one ever sees them, so
no work of anybody can match them, and nothing of them stays.
"""

import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import structlog
from PIL import Image, ImageDraw

from oracle.media import samples
from oracle.media.handler import MediaHandler, MediaHandlers, Query
from oracle.media.samples import RATE_HZ
from storage.database import Connection, Database
from storage.works import probes
from storage.works.probes import Probe

log = structlog.get_logger()

# How many of each kind; films take longest.
PLANTS = {"image": 8, "audio": 4, "video": 2}
EVERY = timedelta(hours=1)
SIDE_PX = 480
TUNE_S = 15.0
SEED = 0x09AC1E


@dataclass(frozen=True)
class Pair:
    """A plant and its near-copy, as they were extracted."""

    plant: Any
    copy: Any
    plant_sha256: bytes
    copy_sha256: bytes


def probe(db: Database, handlers: MediaHandlers, now: datetime) -> list[Probe]:
    """Plant pictures, sounds and films, search for a near-copy of each, and keep how many were
    found.

    Returns: one result for each media type that is judged here.
    Raises: EmbeddingError, DatabaseUnavailable.
    """
    return [_probe(db, handlers[each], now) for each in PLANTS if each in handlers]


def _probe(db: Database, handler: MediaHandler[Any], now: datetime) -> Probe:
    media_type = handler.media_type
    pairs = [_pair(handler, number) for number in range(PLANTS[media_type])]
    found = probes.in_vain(db, lambda conn: _found(conn, handler, pairs))
    result = Probe(now, media_type, len(pairs), found)
    with db.transaction() as conn:
        probes.record(conn, result)
    log.info("index.probed", media_type=media_type, planted=result.planted, found=result.found)
    return result


def probe_for_ever(step: Callable[[], object]) -> None:
    """Run a step every so often; one that fails is logged and tried again. Never returns."""
    while True:
        time.sleep(EVERY.total_seconds())
        try:
            step()
        except Exception:
            log.exception("index.probe_failed")


def _found(conn: Connection, handler: MediaHandler[Any], pairs: Sequence[Pair]) -> int:
    ids = [uuid4() for _ in pairs]
    for number, (pair, work_id) in enumerate(zip(pairs, ids, strict=True)):
        work = probes.plant(conn, work_id, number, handler.media_type, pair.plant_sha256)
        handler.make_visible(conn, work, pair.plant)
    return sum(
        work_id
        in {each.work_id for each in handler.search(conn, pair.copy, Query(pair.copy_sha256))}
        for pair, work_id in zip(pairs, ids, strict=True)
    )


def _pair(handler: MediaHandler[Any], number: int) -> Pair:
    plant, copy = MAKERS[handler.media_type](number)
    return Pair(
        _extracted(handler, plant),
        _extracted(handler, copy),
        hashlib.sha256(plant).digest(),
        hashlib.sha256(copy).digest(),
    )


def picture(number: int) -> tuple[bytes, bytes]:
    """A picture like no other, and it cropped, smaller and compressed."""
    plant = draw(number)
    return samples.png(plant), _jpeg(_cropped(plant).resize((360, 360)))


def sound(number: int) -> tuple[bytes, bytes]:
    """A piece like no other, and it from its third second on, softer, under noise, compressed."""
    piece = samples.tune(SEED + number, TUNE_S)
    part = piece[2 * RATE_HZ :]
    copy = np.float32(0.7) * part + samples.noise(number, len(part) / RATE_HZ)[: len(part)]
    return samples.wav(piece), samples.mp3(copy.astype(np.float32))


def film(number: int) -> tuple[bytes, bytes]:
    """A silent film like no other, and it cropped, from its second second on."""
    # Pictures that no other plant shows.
    views = [samples.png(draw(1000 + 2 * number + at)) for at in range(2)]
    frames = list(samples.shots(views))
    copied = [_cropped(frame) for frame in frames[samples.FPS :]]
    return samples.movie(frames, None), samples.movie(copied, None)


MAKERS: dict[str, Callable[[int], tuple[bytes, bytes]]] = {
    "image": picture,
    "audio": sound,
    "video": film,
}


def draw(number: int) -> Image.Image:
    """Draw a picture like no other: clouds of a seed, with shapes before them."""
    random = np.random.default_rng([SEED, number])
    clouds = random.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(clouds).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y = (int(n) for n in random.integers(0, SIDE_PX, 2))
        w, h = (int(n) for n in random.integers(12, 90, 2))
        colour = tuple(int(n) for n in random.integers(0, 256, 3))
        shape = pen.ellipse if random.integers(2) else pen.rectangle
        shape((x, y, x + w, y + h), fill=colour)
    return picture


def _cropped(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    edge = width // 25
    return picture.crop((edge, edge, width - edge, height - edge))


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=70)
    return out.getvalue()


def _extracted(handler: MediaHandler[Any], content: bytes) -> Any:
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "media"
        path.write_bytes(content)
        return handler.extract(path)
