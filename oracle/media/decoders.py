"""Warm decoder processes: what a hostile file does to one of them costs its own job alone."""

import math
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import structlog

from embeddings.errors import EmbeddingError, ModelUnavailable
from oracle.errors import Busy
from oracle.media.decoder import dump, load
from oracle.media.handler import Progress
from oracle.media.making import HandlerOptions
from oracle.metrics import DECODER_FAILURES, DECODERS_STARTED
from oracle.processes import die_with_parent

log = structlog.get_logger()

START_S = 180.0  # imports and models, on a machine that is busy
MAX_ANSWER_BYTES = 2**28
# Of a file whose decoder died: the machine may have been to blame, or it was dying before.
TRIES = 3
# No keys, no database: what a decoder is told, it is told over its line.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH")
PASSED_ON_TOO = ("OMP_", "OPENBLAS_", "MKL_", "OPENCV_", "ORT_", "PYTHON", "HF_", "XDG_")


class DecoderFailed(EmbeddingError):
    """The file could not be decoded; export it again with another program and resend."""

    code = "decoder_failed"


class DecoderTooSlow(DecoderFailed):
    """The file could not be decoded in time."""

    code = "decoder_too_slow"


class DecoderOutOfMemory(DecoderFailed):
    """The file takes more memory than a decoder has."""

    code = "decoder_out_of_memory"


class NoDecoder(ModelUnavailable):
    """No decoder can be started on this machine; nothing was kept, and no file is to blame."""

    code = "decoder_unavailable"


class _Gone(Exception):
    """The process ended while it worked."""


class _Decoder:
    """One process and the line to it; used by one thread at a time."""

    def __init__(self, options: HandlerOptions, limit_bytes: int) -> None:
        self.interrupted = False
        # What a decoder that was killed left there goes with it.
        self._folder = tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "oracle.media.decoder", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env=_environment() | {"TMPDIR": self._folder.name},
                    preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 (one prctl)
                )
        except (OSError, subprocess.SubprocessError) as exc:
            ours.close()
            self._folder.cleanup()
            raise NoDecoder(f"No decoder can be started: {exc}.") from exc
        self._line = Connection(ours.detach())
        try:
            self._line.send_bytes(dump((options, limit_bytes)))
            self._receive(time.monotonic() + START_S)
        except (_Gone, TimeoutError, OSError, pickle.UnpicklingError) as exc:
            self.kill()
            raise NoDecoder(f"No decoder can be started: {exc or 'it ended at once'}.") from exc

    @property
    def is_there(self) -> bool:
        kept = Path(self._folder.name).is_dir()  # a sweep takes what was not used for hours
        return kept and self._process.poll() is None and not self._line.poll()

    def call(self, request: bytes, progress: Progress | None, limit_s: float) -> tuple[str, Any]:
        """Return its answer. Raises: TimeoutError, _Gone; UnpicklingError for what is none."""
        deadline = time.monotonic() + limit_s
        try:
            self._line.send_bytes(request)
        except OSError as exc:
            raise _Gone from exc
        while True:
            kind, value = self._receive(deadline)
            if kind != "progress":
                return kind, value
            if progress is not None:
                progress(*value)

    def _receive(self, deadline: float) -> tuple[str, Any]:
        if not self._line.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        try:
            answer = self._line.recv_bytes(MAX_ANSWER_BYTES)
        except (EOFError, OSError) as exc:
            raise _Gone(self.how_it_ended()) from exc
        message = load(answer)
        match message:
            case (
                ("refused", EmbeddingError())
                | ("progress", tuple())
                | ("done" | "memory" | "crashed", _)
            ):
                return str(message[0]), message[1]
            case ("ready",):
                return "ready", None
        raise pickle.UnpicklingError(f"It answered with {type(message).__name__}.")

    def how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(timeout=5.0)
            return signal.Signals(-status).name if status < 0 else f"status {status}"
        return "unknown"

    def interrupt(self) -> None:
        """Kill the process from another thread than the one that waits for it."""
        self.interrupted = True
        self._process.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._line.close()
        self._folder.cleanup()


class Decoders:
    """A few decoders, started when they are first needed. Safe to share between threads."""

    def __init__(
        self,
        options: HandlerOptions,
        *,
        count: int,
        limit_bytes: int,
        limit_s: float,
        wait_s: float | None = None,
    ) -> None:
        """`limit_s` bounds a call, `limit_bytes` what it may take beyond the decoder itself,
        `wait_s` how long a call waits for a decoder; None for as long as it takes.
        """
        self._options = options
        self._limit_bytes = limit_bytes
        self._limit_s = limit_s
        self._wait_s = wait_s
        self._places = threading.BoundedSemaphore(count)
        self._idle: list[_Decoder] = []
        self._busy: set[_Decoder] = set()
        self._retired = False
        self._lock = threading.Lock()
        # A process ends with the thread that started it; this one lives as long as ours.
        self._starter = ThreadPoolExecutor(1, "decoders")

    def call(
        self,
        media_type: str,
        method: str,
        *arguments: object,
        progress: Progress | None = None,
        limit_s: float = math.inf,
        **options: object,
    ) -> Any:
        """Call a method of the handler of a media type in a decoder, at most for `limit_s` or the
        limit of all calls.

        Raises: EmbeddingError: what the method raises, or a DecoderFailed; Busy.
        """
        if progress is not None:
            options["progress"] = True
        request = dump((media_type, method, arguments, options))
        for tries_left in reversed(range(TRIES)):
            try:
                with self._decoder() as decoder:
                    kind, value = decoder.call(request, progress, min(limit_s, self._limit_s))
            except TimeoutError as exc:
                DECODER_FAILURES.labels(media_type, "slow").inc()
                log.warning("decoder.too_slow", media_type=media_type, method=method)
                raise DecoderTooSlow from exc
            except pickle.UnpicklingError as exc:
                DECODER_FAILURES.labels(media_type, "nonsense").inc()
                log.error("decoder.answered_nonsense", media_type=media_type, error=str(exc))
                raise DecoderFailed from exc
            except _Gone as exc:
                if decoder.interrupted:
                    raise NoDecoder("The oracle stops; nothing was kept. Send it again.") from exc
                DECODER_FAILURES.labels(media_type, "died").inc()
                log.warning("decoder.died", media_type=media_type, method=method, how=str(exc))
                if tries_left:
                    continue
                raise DecoderFailed(f"{DecoderFailed.__doc__} (It ended: {exc}.)") from exc
            break
        if kind == "refused":
            raise value
        if kind == "memory":
            DECODER_FAILURES.labels(media_type, "memory").inc()
            raise DecoderOutOfMemory
        if kind == "crashed":
            DECODER_FAILURES.labels(media_type, "crashed").inc()
            log.warning("decoder.crashed", media_type=media_type, method=method, error=value)
            raise DecoderFailed
        return value

    @contextmanager
    def _decoder(self) -> Iterator[_Decoder]:
        with self._place():
            decoder = self._take() or self._starter.submit(self._start).result()
            with self._lock:
                self._busy.add(decoder)
            try:
                yield decoder
            except BaseException:
                with self._lock:
                    self._busy.discard(decoder)
                decoder.kill()  # in the middle of something: nothing else may hear the answer
                raise
            with self._lock:
                self._busy.discard(decoder)
                if not self._retired:
                    self._idle.append(decoder)
                    return
            decoder.kill()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=self._wait_s):
            raise Busy("All decoders are busy; nothing was kept. Try again in a minute.")
        try:
            yield
        finally:
            self._places.release()

    def interrupt(self) -> None:
        """End what is under way, so that this process can: its callers get a NoDecoder."""
        with self._lock:
            for decoder in self._busy:
                decoder.interrupt()

    def retire(self) -> None:
        """Keep no process beyond its call any more: others have taken the place of these."""
        with self._lock:
            self._retired = True
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.kill()

    def _take(self) -> _Decoder | None:
        with self._lock:
            while self._idle:
                decoder = self._idle.pop()
                if decoder.is_there:
                    return decoder
                decoder.kill()
        return None

    def _start(self) -> _Decoder:
        began = time.monotonic()
        decoder = _Decoder(self._options, self._limit_bytes)
        DECODERS_STARTED.inc()
        log.info("decoder.started", seconds=round(time.monotonic() - began, 1))
        return decoder


def _environment() -> dict[str, str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_TOO)
    } | {"PYTHONPATH": path}
