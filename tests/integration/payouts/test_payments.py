"""Money on a real database: what is due is paid once, what waits is settled once, and the ledger
cannot be bent.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from support.platform import NOW, Platform, after, event

from oracle.payouts import ledger as rules
from oracle.payouts import payments, statement
from oracle.payouts.ledger import Bucket, Entry, Posting
from oracle.payouts.payments import AdjustmentDiffers
from storage.database import Connection
from storage.engagement.weeks import week_views
from storage.ledger import earnings as ledger_earnings
from storage.ledger import freezes as ledger_freezes
from storage.ledger import ledger
from storage.ledger import posts as ledger_posts
from storage.ledger import terms as ledger_terms
from storage.ledger import views as ledger_views
from storage.ledger.earnings import NewAdjustment, NewPay
from storage.ledger.ledger import Unbalanced

ALERT, SECOND_ALERT = UUID(int=1), UUID(int=2)


def paid_copy(platform: Platform, *, final: bool) -> tuple[int, int, bytes]:
    """A poster whose post copies a first creator's (60 %), and has earned 100.00 with an A."""
    poster, first = platform.creator("poster"), platform.creator("first")
    post = platform.post(poster)
    platform.grade(post, "A")
    platform.earns(post, 10_000)
    platform.terms(post, "derivative", 6_000, first, final_at=NOW if final else after(days=3))
    assert platform.run() == 1
    return poster, first, post


def test_a_copy_pays_the_original_to_the_cent(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=True)
    mine, theirs = platform.totals(poster), platform.totals(first)
    assert (mine.earned, mine.redirected_away, mine.available, mine.contested) == (
        11_000,
        6_600,
        4_400,
        0,
    )
    assert (theirs.earned, theirs.redirected_to_me, theirs.available) == (0, 6_600, 6_600)
    ((facts,),) = platform.rows("select facts from ledger_transactions where post_id = %s", post)
    assert (facts["grade"], facts["bonus_bps"], facts["redirect_bps"], facts["creditor"]) == (
        "A",
        1_000,
        6_000,
        "first",
    )


def test_nothing_is_paid_before_grade_and_verdict_are_there(platform: Platform) -> None:
    post = platform.post(platform.creator("poster"))
    platform.earns(post, 10_000)
    assert platform.run() == 0
    platform.terms(post)
    assert platform.run() == 0
    platform.grade(post, "A", status="provisional")
    assert platform.run() == 0
    with platform.db.transaction() as conn:
        conn.execute("update grades set status = 'final'")
    assert platform.run() == 1


def test_a_week_is_paid_once_by_however_many_workers(platform: Platform) -> None:
    poster = platform.creator("poster")
    for n in range(12):
        post = platform.post(poster)
        platform.grade(post, "C")
        platform.earns(post, 1_000 + n)
        platform.terms(post)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: platform.run(), range(4))) == 12
    assert platform.totals(poster).available == sum(range(1_000, 1_012))


def test_a_post_that_cannot_be_paid_does_not_keep_others_waiting(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    poster = platform.creator("poster")
    posts = [platform.post(poster) for _ in range(3)]
    for post in posts:
        platform.grade(post, "B")
        platform.terms(post)
        platform.earns(post, 1_000)
        platform.earns(post, 1_000, at=after(days=7))
    book = ledger.book

    def fail(
        conn: Connection, kind: str, postings: list[Posting], facts: object, **about: Any
    ) -> int:
        number = book(conn, kind, postings, facts, **about)
        assert about["post_id"] != posts[0], "a bug"
        return number

    monkeypatch.setattr(ledger, "book", fail)
    assert platform.run() == 4
    assert platform.rows(
        "select count(*) from ledger_transactions where post_id = %s", posts[0]
    ) == [(0,)]
    for post in posts:
        platform.grade(post, "A")
    assert platform.run(after(days=1)) == 4  # corrections, too
    monkeypatch.setattr(ledger, "book", book)
    assert platform.run(after(days=1)) == 2
    assert platform.totals(poster).earned == 6 * 1_200


def test_two_that_announce_the_same_pay_at_once_both_succeed(platform: Platform) -> None:
    poster = platform.creator("poster")
    for _ in range(5):
        post, ready = platform.post(poster), threading.Barrier(4)

        def announce(_: int, post: bytes = post, ready: threading.Barrier = ready) -> str:
            ready.wait()
            return platform.earns(post, 100)

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(announce, range(4))) == ["new", "same", "same", "same"]


def test_announced_pay_can_be_changed_until_it_is_paid(platform: Platform) -> None:
    post = platform.post(platform.creator("poster"))
    assert [platform.earns(post, cents) for cents in (100, 100, 200)] == ["new", "same", "changed"]
    platform.grade(post, "B")
    platform.terms(post)
    platform.run()
    assert [platform.earns(post, cents) for cents in (200, 300)] == ["same", "corrected"]
    assert platform.earns(bytes(32), 1) == "unknown_post"
    assert platform.earns(platform.post(None), 1) == "unsigned_post"


# (announced, then, with a verdict) -> earned, available, set off of the next 400 that are earned
CORRECTIONS = [
    (5_000, 50_000, "original", 50_000, 0),  # an advertiser paid late
    (5_000, 2_000, "original", 2_000, 400),  # a refund
    (5_000, 4_900, "original", 4_900, 100),
    (0, 120, "original", 120, 0),  # nothing at first
    (5_000, 0, "self_duplicate", 0, 400),
]


@pytest.mark.parametrize(("first", "then", "verdict", "earned", "set_off"), CORRECTIONS)
def test_a_paid_week_is_corrected_in_both_directions(
    platform: Platform, first: int, then: int, verdict: str, earned: int, set_off: int
) -> None:
    poster = platform.creator("poster")
    post, other = platform.post(poster), platform.post(poster)
    for each in (post, other):
        platform.grade(each, "C")
        platform.terms(each, verdict)
    platform.earns(post, first)
    assert platform.run() == 1
    assert platform.earns(post, then, reason="An advertiser was billed anew.") == "corrected"
    assert platform.run() == 1
    assert platform.run() == 0  # once
    totals = platform.totals(poster)
    assert (totals.earned, totals.available) == (earned, earned)
    platform.earns(other, 400)
    platform.run()
    assert platform.totals(poster).available == earned + 400
    ((facts,),) = platform.rows("select facts from ledger_transactions where post_id = %s", other)
    assert (facts["set_off_minor"], facts["to_poster_minor"]) == (set_off, 400 - set_off)
    sent = sent_to_chain(platform)
    # The contract pays what was earned, as far as it did not pay more before.
    assert sent == (max(first, earned) - first if then > first else 0) + first + 400 - set_off


def test_nothing_is_taken_from_what_an_originals_creator_was_paid(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=True)
    platform.earns(post, 5_000, reason="A refund.")
    assert platform.run() == 1
    assert platform.totals(first).available == 6_600
    # 55.00 less, of which 40 % had been the poster's; the rest is the platform's loss.
    assert platform.totals(poster).available == 4_400 - 2_200
    with platform.db.transaction() as conn:
        *_, line = ledger_views.lines(conn, poster)
    assert "What the original's creator was paid stays with them." in statement.explain(line)


def sent_to_chain(platform: Platform) -> int:
    return int(
        platform.rows(
            "select sum((facts->>'chain_minor')::int)::int from ledger_payouts q"
            " join ledger_transactions t on t.id = q.transaction_id"
        )[0][0]
    )


def test_a_week_that_is_cut_and_restored_pays_the_original_once(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=True)
    sent = sent_to_chain(platform)
    for cents, mine in ((0, 0), (10_000, 4_400), (2_500, 1_100), (10_000, 4_400)):
        platform.earns(post, cents, reason="The advertiser went back and forth.")
        assert platform.run() == 1
        assert platform.totals(first).available == 6_600
        assert platform.totals(poster).available == mine
    assert sent_to_chain(platform) == sent
    with platform.db.transaction() as conn:
        *_, line = ledger_views.lines(conn, poster)
        assert ledger_earnings.owed(conn, poster) == 0
    assert "The original's creator has $49.50 of it already." in statement.explain(line)
    platform.earns(post, 20_000)  # what goes beyond is divided
    platform.run()
    assert platform.totals(first).available == 13_200
    assert platform.totals(poster).available == 8_800
    assert sent_to_chain(platform) == sent + 11_000


def test_what_was_set_off_and_came_back_is_paid_with_the_next_pay(platform: Platform) -> None:
    poster, _, post = paid_copy(platform, final=True)
    other = platform.post(poster)
    platform.grade(other, "C")
    platform.terms(other)
    platform.earns(post, 0)
    platform.run()
    platform.earns(other, 5_000)  # of which the 44.00 are left out
    platform.run()
    platform.earns(post, 10_000)
    platform.run()
    sent = sent_to_chain(platform)
    platform.earns(other, 100, at=after(days=7))
    platform.run(after(days=7))
    assert sent_to_chain(platform) == sent + 100 + 4_400
    with platform.db.transaction() as conn:
        *_, line = ledger_views.lines(conn, poster)
    assert "$44.00 that an earlier correction gave back is paid out" in statement.explain(line)


def test_a_refund_is_divided_as_the_week_was_paid(platform: Platform) -> None:
    """The verdict changed meanwhile, in either direction."""
    poster, first, post = paid_copy(platform, final=True)
    platform.terms(post, "original", ruled=True)
    other = platform.post(poster)
    platform.grade(other, "C")
    platform.terms(other)
    platform.earns(other, 10_000)
    platform.run()
    platform.terms(other, "derivative", 6_000, first)
    was = platform.totals(poster).available
    platform.earns(post, 5_000)
    platform.run()
    assert platform.totals(poster).available == was - 2_200  # of 55.00 they had had 40 %
    platform.earns(other, 5_000)
    platform.run()
    assert platform.totals(poster).available == was - 2_200 - 5_000  # and all of the other's
    assert platform.totals(first).available == 6_600


def test_a_refund_of_what_an_appeal_gave_back_is_the_posters(platform: Platform) -> None:
    poster, _, post = paid_copy(platform, final=False)
    platform.terms(post, "original", ruled=True)
    assert platform.totals(poster).available == 11_000
    platform.earns(post, 0)
    platform.run()
    assert platform.totals(poster).available == 0


def test_a_gift_charged_back_and_restored_pays_the_original_once(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=True)
    for cents, mine in ((-1_000, 4_000), (1_000, 4_400)):
        adjust(platform, post, cents, "A fan and her bank.", name=f"cb {cents}")
        assert platform.totals(poster).available == mine
        assert platform.totals(first).available == 6_600


def test_what_waits_for_a_verdict_is_corrected_as_well(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=False)
    platform.earns(post, 5_000)
    platform.run()
    assert (platform.totals(poster).contested, platform.totals(poster).available) == (3_300, 2_200)
    platform.run(after(days=3))
    assert platform.totals(first).available == 3_300


def test_a_week_is_paid_when_it_is_over_and_has_settled(platform: Platform) -> None:
    post = platform.post(platform.creator("poster"))
    platform.grade(post, "C")
    platform.terms(post)
    week = ledger.week_of(NOW)
    pay = NewPay(post_id=post, week=week, base_minor=7_000, by="operator")
    with platform.db.transaction() as conn:
        ledger_earnings.announce(conn, pay, NOW, confirm_above=10**6)
    over = datetime.combine(week, time(), UTC) + timedelta(weeks=1)
    for moment, paid in ((NOW, 0), (over, 0), (over + timedelta(hours=6), 1)):
        assert platform.run(moment) == paid


def test_a_large_amount_takes_a_second_person(platform: Platform) -> None:
    post = platform.post(platform.creator("poster"))
    platform.grade(post, "C")
    platform.terms(post)
    assert platform.earns(post, 1_000_001) == "unconfirmed"
    assert platform.run() == 0
    week = ledger.week_of(NOW - timedelta(weeks=2))
    for cents, by, became in (
        (1_000_001, "operator", "same_person"),
        (1_000_002, "boss", "not_announced"),
        (1_000_001, "boss", "confirmed"),
    ):
        with platform.db.transaction() as conn:
            assert ledger_earnings.confirm(conn, post, week, cents, by) == became
    assert platform.run() == 1
    assert platform.earns(post, 2_000_000) == "unconfirmed"  # a correction as well
    assert platform.run() == 0


def test_a_gift_charged_back_is_left_out_of_later_pay_once(platform: Platform) -> None:
    poster = platform.creator("poster")
    post = platform.post(poster)
    platform.grade(post, "C")
    platform.terms(post)
    for became in ("booked", "same"):
        assert adjust(platform, post, -2_000, "A fan took her gift back.") == became
    assert platform.totals(poster).available == -2_000
    platform.earns(post, 5_000)
    platform.run()
    assert (platform.totals(poster).earned, platform.totals(poster).available) == (3_000, 3_000)
    with platform.db.transaction() as conn:
        lines = [statement.explain(line) for line in ledger_views.lines(conn, poster)]
    assert lines == [
        "−$20.00: A fan took her gift back. $20.00 of that is left out of your later pay.",
        "Grade C (70 %), original: $50.00 without a bonus. $20.00 of it makes up for an earlier"
        " correction, so that much less is paid out.",
    ]


def test_an_adjustment_of_a_known_id_and_another_content_is_refused(platform: Platform) -> None:
    poster = platform.creator("poster")
    post, other = platform.post(poster), platform.post(poster)
    for each in (post, other):
        platform.terms(each)
    assert adjust(platform, post, 500) == "booked"
    for changed in ((post, 501), (other, 500)):
        with pytest.raises(AdjustmentDiffers, match="500 cents of post"):
            adjust(platform, *changed)
    assert platform.totals(poster).available == 500


@pytest.mark.parametrize("cents", [1_000_001, -1_000_001])
def test_a_large_adjustment_takes_a_second_person_in_either_direction(
    platform: Platform, cents: int
) -> None:
    poster = platform.creator("poster")
    post = platform.post(poster)
    platform.terms(post)
    assert [adjust(platform, post, cents, "A sponsor.") for _ in range(2)] == ["unconfirmed"] * 2
    with pytest.raises(AdjustmentDiffers):
        adjust(platform, post, cents * 2, by="boss")
    assert platform.totals(poster).available == 0
    assert adjust(platform, post, cents, "Seen.", by="boss") == "booked"
    assert platform.totals(poster).available == cents
    assert adjust(platform, post, cents) == "same"
    ((facts,),) = platform.rows("select facts from ledger_transactions")
    assert (facts["reason"], facts["by"], facts["confirmed_by"]) == (
        "A sponsor.",
        "operator",
        "boss",
    )


def test_many_small_adjustments_of_a_week_take_a_second_person_like_a_large_one(
    platform: Platform,
) -> None:
    poster = platform.creator("poster")
    post, other = platform.post(poster), platform.post(poster)
    for each in (post, other):
        platform.terms(each)
    small = (("a", 600_000), ("b", -400_000), ("c", 1))
    assert [adjust(platform, post, cents, name=name) for name, cents in small] == [
        "booked",
        "booked",
        "unconfirmed",
    ]
    assert adjust(platform, other, 1, name="d") == "booked"
    assert adjust(platform, post, 1, by="boss", name="c") == "booked"
    assert adjust(platform, post, 1, name="e") == "unconfirmed"  # what was confirmed adds nothing
    with platform.db.transaction() as conn:
        week = ledger.week_of(NOW)
        assert ledger_earnings.adjusted_alone(conn, post, week) == 1_000_000
        assert ledger_earnings.adjusted_alone(conn, post, week + timedelta(weeks=1)) == 0


def test_a_week_paid_by_views_is_paid_by_its_viewers(platform: Platform) -> None:
    """Not by its owner, who passes by, looks again or has many names."""
    monday = ledger.week_of(NOW - timedelta(weeks=2))
    at = datetime.combine(monday, time(12), UTC) + timedelta(days=2)
    poster = platform.creator("poster")
    post = platform.post(poster, published=at - timedelta(days=1))
    home, watched = bytes(32), {"watch_ms": 9_000, "length_ms": 20_000, "at": at}
    short = watched | {"watch_ms": 4_000}
    platform.happen(
        *(event("view", post, account="poster", **watched) for _ in range(40)),
        *(event("view", post, account="fan", **watched) for _ in range(40)),
        *(event("view", post, account=f"hasty-{n}", **short) for n in range(40)),
        *(event("view", post, account=f"a-{n}", **watched) for n in range(8)),
        *(event("view", post, device=f"d-{n}", ip_hash=home, **watched) for n in range(240)),
        event("view", post, account="liker", **short),
        event("like", post, account="liker", at=at),
    )
    with platform.db.transaction() as conn:
        seen = week_views(conn, post, monday, NOW)
    people = 1 + 8 + 1  # the fan, the others and who liked it
    assert seen.views == 369
    assert people < seen.counted <= people + 200
    assert seen.held == seen.held_viewers == 0


@pytest.mark.parametrize(("stated_days", "counted"), [(None, 4), (2, 2), (7, 4), (90, 4), (-3, 0)])
def test_views_count_from_the_day_it_came_out_as_stated_within_a_week(
    platform: Platform, stated_days: int | None, counted: int
) -> None:
    poster = platform.creator("poster")
    work = add_work(platform, poster, post_id=bytes(31) + b"w")
    post = bytes(31) + b"w"
    with platform.db.transaction() as conn:
        conn.execute(
            "update works set stated_published_at = %s where id = %s",
            (None if stated_days is None else NOW - timedelta(days=stated_days), work),
        )
    for days in (0.5, 1.5, 4, 6, 8):
        fan = {"account": f"fan-{days}", "watch_ms": 10_000}
        platform.happen(event("view", post, at=NOW - timedelta(days=days), **fan))
    platform.tick()
    ((found,),) = platform.rows("select (qualified->>'views')::int from engagement_counts")
    with platform.db.transaction() as conn:
        weeks = [
            week_views(conn, post, ledger.week_of(NOW) - timedelta(weeks=n), NOW) for n in range(3)
        ]
    assert found == sum(week.counted for week in weeks) == counted


def test_a_contested_share_goes_to_the_original_when_the_time_is_over(platform: Platform) -> None:
    poster, first, _ = paid_copy(platform, final=False)
    assert (platform.totals(poster).contested, platform.totals(first).available) == (6_600, 0)
    assert platform.run(after(days=2)) == 0
    assert platform.run(after(days=3)) == 1
    assert platform.run(after(days=4)) == 0
    mine = platform.totals(poster)
    assert (mine.contested, mine.redirected_away, platform.totals(first).available) == (
        0,
        6_600,
        6_600,
    )


def test_a_dispute_stops_the_clock_and_a_won_appeal_pays_back(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=False)
    platform.terms(post, "derivative", 6_000, first, final_at=after(days=3), disputed=True)
    assert platform.run(after(days=30)) == 0
    platform.earns(post, 500, at=after(days=7))
    # the next week is paid while the dispute goes on: its share waits, too
    assert platform.run(after(days=30)) == 1
    assert platform.totals(poster).contested == 6_600 + 330
    platform.terms(post, "original", final_at=after(days=30), ruled=True, now=after(days=30))
    mine = platform.totals(poster)
    assert (mine.contested, mine.redirected_away, mine.available) == (0, 0, 11_000 + 550)
    assert platform.totals(first).available == 0


def test_a_frozen_post_earns_on_and_gets_it_all_when_the_alert_ends(platform: Platform) -> None:
    poster = platform.creator("poster")
    post = platform.post(poster)
    platform.grade(post, "A")
    platform.terms(post)
    for alert, days in ((ALERT, 10), (SECOND_ALERT, 20)):
        with platform.db.transaction() as conn:
            payments.freeze(conn, alert, now=NOW, until=after(days=days), post_id=post)
    platform.earns(post, 10_000)
    platform.run()
    assert (platform.totals(poster).frozen, platform.totals(poster).available) == (12_000, 0)
    with platform.db.transaction() as conn:
        payments.release(conn, ALERT, after(days=1))
    assert platform.totals(poster).frozen == 12_000  # the other alert holds it still
    assert platform.run(after(days=19)) == 0
    assert platform.run(after(days=20)) == 1  # nobody decided: it ends by itself
    assert (platform.totals(poster).frozen, platform.totals(poster).available) == (0, 12_000)


def test_a_frozen_account_goes_on_earning_in_the_books(platform: Platform) -> None:
    poster, _, post = paid_copy(platform, final=True)
    with platform.db.transaction() as conn:
        payments.freeze(conn, ALERT, now=NOW, until=after(days=5), creator_id=poster)
    platform.earns(post, 1_000, at=after(days=7))
    platform.run(after(days=4))
    with platform.db.transaction() as conn:
        (held,) = ledger_freezes.of_creator(conn, poster, after(days=4))
        assert held.creator_id == poster
        assert not ledger_freezes.of_creator(conn, poster, after(days=5))
    assert (platform.totals(poster).available, platform.totals(poster).frozen) == (4_400 + 440, 0)


def test_a_grade_that_rose_is_paid_up_once_and_one_that_fell_costs_nothing(
    platform: Platform,
) -> None:
    poster = platform.creator("poster")
    better, worse = platform.post(poster), platform.post(poster)
    for post in (better, worse):
        platform.grade(post, "B")
        platform.terms(post)
        platform.earns(post, 9_999)
    platform.run()
    assert platform.totals(poster).earned == 2 * (9_999 + 999)
    platform.grade(better, "A")
    platform.grade(worse, "C")
    assert platform.run(after(days=1)) == 1
    assert platform.run(after(days=2)) == 0
    assert platform.totals(poster).earned == 9_999 + 1_999 + 9_999 + 999


def test_terms_follow_the_newest_decision_and_never_an_appeal(platform: Platform) -> None:
    poster, first = platform.creator("poster"), platform.creator("first")
    post = platform.post(poster)
    original = add_work(platform, first)
    platform.grade(post, "C")
    platform.earns(post, 1_000)
    add_decision(platform, post, "derivative", 5_000, original, NOW)
    platform.run()
    terms = platform.find_terms(post)
    assert terms is not None
    assert (terms.verdict, terms.redirect_bps, terms.creditor, terms.final_at) == (
        "derivative",
        5_000,
        "first",
        after(days=7),
    )
    # the same again: no new clock
    add_decision(platform, post, "derivative", 5_000, original, after(days=1))
    platform.run(after(days=1))
    terms = platform.find_terms(post)
    assert terms is not None
    assert terms.final_at == after(days=7)
    platform.terms(post, "original", final_at=after(days=2), ruled=True, now=after(days=2))
    assert platform.totals(poster).available == 1_000
    platform.earns(post, 2_000, at=after(days=7))
    add_decision(platform, post, "derivative", 9_000, original, after(days=3))
    platform.run(after(days=8))
    assert platform.totals(poster).available == 3_000


def test_a_repeat_that_cannot_decide_takes_no_redirect_away(platform: Platform) -> None:
    poster, first = platform.creator("poster"), platform.creator("first")
    post, original = platform.post(poster), add_work(platform, first)
    platform.grade(post, "C")
    platform.earns(post, 1_000)
    add_decision(platform, post, "derivative", 5_000, original, NOW)
    add_decision(platform, post, "undecided", 0, None, after(days=1))
    platform.run(after(days=1))
    terms = platform.find_terms(post)
    assert terms is not None
    assert (terms.verdict, terms.redirect_bps) == ("derivative", 5_000)
    with platform.db.transaction() as conn:
        assert ledger_posts.get_post(conn, post, after(days=1)).verdict == "derivative"
    other = platform.post(poster)
    add_decision(platform, other, "undecided", 0, None, NOW)
    platform.grade(other, "C")
    platform.earns(other, 1_000)
    assert platform.run(after(days=1)) == 1  # without any other verdict it is paid as an original


def test_an_appeal_settles_one_match_and_not_every_other(platform: Platform) -> None:
    poster, accuser, robbed = (platform.creator(name) for name in ("poster", "accuser", "robbed"))
    post, wrong, true = (
        platform.post(poster),
        add_work(platform, accuser),
        add_work(platform, robbed),
    )
    platform.grade(post, "C")
    platform.earns(post, 1_000)
    appealed = add_decision(platform, post, "derivative", 5_000, wrong, NOW)
    platform.run()
    platform.terms(
        post,
        "original",
        final_at=after(days=1),
        ruled=True,
        analysis_id=appealed,
        now=after(days=1),
    )
    # the same again, and nothing found: it stays as it was ruled
    for days, matched in ((2, wrong), (3, None)):
        add_decision(
            platform,
            post,
            "derivative" if matched else "original",
            9_000,
            matched,
            after(days=days),
        )
        platform.earns(post, 1_000, at=after(days=7 * days))
        platform.run(after(days=days))
        terms = platform.find_terms(post)
        assert terms is not None
        assert (terms.verdict, terms.ruled) == ("original", True)
    add_decision(platform, post, "derivative", 6_000, true, after(days=4))
    platform.earns(post, 1_000, at=after(days=28))
    platform.run(after(days=10))
    terms = platform.find_terms(post)
    assert terms is not None
    assert (terms.verdict, terms.redirect_bps, terms.creditor, terms.ruled) == (
        "derivative",
        6_000,
        "robbed",
        False,
    )
    assert terms.final_at == after(days=17)  # and it can be disputed for as long as any other
    assert platform.totals(poster).contested == 600


def test_a_work_becomes_a_post_and_a_second_one_under_its_id_does_not(platform: Platform) -> None:
    alice = platform.creator("alice")
    work_id = add_work(platform, alice)
    add_work(platform, alice, post_id=work_id.bytes * 2)
    found = platform.rows("select post_id, creator_id, work_id, media_type, title from posts")
    assert found == [(work_id.bytes * 2, alice, work_id, "image", "photo.png")]


def test_a_post_that_is_appealed_before_it_earns_has_terms(platform: Platform) -> None:
    poster, first = platform.creator("poster"), platform.creator("first")
    post = platform.post(poster)
    add_decision(platform, post, "derivative", 5_000, add_work(platform, first), NOW)
    with platform.db.transaction() as conn:
        assert ledger_terms.follow_analyses(conn, payments.DISPUTE_WINDOW, NOW) == 0
        assert ledger_terms.follow_analyses(conn, payments.DISPUTE_WINDOW, NOW, posts=[post]) == 1
    terms = platform.find_terms(post)
    assert terms is not None
    assert (terms.redirect_bps, terms.creditor_id) == (5_000, first)


def test_what_waits_is_found_without_adding_up_all_that_ever_was(platform: Platform) -> None:
    poster, _, post = paid_copy(platform, final=False)
    other = platform.post(poster)
    platform.grade(other, "C")
    platform.terms(other)
    with platform.db.transaction() as conn:
        payments.freeze(conn, ALERT, now=NOW, until=after(days=5), post_id=other)
    for week in (0, 7):
        platform.earns(other, 500, at=after(days=week))
    platform.run()
    found = platform.rows("select bucket, post_id, amount_minor from ledger_waiting order by 1")
    assert found == [("contested", post, 6_600), ("frozen", other, 1_000)]
    assert found == platform.rows(
        "select bucket, post_id, sum(amount_minor)::bigint from ledger_postings"
        " where bucket in ('contested', 'frozen') group by 1, 2 order by 1"
    )
    with platform.db.transaction() as conn:
        assert ledger.posts_waiting(conn, "frozen") == [other]
    platform.run(after(days=6))
    assert platform.rows("select * from ledger_waiting") == []


def test_the_books_refuse_to_be_bent(platform: Platform) -> None:
    poster, _, post = paid_copy(platform, final=True)
    for bent in (
        "update ledger_postings set amount_minor = amount_minor + 1",
        "delete from ledger_transactions",
        "truncate ledger_postings",
    ):
        with (
            pytest.raises(psycopg.errors.RaiseException, match="only grows"),
            platform.db.transaction() as conn,
        ):
            conn.execute(bent)
    crooked = (
        [Posting(poster, Bucket.AVAILABLE, Entry.BASE, 100)],
        [
            Posting(poster, Bucket.FROZEN, Entry.FREEZE, -5),
            Posting(poster + 1, Bucket.AVAILABLE, Entry.FREEZE, 5),
        ],
    )
    for postings in crooked:
        with pytest.raises(Unbalanced), platform.db.transaction() as conn:
            ledger.book(
                conn,
                "pay",
                postings,
                {},
                week=ledger.week_of(NOW) + timedelta(7),
                booked_at=NOW,
                post_id=post,
            )
    assert platform.rows("select count(*), sum(amount_minor) from ledger_postings") == [(6, 0)]


def test_the_weeks_show_what_still_waits_where_it_was_earned(platform: Platform) -> None:
    poster, first, post = paid_copy(platform, final=False)
    platform.earns(post, 1_000, at=after(days=7))
    platform.run(after(days=1))
    with platform.db.transaction() as conn:
        before = ledger_views.weeks(conn, poster, ledger.week_of(after(days=-14)))
    assert [(w.base, w.bonus, w.held) for w in before] == [
        (10_000, 1_000, 6_600),
        (1_000, 100, 660),
    ]
    platform.run(after(days=3))
    with platform.db.transaction() as conn:
        later = ledger_views.weeks(conn, poster, ledger.week_of(after(days=-14)))
        theirs = ledger_views.weeks(conn, first, ledger.week_of(NOW))
    assert [w.held for w in later] == [0, 0, 0]  # and the week it was settled in
    assert sum(w.redirected_away for w in later) == sum(w.redirected_to_me for w in theirs) == 7_260
    assert sum(w.held for w in before) == 7_260


def test_sql_and_python_sum_the_books_alike(platform: Platform) -> None:
    poster, first, _ = paid_copy(platform, final=False)
    platform.run(after(days=5))
    for creator in (poster, first):
        with platform.db.transaction() as conn:
            lines = list(ledger_views.lines(conn, creator))
        postings = [
            Posting(creator, Bucket(x.bucket), Entry(x.entry), x.amount_minor) for x in lines
        ]
        found = rules.totals(creator, postings)
        assert found.balances
        assert vars(platform.totals(creator)) == {
            name: getattr(found, name) for name in vars(platform.totals(creator))
        }


def adjust(
    platform: Platform,
    post: bytes,
    cents: int,
    reason: str = "A reason.",
    *,
    name: str = "cb-1",
    by: str = "operator",
) -> str:
    new = NewAdjustment(id=name, post_id=post, amount_minor=cents, reason=reason, by=by)
    with platform.db.transaction() as conn:
        return payments.adjust(conn, new, NOW)


def add_work(platform: Platform, creator_id: int, post_id: bytes | None = None) -> UUID:
    work_id = uuid4()
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into works (id, registration, registered_at, creator_id, post_id, media_type,"
            " sha256, mime, size_bytes, blob_key, published_at, file_name) values (%s,"
            " nextval('work_registration'), %s, %s, %s, 'image', %s, 'image/png', 1, 'k', %s,"
            " 'photo.png')",
            (work_id, NOW, creator_id, post_id or work_id.bytes * 2, bytes(32), NOW),
        )
    return work_id


def add_decision(
    platform: Platform,
    post: bytes,
    verdict: str,
    redirect_bps: int,
    matched: UUID | None,
    decided_at: datetime,
) -> UUID:
    analysis_id = uuid4()
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into analyses (id, source, status, post_id, media_type, policy_version,"
            " threshold_bps, base_redirect_bps, verdict, redirect_bps, matched_work_id,"
            " decided_at) values (%s, 'upload', 'decided', %s, 'image', 1, 9500, 10000, %s, %s,"
            " %s, %s)",
            (analysis_id, post, verdict, redirect_bps, matched, decided_at),
        )
    return analysis_id
