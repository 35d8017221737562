"""How many engagement events a second come in, through HTTP and into a durable database, and how
fast they are graded.

Run: python tests/benchmarks/creators/bench_ingest.py [--events 500000] [--batch 10000] [--senders
2] [--seed 1] A real Postgres with the settings the oracle ships (fsync on), a real server process,
real HTTP; the senders are threads of this process. Bodies are made beforehand. Three in a hundred
events are sent twice.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx2
import psutil
import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[3]))

from support.waiting import wait_for

from oracle.engagement import events, grades
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.engagement import events as engagement
from storage.migrate import migrate
from storage.works import creators

TOKEN = "bench"
CREATORS, POSTS_EACH, ACCOUNTS = 200, 5, 100_000
MIX = {
    "view": 850,
    "like": 80,
    "save": 20,
    "comment": 20,
    "share": 14,
    "follow": 8,
    "gift": 3,
    "login": 4,
    "sign_up": 1,
}
AGENT = (
    "Mozilla/5.0 (Linux; Android 14; Phone {}) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{}.0.0.0 Mobile"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--senders", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedPostgres(Path(folder) / "pg") as server,
    ):
        migrate(server.dsn)
        db = Database(server.dsn)
        db.open()
        posts = add_posts(db)
        random, now = Random(options.seed), datetime.now(UTC)
        print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
        print(
            f"{options.events} events, batches of {options.batch}, {options.senders} senders, seed"
            f" {options.seed}"
        )
        bodies = make_bodies(random, posts, now, options.events, options.batch)
        print(
            "parse only:     "
            f" {rate(options.events, lambda: [events.parse(body, now) for body in bodies])}"
        )
        with api(server.dsn, Path(folder)) as (url, process):
            before = cpu_s(process), database_cpu_s(Path(folder))
            over_http(url, bodies, options)
            after = cpu_s(process), database_cpu_s(Path(folder))
            # What it costs whatever else the machine does: a rate on a busy machine says little.
            spent = [1e6 * (b - a) / options.events for a, b in zip(before, after, strict=True)]
            print(
                f"                 CPU an event: server {spent[0]:.1f} µs, database {spent[1]:.1f}"
                " µs"
            )
        store_only(db, random, posts, now, options)
        started = time.perf_counter()
        graded = grades.grade_changed(db, now)
        stored = count(db)
        print(
            f"grading:         {graded} posts over {stored} events in"
            f" {time.perf_counter() - started:.1f} s"
        )
        db.close()


def over_http(url: str, bodies: list[bytes], options: argparse.Namespace) -> None:
    """Send every batch, and every thirtieth event of it once more."""
    answers: list[dict[str, Any]] = []

    def send(body: bytes) -> None:
        answer = httpx2.post(
            f"{url}/api/engagement",
            content=body,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=300,
        )
        answer.raise_for_status()
        answers.append(answer.json())

    with ThreadPoolExecutor(options.senders) as pool:
        print(f"over HTTP:       {rate(options.events, lambda: list(pool.map(send, bodies)))}")
    total: Counter[str] = Counter()
    for answer in answers:
        total.update({name: answer[name] for name in ("received", "stored", "duplicates", "late")})
        total["rejected"] += sum(answer["rejected"].values())
    print(f"                 {dict(total)}")
    assert total["received"] == total["stored"] + total["duplicates"] + total["rejected"]


def store_only(
    db: Database, random: Random, posts: list[bytes], now: datetime, options: argparse.Namespace
) -> None:
    """The database's part alone: events that are validated already, one connection."""
    number = options.events // 5
    bodies = make_bodies(random, posts, now, number, options.batch)
    ready = [events.parse(body, now)[0] for body in bodies]

    def store() -> None:
        for batch in ready:
            with db.transaction() as conn:
                engagement.add_events(conn, batch)

    print(f"database alone:  {rate(number, store)}")


def make_bodies(
    random: Random, posts: list[bytes], now: datetime, number: int, batch: int
) -> list[bytes]:
    """Batches as a platform would send them; a post's share of the traffic falls off as 1/rank."""
    weights = [1 / rank for rank in range(1, len(posts) + 1)]
    chosen = ["0x" + post.hex() for post in random.choices(posts, weights, k=number)]
    kinds = random.choices(list(MIX), list(MIX.values()), k=number)
    made, bodies = [], []
    for post, kind in zip(chosen, kinds, strict=True):
        made.append(one_event(random, kind, post, now))
        if random.random() < 0.03:
            made[-1] = made[random.randrange(len(made))]
        if len(made) == batch:
            bodies.append(json.dumps({"events": made}).encode())
            made = []
    return bodies + ([json.dumps({"events": made}).encode()] if made else [])


def one_event(random: Random, kind: str, post: str, now: datetime) -> dict[str, Any]:
    """An event with all the fields a real one has."""
    person = random.randrange(ACCOUNTS)
    found: dict[str, Any] = {
        "id": str(UUID(int=random.getrandbits(128))),
        "at": (now - timedelta(seconds=random.random() * 86_000)).isoformat(),
        "kind": kind,
        "account": f"account-{person}",
        "device": f"device-{person * 7 % ACCOUNTS}",
        "ip_hash": f"{person // 3:032x}",
        "user_agent": AGENT.format(person % 40, 100 + person % 9),
        "referrer": f"https://site{random.randrange(300)}.example/watch?v={person}",
    }
    if kind not in ("follow", "login", "sign_up"):
        found["post_id"] = post
    if kind == "view":
        found |= {"watch_s": round(random.random() * 30, 2), "video_s": 30}
    if kind == "comment":
        found |= {
            "text_hash": f"{random.getrandbits(64):016x}",
            "text_length": random.randrange(1, 200),
        }
    if kind == "gift":
        found["value_minor"] = random.randrange(50, 5_000)
    if kind == "follow":
        found["creator"] = f"creator-{random.randrange(CREATORS)}"
    return found


def add_posts(db: Database) -> list[bytes]:
    """Creators with posts of yesterday."""
    posts = []
    with db.transaction() as conn:
        for number in range(CREATORS):
            creator_id = creators.ensure_creator(
                conn, f"creator-{number}", number.to_bytes(20, "big"), False
            ).id
            for post in range(POSTS_EACH):
                post_id = (number * POSTS_EACH + post + 1).to_bytes(32, "big")
                conn.execute(
                    "insert into posts (post_id, creator_id, media_type, audience, published_at)"
                    " values (%s, %s, 'video', %s, %s)",
                    (post_id, creator_id, 50 * number, datetime.now(UTC) - timedelta(days=1)),
                )
                posts.append(post_id)
    return posts


@contextmanager
def api(dsn: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A server process of its own. Yields: its URL, and itself."""
    port_file = folder / "port"
    program = (
        "import socket, sys, uvicorn; s = socket.socket(); s.bind(('127.0.0.1', 0));"
        f"open({str(port_file)!r}, 'w').write(str(s.getsockname()[1]));from oracle.app import"
        " create_app; uvicorn.Server(uvicorn.Config(create_app(), log_level='error')).run([s])"
    )
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "ORACLE_DATA_DIR": str(folder / "data"),
        "ORACLE_HTTP__ADMIN_TOKEN": TOKEN,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    try:
        wait_for(
            lambda: port_file.exists() and is_up(f"http://127.0.0.1:{port_file.read_text()}"),
            timeout_s=180,
        )
        yield f"http://127.0.0.1:{port_file.read_text()}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def database_cpu_s(folder: Path) -> float:
    """CPU seconds of all processes of the Postgres in that folder."""
    spent = 0.0
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == "postgres":
            with contextlib.suppress(psutil.Error):
                if Path(process.cwd()).is_relative_to(folder):
                    spent += cpu_s(process)
    return spent


def is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/healthz", timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False


def count(db: Database) -> int:
    with db.transaction() as conn:
        row = conn.execute("select count(*) from engagement_events").fetchone()
    assert row is not None
    return int(row[0])


def rate(number: int, work: Any) -> str:
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return f"{number / seconds:,.0f} events/s ({seconds:.1f} s)"


if __name__ == "__main__":
    main()
