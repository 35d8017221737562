"""Events are stored once each, by day, whoever sends them how often and in whatever order."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

from support.platform import NOW, Platform, event

from storage.engagement import events
from storage.engagement import exclusions as engagement_exclusions
from storage.engagement.exclusions import COUNTS, Exclusion
from storage.works import creators

ALERT = UUID(int=7)


def test_an_event_counts_once_however_often_it_comes(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    view = event("view", post, account="fan", watch_ms=1_000)
    assert platform.happen(view, view) == 1
    assert platform.happen(view, event("like", post, account="fan")) == 1
    assert platform.rows("select kind, count(*) from engagement_events group by 1 order by 1") == [
        ("like", 1),
        ("view", 1),
    ]


def test_who_writes_a_merged_spelling_is_the_creator(platform: Platform) -> None:
    root, alias = platform.creator("Zoë Artist"), platform.creator("zoe.artist")
    post = platform.post(root)
    with platform.db.transaction() as conn:
        creators.merge(conn, root, alias)
    platform.happen(
        event("view", post, account="zoe.artist", watch_ms=9_000),
        event("follow", creator="ZOE.artist", account="fan"),
        event("follow", creator="zoë artist", account="fan"),
    )
    assert platform.rows("select kind, account, creator_id from engagement_events order by 1") == [
        ("follow", "fan", root),
        ("follow", "fan", root),
        ("view", "Zoë Artist", root),
    ]


def test_batches_that_overlap_do_not_wait_for_each_other_for_ever(platform: Platform) -> None:
    posts = [platform.post(platform.creator(f"creator-{n}")) for n in range(5)]
    known = [
        event(
            "view",
            posts[n % 5],
            account=f"fan-{n}",
            user_agent=f"agent {n % 7}",
            referrer=f"host/{n % 11}",
            at=NOW - timedelta(days=n % 3),
        )
        for n in range(600)
    ]

    def send(seed: int) -> int:
        mine = known.copy()
        Random(seed).shuffle(mine)
        return sum(platform.happen(*mine[start : start + 150]) for start in range(0, 600, 150))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(send, range(6))) == 600
    assert platform.rows("select count(*) from engagement_events") == [(600,)]
    assert platform.rows("select count(*) from engagement_agents") == [(7,)]
    assert platform.rows("select count(*) from engagement_referrers") == [(11,)]


def test_every_event_lies_in_the_partition_of_its_day_in_utc(platform: Platform) -> None:
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    platform.happen(
        *(
            event("login", account="a", at=midnight + timedelta(seconds=s))
            for s in (-1, 0, 86_399, 86_400)
        )
    )
    found = platform.rows(
        "select tableoid::regclass::text, count(*) from engagement_events group by 1 order by 1"
    )
    assert found == [
        ("engagement_events_20261119", 1),
        ("engagement_events_20261120", 2),
        ("engagement_events_20261121", 1),
    ]


def test_old_days_are_forgotten_and_nothing_else(platform: Platform) -> None:
    for back in (0, 5, 100, 200):
        platform.happen(event("login", account="a", at=NOW - timedelta(days=back)))
    with platform.db.transaction() as conn:
        gone = events.drop_partitions(conn, date(2026, 11, 1))
        assert gone == [date(2026, 5, 4), date(2026, 8, 12)]
        assert events.partition_days(conn) == [date(2026, 11, 15), date(2026, 11, 20)]
    assert platform.rows("select count(*) from engagement_events") == [(2,)]


def test_old_days_stay_while_somebody_reads_and_nobody_waits_for_it(platform: Platform) -> None:
    platform.happen(event("login", account="a", at=NOW - timedelta(days=100)))
    with platform.db.transaction() as reader:
        reader.execute("select count(*) from engagement_events")
        with platform.db.transaction() as conn:
            assert events.drop_partitions(conn, date(2026, 11, 1)) == []
            assert conn.execute("show lock_timeout").fetchone() == ("0",)
    with platform.db.transaction() as conn:
        assert events.drop_partitions(conn, date(2026, 11, 1)) == [date(2026, 8, 12)]
        assert conn.execute("show lock_timeout").fetchone() == ("0",)


def test_an_event_knows_whom_it_is_about(platform: Platform) -> None:
    alice, bob = platform.creator("alice"), platform.creator("bob")
    post = platform.post(alice)
    platform.happen(
        event("like", post, account="fan"),
        event("follow", creator="bob", account="fan"),
        event("gift", creator="nobody yet", account="fan", value_minor=100),
        event("like", bytes(32), account="fan"),
    )
    found = platform.rows(
        "select kind, creator_id from engagement_events order by kind, creator_id nulls last"
    )
    assert found == [("follow", bob), ("gift", None), ("like", alice), ("like", None)]


def test_events_of_a_post_that_is_not_registered_yet_count_once_it_is(platform: Platform) -> None:
    early = (2**200).to_bytes(32, "big")
    platform.happen(event("view", early, account="fan", watch_ms=20_000, length_ms=20_000))
    assert platform.tick().graded == 0
    alice = platform.creator("alice")
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into posts (post_id, creator_id, media_type, published_at) values (%s, %s,"
            " 'video', %s)",
            (early, alice, NOW),
        )
    assert platform.tick().graded == 1
    assert platform.rows("select qualified->>'views' from engagement_counts") == [("1",)]


def test_exclusions_leave_out_what_they_name_and_nothing_else(platform: Platform) -> None:
    post, other = (platform.post(platform.creator(name)) for name in ("alice", "bob"))
    platform.happen(
        event("like", post, account="bot", device="phone-1"),
        event("like", other, account="bot", device="phone-2"),
        event("like", post, account="fan", device="phone-3", ip_hash=b"\xab" * 8),
        event("like", post, account="fan-2", device="phone-3", at=NOW - timedelta(hours=2)),
        event("like", post, account="phone-3"),  # an account that is called like a device
        event("view", post),
        event("view", post, ip_hash=b"\xab" * 8),
    )

    def counted() -> list[tuple[object, ...]]:
        return platform.rows(
            f"select coalesce(account, '-') from engagement_events e where {COUNTS} order by 1"
        )

    assert len(counted()) == 7
    with platform.db.transaction() as conn:
        engagement_exclusions.exclude(
            conn,
            [
                Exclusion(
                    scope="account", value="bot", reason="crawler", post_id=post, alert_id=ALERT
                ),
                Exclusion(
                    scope="device",
                    value="phone-3",
                    reason="farm",
                    since=NOW - timedelta(hours=1),
                    alert_id=ALERT,
                ),
            ],
        )
    assert counted() == [("-",), ("-",), ("bot",), ("fan-2",), ("phone-3",)]
    with platform.db.transaction() as conn:
        engagement_exclusions.exclude(
            conn, [Exclusion(scope="ip_hash", value="ab" * 8, reason="proxy")]
        )  # who is signed in counts behind any address
        assert engagement_exclusions.lift(conn, ALERT) == 2
        assert engagement_exclusions.lift(conn, ALERT) == 0
    assert counted() == [("-",), ("bot",), ("bot",), ("fan",), ("fan-2",), ("phone-3",)]


def test_exclusions_mark_the_posts_they_touch(platform: Platform) -> None:
    post, other = (platform.post(platform.creator(name)) for name in ("alice", "bob"))
    platform.happen(event("like", post, account="bot"), event("like", other, account="fan"))
    platform.tick()
    with platform.db.transaction() as conn:
        engagement_exclusions.exclude(
            conn, [Exclusion(scope="account", value="bot", reason="crawler", alert_id=ALERT)]
        )
    assert platform.rows("select post_id, reopen from engagement_changed") == [(post, False)]
    with platform.db.transaction() as conn:
        engagement_exclusions.lift(conn, ALERT)
    assert platform.rows("select post_id, reopen from engagement_changed") == [(post, True)]
