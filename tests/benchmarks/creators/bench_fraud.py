"""How well the fraud detectors work on made-up days, and how fast: run it from the repository's
root.

    .venv/bin/python tests/benchmarks/creators/bench_fraud.py quality
    .venv/bin/python tests/benchmarks/creators/bench_fraud.py speed --events 1000000

The README beside this file says what the numbers show, and what they do not.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support.databases import FAST_SETTINGS
from support.economy import AttackKind, Economy, Plan, Strength, make_economy
from support.economy.database import store

from oracle.fraud.detectors import detection
from oracle.fraud.detectors.combine import Action, Finding, combine
from oracle.fraud.detectors.events import HOUR_S
from oracle.fraud.detectors.signals import Signal, SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.passes import run_pass
from storage.database import Connection, Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

TUNING_SEEDS = (1, 2, 3, 4, 5)  # the thresholds were set on these
SEEDS = tuple(range(101, 107))  # and are measured on others
THRESHOLDS = Thresholds()


def plan(seed: int, pure: float = 0.0) -> Plan:
    return Plan(
        seed,
        creators=10_000,
        views=300_000,
        viral=200,
        cross_posts=60,
        autoplay=20,
        schools=30,
        whole_schools=5,
        fans=60,
        friends=60,
        charities=10,
        clickbait=40,
        attacks=20,
        pure=pure,
    )


def quality(seeds: tuple[int, ...]) -> None:
    """Recall and precision by signal and strength, and what happens to honest people."""
    for title, pure in (
        ("attacks whose sellers leave a second trait", 0.0),
        ("attacks with one trait only", 1.0),
    ):
        raised: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        right: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        honest, frozen_honest, viral, frozen_viral, scenes = 0, 0, 0, 0, Counter()
        for seed in seeds if pure == 0 else seeds[:2]:
            economy = make_economy(plan(seed, pure))
            found = detection.signals(economy.events, economy.history_of, THRESHOLDS)
            findings = combine(found, THRESHOLDS.combine)
            _score_attacks(economy, found, findings, raised)
            guilty = set(range(economy.events.creators)) - set(economy.honest_creators.tolist())
            for signal in found:
                (right if _creator(economy, signal) in guilty else wrong)[str(signal.name)] += 1
            frozen = [f for f in findings if f.action is Action.FREEZE]
            honest += len(economy.honest_creators)
            innocent = {_creator(economy, f) for f in frozen} - guilty
            frozen_honest += len(innocent)
            viral += len(economy.viral_posts)
            posts = {f.subject.number for f in frozen if f.subject.kind is SubjectKind.POST}
            frozen_viral += len(posts & economy.viral_posts)
            scenes.update({name: len(posts & members) for name, members in economy.scenes.items()})
        print(f"\n## {title}\n")
        print(
            "| attack | strength | attacks | signal raised | money held |\n| --- | --- | ---: |"
            " ---: | ---: |"
        )
        for kind in AttackKind:
            for strength in Strength:
                count = raised[kind, strength]
                n = count["n"]
                print(
                    f"| {kind} | {strength} | {n} | {count['raised'] / n:.3f} |"
                    f" {count['frozen'] / n:.3f} |"
                )
        print(
            "\n| signal | at attacked creators | at honest ones | precision |\n| --- | ---: | ---:"
            " | ---: |"
        )
        for kind in AttackKind:
            a, b = right[str(kind)], wrong[str(kind)]
            print(f"| {kind} | {a} | {b} | {a / max(a + b, 1):.3f} |")
        print(f"\nHonest creators with a hold: {frozen_honest} of {honest}", end="")
        print(
            f" ({10_000 * frozen_honest / honest:.2f} of 10 000; {_upper(frozen_honest, honest)})"
        )
        print(f"Viral posts held: {frozen_viral} of {viral} ({_upper(frozen_viral, viral)})")
        print(f"Posts of strange but honest scenes held: {dict(scenes)}")
    _delays(seeds[0])
    sizes(seeds[0])


def sizes(seed: int) -> None:
    """How large an attack has to be until it is seen, and until money is held."""
    print("\n## by the number of views bought (medium attackers with a second trait)\n")
    kinds = [kind for kind in AttackKind if kind is not AttackKind.GIFTING]
    print(f"| views bought | {' | '.join(kinds)} |\n| ---: |{' ---: |' * len(kinds)}")
    for views in (60, 80, 100, 125, 150, 200, 250):
        economy = make_economy(replace(plan(seed), attack_views=views))
        found = detection.signals(economy.events, economy.history_of, THRESHOLDS)
        raised: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        _score_attacks(economy, found, combine(found, THRESHOLDS.combine), raised)
        cells = [raised[kind, Strength.MEDIUM] for kind in kinds]
        print(f"| {views} | {' | '.join(_rates(c) for c in cells)} |")


def _score_attacks(
    economy: Economy,
    found: list[Signal],
    findings: list[Finding],
    raised: dict[tuple[str, str], Counter[str]],
) -> None:
    names = defaultdict(set)
    for signal in found:
        names[signal.subject.kind, signal.subject.number].add(signal.name)
    held = {(f.subject.kind, f.subject.number) for f in findings if f.action is Action.FREEZE}
    for attack in economy.attacks:
        subjects = ((SubjectKind.POST, attack.post), (SubjectKind.CREATOR, attack.creator))
        count = raised[attack.kind, attack.strength]
        count["n"] += 1
        count["raised"] += any(attack.kind in names[subject] for subject in subjects)
        count["frozen"] += any(subject in held for subject in subjects)


def _delays(seed: int) -> None:
    """A pass an hour: how many hours after its start each attack is seen, and its money held."""
    economy = make_economy(plan(seed))
    events = economy.events
    first: dict[str, dict[tuple[SubjectKind, int], int]] = {"seen": {}, "held": {}}
    for end_s in range(events.start_s + HOUR_S, events.end_s + 1, HOUR_S):
        so_far = replace(events.where(events.at_s < end_s), end_s=end_s, _views=[])
        for finding in detection.detect(so_far, economy.history_of, THRESHOLDS):
            key = (finding.subject.kind, finding.subject.number)
            first["seen"].setdefault(key, end_s)
            if finding.action is Action.FREEZE:
                first["held"].setdefault(key, end_s)
    print("\n## hours from the start of an attack to the pass that saw it (one pass an hour)\n")
    print("| attack | strength | seen: median | slowest | held: median | slowest |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for kind in AttackKind:
        for strength in (Strength.MEDIUM, Strength.STRONG):
            mine = [a for a in economy.attacks if (a.kind, a.strength) == (kind, strength)]
            cells = []
            for what in ("seen", "held"):
                hours = [
                    (min(times) - a.start_s) / HOUR_S
                    for a in mine
                    if (
                        times := [
                            first[what][key]
                            for key in (
                                (SubjectKind.POST, a.post),
                                (SubjectKind.CREATOR, a.creator),
                            )
                            if key in first[what]
                        ]
                    )
                ]
                cells += [f"{np.median(hours):.0f}", f"{max(hours):.0f}"] if hours else ["–", "–"]
            print(f"| {kind} | {strength} | {' | '.join(cells)} |")


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
    found = detection.detect(economy.events, economy.history_of, THRESHOLDS)
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
        "insert into fraud_hourly select t.new, hour, views from fraud_hourly h join twins t on"
        " t.old = h.creator_id",
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


def _rates(count: Counter[str]) -> str:
    return f"{count['raised'] / count['n']:.2f} / {count['frozen'] / count['n']:.2f}"


def _creator(economy: Economy, found: Signal | Finding) -> int:
    number = found.subject.number
    return (
        int(economy.events.post_creator[number])
        if found.subject.kind is SubjectKind.POST
        else number
    )


def _upper(hits: int, n: int) -> str:
    """The upper end of the 95 % interval, one-sided: by the rule of three where there is no hit."""
    bound = 3.0 / n if hits == 0 else (hits + 1.645 * np.sqrt(hits) + 1.35) / n
    return f"below {10_000 * bound:.2f} of 10 000 with 95 % confidence"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["quality", "speed", "memory"])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    chosen = parser.parse_args()
    if chosen.what == "quality":
        quality(tuple(chosen.seeds))
    elif chosen.what == "memory":
        memory(chosen.events)
    else:
        speed(chosen.events, chosen.times)


if __name__ == "__main__":
    main()
