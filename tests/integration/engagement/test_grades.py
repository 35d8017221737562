"""Grades from real rows: what counts, who is compared with whom, and when it is over."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from support.platform import NOW, Platform, after, event, watching

from oracle.engagement import grades, grading
from oracle.engagement.grading import Counts
from oracle.rules.decision import Verdict
from oracle.rules.payout import Grade, bonus_bps
from storage.engagement import events as engagement
from storage.engagement import exclusions as engagement_exclusions
from storage.engagement import grades as engagement_grades
from storage.engagement.exclusions import Exclusion
from storage.engagement.grades import StoredGrade

ALERT = UUID(int=9)


def grade_of(platform: Platform, post_id: bytes) -> StoredGrade:
    with platform.db.transaction() as conn:
        found = engagement_grades.find_grade(conn, post_id)
    assert found is not None
    return found


@pytest.fixture
def peers(platform: Platform) -> list[bytes]:
    """Forty posts of forty creators: post n is watched by 120 people to n/40 of its length, and n
    of them save it.
    """
    posts = [platform.post(platform.creator(f"peer-{n}"), audience=500) for n in range(40)]
    platform.happen(
        *itertools.chain.from_iterable(
            watching(post, 120, share=max(0.26, n / 40), saves=n) for n, post in enumerate(posts)
        )
    )
    return posts


def test_better_posts_get_better_grades_and_the_facts_say_why(
    platform: Platform, peers: list[bytes]
) -> None:
    assert platform.tick().graded == 40
    scores = [grade_of(platform, post).score_bps for post in peers]
    assert scores == sorted(scores)
    best = grade_of(platform, peers[-1])
    assert best.status == "provisional"
    assert best.final_at == NOW + timedelta(days=7)
    assert best.facts["cohort"] == "video, 15 to 60 s, 100 to 1 000 followers"
    assert best.facts["cohort_posts"] == 39  # all but this one
    assert best.facts["prior_bps"] == 10_000 * 30 // 69
    assert best.facts["raw"]["views"] == best.facts["qualified"]["views"] == 120
    parts = {part["signal"]: part for part in best.facts["signals"]}
    assert best.score_bps == sum(part["contribution_bps"] for part in parts.values())
    assert parts["saves"]["count"] == 39
    assert parts["saves"]["rank_bps"] > 9_500
    # Nobody has any, so all are equal.
    ranks = {grade_of(platform, post).facts["signals"][2]["rank_bps"] for post in peers}
    assert ranks == {parts["comments"]["rank_bps"]}


def test_a_grade_can_be_computed_again_from_what_is_stored(
    platform: Platform, peers: list[bytes]
) -> None:
    platform.tick()
    for post in peers[::7]:
        kept = grade_of(platform, post)
        ((cohorts,),) = platform.rows(
            "select cohorts from grade_baselines where id = %s", kept.baseline_id
        )
        known = grades.load_baseline(cohorts)
        with platform.db.transaction() as conn:
            policy = grades.rules_of(engagement_grades.get_policy(conn, kept.policy_version))
        own = grading.cohorts_of("video", 20_000, 500)
        ((creator,),) = platform.rows("select creator_id from posts where post_id = %s", post)
        again = grading.score(Counts(**kept.facts["qualified"]), own, known, policy, creator)
        assert (again.score_bps, str(again.grade)) == (kept.score_bps, kept.grade)


def counts_after(
    platform: Platform, post: bytes, *events: Any
) -> tuple[dict[str, int], dict[str, int]]:
    platform.happen(*events)
    platform.tick()
    ((raw, qualified),) = platform.rows(
        "select raw, qualified from engagement_counts where post_id = %s", post
    )
    return raw, qualified


def test_raw_and_qualified_counts_stand_beside_each_other(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    view = {"watch_ms": 20_000, "length_ms": 20_000}
    raw, qualified = counts_after(
        platform,
        post,
        event("view", post, account="fan", **view),
        event("view", post, account="fan", **view),  # again
        event("view", post, account="alice", **view),  # herself
        event("view", post, device="tablet", **view),  # without an account
        event("view", post, account="passer-by", watch_ms=4_999, length_ms=20_000),
        event("view", post, account="half", watch_ms=5_000, length_ms=20_000),
        event("view", post, **view),  # nobody at all
        event("like", post, account="fan"),
        event("like", post, account="fan"),
        event("share", post, account="alice"),
    )
    # a quarter of it in five seconds is a view, but of nobody who judged it
    assert (raw["views"], qualified["views"], qualified["audience"]) == (7, 3, 2)
    assert qualified["watched_bps"] == 10_000 + 10_000
    assert (raw["likes"], qualified["likes"]) == (2, 1)
    assert (raw["shares"], qualified["shares"]) == (1, 0)


ADDRESS, PHONE = b"\xab" * 16, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"
WHOLE = {"watch_ms": 20_000, "length_ms": 20_000}
VIEWERS = {
    "a robot that says so": (40, {"user_agent": "curl/8", "program": "tool", "device": "x{}"}, 0),
    "a robot's name, and an account": (40, {"program": "tool", "account": "p{}"}, 40),
    "people of one family": (3, {"ip_hash": ADDRESS, "account": "p{}", "device": "tv"}, 3),
    "a browser that loses its cookie": (
        300,
        {"ip_hash": ADDRESS, "user_agent": PHONE, "device": "one-time-{}"},
        200,
    ),
    "a browser that has another name every time": (
        300,
        {"ip_hash": ADDRESS, "user_agent": "Made up {}", "device": "one-time-{}"},
        200,
    ),
    "a school's Chromebooks": (
        199,
        {"ip_hash": ADDRESS, "user_agent": PHONE, "device": "chromebook-{}"},
        199,
    ),
    "a school without accounts and devices": (199, {"ip_hash": ADDRESS, "user_agent": PHONE}, 199),
    "a phone on the move": (9, {"ip_hash": "{}", "user_agent": PHONE, "device": "phone"}, 1),
    "nobody that could be told from others": (9, {"user_agent": PHONE}, 0),
}


@pytest.mark.parametrize("name", VIEWERS)
def test_viewers_are_people_as_far_as_can_be_told(platform: Platform, name: str) -> None:
    views, fields, people = VIEWERS[name]
    post = platform.post(platform.creator("alice"))

    def filled(number: int) -> dict[str, Any]:
        found = {k: v.format(number) if isinstance(v, str) else v for k, v in fields.items()}
        if isinstance(found.get("ip_hash"), str):
            found["ip_hash"] = number.to_bytes(16, "big")
        return {**WHOLE, **found}

    raw, qualified = counts_after(
        platform, post, *(event("view", post, **filled(n)) for n in range(views))
    )
    assert (raw["views"], qualified["views"]) == (views, people)


def test_only_reactions_of_people_who_saw_it_count_and_favours_between_creators_do_not(
    platform: Platform,
) -> None:
    alice, bob = platform.creator("alice"), platform.creator("bob")
    post, his = platform.post(alice), platform.post(bob)
    raw, qualified = counts_after(
        platform,
        post,
        *(event("view", post, account=who, **WHOLE) for who in ("fan", "bob", "carl")),
        *(event("like", post, account=who) for who in ("fan", "bob", "carl")),
        *(event("like", post, account=f"bought-{n}") for n in range(50)),
        event("save", his, account="alice"),
    )
    assert (raw["likes"], qualified["likes"], qualified["audience"]) == (53, 2, 3)


def test_reactions_within_a_closed_group_do_not_count_though_none_is_returned(
    platform: Platform,
) -> None:
    """Eleven creators, each of whom reacts to the five before: no favour is ever returned."""
    names = [f"member-{n}" for n in range(11)]
    posts = [platform.post(platform.creator(name)) for name in names]
    reader = platform.post(platform.creator("reader"))
    platform.post(platform.creator("painter"))
    happened = []
    for n, post in enumerate(posts):
        members = [names[(n + step) % 11] for step in range(1, 6)]
        for who in (*members, "reader", "painter", "fan"):
            happened.append(event("view", post, account=who, **WHOLE))
            happened.append(event("save", post, account=who))
    happened.append(event("like", reader, account="fan"))
    raw, qualified = counts_after(platform, posts[0], *happened)
    # the fan, and two colleagues who read them all and whom none of them reads
    assert (raw["saves"], qualified["saves"], qualified["audience"]) == (8, 3, 8)


def test_strangers_who_pass_by_do_not_judge_and_those_who_stay_or_react_do(
    platform: Platform,
) -> None:
    post = platform.post(platform.creator("alice"))
    views = [
        event("view", post, account=f"{watch_ms}-{n}", watch_ms=watch_ms, length_ms=60_000,
              outside=True, referrer="news.example")
        for watch_ms in (6_000, 9_000, 40_000)
        for n in range(10)
    ]  # fmt: skip
    _, qualified = counts_after(
        platform, post, *views, *(event("like", post, account=f"6000-{n}") for n in range(4))
    )
    assert (qualified["views"], qualified["audience"], qualified["likes"]) == (30, 14, 4)


@pytest.mark.parametrize("outside", [False, None, True])
def test_visits_that_cost_nothing_cost_nobody_a_grade(
    platform: Platform, outside: bool | None
) -> None:
    """A hundred and sixty looks of six seconds, from the app, from nowhere or from a page."""
    video = platform.post(platform.creator("alice"))
    picture = platform.post(platform.creator("bob"), media_type="image")
    came = {} if outside is None else {"referrer": "x", "outside": outside}
    for post, length in ((video, {"length_ms": 60_000}), (picture, {})):
        _, before = counts_after(
            platform,
            post,
            *(event("view", post, account=f"fan{n}", watch_ms=40_000, **length) for n in range(60)),
            *(event("like", post, account=f"fan{n}") for n in range(20)),
        )
        _, after_visits = counts_after(
            platform,
            post,
            *(
                event("view", post, device=f"v{n}", watch_ms=6_000, **length, **came)
                for n in range(160)
            ),
        )
        assert before | {"views": 220} == after_visits
        # those who stay, too, are no people who could have liked it
        _, stayed = counts_after(
            platform, post, event("view", post, device="s", watch_ms=30_000, **length)
        )
        assert (stayed["audience"], stayed["signed_in"], stayed["likes"]) == (61, 60, 20)
        assert grading.Counts(**stayed).rate_parts("likes") == (20.0, 60)


def test_a_view_without_a_length_has_that_of_the_post(platform: Platform) -> None:
    film, unknown = (platform.post(platform.creator(name)) for name in ("alice", "bob"))
    short = {"watch_ms": 36_000}
    _, qualified = counts_after(
        platform,
        film,
        event("view", film, account="a", watch_ms=1_800_000, length_ms=3_600_000),
        *(event("view", film, account=f"b{n}", **short) for n in range(9)),
    )
    assert (qualified["timed"], qualified["watched_bps"]) == (10, 5_000 + 9 * 100)
    _, qualified = counts_after(platform, unknown, event("view", unknown, account="a", **short))
    assert (qualified["audience"], qualified["timed"], qualified["watched_bps"]) == (1, 0, 0)


def test_nobody_saw_it_before_it_was_there(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    _, qualified = counts_after(
        platform,
        post,
        *(event("view", post, account=f"a{n}", at=after(days=-n), **WHOLE) for n in range(11)),
    )
    assert qualified["views"] == 1 + 7  # a post may be registered so many days after it came out


def test_a_short_clip_counts_from_half_of_it_and_a_picture_has_no_length(
    platform: Platform,
) -> None:
    clip = platform.post(platform.creator("alice"))
    _, qualified = counts_after(
        platform, clip, event("view", clip, account="a", watch_ms=1_500, length_ms=3_000)
    )
    assert (qualified["views"], qualified["watched_bps"]) == (1, 5_000)
    picture = platform.post(platform.creator("bob"), media_type="image")
    _, qualified = counts_after(
        platform, picture, event("view", picture, account="a", watch_ms=7_500)
    )
    assert (qualified["views"], qualified["watched_bps"]) == (1, 7_500)


def test_real_comments_are_new_texts_by_different_people(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    said = [
        ("a", b"1" * 8, 12),
        ("a", b"2" * 8, 9),
        ("b", b"1" * 8, 12),
        ("c", b"3" * 8, 2),
        ("alice", b"4" * 8, 20),
    ]
    raw, qualified = counts_after(
        platform,
        post,
        *(event("view", post, account=who, watch_ms=9_000) for who in "abc"),
        *(
            event(
                "comment", post, account=who, text_hash=text, text_chars=chars, at=after(seconds=n)
            )
            for n, (who, text, chars) in enumerate(said)
        ),
    )
    assert (raw["comments"], qualified["comments"]) == (5, 1)


def test_late_events_count_for_a_final_grade_and_never_lower_it(
    platform: Platform, peers: list[bytes]
) -> None:
    platform.tick()
    platform.tick(after(days=7))
    better, worse = peers[10], peers[39]
    before = {post: grade_of(platform, post) for post in (better, worse)}
    late = [
        event("view", worse, account=f"late-{n}", watch_ms=5_000, length_ms=20_000, at=NOW)
        for n in range(500)
    ]
    platform.happen(*late)
    platform.watched(better, 500, share=1.0, saves=500, at=after(days=1))
    platform.tick(after(days=8))
    assert grade_of(platform, better).grade < before[better].grade
    assert grade_of(platform, worse).grade == before[worse].grade
    with platform.db.transaction() as conn:
        history = engagement_grades.grade_history(conn, better)
    assert history[0][4] == "what counts has changed since it was final"


def test_events_after_the_last_day_do_not_count(platform: Platform, peers: list[bytes]) -> None:
    platform.tick()
    platform.watched(peers[3], 100, share=1.0, at=after(days=7, seconds=1))
    platform.tick(after(days=6))
    assert grade_of(platform, peers[3]).facts["raw"]["views"] == 120


def test_an_exclusion_lowers_a_grade_and_a_won_appeal_reopens_a_final_one(
    platform: Platform, peers: list[bytes]
) -> None:
    post = peers[39]
    platform.tick()
    honest = grade_of(platform, post)
    with platform.db.transaction() as conn:
        engagement_exclusions.exclude(
            conn,
            [
                Exclusion(
                    scope="account", value=f"fan-{n}", reason="farm", post_id=post, alert_id=ALERT
                )
                for n in range(110)
            ],
        )
    platform.tick(after(days=7))
    punished = grade_of(platform, post)
    assert (
        punished.status,
        punished.facts["raw"]["views"],
        punished.facts["qualified"]["views"],
    ) == ("final", 120, 10)
    assert punished.score_bps < honest.score_bps
    with platform.db.transaction() as conn:
        engagement_exclusions.lift(conn, ALERT)
    platform.tick(after(days=8))
    restored = grade_of(platform, post)
    assert restored.status == "final"
    assert restored.facts["qualified"] == honest.facts["qualified"]
    assert restored.score_bps >= punished.score_bps
    with platform.db.transaction() as conn:
        assert (
            engagement_grades.grade_history(conn, post)[0][4]
            == "what counts has changed since it was final"
        )


def test_views_that_are_given_back_are_paid_up(platform: Platform, peers: list[bytes]) -> None:
    post = peers[39]
    ((owner,),) = platform.rows("select creator_id from posts where post_id = %s", post)
    platform.terms(post, final_at=NOW)
    platform.earns(post, 10_000)
    # What is usual is measured before the exclusion, and once more for the final grade, so his
    # place among all is kept.
    platform.tick()
    with platform.db.transaction() as conn:
        engagement_exclusions.exclude(
            conn,
            [
                Exclusion(
                    scope="account", value=f"fan-{n}", reason="farm", post_id=post, alert_id=ALERT
                )
                for n in range(118)
            ],
        )
    platform.tick(after(days=7))
    before = grade_of(platform, post)
    assert (
        platform.totals(owner).earned
        == 10_000 + 10_000 * bonus_bps(Grade(before.grade), Verdict.ORIGINAL) // 10_000
    )
    with platform.db.transaction() as conn:
        engagement_exclusions.lift(conn, ALERT)
    platform.tick(after(days=7, minutes=1))
    restored = grade_of(platform, post)
    assert restored.grade < before.grade
    right = 10_000 + 10_000 * bonus_bps(Grade(restored.grade), Verdict.ORIGINAL) // 10_000
    assert platform.totals(owner).earned == right > 10_000
    assert platform.tick(after(days=7, minutes=2)).booked == 0


def test_new_rules_apply_to_what_is_published_from_then_on(platform: Platform) -> None:
    with platform.db.transaction() as conn:
        first = engagement_grades.get_policy(conn, 1)
        strict = {"A": 9_900, "B": 9_800, "C": 9_700, "D": 5_000}
        engagement_grades.add_policy(
            conn,
            engagement_grades.StoredPolicy(
                version=2,
                effective_from=after(days=1),
                weights_bps=first.weights_bps,
                cutoffs_bps=strict,
                prior_views=50,
                min_watch_ms=5_000,
                min_comment_chars=3,
                min_cohort=30,
                final_after_days=14,
                note="Stricter.",
                created_by="governor",
            ),
        )
    old, new = (
        platform.post(platform.creator(n), published=at)
        for n, at in (("a", NOW), ("b", after(days=2)))
    )
    for post in (old, new):
        platform.watched(post, 5, at=after(days=2))
    platform.tick(after(days=3))
    found = {post: grade_of(platform, post) for post in (old, new)}
    assert [(g.policy_version, g.grade) for g in found.values()] == [(1, "C"), (2, "D")]
    assert found[old].score_bps == found[new].score_bps
    assert found[new].final_at == after(days=16)


def test_events_that_are_just_coming_in_are_graded_afterwards(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    view = {"watch_ms": 9_000, "length_ms": 9_000}
    platform.happen(
        event("like", post, account="early"),
        event("view", post, account="early", **view),
        event("view", post, account="late", **view),
    )
    with platform.db.transaction() as conn:
        engagement.add_events(conn, [event("like", post, account="late")])
        platform.tick()  # sees the early one at most: the late one is not committed yet
    platform.tick()
    assert platform.rows("select qualified->>'likes' from engagement_counts") == [("2",)]


def test_no_event_is_lost_between_those_who_send_and_those_who_grade(platform: Platform) -> None:
    posts = [platform.post(platform.creator(f"c-{n}")) for n in range(4)]
    sending = threading.Event()

    def send(sender: int) -> None:
        for n in range(40):
            fan = f"fan-{sender}-{n}"
            platform.happen(
                *(event("like", post, account=fan) for post in posts),
                *(event("view", post, account=fan, watch_ms=9_000) for post in posts),
            )

    def grade(_: int) -> None:
        while not sending.is_set():
            platform.tick()

    with ThreadPoolExecutor(4) as pool:
        graders = [pool.submit(grade, n) for n in range(2)]
        for sender in [pool.submit(send, n) for n in range(2)]:
            sender.result()
        sending.set()
        for grader in graders:
            grader.result()
    platform.tick()
    assert (
        platform.rows("select raw->>'likes', qualified->>'likes' from engagement_counts")
        == [("80", "80")] * 4
    )
    assert platform.rows("select count(*) from engagement_changed") == [(0,)]


def test_marks_of_posts_that_nobody_ever_registers_are_dropped(platform: Platform) -> None:
    platform.happen(event("like", bytes(32), account="fan"))
    platform.tick()
    assert platform.rows("select count(*) from engagement_changed") == [(1,)]
    platform.tick(datetime.now(UTC) + timedelta(days=91))
    assert platform.rows("select count(*) from engagement_changed") == [(0,)]


def test_the_length_is_what_viewers_reported(platform: Platform) -> None:
    post = platform.post(platform.creator("alice"))
    platform.happen(
        *(
            event("view", post, account=f"fan-{n}", watch_ms=9_000, length_ms=length)
            for n, length in enumerate((30_000, 30_000, 30_000, 1, 86_400_000))
        )
    )
    platform.tick()
    assert platform.rows("select length_ms from posts where post_id = %s", post) == [(30_000,)]
