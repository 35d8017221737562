"""Each detector on a handful of events: what raises it, what must not, and what it says."""

import numpy as np
import pytest
from support.economy.small import PHONE, START_S, Scene

from oracle.fraud.detectors import (
    bulk_accounts,
    bursts,
    gifting,
    referrers,
    shared_devices,
    user_agents,
)
from oracle.fraud.detectors.bursts import WEEK_H, History
from oracle.fraud.detectors.events import DAY_S, HOUR_S
from oracle.fraud.detectors.referrers import Source, read_referrer
from oracle.fraud.detectors.signals import Ground, SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.detectors.user_agents import Oddity, judge_agent

T = Thresholds()
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/131.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        ("", Oddity.EMPTY),
        ("python-requests/2.31.0", Oddity.CRAWLER),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Oddity.CRAWLER,
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/119.0.0.0"
            " Safari/537.36",
            Oddity.CRAWLER,
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; iPhone) AppleWebKit/605.1.15 Version/17.0"
            " Safari/604.1",
            Oddity.IMPOSSIBLE,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/537.36 (KHTML,"
            " like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36",
            Oddity.IMPOSSIBLE,
        ),
        (CHROME.replace("131", "28"), Oddity.ANTIQUE),
        (CHROME, None),
        (PHONE, None),
        (PHONE.replace("Version/17.1", "CriOS/131.0"), None),
        (
            "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile"
            " Safari/537.36",
            None,
        ),
        (
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 2.4.0) AppleWebKit/538.1 Version/2.4.0 TV"
            " Safari/538.1",
            None,
        ),
    ],
)
def test_which_agents_are_odd(agent: str, why: Oddity | None) -> None:
    assert judge_agent(agent) is why


def test_views_by_programs() -> None:
    scene = (
        Scene()
        .views(0, range(100), agent="curl/8.4.0")
        .views(0, range(100, 200))
        .views(1, range(200, 400))
    )
    (found,) = user_agents.detect(scene.events(), T.user_agents)
    assert (found.subject.number, found.facts["count"], found.facts["total"]) == (0, 100, 200)
    assert found.score == pytest.approx(0.431, abs=0.001)  # Wilson's lower end of 100 / 200
    assert found.sentence.startswith("100 of 200 views came from programs")
    assert found.sources == tuple(range(100))
    assert not found.beyond_doubt


def test_a_few_crawlers_are_normal() -> None:
    scene = Scene().views(0, range(49), agent="curl/8.4.0").views(1, range(100, 1_000))
    scene.views(1, range(60), agent="Twitterbot/1.0")
    assert user_agents.detect(scene.events(), T.user_agents) == []


@pytest.mark.parametrize(
    ("text", "kind", "host"),
    [
        ("", Source.NONE, ""),
        ("foryou", Source.INTERNAL, "foryou"),
        ("app://feed", Source.INTERNAL, "feed"),
        ("www.reddit.com/r/videos", Source.EXTERNAL, "reddit.com"),
        ("https://t.co/", Source.EXTERNAL, "t.co"),
        ("xn--mnchen-3ya.example/x", Source.EXTERNAL, "xn--mnchen-3ya.example"),
        ("hitleap.com/", Source.FALSE, "hitleap.com"),
        ("surf.otohits.net/x", Source.FALSE, "surf.otohits.net"),
        ("127.0.0.1/", Source.FALSE, "127.0.0.1"),
        ("http://[::1", Source.FALSE, ""),
        ("localhost", Source.FALSE, "localhost"),
        ("not a host", Source.FALSE, "not a host"),
    ],
)
def test_which_sources_are_false(text: str, kind: Source, host: str) -> None:
    assert read_referrer(text) == (kind, host)


def test_an_unknown_page_whose_visitors_do_not_watch() -> None:
    scene = (
        Scene()
        .views(0, range(200), watched=0.03, referrer="strange.example/x")
        .views(0, range(200, 500))
    )
    scene.views(1, range(500, 700), watched=0.4, referrer="friendly.example/x")
    (found,) = referrers.detect(scene.events(), T.referrers)
    assert (found.subject.number, found.facts["commonest_source"]) == (0, "strange.example")
    assert found.grounds == {Ground.SOURCES, Ground.RETENTION}
    assert not found.beyond_doubt


def test_traded_visits_are_beyond_doubt_when_they_are_most_of_the_traffic() -> None:
    scene = (
        Scene().views(0, range(400), watched=0.4, referrer="hitleap.com/").views(0, range(400, 480))
    )
    (found,) = referrers.detect(scene.events(), T.referrers)
    assert found.beyond_doubt
    assert found.grounds == {Ground.SOURCES}


def quiet_weeks(creators: int = 3, views: int = 5) -> History:
    return History(
        np.arange(creators, dtype=np.int32), np.full((creators, 4 * WEEK_H), views, np.int32)
    )


def test_a_burst_of_people_who_watch_is_no_signal() -> None:
    scene = Scene().views(0, range(1_000), watched=0.5, at_s=lambda n: 7 * HOUR_S + n)
    scene.views(
        0, range(1_000, 1_400), watched=0.5, referrer="reddit.com/", at_s=lambda n: 7 * HOUR_S + n
    )
    assert bursts.detect(scene.events(), quiet_weeks(), T.burst) == []


def test_a_burst_of_people_who_do_not_watch() -> None:
    scene = Scene().views(0, range(1_000), watched=0.05, at_s=lambda n: 7 * HOUR_S + n)
    scene.views(
        0, range(1_000, 1_400), watched=0.05, referrer="reddit.com/", at_s=lambda n: 7 * HOUR_S + n
    )
    (found,) = bursts.detect(scene.events(), quiet_weeks(), T.burst)
    assert found.grounds == {Ground.RETENTION}
    assert found.divisible
    assert not found.beyond_doubt
    assert found.first_s == START_S + 7 * HOUR_S


def test_the_same_rush_every_week_at_that_hour_is_no_burst() -> None:
    history = quiet_weeks()
    history.hourly[0].reshape(4, WEEK_H)[:, 6:9] = 1_300
    scene = Scene().views(0, range(1_400), watched=0.05, at_s=lambda n: 7 * HOUR_S + n)
    assert bursts.detect(scene.events(), history, T.burst) == []


def test_a_slow_lift_is_seen_by_its_days() -> None:
    daily = np.full((2, 29), 240, np.int64)
    daily[1, -6:] = 420
    level = bursts.slow_lift(daily, T.burst)
    assert level[0] == 0
    assert level[1] > T.burst.cusum_alarm


def make_group(
    scene: Scene, first: int, count: int, *, ip: int, shape: int, hours_ago: float = 30.0
) -> range:
    for number in range(first, first + count):
        scene.sign_up(number, hours_ago=hours_ago + number % 7 / 10, ip=ip, shape=shape, agent=1)
    return range(first, first + count)


def test_accounts_made_together_that_come_to_one_post() -> None:
    scene = Scene()
    group = make_group(scene, 500, 120, ip=1, shape=5)
    scene.views(0, group).views(0, range(100)).views(1, range(100, 300))
    (found,) = bulk_accounts.detect(scene.events(), T.bulk_accounts)
    assert (found.subject.number, found.facts["count"], found.facts["total"]) == (0, 120, 220)
    assert set(found.sources) == set(group)


def test_a_class_is_too_small_and_a_crowd_that_spreads_out_is_not_in_step() -> None:
    scene = Scene(posts=30)
    scene.views(0, make_group(scene, 500, 30, ip=1, shape=5))
    for number in make_group(scene, 600, 120, ip=2, shape=6):
        scene.views(number % 30, [number])
    assert bulk_accounts.detect(scene.events(), T.bulk_accounts) == []


def test_a_busy_day_of_the_commonest_kind_of_account_is_no_group() -> None:
    scene = Scene()
    for number in range(500, 1_500):  # as many on every other day
        scene.sign_up(number, hours_ago=(number - 500) / 3, ip=-1, shape=0, agent=0)
    scene.views(0, range(500, 700))
    assert bulk_accounts.detect(scene.events(), T.bulk_accounts) == []


def test_many_accounts_on_few_devices() -> None:
    scene = Scene().views(0, range(300), device=lambda a: 5_000 + a % 10).views(0, range(300, 400))
    (found,) = shared_devices.detect(scene.events(), T.shared_devices)
    assert (found.facts["accounts"], found.facts["devices"], found.facts["per_device"]) == (
        300,
        10,
        30.0,
    )
    assert found.beyond_doubt
    assert (found.scope, found.sources) == ("device", tuple(range(5_000, 5_010)))


def test_families_are_allowed_for_and_a_farm_that_visits_others_does_not_taint_them() -> None:
    families = Scene().views(0, range(600), device=lambda a: 5_000 + a // 6)
    assert shared_devices.detect(families.events(), T.shared_devices) == []
    farm = Scene(posts=60).views(0, range(300), device=lambda a: 5_000 + a % 10)
    for post in range(1, 60):  # one look each elsewhere, to seem like people
        farm.views(post, [post], device=lambda a: 5_000 + a % 10)
        farm.views(post, range(1_000, 1_060))
    assert [s.subject.number for s in shared_devices.detect(farm.events(), T.shared_devices)] == [0]


def test_gifts_from_crowded_devices_are_about_the_creator() -> None:
    scene = Scene()
    for account in range(100, 130):
        scene.gift(account, 2, 1_000, device=7_000 + account % 2)
    (found,) = shared_devices.detect(scene.events(), T.shared_devices)
    assert (found.subject.kind, found.subject.number, found.facts["value"]) == (
        SubjectKind.CREATOR,
        2,
        30_000,
    )


def test_money_that_goes_round() -> None:
    scene = Scene()
    for lap in range(3):
        for giver in range(3):
            scene.gift(giver, (giver + 1) % 3, 20_000, at_s=lap)
    found = gifting.detect(scene.events(), T.gifting)
    assert {s.subject.number for s in found} == {0, 1, 2}
    assert all(
        s.beyond_doubt and s.facts["circle_size"] == 3 and s.facts["count"] == 60_000 for s in found
    )


def test_two_friends_and_one_great_fan_are_no_circle() -> None:
    scene = Scene().gift(0, 1, 1_000).gift(1, 0, 1_500).gift(50, 2, 500_000).gift(51, 2, 300)
    assert gifting.detect(scene.events(), T.gifting) == []


def first_timers(values) -> Scene:
    scene = Scene(creators=20, posts=20)
    for creator in range(1, 20):
        scene.gift(1_900 + creator, creator, 100 + 10 * creator)
    for place, account in enumerate(range(100, 140)):
        scene.sign_up(account, hours_ago=30).gift(account, 0, values(place))
    return scene


def test_new_givers_who_all_give_the_same_large_sum() -> None:
    (found,) = gifting.detect(first_timers(lambda _: 5_000).events(), T.gifting)
    assert (found.facts["pattern"], found.facts["count"], found.facts["same_value_percent"]) == (
        "first_timers",
        40,
        100.0,
    )
    assert not found.beyond_doubt


def test_a_charity_brings_new_givers_who_give_what_they_like() -> None:
    assert gifting.detect(first_timers(lambda n: 500 + 37 * n).events(), T.gifting) == []


def test_those_who_gave_before_are_no_first_timers() -> None:
    gave = np.ones(2_000, bool)
    assert gifting.detect(first_timers(lambda _: 5_000).events(gifted_before=gave), T.gifting) == []


def test_no_events_raise_nothing() -> None:
    events = Scene().events()
    none = History(np.zeros(0, np.int32), np.zeros((0, WEEK_H), np.int32))
    assert len(events) == 0
    for module, limits in (
        (user_agents, T.user_agents),
        (referrers, T.referrers),
        (bulk_accounts, T.bulk_accounts),
        (shared_devices, T.shared_devices),
        (gifting, T.gifting),
    ):
        assert module.detect(events, limits) == []
    assert bursts.candidates(events, T.burst).tolist() == []
    assert bursts.detect(events, none, T.burst) == []
    assert events.end_s - events.start_s == DAY_S
