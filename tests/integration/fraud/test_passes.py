"""A pass through a real database finds what the detectors find in memory, and alerts follow from
it once.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from support.economy import Economy
from support.economy.database import post_id_of

from oracle.appeals.errors import InvalidSpan
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
    expected = detection.detect(economy.events, economy.history_of, Thresholds())
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
        notices_sent = dict(conn.execute("select alert_id, body from creator_messages").fetchall())
        assert audit_log.find_break(conn) is None
        queued = {
            row[0]
            for row in conn.execute(
                "select alert_id from fraud_chain_actions where kind = 'freeze'"
            )
        }
        held = {
            row[0]
            for row in conn.execute("select alert_id from ledger_freezes where released_at is null")
        }
    frozen = {alert.id for alert in alerts if alert.action == "freeze"}
    assert frozen == set(notices_sent) == queued == held
    assert attacked & {alert.post_id for alert in alerts if alert.id in frozen}
    for alert in alerts:
        assert alert.status == ("notified" if alert.action == "freeze" else "open")
        for signal in alert.signals if alert.id in frozen else ():
            assert signal["sentence"] in notices_sent[alert.id]


def test_a_pass_over_less_of_an_hour_takes_no_views_away(
    db: Database, economy: Economy, day, now
) -> None:
    end = span(economy)[1]
    query = "select creator_id, hour, views from fraud_hourly order by 1, 2"
    with db.transaction() as conn:
        fraud_events.note(conn, *span(economy))
        before = conn.execute(query).fetchall()
        fraud_events.note(conn, end - timedelta(minutes=90), end)
        assert conn.execute(query).fetchall() == before
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
    with db.transaction() as conn:
        assert not fraud_alerts.page(conn, limit=200)
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


def test_honest_creators_of_the_day_are_not_frozen(
    db: Database, economy: Economy, day, now
) -> None:
    run_pass(db, now, end=span(economy)[1])
    honest = {day[code] for code in economy.honest_creators.tolist()}
    with db.transaction() as conn:
        frozen = {
            alert.creator_id for alert in fraud_alerts.page(conn, status="notified", limit=500)
        }
    assert frozen
    assert not frozen & honest


def test_a_dry_run_tells_what_stricter_rules_would_change_and_writes_nothing(
    db, economy, day, now
) -> None:
    mild = Thresholds()
    strict = Thresholds.from_json(
        {"shared_devices": {"min_accounts": 2000}, "user_agents": {"min_views": 10**6}}
    )
    run = dry_run(db, now - timedelta(hours=1), mild, strict, days=1)
    assert run.freezes_now > run.freezes_then
    assert {
        change.now for change in run.changes if change.then is None or change.then == "watch"
    } >= {"freeze"}
    with db.transaction() as conn:
        assert conn.execute("select count(*) from fraud_alerts").fetchone() == (0,)
