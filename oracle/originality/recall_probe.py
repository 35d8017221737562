"""Whether the index finds what it should, right now: near-copies of planted pictures are looked up.

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

from oracle.media.handler import MediaHandlers, Query
from storage.database import Connection, Database
from storage.works import probes
from storage.works.probes import Probe

log = structlog.get_logger()

PLANTS = 8
EVERY = timedelta(hours=1)
SIDE_PX = 480


@dataclass(frozen=True)
class Pair:
    """A planted picture and its near-copy, as they were extracted."""

    plant: Any
    copy: Any
    plant_sha256: bytes
    copy_sha256: bytes


def probe(db: Database, handlers: MediaHandlers, now: datetime) -> Probe:
    """Plant pictures, search for a near-copy of each, and keep how many were found.

    Raises: EmbeddingError, DatabaseUnavailable.
    """
    pairs = [_pair(handlers, number) for number in range(PLANTS)]
    found = probes.in_vain(db, lambda conn: _found(conn, handlers, pairs))
    result = Probe(now, "image", len(pairs), found)
    with db.transaction() as conn:
        probes.record(conn, result)
    log.info("index.probed", planted=result.planted, found=result.found)
    return result


def probe_for_ever(step: Callable[[], object]) -> None:
    """Run a step every so often; one that fails is logged and tried again. Never returns."""
    while True:
        time.sleep(EVERY.total_seconds())
        try:
            step()
        except Exception:
            log.exception("index.probe_failed")


def _found(conn: Connection, handlers: MediaHandlers, pairs: Sequence[Pair]) -> int:
    handler, ids = handlers["image"], [uuid4() for _ in pairs]
    for number, (pair, work_id) in enumerate(zip(pairs, ids, strict=True)):
        work = probes.plant(conn, work_id, number, pair.plant_sha256)
        handler.make_visible(conn, work, pair.plant)
    return sum(
        work_id
        in {each.work_id for each in handler.search(conn, pair.copy, Query(pair.copy_sha256))}
        for pair, work_id in zip(pairs, ids, strict=True)
    )


def _pair(handlers: MediaHandlers, number: int) -> Pair:
    plant = draw(number)
    width, height = plant.size
    edge = width // 25
    copy = plant.crop((edge, edge, width - edge, height - edge)).resize((360, 360))
    plant_bytes, copy_bytes = _encoded(plant, "PNG"), _encoded(copy, "JPEG")
    return Pair(
        _extracted(handlers, plant_bytes),
        _extracted(handlers, copy_bytes),
        hashlib.sha256(plant_bytes).digest(),
        hashlib.sha256(copy_bytes).digest(),
    )


def draw(number: int) -> Image.Image:
    """Draw a picture like no other: clouds of a seed, with shapes before them."""
    random = np.random.default_rng([0x09AC1E, number])
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


def _encoded(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, quality=70)
    return out.getvalue()


def _extracted(handlers: MediaHandlers, content: bytes) -> Any:
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / "media"
        path.write_bytes(content)
        return handlers["image"].extract(path)
