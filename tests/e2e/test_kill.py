"""kill -9 of every process of a running oracle, in mid-queue: nothing is lost and nothing is
sent twice.
"""

import io
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import psycopg
import pytest
from PIL import Image
from support.answers import answers_on_chain
from support.faulty import FaultyStore, full
from support.gcs import emulator_client, running_gcs
from support.photos import PHOTOS, edited, photo
from support.waiting import wait_for

from oracle.demo.stage import Stage, differences, running_oracle

PATIENCE_S = 120.0
PHOTOGRAPHS = [name for name in PHOTOS if name not in ("motorcycle_right",)]
# The long profile: ORACLE_KILLS=150 pytest tests/e2e/test_kill.py -k exactly_once
Breaks = Callable[[Stage], AbstractContextManager[None]]
KILLS = int(os.environ.get("ORACLE_KILLS", "12"))


def part_of_oracle(stage: Stage, command: str) -> psutil.Process:
    """The process `oracle <command>` of this tree; what it forks has its command line at first."""
    children = psutil.Process(stage.process.pid).children()
    return next(child for child in children if child.cmdline()[-2:] == ["oracle", command])


def anvil_of(stage: Stage) -> psutil.Process:
    children = psutil.Process(stage.process.pid).children(recursive=True)
    return next(child for child in children if "anvil" in child.name())


def postmaster_of(stage: Stage) -> psutil.Process:
    (pid_file,) = (stage.folder / "postgres").rglob("postmaster.pid")
    return psutil.Process(int(pid_file.read_text().split()[0]))


VICTIMS: dict[str, Callable[[Stage], psutil.Process]] = {
    "worker": lambda stage: part_of_oracle(stage, "worker"),
    "node": lambda stage: part_of_oracle(stage, "node"),
    "api": lambda stage: part_of_oracle(stage, "serve"),
    "chain": anvil_of,
    "database": postmaster_of,
    "everything": lambda stage: psutil.Process(stage.process.pid),
}


def picture(number: int) -> bytes:
    """A picture unlike all others: a photograph as long as there are any, then one from its number
    as the seed.
    """
    if number < len(PHOTOGRAPHS):
        return photo(PHOTOGRAPHS[number])
    small = np.random.default_rng(number).integers(0, 255, (18, 24, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((480, 360), Image.Resampling.BICUBIC).save(out, "JPEG")
    return out.getvalue()


def kill(stage: Stage, find: Callable[[Stage], psutil.Process]) -> None:
    """kill -9 the process, as soon as there is one: it may be on its way back from the last
    time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            find(stage).send_signal(signal.SIGKILL)
            return
        except (StopIteration, ValueError, psutil.NoSuchProcess):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def post(stage: Stage, name: str, creator: str, picture: bytes) -> str:
    """Upload as a stubborn client does: the same idempotency key until there is an answer.

    Returns the link.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            answer = stage.api.post(
                "/upload?wait_s=0",
                files={"file": (f"{name}.jpg", picture)},
                data={"creator": creator},
                headers={"Idempotency-Key": f"{name}-{creator}"},
            )
            if answer.status_code < 500:
                assert answer.status_code in (200, 202), answer.text
                return str(answer.json()["links"]["self"])
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{name} by {creator} was never accepted")


def settled(stage: Stage, links: list[str], patience_s: float = PATIENCE_S) -> list[dict[str, Any]]:
    """All analyses, once their attestations are final."""
    deadline = time.monotonic() + patience_s
    views: dict[str, dict[str, Any]] = {}
    while len(views) < len(links):
        for link in links:
            if link not in views:
                try:
                    view = stage.api.get(link).json()
                except (httpx2.HTTPError, ValueError):
                    continue
                if (view.get("attestation") or {}).get("status") == "final":
                    views[link] = view
        if time.monotonic() > deadline:
            waiting = [stage.api.get(link).json() for link in links if link not in views]
            raise TimeoutError(
                f"not final: {[(v['status'], v['attestation'], v['error']) for v in waiting]}"
            )
        time.sleep(0.2)
    return [views[link] for link in links]


@pytest.mark.timeout(300 + 40 * KILLS)
def test_whatever_is_killed_every_upload_is_answered_on_chain_exactly_once(tmp_path: Path) -> None:
    rng = random.Random(20_261_130)
    links: list[str] = []
    verdicts: list[str] = []

    # Kills may come faster than a work is done, which would be given up in the end.
    settings = {"ORACLE_WORKER__ATTEMPTS": str(KILLS + 1)}
    with ExitStack() as stack:
        stage = stack.enter_context(running_oracle(tmp_path, settings))
        for number in range(KILLS):
            victim = list(VICTIMS)[number % len(VICTIMS)]
            original = picture(number)
            wait_for(lambda stage=stage: is_ready(stage), timeout_s=PATIENCE_S)
            links.append(post(stage, f"{number}", "alice", original))
            # right after the upload, or while it is analysed, or its transaction is under way
            time.sleep(rng.choice([0.0, 0.15, rng.uniform(0.0, 3.0)]))
            kill(stage, VICTIMS[victim])
            if victim == "everything":
                stage.process.wait()
                stack.close()
                stage = stack.enter_context(running_oracle(tmp_path, settings))
            links.append(post(stage, f"{number}", "bob", edited(original, "reencoded")))
            verdicts += ["original", "derivative"]
        views = settled(stage, links, PATIENCE_S + 10 * KILLS)
        assert [view["verdict"] for view in views] == verdicts
        answers = answers_on_chain(stage.chain)
        requests = Counter(request_id for request_id, _ in answers)
        assert {bytes.fromhex(view["attestation"]["request_id"][2:]): 1 for view in views} == dict(
            requests
        )
        with psycopg.connect(stage.dsn) as conn:
            assert conn.execute(
                "select count(*), count(distinct request_id) from outbox"
            ).fetchone() == (len(links), len(links))
            assert conn.execute(
                "select count(*) from works where visible_at is null"
            ).fetchone() == (0,)
            assert conn.execute("select count(*) from procrastinate_jobs").fetchone() == (0,)
            sender = conn.execute("select sender from node_status").fetchone()
            cancelling_count = conn.execute(
                "select count(distinct transaction_id) from chain_attempts a join"
                " chain_transactions t on t.id = a.transaction_id and a.tx_hash = t.mined_hash"
                " where a.cancelling"
            ).fetchone()
        assert sender is not None
        assert cancelling_count is not None
        # Every nonce the oracle ever used carried answers (a backlog goes out as one batch) or
        # repaired a gap: none was burnt on a second try.
        carriers = {entry.tx_hash for _, entry in answers}
        assert stage.chain.account_nonce(bytes(sender[0])) == len(carriers) + cancelling_count[0]
        assert differences(stage) == []


@pytest.mark.timeout(300)
def test_a_worker_that_is_killed_again_and_again_takes_nothing_else_down(tmp_path: Path) -> None:
    with running_oracle(tmp_path) as stage:
        # It waits 31 s by then, longer than it would need to be back.
        for _ in range(6):
            kill(stage, VICTIMS["worker"])
            wait_for(lambda: not ready(stage)["ok"])
        wait_for(lambda: "worker was killed by SIGKILL" in ready(stage)["detail"])
        link = post(stage, "cat", "alice", photo("cat"))
        assert stage.api.get("/").status_code == 200
        (view,) = settled(stage, [link])
        assert view["verdict"] == "original"
        assert ready(stage)["ok"]
        assert stage.process.poll() is None


def is_ready(stage: Stage) -> bool:
    """Whether all processes run and serve."""
    try:
        return stage.api.get("/readyz").status_code == 200
    except httpx2.HTTPError:
        return False


@contextmanager
def frozen(processes: list[psutil.Process], seconds: float) -> Iterator[None]:
    """Processes that stand still while uploads go on, and for some seconds more."""
    for process in processes:
        process.suspend()
    try:
        yield
        time.sleep(seconds)
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def decoders_of(stage: Stage) -> list[psutil.Process]:
    children = psutil.Process(stage.process.pid).children(recursive=True)
    found = []
    for child in children:
        with suppress(psutil.Error):  # gone, or not yet collected by its parent
            if "oracle.media.decoder" in child.cmdline():
                found.append(child)
    return found


@contextmanager
def decoders_killed(stage: Stage) -> Iterator[None]:
    killed: set[int] = set()

    def kill_them() -> None:
        while len(killed) < 10:
            for decoder in decoders_of(stage):
                with suppress(psutil.NoSuchProcess):
                    decoder.kill()
                    killed.add(decoder.pid)
            time.sleep(0.5)

    killing = threading.Thread(target=kill_them, daemon=True)
    killing.start()
    yield
    killing.join(PATIENCE_S)
    assert len(killed) >= 10, killed


@contextmanager
def dumped(stage: Stage) -> Iterator[None]:
    """A dump that reads everything for a while."""
    with psycopg.connect(stage.dsn) as dump:
        tables = dump.execute(
            "select format('%I', relname) from pg_class where relkind in ('r', 'p') and"
            " relnamespace = 'public'::regnamespace"
        ).fetchall()
        dump.execute(f"lock table {', '.join(row[0] for row in tables)} in access share mode")
        yield
        time.sleep(20)


@contextmanager
def killed_ten_times(stage: Stage) -> Iterator[None]:
    yield
    for _ in range(10):
        kill(stage, VICTIMS["worker"])


@contextmanager
def restarted(stage: Stage) -> Iterator[None]:
    yield
    kill(stage, VICTIMS["database"])


AWAY_S = float(os.environ.get("ORACLE_AWAY_S", "60"))  # the chain; an hour is 3600
# A small disk of its own each, for the data and for temporary files, where there is one.
DISKS = [Path(disk) for disk in os.environ.get("ORACLE_DISKS", "").split(":") if disk]
FAKETIME = os.environ.get("ORACLE_FAKETIME")  # libfaketime.so.1: the clock jumps


@contextmanager
def clock_jumps(clock: Path, offset: str) -> Iterator[None]:
    clock.write_text(offset)
    yield
    time.sleep(20)
    clock.write_text("+0")


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str], dict[str, Breaks]]]:
    """Where an oracle keeps its data, its settings, and what of these breaks."""
    folder, faults = tmp_path / "data", {}
    settings = {"BLOBS_URL": "gs://faulty"}
    if DISKS:
        folder = DISKS[0] / "data"
        settings["TMPDIR"] = str(DISKS[1])
        faults["disk full, data"] = lambda _: full(DISKS[0], 20)
        faults["disk full, temp"] = lambda _: full(DISKS[1], 20)
    folder.mkdir()
    if FAKETIME:
        clock = tmp_path / "clock"
        clock.write_text("+0")
        settings |= {
            "LD_PRELOAD": FAKETIME,
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        faults["clock an hour ahead"] = lambda _: clock_jumps(clock, "+3600")
        faults["clock an hour back"] = lambda _: clock_jumps(clock, "-3600")
    with running_gcs(tmp_path / "gcs.log") as url:
        emulator_client(url).create_bucket("faulty")
        store = FaultyStore(url)
        settings["STORAGE_EMULATOR_HOST"] = store.url
        for state in ("503", "slow", "truncated"):
            faults[f"blob store {state}"] = lambda _, state=state: store.broken(state, 20)
        yield folder, settings, faults
        store.close()


FAULTS: dict[str, Breaks] = {
    "database frozen": lambda stage: frozen(
        [postmaster_of(stage), *postmaster_of(stage).children()], 30
    ),
    "database killed": restarted,
    "worker killed ten times": killed_ten_times,
    "decoders killed ten times": decoders_killed,
    "chain away": lambda stage: frozen([anvil_of(stage)], AWAY_S),
    "a dump holds locks": dumped,
}


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_the_table_of_faults(surroundings: tuple[Path, dict[str, str], dict[str, Breaks]]) -> None:
    """What is in flight while something breaks, and what of it is lost, doubled or wrong."""
    names, table = itertools.cycle(PHOTOGRAPHS), {}
    folder, settings, more = surroundings
    with running_oracle(folder, settings) as stage:
        for fault, breaks in (FAULTS | more).items():
            links: list[str] = []
            number = len(table)

            def posted(number: int = number, links: list[str] = links) -> None:
                for _ in range(3):
                    name = next(names)
                    content = photo(name) + bytes([number])
                    links.append(post(stage, f"{name}{number}", f"alice{number}", content))
                    copy = edited(photo(name), "reencoded") + bytes([number])
                    links.append(post(stage, f"{name}{number}", f"bob{number}", copy))

            clients = threading.Thread(target=posted)
            with breaks(stage):
                clients.start()
                time.sleep(2)
            clients.join()
            views = settled(stage, links, 5 * PATIENCE_S)
            answers = Counter(request_id for request_id, _ in answers_on_chain(stage.chain))
            asked = [bytes.fromhex(view["attestation"]["request_id"][2:]) for view in views]
            table[fault] = {
                "in flight": len(links),
                "lost": 6 - len(links) + sum(answers[request] == 0 for request in asked),
                "doubled": sum(answers[request] > 1 for request in asked),
                "wrong": sum(
                    view["verdict"] not in ("original", "derivative", "self_duplicate")
                    for view in views[::2]
                )
                + sum(view["verdict"] != "derivative" for view in views[1::2]),
            }
            print(fault, table[fault], flush=True)
        assert differences(stage) == []
    for fault, row in table.items():
        assert (row["lost"], row["doubled"], row["wrong"]) == (0, 0, 0), fault


def ready(stage: Stage) -> dict[str, Any]:
    """What `/readyz` says of the processes."""
    said: dict[str, Any] = stage.api.get("/readyz").json()["checks"]["processes"]
    return said
