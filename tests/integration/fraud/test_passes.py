"""A pass through a real database finds what the detectors find in memory, and alerts follow from
it once.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from support.economy import Economy
from support.economy.database import post_id_of
from support.platform import NOW, Platform, event

from oracle.appeals.errors import InvalidSpan
from oracle.fraud import alerts
from oracle.fraud.detectors import detection
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.dry_run import dry_run
from oracle.fraud.passes import run_pass, scan
from oracle.tasks.fraud import Upkeep
from storage.database import Database
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.fraud import events as fraud_events


def span(economy: Economy) -> tuple[datetime, datetime]:
    return tuple(
        datetime.fromtimestamp(s, UTC) for s in (economy.events.start_s, economy.events.end_s)
    )


def test_the_database_path_finds_what_the_detectors_find_in_memory(
    db: Database, economy: Economy, day
) -> None:
    start, end = span(economy)
    count, found = scan(db, start, end, Thresholds())
    expected = detection.detect(economy.events, Thresholds())
    code_of = {number: code for code, number in day.items()}
    seen = {
        (
            f.subject,
            int.from_bytes(f.post_id, "big") if f.post_id else code_of[f.creator_id],
            f.action,
            s["name"],
        ): s
        for f in found
        for s in f.signals
    }
    wanted = {
        (str(f.subject.kind), f.subject.number, str(f.action), str(s.name)): s.score
        for f in expected
        for s in f.signals
    }
    assert count == len(economy.events)
    assert len(expected) >= 10
    assert set(seen) == set(wanted)
    assert {key: signal["score"] for key, signal in seen.items()} == pytest.approx(
        wanted, abs=0.005
    )


def test_a_pass_raises_alerts_once_and_says_so_to_the_creator(
    db: Database, economy: Economy, day, now
) -> None:
    _, end = span(economy)
    first = run_pass(db, now, end=end)
    again = run_pass(db, now + timedelta(minutes=5), end=end)
    assert len(first.alerts) == len({f.post_id or f.creator_id for f in first.findings})
    assert again.alerts == []
    attacked = {post_id_of(a.post) for a in economy.attacks if a.strength != "weak"}
    with db.transaction() as conn:
        alerts = [fraud_alerts.get(conn, number) for number in first.alerts]
        told = dict(conn.execute("select alert_id, body from creator_messages").fetchall())
        assert audit_log.find_break(conn) is None
        left_out = {
            row[0] for row in conn.execute("select distinct alert_id from engagement_exclusions")
        }
        assert conn.execute("select count(*) from ledger_freezes").fetchone() == (0,)
    # Nothing here shows that a creator took part: doubtful events do not count, nothing is held.
    assert {alert.status for alert in alerts} == {"open"}
    assert attacked & {alert.post_id for alert in alerts}
    assert left_out == set(told)
    for alert in alerts:
        for signal in alert.signals if alert.id in told else ():
            assert signal["sentence"] in told[alert.id]


def test_a_pass_looks_at_full_hours(db: Database, economy: Economy, day, now) -> None:
    end = span(economy)[1]
    for wrong in (end - timedelta(minutes=30), end + timedelta(days=1)):
        with pytest.raises(InvalidSpan):
            run_pass(db, now, end=wrong)


def test_what_an_outage_left_out_is_looked_at_afterwards(
    db: Database, economy: Economy, day, now
) -> None:
    attacked = {post_id_of(a.post) for a in economy.attacks if a.strength == "strong"}
    Upkeep(db).tick(now - timedelta(days=2))
    # another process: nothing is known but what is stored
    keeper, later = Upkeep(db), now + timedelta(days=3)
    keeper.tick(later)
    with db.transaction() as conn:  # gifts are looked at over a month
        assert all(a.subject == "creator" for a in fraud_alerts.page(conn, limit=200))
        made = {row[0] for row in conn.execute("select end_at from fraud_passes")}
        waiting = fraud_events.missing_passes(conn, later - timedelta(days=30), timedelta(hours=23))
    assert len(made) == 2
    for _ in waiting:
        keeper.tick(later)
    with db.transaction() as conn:
        found = {alert.post_id for alert in fraud_alerts.page(conn, limit=200)}
        assert (
            fraud_events.missing_passes(conn, later - timedelta(days=30), timedelta(hours=23)) == []
        )
        ends = [row[0] for row in conn.execute("select end_at from fraud_passes order by 1")]
    assert all(b - a <= timedelta(hours=23) for a, b in pairwise(ends))
    assert found & attacked
    assert keeper.tick(later).alerts == 0


def test_what_comes_after_its_day_was_looked_at_is_looked_at_again(db: Database) -> None:
    """Two thousand views that a tool sends, reported three days later."""
    platform = Platform(db)
    post = platform.post(platform.creator("late"), published=NOW - timedelta(days=5))
    keeper = Upkeep(db)
    now = NOW - timedelta(days=3)
    keeper.tick(now)
    platform.happen(
        *(
            event("view", post, at=now - timedelta(hours=2), device=f"d{n}", user_agent="curl/8",
                  program="tool", watch_ms=9_000)
            for n in range(2_000)
        )
    )  # fmt: skip
    for _ in range(8):  # after what the days between left out
        keeper.tick(now + timedelta(hours=60))
    with db.transaction() as conn:
        (alert,) = fraud_alerts.page(conn)
        assert conn.execute("select count(*) from fraud_late").fetchone() == (0,)
    assert (alert.post_id, alert.signals[0]["name"]) == (post, "user_agents")


def test_who_was_cleared_of_gifts_is_judged_by_later_ones_alone(db: Database) -> None:
    platform = Platform(db)
    alice = platform.creator("alice")
    post = platform.post(alice, published=NOW - timedelta(days=20))

    def gifts(days: float, count: int) -> None:
        platform.happen(
            *(
                event("gift", post, account="alice", value_minor=10_000,
                      at=NOW - timedelta(days=days, minutes=n))
                for n in range(count)
            )
        )  # fmt: skip

    gifts(10, 20)
    (first,) = run_pass(db, NOW - timedelta(days=9)).alerts
    with db.transaction() as conn:
        alerts.reverse(
            conn,
            first,
            actor="maria",
            reason_code="looked_at_it",
            text="A test of the till.",
            now=NOW - timedelta(days=8),
        )
    assert run_pass(db, NOW - timedelta(days=7)).findings == []
    gifts(2, 1)
    assert run_pass(db, NOW - timedelta(days=1)).findings == []  # one more gift makes no new case
    gifts(0.5, 20)
    (again,) = run_pass(db, NOW).alerts
    with db.transaction() as conn:
        found = fraud_alerts.get(conn, again)
    assert (found.subject, found.creator_id) == ("creator", alice)
    assert found.signals[0]["facts"]["gifts"] == 21
    assert found.seen_from > NOW - timedelta(days=3)


def test_accounts_are_known_from_the_first_pass_that_saw_them(db: Database) -> None:
    """A club's day: nothing of it is left out where its fans were there before."""
    platform = Platform(db)
    post = platform.post(platform.creator("star"), published=NOW - timedelta(days=20))
    other = platform.post(platform.creator("other"), published=NOW - timedelta(days=20))
    fans = [f"fan{n}" for n in range(60)]
    for who, days in ((fans[:40], 5), (fans[40:], 1)):
        at = NOW - timedelta(days=days, hours=2)
        platform.happen(*(event("view", other, account=fan, at=at) for fan in who))
        run_pass(db, NOW - timedelta(days=days))
    kinds = ("view", "like", "save", "share")
    platform.happen(
        *(
            event(kind, post, account=fan, at=NOW - timedelta(hours=1), watch_ms=9_000)
            if kind == "view"
            else event(kind, post, account=fan, at=NOW - timedelta(hours=1))
            for fan in fans
            for kind in kinds
        )
    )
    run_pass(db, NOW)
    assert platform.rows("select count(*) from engagement_exclusions") == [(0,)]
    bought = platform.post(platform.creator("cheat"), published=NOW - timedelta(days=20))
    platform.happen(
        *(
            event(kind, bought, account=fan, at=NOW - timedelta(hours=1))
            for fan in fans[40:]
            for kind in kinds
        )
    )
    run_pass(db, NOW)
    assert platform.rows(
        "select distinct post_id, count(*) from engagement_exclusions group by 1"
    ) == [(bought, 20)]


def test_accounts_that_were_not_seen_for_long_are_forgotten(db: Database) -> None:
    """They would be new again; who comes back now and then never is."""
    platform = Platform(db)
    post = platform.post(platform.creator("star"), published=NOW - timedelta(days=89))

    def look(days: int, *accounts: str) -> None:
        at = NOW - timedelta(days=days, hours=2)
        seen = [event("view", post, account=name, at=at) for name in accounts]
        platform.happen(*seen, event("gift", post, account=accounts[0], value_minor=1, at=at))
        run_pass(db, NOW - timedelta(days=days))

    look(80, "gone", "regular")
    look(77, "regular")
    look(30, "regular", "guest")
    run_pass(db, NOW)
    known = "select account, first_seen_at from fraud_accounts order by 1"
    assert platform.rows(known) == [
        ("guest", NOW - timedelta(days=30, hours=2)),
        ("regular", NOW - timedelta(days=80, hours=2)),
    ]
    assert platform.rows("select account from fraud_givers") == []
    look(1, "gone")
    (since,) = platform.rows("select first_seen_at from fraud_accounts where account = 'gone'")
    assert since == (NOW - timedelta(days=1, hours=2),)


def test_a_dry_run_tells_what_stricter_rules_would_change_and_writes_nothing(
    db, economy, day, now
) -> None:
    mild = Thresholds()
    strict = Thresholds.from_json(
        {"shared_devices": {"min_accounts": 2000}, "user_agents": {"min_views": 10**6}}
    )
    run = dry_run(db, now - timedelta(hours=1), mild, strict, days=1)
    assert run.alerts_now > run.alerts_then
    assert {change.now for change in run.changes if change.then is None} == {"watch"}
    with db.transaction() as conn:
        assert conn.execute("select count(*) from fraud_alerts").fetchone() == (0,)
