"""No file stops the oracle: decoders that die, hang or eat memory cost their own job alone."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from support.damaged import corpus
from support.photos import photo
from support.sounds import encoded, tune

from embeddings.errors import CorruptMedia, EmbeddingError
from oracle import wiring
from oracle.errors import Busy, OracleError
from oracle.media.decoder import dump, load
from oracle.media.decoders import (
    DecoderFailed,
    DecoderOutOfMemory,
    Decoders,
    DecoderTooSlow,
    NoDecoder,
)
from oracle.media.isolated import isolated
from oracle.originality.intake import inspect
from oracle.settings import Settings

MIB = 2**20


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(limits={"work_s": 60})


class Watched(Decoders):
    """Knows the processes that it started; this one may have others of other tests."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._started: list[subprocess.Popen[bytes]] = []

    def _start(self) -> Any:
        decoder = super()._start()
        self._started.append(decoder._process)
        return decoder

    def pids(self) -> list[int]:
        """Those that run."""
        return [process.pid for process in list(self._started) if process.poll() is None]

    def kill_all(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def decoders(settings: Settings) -> Iterator[Watched]:
    """Two decoders with little memory."""
    options = wiring.handler_options(settings)
    pool = Watched(options, count=2, limit_bytes=700 * MIB, limit_s=90.0)
    yield pool
    pool.kill_all()


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat"
    path.write_bytes(photo("cat"))
    return path


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """A sound that takes a while."""
    path = tmp_path / "hours"
    path.write_bytes(encoded(tune(1, 600.0), "wav"))
    return path


def works(decoders: Decoders, cat: Path) -> bool:
    """Whether the next file is decoded as if nothing had been."""
    return bool(decoders.call("image", "inspect", cat).width)


def test_what_comes_out_is_what_a_handler_says(
    decoders: Decoders, settings: Settings, cat: Path
) -> None:
    plain = wiring.make_handlers(settings)
    apart = isolated(plain, decoders)
    assert apart["image"].inspect(cat) == plain["image"].inspect(cat)
    ours, theirs = apart["image"].extract(cat), plain["image"].extract(cat)
    assert ours.as_json() == theirs.as_json()
    assert ours.fingerprint.phash == theirs.fingerprint.phash
    assert ours.fingerprint.proxy == theirs.fingerprint.proxy
    assert apart["image"].preview(cat).tobytes() == plain["image"].preview(cat).tobytes()
    stages: list[str] = []
    apart["image"].extract(cat, lambda stage, _done, _total: stages.append(stage))
    assert stages[0] == "decoding"
    cat.write_bytes(photo("cat")[:300])
    with pytest.raises(CorruptMedia) as told:
        apart["image"].inspect(cat)
    with pytest.raises(CorruptMedia, match=str(told.value)[:20]):
        plain["image"].inspect(cat)


def test_a_file_that_takes_too_much_memory_is_refused(
    decoders: Decoders, cat: Path, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    Image.effect_mandelbrot((9000, 9000), (-3, -2, 1, 2), 2).convert("RGB").save(large, "PNG")
    with pytest.raises(DecoderFailed) as told:
        decoders.call("image", "extract", large)
    assert isinstance(told.value, DecoderOutOfMemory) or "SIG" in str(told.value)
    assert works(decoders, cat)


def test_a_file_that_hangs_is_given_up(decoders: Decoders, cat: Path, hours: Path) -> None:
    assert works(decoders, cat)
    began = time.monotonic()
    with pytest.raises(DecoderTooSlow):
        decoders.call("audio", "extract", hours, limit_s=0.3)
    assert time.monotonic() - began < 5
    assert works(decoders, cat)


def test_no_look_takes_longer_than_its_decoders_may(settings: Settings, hours: Path) -> None:
    handlers = wiring.make_isolated_handlers(settings, decoders=1, limit_s=0.3)
    with pytest.raises(DecoderTooSlow):
        handlers["audio"].extract(hours)
    pool = wiring._decoders(wiring.handler_options(settings), 1, 700 * MIB, 0.3, None)
    with pytest.raises(DecoderTooSlow):
        pool.call("audio", "extract", hours, limit_s=120.0)


def kill_each(decoders: Watched, stop: threading.Event, times: int) -> None:
    """Kill a decoder that works, so often."""
    seen: dict[int, float] = {}
    while times and not stop.is_set():
        for pid in decoders.pids():
            with suppress(psutil.Error):
                child = psutil.Process(pid)
                used_s = child.cpu_times().user
                if times and used_s - seen.setdefault(pid, used_s) > 0.1:
                    child.kill()
                    times -= 1
        time.sleep(0.05)


@pytest.mark.parametrize("times", [1, 50])
def test_a_decoder_that_dies_is_replaced_and_its_file_tried_once_more(
    times: int, decoders: Watched, cat: Path, hours: Path
) -> None:
    stop = threading.Event()
    killing = threading.Thread(target=kill_each, args=(decoders, stop, times))
    assert works(decoders, cat)
    killing.start()
    try:
        if times == 1:
            assert decoders.call("audio", "extract", hours).as_json()["duration_s"] == 600
        else:
            with pytest.raises(DecoderFailed, match="SIGKILL"):
                decoders.call("audio", "extract", hours)
    finally:
        stop.set()
        killing.join()
    assert works(decoders, cat)


def test_files_are_decoded_side_by_side_and_no_more_than_there_are_decoders(
    decoders: Watched, cat: Path
) -> None:
    seen: list[int] = []
    callers = [
        threading.Thread(target=lambda: seen.append(decoders.call("image", "inspect", cat).width))
        for _ in range(12)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(seen) == 12
    assert 1 <= len(decoders.pids()) <= 2


def test_a_decoder_knows_no_secret(
    decoders: Watched, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORACLE_CHAIN__KEY", "0x" + "5e" * 32)
    monkeypatch.setenv("DATABASE_URL", "postgresql://oracle:secret@db/oracle")
    decoders.kill_all()
    assert works(decoders, cat)
    for pid in decoders.pids():
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"5e5e" not in environment
        assert b"DATABASE_URL" not in environment


def test_a_call_does_not_wait_for_ever_where_somebody_waits_for_it(settings: Settings) -> None:
    options = wiring.handler_options(settings)
    pool = Decoders(options, count=1, limit_bytes=MIB, limit_s=1.0, wait_s=0.1)
    with pool._place(), pytest.raises(Busy):
        pool.call("image", "inspect", Path("unread"))


def test_a_machine_that_starts_nothing_is_to_blame(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    pool = Decoders(wiring.handler_options(settings), count=1, limit_bytes=MIB, limit_s=1.0)
    with pytest.raises(NoDecoder):
        pool.call("image", "inspect", Path("unread"))


def test_a_decoders_files_go_with_it(decoders: Decoders, cat: Path) -> None:
    assert works(decoders, cat)
    with decoders._decoder() as decoder:
        folder = Path(decoder._folder.name)
        pid = decoder._process.pid
        assert f"TMPDIR={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        decoder.kill()
    assert not folder.exists()
    assert works(decoders, cat)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        pickle.dumps(5),
        pickle.dumps(()),
        pickle.dumps(("refused", 5)),
        pickle.dumps(("perhaps", 5)),
        b"\x80\x05]K\x01u.",
    ],
)
def test_nonsense_of_a_decoder_that_was_taken_over_costs_one_file(
    decoders: Decoders, cat: Path, answer: bytes
) -> None:
    assert works(decoders, cat)
    ours, theirs = Pipe()
    decoders._idle[-1]._line = ours

    def answer_nonsense() -> None:
        theirs.recv_bytes()
        theirs.send_bytes(answer)

    taken_over = threading.Thread(target=answer_nonsense)
    taken_over.start()
    with pytest.raises(DecoderFailed):
        decoders.call("image", "inspect", cat)
    taken_over.join()
    assert works(decoders, cat)


class Hostile:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize("answer", [Hostile(), os.system, Decoders, print, type])
def test_a_decoder_that_was_taken_over_cannot_make_us_run_anything(answer: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load(pickle.dumps(("done", answer)))


class Call:
    """What asks for a call when it is read."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def blank(size: tuple[int, int]) -> Call:
    made = Image.new("L", (1, 1))
    return Call(Image.Image, (), [made.info, "L", size, None, b"\0"])


@pytest.mark.parametrize(
    "answer",
    [
        Call(np.ndarray, ((2**33,),)),
        Call(np.zeros(1).T.__reduce__()[0], (np.ndarray, (2**33,), b"b")),
        Call(np.float32(1).__reduce__()[0], (np.dtype("V2000000000"),)),
        Call(np.float32(1).__reduce__()[0], (np.dtype("V2000000000"), b"1234")),
        blank((100_000, 100_000)),
    ],
    ids=["array", "empty array", "number", "short number", "picture"],
)
def test_a_few_bytes_of_a_decoder_take_no_gigabytes_of_ours(answer: Call) -> None:
    before = psutil.Process().memory_info().vms
    sent = pickle.dumps(("done", answer), protocol=5)
    assert len(sent) < 1_000
    try:
        found = load(sent)[1]
    except pickle.UnpicklingError:
        found = None
    assert not isinstance(found, np.ndarray | np.generic | Image.Image)
    assert psutil.Process().memory_info().vms - before < 2**30


@pytest.mark.parametrize("place", [b"p67108864\n", b"r\0\0\0\4", b"q\1"])
def test_a_decoder_names_no_place_in_our_memo(place: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        load(b"\x80\5N" + place + b".")


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.arange(6).reshape(2, 3).T,
        np.arange(12).reshape(3, 4)[:, ::2],
        np.zeros((0, 3), np.float16),
        np.float32(2.5),
        np.array(["a", "bc"]),
    ],
)
def test_numbers_come_back_as_they_were_sent(value: Any) -> None:
    found = load(dump(("done", value)))[1]
    assert type(found) is type(value) and found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "I", "F"])
def test_pictures_come_back_as_they_were_sent(mode: str) -> None:
    picture = Image.effect_noise((33, 21), 50).convert("RGB").convert(mode)
    found = load(dump(("done", picture)))[1]
    assert type(found) is Image.Image and found == picture


def judge(handlers, path: Path) -> str:
    """How a file ends: `read`, or the code that it is refused with."""
    try:
        facts = inspect(path, handlers)
        handlers[facts.media_type].extract(path)
    except (EmbeddingError, OracleError) as exc:
        return exc.code
    return "read"


def run_corpus(settings: Settings, decoders: Decoders, folder: Path, rounds: int) -> Counter[str]:
    """Judge every damaged file. Any other error than a refusal ends the test."""
    ends: Counter[str] = Counter()
    handlers, path = isolated(wiring.make_handlers(settings), decoders), folder / "damaged"
    for damaged in corpus(folder, rounds):
        path.write_bytes(damaged.content)
        began = time.monotonic()
        end = judge(handlers, path)
        took_s = time.monotonic() - began
        ends[end] += 1
        if ends.total() % 200 == 0:
            print(dict(ends), flush=True)
        if end.startswith("decoder") or took_s > 20:
            kept = folder / f"kept {damaged.name}"
            kept.write_bytes(damaged.content)
            print(f"{end} after {took_s:.1f} s: {kept}")
    return ends


def test_damaged_files_stop_nothing(settings: Settings, decoders: Decoders, tmp_path: Path) -> None:
    ends = run_corpus(settings, decoders, tmp_path, rounds=1)
    assert ends.total() >= 200
    assert ends["decoder_too_slow"] == 0
    assert ends["read"] > 0
    assert ends["media_corrupt"] > 0


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_thousands_of_damaged_files_stop_nothing(
    settings: Settings, decoders: Decoders, tmp_path: Path
) -> None:
    ends = run_corpus(settings, decoders, tmp_path, int(os.environ.get("ORACLE_ROUNDS", "12")))
    print(dict(ends))
    assert ends.total() >= 2_000
    assert ends["decoder_too_slow"] == 0
    assert psutil.Process().memory_info().rss < 1500 * MIB


def pids() -> list[int]:
    """All decoders of this process."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if "oracle.media.decoder" in child.cmdline():
                found.append(child.pid)
    return found


def test_decoders_whose_place_others_take_end(tmp_path: Path, cat: Path) -> None:
    known = set(pids())

    def use(folder: str) -> set[int]:
        handlers = wiring.make_isolated_handlers(Settings(data_dir=tmp_path / folder), decoders=1)
        assert inspect(cat, handlers, None).media_type == "image"
        return set(pids()) - known

    first = use("a")
    assert len(first) == 1 and use("a") == first, "warm"
    second = use("b")
    assert len(second) == 1 and second.isdisjoint(first)
    os.kill(second.pop(), signal.SIGKILL)
