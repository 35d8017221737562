"""What alerts do to a week's pay: a part waits, comes back, is taken back or is restored."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.cases import Case
from support.platform import NOW, Platform, event

from oracle.fraud import alert_appeals, alerts
from oracle.payouts import statement
from storage.cases import messages
from storage.ledger import ledger
from storage.ledger import views as ledger_views

# The week that `Platform.earns` announces: two weeks before NOW.
THEN = datetime.combine(ledger.week_of(NOW - timedelta(weeks=2)), NOW.timetz()) + timedelta(days=1)
DAY = timedelta(days=1)
BOUGHT = {"device": [f"bot-{n}" for n in range(300)]}


@pytest.fixture
def bought(platform: Platform) -> Case:
    """A post that a hundred people watched, and three hundred devices that were bought."""
    creator = platform.creator("alice")
    post = platform.post(creator, published=THEN - DAY)
    watched = {"watch_ms": 20_000, "length_ms": 20_000, "at": THEN}
    platform.happen(
        *(event("view", post, account=f"fan-{n}", **watched) for n in range(100)),
        *(event("view", post, device=name, **watched) for name in BOUGHT["device"]),
    )
    platform.grade(post, "C")
    platform.terms(post)
    return Case(platform.db, creator, post)


def raise_alert(case: Case, action: str = "freeze") -> UUID:
    found = case.raise_alert(
        action=action,
        now=THEN + DAY,
        seen_from=THEN,
        seen_until=THEN,
        sources=BOUGHT,
        doubtful=BOUGHT,
    )
    assert found is not None
    return found


def resolve(platform: Platform, alert_id: UUID, decision: str, now: datetime, by: str) -> None:
    with platform.db.transaction() as conn:
        alert_appeals.resolve_alert(
            conn,
            alert_id,
            upheld=decision == "upheld",
            actor=by,
            until=now + 30 * DAY,
            code="looked_at",
            text="Somebody looked at it.",
            now=now,
        )


def available(platform: Platform, case: Case) -> int:
    return platform.totals(case.creator_id).available


def test_a_part_waits_and_nothing_else_and_silence_pays_it(
    platform: Platform, bought: Case
) -> None:
    raise_alert(bought)
    platform.earns(bought.post_id, 40_000)
    now = THEN + 10 * DAY
    assert platform.run(now) == 1
    assert available(platform, bought) == 10_000  # what a hundred people earned
    assert platform.run(now) == 0
    with platform.db.transaction() as conn:
        (line,) = ledger_views.lines(conn, bought.creator_id)
    assert "$300.00 of base pay waits while an alert is looked into" in statement.explain(line)
    end = THEN + 15 * DAY
    alerts.expire_due(platform.db, end)
    assert platform.run(end) == 1
    assert available(platform, bought) == 40_000


def test_a_hold_that_nobody_reviewed_pays_what_it_promised(
    platform: Platform, bought: Case
) -> None:
    """By views, too: what was held would not have counted for good."""
    alert_id = raise_alert(bought)
    platform.earns(bought.post_id, 40_000, views=400)
    platform.run(THEN + 10 * DAY)
    assert available(platform, bought) == 10_000
    end = THEN + 15 * DAY
    assert alerts.expire_due(platform.db, end) == 1
    with platform.db.transaction() as conn:
        *_, notice = messages.of_alert(conn, alert_id)
    assert "$300.00 that waited is yours" in notice.body
    assert platform.run(end) == 1
    assert available(platform, bought) == 40_000
    assert platform.run(end + DAY) == 0
    assert platform.rows("select count(*) from engagement_exclusions where lifted_at is null") == [
        (0,)
    ]


def test_confirmed_fraud_earns_nothing_and_an_overturned_alert_restores_all_of_it(
    platform: Platform, bought: Case
) -> None:
    """Nothing waited, all was paid; a person finds out, and another finds that wrong."""
    alert_id = raise_alert(bought, action="watch")
    platform.earns(bought.post_id, 40_000)
    now = THEN + 10 * DAY
    platform.run(now)
    assert available(platform, bought) == 40_000
    resolve(platform, alert_id, "upheld", now, "paula")
    assert platform.run(now) == 1
    assert available(platform, bought) == 10_000
    with platform.db.transaction() as conn:
        *_, line = ledger_views.lines(conn, bought.creator_id)
    assert "Views that do not count are not paid." in statement.explain(line)
    assert "$300.00 of that is left out of your later pay." in statement.explain(line)
    resolve(platform, alert_id, "reversed", now + DAY, "peter")
    assert platform.run(now + DAY) == 1
    assert available(platform, bought) == 40_000
    assert platform.run(now + DAY) == 0


def test_what_waited_is_never_paid_once_it_is_confirmed(platform: Platform, bought: Case) -> None:
    alert_id = raise_alert(bought)
    platform.earns(bought.post_id, 40_000)
    now = THEN + 10 * DAY
    platform.run(now)
    resolve(platform, alert_id, "upheld", now, "paula")
    platform.run(now)
    platform.run(now + 200 * DAY)
    assert available(platform, bought) == 10_000


@pytest.mark.parametrize("action", ["watch", "freeze"])
def test_a_platform_that_pays_by_views_pays_for_those_that_count(
    platform: Platform, bought: Case, action: str
) -> None:
    raise_alert(bought, action)
    platform.earns(bought.post_id, 40_000, views=400)
    platform.run(THEN + 10 * DAY)
    assert available(platform, bought) == 10_000


def test_an_enemys_views_take_nothing_of_what_was_paid_otherwise(
    platform: Platform, bought: Case
) -> None:
    """A sponsor's $400 for the week, whatever the views are."""
    raise_alert(bought, "watch")
    platform.earns(bought.post_id, 40_000)
    platform.run(THEN + 10 * DAY)
    assert available(platform, bought) == 40_000


def test_late_events_of_a_paid_week_are_paid_up(platform: Platform, bought: Case) -> None:
    raise_alert(bought, "watch")
    platform.earns(bought.post_id, 40_000, views=400)
    platform.run(THEN + 10 * DAY)
    late: dict[str, Any] = {"watch_ms": 9_000, "length_ms": 9_000, "at": THEN}
    platform.happen(*(event("view", bought.post_id, account=f"l-{n}", **late) for n in range(100)))
    assert platform.run(THEN + 11 * DAY) == 1
    assert available(platform, bought) == 20_000


def test_a_few_requests_today_cost_nothing_of_a_week_that_is_half_forgotten(
    platform: Platform, bought: Case
) -> None:
    """All its views were by people; of it are left, 90 days later, a few robots of its end."""
    post = bought.post_id
    platform.earns(post, 40_000, views=400)
    platform.run(THEN + 10 * DAY)
    platform.happen(
        *(event("view", post, device=f"late-{n}", at=THEN + 5 * DAY) for n in range(30))
    )
    later = THEN + 92 * DAY
    platform.tick(later)
    was = available(platform, bought)
    raised = bought.raise_alert(
        action="freeze",
        now=later,
        seen_from=THEN + 5 * DAY,
        seen_until=later,
        sources={"device": [f"late-{n}" for n in range(30)]},
        doubtful={"device": [f"late-{n}" for n in range(30)]},
    )
    assert raised is not None
    resolve(platform, raised, "upheld", later, "paula")
    platform.run(later)
    assert available(platform, bought) == was


def test_an_alert_has_only_the_weeks_compared_that_it_reaches(
    platform: Platform, bought: Case
) -> None:
    for weeks in (0, 1):
        platform.earns(bought.post_id, 40_000, at=NOW + 7 * weeks * DAY)
    platform.run(THEN + 20 * DAY)
    raise_alert(bought, "watch")
    assert platform.rows("select week, changed from earnings order by week") == [
        (ledger.week_of(THEN), True),
        (ledger.week_of(THEN + 7 * DAY), False),
    ]
