"""Decisions a second at a short and at a long backlog, and with few and with many clients at once.

Run: python tests/benchmarks/order/bench_backlog.py [--decisions 40] [--backlogs 10 1000]
[--clients 8 32] [--uploads 64] [--rounds 4] [--seed 1]

A real Postgres with the settings that the oracle ships, one worker process with its default
settings, media of this machine: of ten works six are pictures (320 x 240), two sounds (3 s) and
two requests of a contract for a picture behind HTTP on loopback. Each backlog and each number of
clients has a database of its own. A backlog is filled so far and kept so; from the tenth decision
on the next ones are timed. For the clients the API runs as well, and each posts such a picture when
its last was answered. No node runs: what is to be attested is marked as final, so that no client
waits for it.

The conditions take turns, every second round in the other order, so that what else the machine does
falls on all of them: a list in the report has a number for each round. CPU seconds are those of all
processes of a condition but the benchmark's own (worker, API, Postgres), a decision.
"""

import argparse
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import numpy as np
import psutil
import structlog
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[3]))

from support import sounds
from support.files import FileServer, new_file_server
from support.waiting import wait_for

from embeddings.sniff import MEDIA_TYPES
from oracle import wiring
from oracle.chain.core.ids import escrow_account
from oracle.originality.intake import Intake, Upload
from oracle.settings import Settings
from storage.blobs import open_blobs
from storage.chain import requests as chain_requests
from storage.chain.requests import RequestSeen
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.works import policies
from storage.works.policies import BoundDeployment, Policy

WARM = 10
MIX = ("picture", "picture", "picture", "sound", "request") * 2
TOKEN = "bench"


class World:
    """An oracle on a database of its own, with the processes that are asked for."""

    def __init__(
        self, server: EmbeddedPostgres, folder: Path, files: FileServer, seed: int
    ) -> None:
        dsn = server.dsn
        (pid_file,) = (folder / "pg").rglob("postmaster.pid")
        self.postmaster = psutil.Process(int(pid_file.read_text().split()[0]))
        self.settings = Settings(
            data_dir=folder,
            database_url=dsn,
            fetch={"allow_private": True},
            http={"port": 0, "wait_s": 120, "admin_token": TOKEN},
            clip={"fetch": False},
        )
        self.folder, self.dsn, self.files = folder, dsn, files
        self.db: Database = wiring.open_database(self.settings)
        with self.db.transaction() as conn:
            policies.bind(conn, BoundDeployment(31_337, b"\x11" * 20, {}))
            for media_type in MEDIA_TYPES:
                policies.record(conn, Policy(1, media_type, 9_500, 10_000))
        self.intake: Intake = wiring.make_intake(
            self.db, open_blobs(self.settings.blobs), wiring.make_handlers(self.settings)
        )
        self.numbers = itertools.count(1)
        self.rng = np.random.default_rng(seed)

    def feed(self) -> None:
        """Take one more work in, of the next kind."""
        number = next(self.numbers)
        kind = MIX[number % len(MIX)]
        content = sound(number) if kind == "sound" else picture(self.rng)
        if kind == "request":
            self._ask(content, self.files.put(f"/{number}", content), f"creator{number}")
            return
        path = self.folder / f"in{number}"
        path.write_bytes(content)
        self.intake.submit(
            Upload(
                path=path,
                sha256=sha256(content).digest(),
                size_bytes=len(content),
                creator=f"creator{number}",
            )
        )
        path.unlink()

    def _ask(self, content: bytes, uri: str, creator: str) -> None:
        now = datetime.now(UTC)
        request = RequestSeen(
            request_id=uuid4().bytes * 2,
            seq=1,
            requester=bytes(20),
            post_id=uuid4().bytes * 2,
            creator=escrow_account(creator),
            content_hash=sha256(content).digest(),
            media_type="image",
            uri=uri,
            config_version=1,
            deadline=now + timedelta(days=1),
            tx_hash=bytes(32),
            log_index=0,
            block_number=1,
            block_hash=bytes(32),
            block_time=now,
        )
        with self.db.transaction() as conn:
            chain_requests.note(conn, request)
            self.intake.accept_request(conn, request)

    def counts(self) -> tuple[int, int]:
        """(waiting, decided) analyses."""
        with self.db.transaction() as conn:
            row = conn.execute(
                "select count(*) filter (where status in ('queued', 'running')), count(*) filter"
                " (where status = 'decided') from analyses"
            ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    @contextmanager
    def process(self, command: str, **env: str) -> Iterator[psutil.Process]:
        log = (self.folder / f"{command}.log").open("w")
        child = subprocess.Popen(
            [sys.executable, "-m", "oracle", command],
            env=os.environ
            | {
                "DATABASE_URL": self.dsn,
                "ORACLE_DATA_DIR": str(self.folder),
                "ORACLE_FETCH__ALLOW_PRIVATE": "true",
                "ORACLE_HTTP__ADMIN_TOKEN": TOKEN,
            }
            | env,
            stderr=log,
        )
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(60)
            log.close()


def picture(rng: np.random.Generator) -> bytes:
    """A picture of its own: smooth colours with structure, as JPEG."""
    small = rng.integers(0, 255, (24, 32, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(
        out, "JPEG", quality=90
    )
    return out.getvalue()


def sound(seed: int) -> bytes:
    return sounds.encoded(sounds.tune(seed, 3.0))


def cpu_s(*processes: psutil.Process) -> float:
    """CPU seconds that processes and their children, also those that ended, used so far."""
    used_s = 0.0
    for process in processes:
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                used = one.cpu_times()
                used_s += used.user + used.system
        ended = process.cpu_times()
        used_s += ended.children_user + ended.children_system
    return used_s


@dataclass
class Found:
    """What one round of a condition gave."""

    decisions: int
    seconds: float
    cpu_s: float
    late: int | None = None


def at_backlog(world: World, backlog: int, decisions: int) -> Found:
    """Time decisions while so many works wait."""
    while world.counts()[0] < backlog:
        world.feed()
    before = world.counts()[1]
    with world.process("worker") as worker:
        began = 0.0
        while True:
            waiting, decided = world.counts()
            if decided >= before + WARM and not began:
                began, first = time.monotonic(), decided
                used_s = cpu_s(worker, world.postmaster)
            if decided >= before + WARM + decisions:
                took_s = time.monotonic() - began
                return Found(decided - first, took_s, cpu_s(worker, world.postmaster) - used_s)
            for _ in range(backlog - waiting):
                world.feed()
            time.sleep(0.05)


def with_clients(world: World, clients: int, uploads: int, port: int) -> Found:
    """Time uploads by so many clients; late are the answers that came without a decision after
    20 s.
    """
    pictures = [picture(world.rng) for _ in range(uploads)]
    stop = threading.Event()

    def deliver() -> None:
        while not stop.wait(0.05):
            with world.db.transaction() as conn:
                conn.execute("update outbox set status = 'final' where status = 'pending'")

    threading.Thread(target=deliver, daemon=True).start()
    url = f"http://127.0.0.1:{port}"

    def post(content: bytes) -> bool:
        with httpx2.Client(timeout=300) as client:
            answer = client.post(f"{url}/upload?wait_s=20", files={"file": content})
        assert answer.status_code in (200, 202), answer.text
        return bool(answer.status_code == 202)

    serve = world.process("serve", ORACLE_HTTP__PORT=str(port))
    with world.process("worker") as worker, serve as api:
        wait_for(lambda: _answers(url), timeout_s=120)
        post(picture(world.rng))  # the models are loaded
        wait_for(lambda: world.counts()[0] == 0, timeout_s=300)
        began, used_s = time.monotonic(), cpu_s(worker, api, world.postmaster)
        with ThreadPoolExecutor(clients) as pool:
            late = sum(pool.map(post, pictures))
        wait_for(lambda: world.counts()[0] == 0, timeout_s=300)
        took_s = time.monotonic() - began
        used_s = cpu_s(worker, api, world.postmaster) - used_s
    stop.set()
    return Found(uploads, took_s, used_s, late)


def _answers(url: str) -> bool:
    try:
        return bool(httpx2.get(f"{url}/healthz").status_code == 200)
    except httpx2.HTTPError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=40)
    parser.add_argument("--backlogs", type=int, nargs="*", default=[10, 1000])
    parser.add_argument("--clients", type=int, nargs="*", default=[8, 32])
    parser.add_argument("--uploads", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--port", type=int, default=18_431)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    files = new_file_server()
    files.start()
    report: dict[str, Any] = {
        "machine": f"{psutil.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the start",
        "seed": options.seed,
    }
    cases = [("backlog", n) for n in options.backlogs] + [("clients", n) for n in options.clients]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        worlds = {}
        for name, number in cases:
            home = folder / f"{name}{number}"
            server = stack.enter_context(EmbeddedPostgres(home / "pg"))
            migrate(server.dsn)
            worlds[name, number] = World(server, home, files, options.seed)
            stack.callback(worlds[name, number].db.close)
        for turn in range(options.rounds):
            for name, number in cases if turn % 2 == 0 else reversed(cases):
                world = worlds[name, number]
                if name == "backlog":
                    found = at_backlog(world, number, options.decisions)
                else:
                    found = with_clients(world, number, options.uploads, options.port)
                line = report.setdefault(f"{name} {number}", {})
                rate = found.decisions / found.seconds
                line.setdefault("decisions_a_second", []).append(round(rate, 2))
                line.setdefault("cpu_s_a_decision", []).append(
                    round(found.cpu_s / found.decisions, 3)
                )
                if found.late is not None:
                    line.setdefault("undecided_after_20_s", []).append(
                        f"{found.late} of {found.decisions}"
                    )
                print(json.dumps(report), flush=True)
    files.stop()


if __name__ == "__main__":
    main()
