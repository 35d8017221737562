"""The life of an alert: every step, who may take it, what it moves, and that it always ends."""

from typing import Any

import psycopg
import pytest
from support.cases import DAY, NOW, POST, Case, signal
from support.platform import Platform

from oracle.appeals.errors import AccuserCannotDecide, InvalidEndDate, StepNotPossible
from oracle.chain.core.abis import contract
from oracle.fraud import alert_appeals, alerts
from oracle.notices.errors import MissingFact
from oracle.tasks import fraud as fraud_tasks
from oracle.tasks.fraud import Upkeep
from storage.cases import messages
from storage.database import Connection, Database
from storage.engagement import exclusions as engagement_exclusions
from storage.errors import DatabaseUnavailable
from storage.fraud import alerts as fraud_alerts
from storage.fraud import audit_log
from storage.ledger import freezes as ledger_freezes


def steps(conn: Connection, alert_id) -> list[tuple[str, str]]:
    return [(entry.step, entry.actor) for entry in audit_log.of_alert(conn, alert_id)]


def resolve(
    conn: Connection, alert_id, *, upheld: bool, actor: str = "maria", now=NOW + DAY, until=None
) -> None:
    alert_appeals.resolve_alert(
        conn,
        alert_id,
        upheld=upheld,
        actor=actor,
        until=until,
        code="looked_at_it",
        text="I compared the devices.",
        now=now,
    )


def test_a_finding_freezes_and_notifies_in_one_transaction(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        alert = fraud_alerts.get(conn, alert_id)
        (notice,) = messages.of_alert(conn, alert_id)
        assert (alert.status, alert.frozen_by, alert.frozen_until) == (
            "notified",
            "rules",
            NOW + 14 * DAY,
        )
        assert bytes(alert.statement_hash) == bytes(notice.sha256)
        # a part of the post's pay, which is not sent to the contract: it has nothing to freeze
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW + DAY)
        assert [(f.post_id, f.whole) for f in ledger_freezes.of_creator(conn, case.creator_id, NOW)]
        assert conn.execute("select count(*) from fraud_chain_actions").fetchone() == (0,)
        assert steps(conn, alert_id) == [
            ("open", "rules"),
            ("freeze", "rules"),
            ("notify", "rules"),
        ]
    for said in (
        "700 of 800 views",
        "4 December 2026",
        "not taken away",
        "free of charge",
        "$0.00",
        str(alert_id),
    ):
        assert said in notice.body


def test_a_finding_without_a_fact_that_the_letter_states_holds_nothing(
    db: Database, case: Case
) -> None:
    alert_id = case.raise_alert(signals=[signal() | {"sentence": ""}])
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, alert_id).status == "open"
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW)
        assert messages.of_alert(conn, alert_id) == []
        assert steps(conn, alert_id)[-1] == ("blocked", "rules")
        assert conn.execute("select count(*) from fraud_chain_actions").fetchone() == (0,)


def test_a_watched_alert_holds_nothing_until_a_person_freezes_it_and_another_decides(
    db: Database, case: Case
) -> None:
    alert_id = case.raise_alert(action="watch")
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, alert_id).status == "open"
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW)
        alerts.freeze(
            conn,
            alert_id,
            actor="olga",
            until=NOW + 3 * DAY,
            reason_code="looked",
            text="I saw it.",
            now=NOW,
        )
        (notice,) = messages.of_alert(conn, alert_id)
        assert "olga looked at it" in notice.body
    with pytest.raises(AccuserCannotDecide), db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, actor="olga")
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=False, actor="maria")
        assert fraud_alerts.get(conn, alert_id).status == "reversed"


def test_the_database_itself_refuses_the_accuser_as_judge(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction() as conn:
        conn.execute(
            "update fraud_alerts set status = 'upheld', decided_by = 'rules', decision_reason ="
            " 'x' where id = %s",
            (alert_id,),
        )


def test_an_upheld_alert_leaves_its_sources_out_and_a_later_reversal_counts_them_again(
    db: Database, case: Case
) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, until=NOW + 60 * DAY)
        left_out = conn.execute(
            "select scope, value, post_id from engagement_exclusions where alert_id = %s and"
            " lifted_at is null order by value",
            (alert_id,),
        ).fetchall()
        assert left_out == [("account", "bot1", POST), ("account", "bot2", POST)]
        assert not ledger_freezes.of_creator(conn, case.creator_id, NOW)  # nothing waits any more
        assert conn.execute("select bool_and(confirmed) from engagement_exclusions").fetchone() == (
            True,
        )
        resolve(conn, alert_id, upheld=False, actor="peter", now=NOW + 2 * DAY)
        assert conn.execute(
            "select count(*) from engagement_exclusions where lifted_at is null"
        ).fetchone() == (0,)
        told = [row[0] for row in conn.execute("select kind from creator_messages order by seq")]
    assert told == ["payout_hold", "hold_upheld", "hold_ended"]


@pytest.mark.parametrize("days", [-1, 181])
def test_an_upheld_hold_ends_within_180_days_of_its_start(
    db: Database, case: Case, days: int
) -> None:
    alert_id = case.raise_alert()
    with pytest.raises(InvalidEndDate), db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, until=NOW + days * DAY, now=NOW)


def test_silence_sets_the_money_free(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    assert alerts.expire_due(db, NOW + 13 * DAY) == 0
    assert alerts.expire_due(db, NOW + 14 * DAY) == 1
    assert alerts.expire_due(db, NOW + 15 * DAY) == 0
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, alert_id).status == "expired"
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW + 14 * DAY)
        notices_sent = messages.of_alert(conn, alert_id)
    assert notices_sent[-1].kind == "hold_ended"
    assert "Nobody decided in time" in notices_sent[-1].body


def test_an_appeal_that_nobody_decides_sets_the_money_free_before_the_hold_ends(
    db: Database, case: Case
) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        appeal = alert_appeals.appeal_alert(
            conn,
            alert_id,
            creator_id=case.creator_id,
            actor="alice",
            ground="real_people",
            statement="My class!",
            now=NOW + DAY,
        )
    assert alerts.expire_due(db, NOW + 7 * DAY) == 0
    assert alerts.expire_due(db, NOW + 8 * DAY) == 1
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, alert_id).status == "expired"
        assert conn.execute(
            "select outcome, decided_by from appeals where id = %s", (appeal,)
        ).fetchone() == ("lapsed", None)
        kinds = [notice.kind for notice in messages.of_alert(conn, alert_id)]
    assert kinds == ["payout_hold", "appeal_received", "hold_ended", "appeal_result"]


def test_a_dismissed_alert_does_not_come_back_for_one_more_view(db: Database, case: Case) -> None:
    first = case.raise_alert()
    with db.transaction() as conn:
        resolve(conn, first, upheld=False, now=NOW + DAY)
    assert case.raise_alert(now=NOW + DAY, seen_until=NOW) is None
    # the same viral post an hour later: the pass looks at a day, most of which was judged
    assert (
        case.raise_alert(
            now=NOW + 1.05 * DAY, seen_from=NOW + 0.1 * DAY, seen_until=NOW + 1.04 * DAY
        )
        is None
    )
    again = case.raise_alert(now=NOW + 3 * DAY, seen_from=NOW + 1.1 * DAY, seen_until=NOW + 2 * DAY)
    assert again is not None
    assert again != first
    other = case.raise_alert(
        now=NOW + 4 * DAY, seen_from=NOW + 3.1 * DAY, signals=[signal("gifting")]
    )
    assert other is None  # added to the one that is there
    with db.transaction() as conn:  # found wrong before: whatever it is, a person looks first
        found = fraud_alerts.get(conn, again)
        assert (found.status, found.seen_until) == ("open", NOW + 4 * DAY - DAY / 1440)
        assert not ledger_freezes.of_creator(conn, case.creator_id, NOW + 4 * DAY)


def test_a_machine_holds_a_post_once_and_what_lapsed_is_unproven(db: Database, case: Case) -> None:
    assert case.raise_alert() is not None
    assert alerts.expire_due(db, NOW + 14 * DAY) == 1
    second = case.raise_alert(now=NOW + 20 * DAY, seen_from=NOW + 19 * DAY)
    with db.transaction() as conn:
        found = fraud_alerts.get(conn, second)
        assert found.status == "open"
        assert "a person decides" in found.reason
        assert fraud_alerts.track_record(conn, NOW) == (0, 0, 1)


def test_what_only_does_not_count_is_told_and_can_be_appealed(db: Database, case: Case) -> None:
    """No money waits; a creator whom nobody hears in time is believed."""
    doubtful = {"device": ["tv1", "tv2"]}
    first = case.raise_alert(action="watch", sources=doubtful, doubtful=doubtful)
    with db.transaction() as conn:
        (notice,) = messages.of_alert(conn, first)
        assert notice.kind == "not_counted"
        assert "No money waits because of it" in notice.body
        assert not ledger_freezes.of_creator(conn, case.creator_id, NOW)
        alert_appeals.appeal_alert(
            conn,
            first,
            creator_id=case.creator_id,
            actor="creator:alice",
            ground="real_people",
            statement="These are the televisions of a hotel.",
            now=NOW + DAY,
        )

    def left_out() -> int:
        with db.transaction() as conn:
            row = conn.execute(
                "select count(*) from engagement_exclusions where lifted_at is null"
            ).fetchone()
        assert row is not None
        return int(row[0])

    assert left_out() == 2
    assert alerts.expire_due(db, NOW + 40 * DAY) == 1
    assert left_out() == 0


def test_what_goes_on_is_left_out_as_long_as_it_is_seen(db: Database, case: Case) -> None:
    """The same phones, seen on a second day, and by a reviewer after that."""
    phones = {"device": ["a", "b"], "account": ["c"]}
    first = case.raise_alert(action="watch", sources=phones, doubtful=phones)

    def covered() -> dict[str, tuple[Any, Any]]:
        with db.transaction() as conn:
            return {
                row[0]: row[1:]
                for row in conn.execute("select value, since, until from engagement_exclusions")
            }

    before = covered()
    with db.transaction() as conn:
        conn.execute("delete from engagement_changed")
    day_later = {"now": NOW + 2 * DAY, "seen_from": NOW + DAY, "seen_until": NOW + 1.5 * DAY}
    case.raise_alert(action="watch", sources=phones, doubtful=phones, **day_later)
    after = covered()
    assert after["a"] == after["b"] == (before["a"][0], NOW + 1.5 * DAY + alerts.SECOND)
    assert after["c"] == before["c"] == (before["a"][0], None)
    with db.transaction() as conn:
        assert conn.execute("select post_id from engagement_changed").fetchall() == [(POST,)]
        resolve(conn, first, upheld=True, now=NOW + 3 * DAY, until=NOW + 20 * DAY)
        resolved = conn.execute("select distinct confirmed from engagement_exclusions").fetchall()
    assert resolved == [(True,)]
    assert covered() == after


def test_a_watched_alert_can_be_confirmed_at_once(db: Database, case: Case) -> None:
    alert_id = case.raise_alert(action="watch")
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, until=NOW + 30 * DAY)
        assert fraud_alerts.get(conn, alert_id).status == "upheld"
        (notice,) = messages.of_alert(conn, alert_id)
        assert "is left out of your later pay" in notice.body
    assert alerts.expire_due(db, NOW + 30 * DAY) == 1
    with db.transaction() as conn:  # what a person confirmed stays so
        assert conn.execute(
            "select count(*) from engagement_exclusions where lifted_at is null and confirmed"
        ).fetchone() == (2,)


@pytest.mark.parametrize("upheld", [False, True])
def test_what_silence_set_free_is_not_held_again_on_the_same_evidence(
    db: Database, case: Case, upheld: bool
) -> None:
    first = case.raise_alert()
    if upheld:
        with db.transaction() as conn:
            resolve(conn, first, upheld=True, until=NOW + 14 * DAY)
    assert alerts.expire_due(db, NOW + 14 * DAY) == 1
    assert case.raise_alert(now=NOW + 15 * DAY, seen_from=NOW - DAY, seen_until=NOW) is None
    assert (
        case.raise_alert(now=NOW + 15 * DAY, seen_from=NOW + 13 * DAY, seen_until=NOW + 15 * DAY)
        is None
    )
    assert case.raise_alert(now=NOW + 16 * DAY, seen_from=NOW + 14.5 * DAY) is not None


def test_who_asked_for_the_pass_or_opened_it_again_never_decides(db: Database, case: Case) -> None:
    alert_id = case.raise_alert(asked_by="olga")
    with pytest.raises(AccuserCannotDecide), db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, actor="olga")
    with pytest.raises(psycopg.errors.CheckViolation), db.transaction() as conn:
        conn.execute(
            "update fraud_alerts set status = 'upheld', decided_by = 'olga', decision_reason = 'x'"
        )
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=False, actor="maria")
        alerts.reopen(
            conn,
            alert_id,
            actor="peter",
            reason_code="new",
            text="New facts came.",
            now=NOW + 2 * DAY,
        )
        alerts.freeze(
            conn,
            alert_id,
            actor="maria",
            until=NOW + 3 * DAY,
            reason_code="new",
            text="I see.",
            now=NOW + 2 * DAY,
        )
    for actor in ("olga", "peter", "maria"):
        with pytest.raises(AccuserCannotDecide), db.transaction() as conn:
            resolve(conn, alert_id, upheld=False, actor=actor, now=NOW + 2.5 * DAY)


def test_all_rounds_of_an_alert_together_hold_money_for_180_days(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, until=NOW + 170 * DAY)
    assert alerts.expire_due(db, NOW + 170 * DAY) == 1
    later = NOW + 171 * DAY
    with db.transaction() as conn:
        alerts.reopen(
            conn, alert_id, actor="peter", reason_code="new", text="New facts came.", now=later
        )

    def freeze(days: int) -> None:
        with db.transaction() as conn:
            alerts.freeze(
                conn,
                alert_id,
                actor="peter",
                until=later + days * DAY,
                reason_code="new",
                text="See.",
                now=later,
            )

    with pytest.raises(InvalidEndDate, match="together"):
        freeze(11)
    freeze(10)
    with pytest.raises(InvalidEndDate, match="together"), db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, until=later + 11 * DAY, now=later + DAY)


def test_an_alert_is_opened_again_with_a_reason_and_begins_a_new_round(
    db: Database, case: Case
) -> None:
    alert_id = case.raise_alert(sources={})  # no events are named: all waits
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=False)
        alerts.reopen(
            conn,
            alert_id,
            actor="olga",
            reason_code="new_facts",
            text="The devices came back.",
            now=NOW + 2 * DAY,
        )
        alert = fraud_alerts.get(conn, alert_id)
        assert (alert.status, alert.round, alert.frozen_until, alert.decided_by) == (
            "open",
            2,
            None,
            None,
        )
        alerts.freeze(
            conn,
            alert_id,
            actor="olga",
            until=NOW + 5 * DAY,
            reason_code="new_facts",
            text="See the log.",
            now=NOW + 2 * DAY,
        )
        names = {
            bytes(row[0]) for row in conn.execute("select chain_alert_id from fraud_chain_actions")
        }
        assert audit_log.find_break(conn) is None
    assert len(names) == 2  # the contract takes each name once


def test_a_closed_alert_takes_no_other_step(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=False)
    with pytest.raises(StepNotPossible, match="reopen"), db.transaction() as conn:
        resolve(conn, alert_id, upheld=True, actor="peter")


def test_a_changed_row_of_the_log_is_found(db: Database, case: Case) -> None:
    case.raise_alert()
    with db.transaction() as conn:
        assert audit_log.find_break(conn) is None
    with pytest.raises(psycopg.errors.RaiseException, match="only grows"), db.transaction() as conn:
        conn.execute("update fraud_audit set text = 'nothing' where seq = 2")
    for change in ("text = 'nothing'", "actor = 'somebody else'", "facts = '{}'"):
        with db.transaction() as conn:
            conn.execute("alter table fraud_audit disable trigger fraud_audit_grows")
            conn.execute(f"update fraud_audit set {change} where seq = 2")
            assert audit_log.find_break(conn) == 2
            conn.rollback()


def test_a_hold_on_an_account_stops_withdrawals_only(db: Database, case: Case) -> None:
    case.raise_alert(subject="creator")
    with db.transaction() as conn:
        assert [
            one.creator_id for one in ledger_freezes.of_creator(conn, case.creator_id, NOW + DAY)
        ] == [case.creator_id]
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW + DAY)
        account = conn.execute(
            "select account from creators where id = %s", (case.creator_id,)
        ).fetchone()
        row = conn.execute("select sender, contract, call_data from chain_calls").fetchone()
    assert account is not None
    assert row is not None
    selector = contract("FraudGuard").call_data(
        "freezeAccount", "0x" + "00" * 20, bytes(32), bytes(32), 0
    )[:4]
    assert row[:2] == ("fraud_officer", "fraud_guard")
    assert row[2][:36] == selector + bytes(12) + account[0], (
        "the account's 20 bytes, and nothing of its posts"
    )


def test_trouble_with_one_alert_keeps_nobody_elses_money(
    db: Database, case: Case, monkeypatch
) -> None:
    platform = Platform(db)
    other = platform.creator("zoe")
    first = case.raise_alert()
    second = Case(db, other, platform.post(other)).raise_alert()
    genuine = alerts.expire

    def failing(conn, alert, **options) -> None:
        if alert.id == first:
            raise MissingFact
        genuine(conn, alert, **options)

    monkeypatch.setattr(alerts, "expire", failing)
    assert alerts.expire_due(db, NOW + 14 * DAY) == 1
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, second).status == "expired"
        # the ledger ends it in any case
        assert not ledger_freezes.is_post_frozen(conn, POST, NOW + 14 * DAY)


def test_a_step_of_upkeep_that_fails_stops_no_other(db: Database, case: Case, monkeypatch) -> None:
    case.raise_alert()
    keeper, tried = Upkeep(db), []

    def broken(*_args, **_options):
        tried.append(1)
        raise RuntimeError("it is broken")

    monkeypatch.setattr(fraud_tasks, "run_pass", broken)
    monkeypatch.setattr(fraud_tasks.verdict_appeals, "lapse_due", broken)
    monkeypatch.setattr(fraud_tasks.verdict_notices, "send_due", broken)
    assert keeper.tick(NOW + 14 * DAY) == fraud_tasks.Tick(0, 1, 0, 0, 0)
    assert len(tried) == 3
    with db.transaction() as conn:
        assert conn.execute("select status from fraud_alerts").fetchone() == ("expired",)
    keeper.tick(NOW + 14 * DAY)
    assert len(tried) == 5  # the pass is not tried again every few seconds


def test_a_database_that_is_away_is_said_at_once(db: Database, monkeypatch) -> None:
    def away(*_args):
        raise DatabaseUnavailable

    monkeypatch.setattr(fraud_tasks.verdict_notices, "send_due", away)
    with pytest.raises(DatabaseUnavailable):
        Upkeep(db).tick(NOW)


def test_the_log_is_not_locked_while_exclusions_are_lifted(
    db: Database, case: Case, monkeypatch
) -> None:
    alert_id, free, genuine = case.raise_alert(), [], engagement_exclusions.lift

    def watched(conn: Connection, number) -> int:
        with db.transaction() as other:
            free.append(
                other.execute(
                    "select pg_try_advisory_xact_lock(%s)", (audit_log.CHAIN_LOCK,)
                ).fetchone()
            )
        return genuine(conn, number)

    monkeypatch.setattr(engagement_exclusions, "lift", watched)
    with db.transaction() as conn:
        resolve(conn, alert_id, upheld=False)
    assert free == [(True,)]


def test_a_log_that_was_cut_shows_against_a_head_kept_elsewhere(db: Database, case: Case) -> None:
    alert_id = case.raise_alert()
    with db.transaction() as conn:
        kept = audit_log.head(conn)
        assert audit_log.find_break(conn, kept) is None
        frozen = audit_log.of_alert(conn, alert_id)[1]
        (notice,) = messages.of_alert(conn, alert_id)
    # and the notice's hash goes on chain
    assert notice.facts["log_head"] == f"step {frozen.seq}, {bytes(frozen.hash).hex()}"
    with db.transaction() as conn:
        conn.execute("alter table fraud_audit disable trigger fraud_audit_grows")
        conn.execute("update fraud_audit set body = 'no json' where seq = 2")
        assert audit_log.find_break(conn) == 2
        conn.rollback()
    with db.transaction() as conn:
        conn.execute("alter table fraud_audit disable trigger fraud_audit_grows")
        conn.execute("delete from fraud_audit where seq = %s", (kept[0],))
        assert audit_log.find_break(conn) is None  # by itself it cannot tell
        assert audit_log.find_break(conn, kept) == kept[0]
        audit_log.append(conn, at=NOW, actor="x", step="open", reason_code="x", text="Another end.")
        assert audit_log.find_break(conn, kept) == kept[0]
        conn.rollback()
