"""The edits that alignment by whole upright frames misses, and what must stay innocent beside them.

    PYTHONPATH=tests/benchmarks/video:. python tests/benchmarks/video/open_ends.py CLIPS PHOTOS
        [--seed 1] [--count 12] [--only KIND,...]

CLIPS is the folder "clips" of fetch.py; PHOTOS a folder of pictures, of which pieces are dealt,
each once. Kinds of copies: a window over another running video, a clip from a tripod inside a
longer one, turned by 90 or 180 degrees, negative, one frame as a film. Innocent: other takes from
one tripod inside longer videos, one frame of another take, two films with one unmoving cover, one
bought opening, other films in a window, turned or negative. No clip has sound. Frames are
compressed singly as JPEG, two a second; all references are compared to find who is nominated.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from clips import Frame, covering, film, read_clip, resized
from drawing import channel_template, over
from hard_negatives import SIZE, _talking
from numpy.random import Generator
from PIL import Image

from embeddings.image.analyzer import ImageAnalyzer
from embeddings.video.analyzer import VideoAnalyzer
from embeddings.video.decode import Sample
from embeddings.video.fingerprint import VideoFingerprint, as_reference
from embeddings.video.keyframes import make_keyframes
from embeddings.video.match import VideoMatch
from embeddings.video.nominate import Hit, nominate

COPY = 0.95
FPS = 2.0
HEAD_FPS = 15.0  # of a talking head
SIDE_PX, PIECES = 1600, 3
HASH_BITS, CANDIDATES = 31, 20
Frames = list[Frame]
Query = tuple[str, Frames, str, bool]  # kind, frames, the reference that it is like, a copy of it?


class Photos:
    """Pieces of photographs, each dealt once."""

    def __init__(self, folder: Path, rng: Generator) -> None:
        self._left: list[Frame] = []
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".jpg", ".png", ".webp")):
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((SIDE_PX, SIDE_PX))
            pixels = np.asarray(picture)
            height, width = (side // PIECES for side in pixels.shape[:2])
            for top in range(0, PIECES * height, height):
                for left in range(0, PIECES * width, width):
                    piece = pixels[top : top + height, left : left + width]
                    grey = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY)
                    detail = cv2.absdiff(grey, cv2.GaussianBlur(grey, (0, 0), 4))
                    if (detail > 4).mean() > 0.2 and min(height, width) >= 200:
                        self._left.append(piece)
        self._left = [self._left[int(i)] for i in rng.permutation(len(self._left))]

    def take(self, count: int) -> list[Frame]:
        """Raises: IndexError when there are no more."""
        return [self._left.pop() for _ in range(count)]

    def film(self, seconds: float, rng: Generator) -> Frames:
        """A shot of four seconds of each piece."""
        return film(self.take(round(seconds / 4)), self.take(1), SIZE, FPS, seconds, rng)


class Place:
    """What stands before a fixed camera on every day."""

    def __init__(self, photos: Photos, head: bool) -> None:
        self._ground = covering(photos.take(1)[0], SIZE)
        self._things = photos.take(4)
        self._head = head

    def day(self, seconds: float, rng: Generator) -> Frames:
        """What moves there on one day: a head that talks, or things that pass."""
        if self._head:
            studio = cv2.GaussianBlur(self._ground, (0, 0), 2).astype(np.uint8)
            head = covering(self._things[0], (SIZE[1] // 2, SIZE[1] // 2))
            talk = _talking(studio, head, rng)
            at = np.arange(0, seconds, 1 / FPS) * HEAD_FPS
            return [talk.frames[int(i)] for i in at if i < len(talk.frames)]
        starts, speeds = rng.uniform(0, SIZE[0], 4), rng.uniform(-45, 45, 4)
        tops = rng.integers(90, SIZE[1] - 72, 4)
        frames = []
        for at in range(round(seconds * FPS)):
            frame = self._ground.copy()
            for thing, start, speed, top in zip(self._things, starts, speeds, tops, strict=True):
                left = int((start + speed * at / FPS) % (SIZE[0] + 80)) - 40
                low, high = max(0, left), min(SIZE[0], left + 40)
                if high > low:
                    walker = covering(thing, (40, 70))
                    frame[top : top + 70, low:high] = walker[:, low - left : high - left]
            frames.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
        return frames


def window(frames: Frames, ground: Frames, scale: float, border: bool, rng: Generator) -> Frames:
    """A clip at ``scale`` of the frame somewhere over another running one."""
    size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
    left, top = (
        round(float(rng.uniform(0.05, 0.95)) * (a - b)) for a, b in zip(SIZE, size, strict=True)
    )
    shown = []
    for at, frame in enumerate(frames):
        canvas = covering(ground[at % len(ground)], SIZE).copy()
        canvas[top : top + size[1], left : left + size[0]] = resized(covering(frame, SIZE), size)
        if border:
            corner = (left + size[0] - 1, top + size[1] - 1)
            cv2.rectangle(canvas, (left, top), corner, (250, 250, 250), 2)
        shown.append(canvas)
    return shown


def each(frames: Frames, change: Callable[[Frame], Frame]) -> Frames:
    return [np.ascontiguousarray(change(frame)) for frame in frames]


def still(frame: Frame, seconds: float) -> Frames:
    return [frame] * round(seconds * FPS)


def inside(frames: Frames, around: Frames, rng: Generator) -> Frames:
    cut = int(rng.uniform(0.2, 0.8) * len(around))
    return [covering(frame, SIZE) for frame in (*around[:cut], *frames, *around[cut:])]


def compressed(frames: Sequence[Frame], quality: int = 60) -> Frames:
    coded = []
    for frame in frames:
        _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        coded.append(np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]))
    return coded


def cases(
    clips: Path, photos: Photos, count: int, references: dict[str, Frames], rng: Generator
) -> Iterator[Query]:
    """Fill ``references``, then yield the queries."""
    for n in range(max(1, count - 4)):
        references[f"film {n}"] = photos.film(float(rng.uniform(12, 20)), rng)
    for name in ("carphone_pristine.mp4", "bigbuckbunny.mp4", "Megamind.avi", "tree.avi"):
        references[name] = list(read_clip(clips / name, fps=FPS).frames)
    films = list(references)
    street = list(read_clip(clips / "vtest.avi", fps=FPS).frames)
    references["street"] = street[:50]
    grounds = [photos.film(20, rng) for _ in range(3)]
    strangers = [photos.film(12, rng) for _ in range(3)]
    places = [Place(photos, head=n % 2 == 0) for n in range(count - count // 5)]
    for n, place in enumerate(places):
        references[f"place {n}"] = place.day(20, rng)
    openings = [
        over(covering(photos.take(1)[0], SIZE), channel_template(SIZE, rng)) for _ in "1234"
    ]
    for n, opening in enumerate(openings):
        references[f"opening {n}"] = still(opening, 4) + photos.film(12, rng)
        references[f"cover {n}"] = still(opening, 12)
    for n in range(count):
        name, ground, stranger = films[n % len(films)], grounds[n % 3], strangers[n % 3]
        frames = [covering(f, SIZE) for f in references[name][:30]]
        scale, turns = (0.35, 0.45, 0.55, 0.65)[n % 4], (1, 3, 2)[n % 3]
        yield f"window {scale}", window(frames, ground, scale, n % 3 == 0, rng), name, True
        yield f"turned {turns * 90}", each(frames, lambda f, k=turns: np.rot90(f, k)), name, True  # type: ignore[misc]
        negative = each(frames, lambda f: 255 - f)
        yield "negative", negative if n % 3 else each(negative, lambda f: f[:, ::-1]), name, True
        middle = frames[int(rng.integers(len(frames) // 5, len(frames) * 4 // 5))]
        yield "one frame", still(middle, float(rng.uniform(6, 14))), name, True
        if n % 5 == 4:
            where, whole, other = "street", street[:50], street[52 + 6 * n : 76 + 6 * n]
        else:
            number = n - n // 5
            where, whole = f"place {number}", references[f"place {number}"]
            other = places[number].day(12, rng)
        start = int(rng.integers(0, 10))  # more than half of it, which makes it a copy
        taken = whole[start : start + int(rng.integers(26, 32))]
        yield "tripod inside", inside(taken, ground, rng), where, True
        yield "other take inside", inside(other, ground, rng), where, False
        yield "frame of another take", still(other[10], 9.0), where, False
        yield "stranger, window", window(stranger, ground, scale, n % 3 == 0, rng), "", False
        if n < 3:
            yield "stranger, turned", each(stranger, lambda f, k=turns: np.rot90(f, k)), "", False  # type: ignore[misc]
            yield "stranger, negative", each(stranger, lambda f: 255 - f), "", False
    for n, opening in enumerate(openings):
        yield "one cover", still(opening, 9), f"cover {n}", False
        yield "one opening", still(opening, 4) + photos.film(12, rng), f"opening {n}", False


class Engine:
    """The video engine over references in memory."""

    def __init__(self) -> None:
        self.analyzer = VideoAnalyzer(ImageAnalyzer.load(clip=None))
        self._known: dict[str, VideoFingerprint] = {}

    def read(self, frames: Sequence[Frame], search: bool) -> VideoFingerprint:
        seconds = len(frames) / FPS
        interval = self.analyzer.limits.interval_for(seconds)
        step = round(interval * FPS)
        samples = [Sample(a / FPS, interval, frames[a]) for a in range(0, len(frames), step)]
        height, width = frames[0].shape[:2]
        made = make_keyframes(samples, self.analyzer.image, (width, height), search=search)
        return VideoFingerprint(
            duration_s=seconds,
            interval_s=interval,
            width=width,
            height=height,
            frames=made.frames,
            plain_s=made.plain_s,
            plain_frames=made.plain_frames,
            sound=None,
            insufficient_detail=None,
            notes=made.notes,
            window=made.window,
        )

    def register(self, name: str, frames: Frames) -> None:
        self._known[name] = self.read(compressed(frames, 80), search=False)

    def ask(self, video: VideoFingerprint) -> dict[str, VideoMatch]:
        hits = []
        for frames in (video.frames, video.window):
            for at, frame in enumerate(frames):
                for view in frame.views:
                    hits += self._hits(at, view.phash, view.embeddings)
        ranked = [nominee.work for nominee in nominate(hits, CANDIDATES)]
        return {name: self._match(video, name, at < 2) for at, name in enumerate(ranked)}

    def _hits(self, at: int, phash: bytes, vectors: object) -> Iterator[Hit[str]]:
        own = np.frombuffer(phash, np.uint8)
        for name, known in self._known.items():
            apart = min(
                int(np.unpackbits(own ^ np.frombuffer(f.phash, np.uint8)).sum())
                for f in known.frames
            )
            if apart <= HASH_BITS:
                yield Hit(at, name, "phash", apart)
            for model, vector in vectors.items():  # type: ignore[attr-defined]
                nearest = max(float(vector @ f.embeddings[model]) for f in known.frames)
                yield Hit(at, name, model, 1.0 - nearest)

    def _match(self, video: VideoFingerprint, name: str, probe: bool) -> VideoMatch:
        known = self._known[name]
        reference = as_reference(known)
        stored = {frame.frame_ms: frame.proxy for frame in known.frames}
        return self.analyzer.judge(
            video,
            reference,
            self.analyzer.align(video, reference),
            lambda wanted: {ms: stored[ms] for ms in wanted if ms in stored},
            probe=probe,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("clips", "photos"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    engine, references = Engine(), dict[str, Frames]()
    results: dict[tuple[bool, str], list[bool]] = defaultdict(list)
    registered = False
    photos = Photos(options.photos, rng)
    started = time.process_time()
    for kind, frames, reference, copy in cases(
        options.clips, photos, options.count, references, rng
    ):
        if not registered:
            for name, shown in references.items():
                engine.register(name, shown)
            registered = True
            print(
                f"{len(references)} references, {time.process_time() - started:.0f} s", flush=True
            )
        if options.only and not any(kind.startswith(k) for k in options.only.split(",")):
            continue
        answers = engine.ask(engine.read(compressed(frames), search=True))
        of_it = answers.get(reference)
        best = max(answers.values(), key=lambda m: m.similarity, default=None)
        found = bool(of_it and of_it.similarity >= COPY)
        accused = bool(best and best.similarity >= COPY)
        results[copy, kind].append(found if copy else accused)
        if (found if copy else accused) != copy:
            shown_match = of_it if copy else best
            why = f"{shown_match.similarity:.3f} {shown_match.reason}" if shown_match else "none"
            if shown_match and shown_match is not of_it:
                why = next(n for n, m in answers.items() if m is shown_match) + " " + why
            print(f"{kind} of {reference}: {why[:200]}", flush=True)
    for (copy, kind), hits in sorted(results.items(), reverse=True):
        print(f"| {kind} | {'found' if copy else 'accused'} | {sum(hits)} of {len(hits)} |")
    print(f"{time.process_time() - started:.0f} s of CPU")


if __name__ == "__main__":
    main()
