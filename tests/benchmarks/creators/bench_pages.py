"""How long the server takes for each page of a creator with ten thousand posts, and what it weighs.

Run: python tests/benchmarks/creators/bench_pages.py [--posts 10000] [--rounds 20]
A real Postgres with the settings the oracle ships; the application in this process, asked without a
network: the time is the server's own, rendering included. Each post has three weeks of pay, counts
and a grade. Weight: the page with its sheets and scripts, without pictures.
"""

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import structlog
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[3]))

from oracle import app as app_module
from oracle.settings import Settings
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.works import creators

TARGET_MS, WEIGHT = 100.0, 300_000

# Posts of one creator, a minute apart, each tenth a copy of another's work.
_POSTS = """
insert into posts (post_id, creator_id, media_type, title, audience, published_at)
select decode(lpad(to_hex(n), 64, '0'), 'hex'), %(me)s, 'image', 'Picture number ' || n, 1000 + n,
    now() - interval '60 days' - n * interval '1 minute' from generate_series(1, %(posts)s) n
"""
_COUNTS = """
insert into engagement_counts select post_id, c.counts, c.counts, now() from posts
cross join lateral (select jsonb_build_object('views', audience %% 977, 'likes', audience %% 97,
    'comments', audience %% 13, 'saves', audience %% 31, 'shares', audience %% 7, 'audience',
    audience %% 977) as counts) c
"""
_GRADES = """
insert into grades select post_id, 'final', (array['A', 'B', 'C', 'D'])[1 + audience %% 4],
    audience %% 10000, now() - interval '50 days', 1, (select max(id) from grade_baselines),
    '{"signals": [], "cohort": null, "cohort_posts": 0, "prior_bps": 0, "prior_version": 1,
    "qualified": {"audience": 10}}', false, now() from posts
"""
_TERMS = """
insert into post_terms (post_id, verdict, redirect_bps, creditor_id, final_at)
select post_id, case when audience %% 10 = 0 then 'derivative' else 'original' end,
    case when audience %% 10 = 0 then 4000 else 0 end,
    case when audience %% 10 = 0 then %(other)s::bigint end, now() - interval '1 day' from posts
"""
_PAY = """
with paid as (
    insert into ledger_transactions (kind, post_id, week, facts, booked_at)
    select 'pay', post_id, (date_trunc('week', now()) - w * interval '1 week')::date,
        '{"base_minor": 500, "bonus_minor": 0, "bonus_bps": 0, "verdict": "original", "grade": "C",
        "score_bps": 5500, "redirect_bps": 0, "frozen": false, "contested": false}',
        now() - w * interval '1 week'
    from posts, generate_series(1, 3) w
    returning id, post_id
)
insert into ledger_postings
select id, line, %(me)s, bucket, 'base', post_id, amount from paid
cross join (values (1, 'budget', -500), (2, 'available', 500)) as l(line, bucket, amount)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        EmbeddedPostgres(Path(folder) / "pg") as server,
    ):
        migrate(server.dsn)
        db = Database(server.dsn)
        db.open()
        with db.transaction() as conn:
            last = fill(conn, options.posts)
        with db.transaction() as conn:
            conn.execute("analyze")
        db.close()
        settings = Settings(
            data_dir=Path(folder), database_url=server.dsn, http={"per_minute": 10**6}
        )
        pages = {
            "dashboard": "/creators/maya",
            "dashboard, most earned": "/creators/maya?order=earned",
            "dashboard, most views": "/creators/maya?order=views",
            "dashboard, best grade": "/creators/maya?order=grade",
            "dashboard, copies only": "/creators/maya?verdict=derivative",
            "dashboard, part of a title": "/creators/maya?title=number+99",
            "dashboard of whose work is copied": "/creators/tom",
            "one post": f"/creators/maya/posts/{last}",
            "first page": "/",
        }
        print("| page | p50 ms | p95 ms | weight kB |\n| --- | --- | --- | --- |")
        with TestClient(app_module.create_app(settings)) as client:
            missed = [name for name, path in pages.items() if not row(client, name, path, options)]
    print(f"Over {TARGET_MS:g} ms or {WEIGHT} bytes: {', '.join(missed) or 'none'}")


def fill(conn: Connection, posts: int) -> str:
    """Make one creator's posts. Returns: the id of the last one."""
    me, other = (
        creators.ensure_creator(conn, name, name.encode().ljust(20, b"."), False).id
        for name in ("maya", "tom")
    )
    values = {"me": me, "other": other, "posts": posts}
    conn.execute("insert into grade_baselines (policy_version, cohorts) values (1, '{}')")
    for statement in (_POSTS, _COUNTS, _GRADES, _TERMS, _PAY):
        conn.execute(statement, values)
    return f"0x{posts:064x}"


def row(client: TestClient, name: str, path: str, options: argparse.Namespace) -> bool:
    """Print one page's row. Returns: whether it is within the bounds."""
    times = []
    for _ in range(options.rounds + 3):
        began = time.perf_counter()
        answer = client.get(path)
        times.append(1_000 * (time.perf_counter() - began))
    assert answer.status_code == 200, f"{path}: {answer.status_code}"
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text)
    weight = len(answer.content) + sum(len(client.get(url).content) for url in linked)
    times = sorted(times[3:])
    p50, p95 = statistics.median(times), times[round(0.95 * (len(times) - 1))]
    print(f"| {name} | {p50:.0f} | {p95:.0f} | {weight / 1000:.0f} |", flush=True)
    return p50 <= TARGET_MS and weight <= WEIGHT


if __name__ == "__main__":
    main()
