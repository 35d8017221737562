"""How fast the fraud detectors are on made-up days; `bench_fairness.py` measures how well they
work. From the repository's root:

    .venv/bin/python tests/benchmarks/creators/bench_fraud.py speed --events 1000000

The README beside this file says what the numbers show, and what they do not.
"""

import argparse
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support.databases import FAST_SETTINGS
from support.economy import Plan, make_economy
from support.economy.database import store

from oracle.fraud.detectors import detection
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.passes import run_pass
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

THRESHOLDS = Thresholds()


def speed(events: int, times: int) -> None:
    """One pass over a day in a database of its own.

    Args:
        times: The day is repeated so often, each time by other people at other posts of other
            creators.
    """
    economy = make_economy(
        Plan(
            11,
            creators=max(events // 50, 500),
            views=int(events * 0.82),
            viral=40,
            cross_posts=30,
            autoplay=10,
            schools=20,
            whole_schools=3,
            charities=5,
            attacks=10,
        )
    )
    with (
        tempfile.TemporaryDirectory(prefix="oracle-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", settings=FAST_SETTINGS) as server,
    ):
        migrate(server.dsn)
        db = Database(server.dsn, max_size=2)
        db.open()
        with db.transaction() as conn:
            store(conn, economy)
        for number in range(1, times):
            with db.transaction() as conn:
                _repeat(conn, number)
        with db.transaction() as conn:
            conn.execute("analyze")
        end = datetime.fromtimestamp(economy.events.end_s, UTC)
        for attempt in ("first pass", "the same span again"):
            began, here, there = time.monotonic(), time.process_time(), _postgres_cpu_s(db)
            result = run_pass(db, end, end=end)
            took, here, there = (
                time.monotonic() - began,
                time.process_time() - here,
                _postgres_cpu_s(db) - there,
            )
            load = psutil.getloadavg()[0]
            print(
                f"{attempt}: {result.events:,} events, {len(result.findings)} findings,"
                f" {len(result.alerts)} alerts: {took:.1f} s at load {load:.1f} on"
                f" {psutil.cpu_count()} cores; CPU {here:.1f} s in Python, {there:.1f} s in"
                " Postgres"
            )
        print(
            "peak memory of the pass:"
            f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB"
        )
        db.close()


def memory(events: int) -> None:
    """The detectors alone over so many events that are in memory already."""
    economy = make_economy(
        Plan(
            11,
            creators=events // 50,
            views=int(events * 0.82),
            viral=400,
            cross_posts=300,
            autoplay=100,
            schools=200,
            whole_schools=30,
            charities=50,
            attacks=10,
        )
    )
    began, cpu = time.monotonic(), time.process_time()
    found = detection.detect(economy.events, THRESHOLDS)
    print(
        f"{len(economy.events):,} events in memory, {len(found)} findings:"
        f" {time.monotonic() - began:.1f} s at load {psutil.getloadavg()[0]:.1f} on"
        f" {psutil.cpu_count()} cores, {time.process_time() - cpu:.1f} s CPU; peak memory"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB with the making of"
        " the day"
    )


def _repeat(conn: Connection, number: int) -> None:
    """The whole day once more under other names."""
    tag = f"~{number}"
    conn.execute(
        "create temp table twins on commit drop as with made as (insert into creators (handle,"
        " name_key, skeletons, account, has_wallet) select handle || %(tag)s, name_key || %(tag)s,"
        " array[name_key || %(tag)s], set_byte(account, 0, %(n)s), true from"
        " creators where handle !~ '~' returning *) select c.id as old, m.id as new from made m"
        " join creators c on c.handle || %(tag)s = m.handle",
        {"tag": tag, "n": number},
    )
    conn.execute("analyze twins")  # or the planner takes it for empty, and loops
    for statement in (
        "insert into posts (post_id, creator_id, media_type, title, published_at) select"
        " set_byte(post_id, 0, %(n)s), t.new, media_type, title, published_at from posts p join"
        " twins t on t.old = p.creator_id",
        "insert into fraud_sign_ups select account || %(tag)s, signed_up_at, shape || %(tag)s,"
        " set_byte(ip_hash, 0, %(n)s), agent_id from fraud_sign_ups where account !~ '~'",
        "insert into fraud_givers select account || %(tag)s, first_gift_at from fraud_givers where"
        " account !~ '~'",
        "insert into engagement_events (event_id, at, kind, post_id, creator_id, account, device,"
        " ip_hash, agent_id, referrer_id, watch_ms, length_ms, value_minor) select"
        " gen_random_uuid(), at, kind, set_byte(post_id, 0, %(n)s), t.new, account || %(tag)s,"
        " device || %(tag)s, set_byte(ip_hash, 0, %(n)s), agent_id, referrer_id, watch_ms,"
        " length_ms, value_minor from engagement_events e left join twins t on t.old ="
        " e.creator_id where coalesce(account, device, '') !~ '~' and (post_id is null or"
        " get_byte(post_id, 0) = 0)",
    ):
        conn.execute(statement, {"tag": tag, "n": number})


def _postgres_cpu_s(db: Database) -> float:
    """CPU seconds of the server so far, with those of processes that have ended."""
    with db.transaction() as conn:
        row = conn.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    server = psutil.Process(row[0]).parent()
    assert server is not None
    ended = server.cpu_times()
    alive = [process.cpu_times() for process in server.children()]
    return ended.children_user + ended.children_system + sum(t.user + t.system for t in alive)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "memory"])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=1)
    chosen = parser.parse_args()
    if chosen.what == "memory":
        memory(chosen.events)
    else:
        speed(chosen.events, chosen.times)


if __name__ == "__main__":
    main()
