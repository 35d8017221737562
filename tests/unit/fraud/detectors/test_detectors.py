"""Each detector on a handful of events: what raises it, what must not, and what it says."""

import numpy as np
import pytest
from support.economy.small import PHONE, START_S, Scene

from oracle.fraud.detectors import (
    bulk_accounts,
    detection,
    gifting,
    lockstep,
    referrers,
    shared_devices,
    user_agents,
)
from oracle.fraud.detectors.combine import Action
from oracle.fraud.detectors.events import DAY_S, Kind
from oracle.fraud.detectors.signals import SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds

T = Thresholds()


def alone(number: int) -> int:
    """The device of an account: one of its own."""
    return 10_000 + number


def test_views_by_programs_that_say_so() -> None:
    scene = Scene().views(0, range(100), agent="curl/8.4.0").views(0, range(100, 200))
    scene.views(1, range(200, 400))
    (found,) = user_agents.detect(scene.events(), T.user_agents)  # signed in or not
    assert (found.subject.number, found.facts["count"], found.facts["total"]) == (0, 100, 200)
    assert found.score == pytest.approx(0.431, abs=0.001)  # Wilson's lower end of 100 / 200
    assert found.sentence == (
        "100 of 200 views were sent by programs that say so themselves (curl). They do not count."
    )
    assert found.accounts.tolist() == list(range(100))
    assert found.events.tolist() == list(range(100))
    assert not found.beyond_doubt


QUIET = {
    "a few tools": (49, {"agent": "curl/8.4.0"}),
    "previews of a post that goes round": (900, {"agent": "Twitterbot/1.0"}),
    "an app under its library's name": (900, {"agent": "okhttp/4.12.0"}),
    "old television sets": (
        900,
        {"agent": "Mozilla/5.0 (Web0S; Linux i686) AppleWebKit/537.36 Chrome/38.0 Safari/537.36"},
    ),
    "no referrer at all": (900, {"referrer": ""}),
    "no referrer and hardly watched": (900, {"referrer": "", "watched": 0.02}),
    "a site in another alphabet": (900, {"referrer": "пример.рф/novosti"}),
    "an office's wiki": (900, {"referrer": "192.168.1.20/wiki"}),
    "an app's own scheme": (900, {"referrer": "capacitor://localhost"}),
    "one page whose visitors do not watch": (900, {"referrer": "news.example/x", "watched": 0.02}),
    "people of a traffic exchange who watch": (900, {"referrer": "hitleap.com/", "watched": 0.6}),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_people_come_with_says_nothing(name: str) -> None:
    count, about = QUIET[name]
    scene = Scene().views(0, range(count), **about).views(0, range(900, 1_000))
    assert detection.signals(scene.events(), T) == []


@pytest.mark.parametrize(
    ("agent", "signed_in", "watched", "found"),
    [
        ("Go-http-client/2.0", True, (0.3, 1.0), False),
        ("libwww-perl/6.05", True, (0.2, 0.4), False),
        ("python-requests/2.32", True, (1.0, 1.0), True),  # a script's views are all alike
        ("python-requests/2.32", True, (0.0, 0.05), True),
        ("python-requests/2.32", False, (0.3, 1.0), True),
        ("curl/8.5.0", True, (0.3, 1.0), True),  # no app is built on a command line
    ],
)
def test_a_librarys_name_is_an_apps_where_people_are_signed_in_and_stay(
    agent: str, signed_in: bool, watched: tuple[float, float], found: bool
) -> None:
    scene = Scene().views(0, range(400), agent=agent)
    low, high = watched
    for number, row in enumerate(scene.rows):
        row["watch_s"] = 100 * (low + (high - low) * (number * 7 % 11) / 10)
        row["account"] = number if signed_in else -1
    assert [str(s.name) for s in detection.signals(scene.events(), T)] == ["user_agents"] * found


def test_pictures_and_views_without_a_length_have_no_watch_time() -> None:
    scene = Scene().views(0, range(500), referrer="hitleap.com/", watched=0.01)
    for row in scene.rows:
        row["video_s"] = 0
    assert detection.signals(scene.events(), T) == []


@pytest.mark.parametrize("signed_in", [True, False])
def test_traded_visits_that_nobody_watches(signed_in: bool) -> None:
    scene = Scene().views(0, range(400), watched=0.02, referrer="surf.otohits.net/x")
    scene.views(0, range(400, 480))
    for row in scene.rows[:400] if not signed_in else ():
        row["account"] = -1
    (found,) = referrers.detect(scene.events(), T.referrers)
    assert (found.facts["count"], found.facts["commonest_source"]) == (400, "surf.otohits.net")
    assert not found.beyond_doubt  # a name alone never is


def nameless(scene: Scene, count: int, *, ip: int, devices: int = 0, agent: str = PHONE) -> Scene:
    scene.views(0, range(count), watched=1.0, agent=agent, device=lambda _: -1)
    for number, row in enumerate(scene.rows[-count:]):
        row |= {"account": -1, "ip": ip, "device": 10_000 + number % devices if devices else -1}
    return scene


@pytest.mark.parametrize(
    ("count", "devices", "ip", "found"),
    [
        (3_000, 3_000, 7, True),  # a farm behind one address
        (300, 300, 7, True),  # one browser that loses its cookie
        (299, 299, 7, False),
        (200, 0, 7, False),  # a school behind its gateway
        (3_000, 3_000, -1, False),  # no address was told
    ],
)
def test_an_address_is_a_sign_only_with_hundreds_of_devices(
    count: int, devices: int, ip: int, found: bool
) -> None:
    scene = nameless(Scene(accounts=4_000), count, ip=ip, devices=devices)
    signals = detection.signals(scene.events(), T)
    assert [str(s.name) for s in signals] == ["addresses"] * found
    assert all(s.doubtful and not s.beyond_doubt for s in signals)


@pytest.mark.parametrize(
    ("count", "watched", "agents", "seconds", "doubtful"),
    [
        (400, (0.3, 1.0), 4, DAY_S, False),  # a campus
        (400, (0.3, 1.0), 1, 3_600, False),  # one that bought one kind of machine, in an hour
        (400, (0.3, 1.0), 1, DAY_S, True),  # one browser after the other
        (400, (1.0, 1.0), 4, DAY_S, True),  # a script
        (400, (0.0, 0.02), 4, DAY_S, True),  # nobody watches
    ],
)
def test_a_campus_that_watches_as_people_do_counts_as_far_as_an_address_does(
    count: int, watched: tuple[float, float], agents: int, seconds: int, doubtful: bool
) -> None:
    scene = nameless(Scene(), count, ip=7, devices=count)
    scene.views(0, range(100), watched=0.6)
    low, high = watched
    for number, row in enumerate(scene.rows[:count]):
        row["watch_s"] = 100 * (low + (high - low) * (number * 7 % 11) / 10)
        row["agent"] = number % agents
        row["at_s"] = START_S + number * seconds // count
    for row in scene.rows[count:]:
        row["watch_s"] = 100 * (0.3 + row["account"] * 7 % 11 * 0.07)
    scene.agents = [f"{PHONE} {number}" for number in range(agents)]
    (found,) = detection.signals(scene.events(), T)
    assert (str(found.name), found.doubtful) == ("addresses", doubtful)


def test_people_of_one_address_who_are_signed_in_are_people() -> None:
    scene = Scene().views(0, range(900))
    for row in scene.rows:
        row["ip"] = 7
    assert detection.signals(scene.events(), T) == []


@pytest.mark.parametrize(("others", "found"), [("told", True), ("silent", False), ("few", False)])
def test_views_of_which_nothing_is_told(others: str, found: bool) -> None:
    scene = nameless(Scene(), 1_100, ip=-1, devices=1_100, agent="")
    count = 100 if others == "few" else 1_500
    scene.views(1, range(count), agent=PHONE if others == "told" else "", device=alone)
    for row in scene.rows[-count:] if others != "told" else ():
        row["account"] = -1
    signals = detection.signals(scene.events(), T)
    assert [(s.subject.number, str(s.name)) for s in signals] == [(0, "unknown")] * found


def test_where_nobody_can_say_whether_a_platform_tells_agents_silence_is_only_worth_a_look() -> (
    None
):
    scene = nameless(Scene(), 400, ip=-1, devices=400, agent="")
    (found,) = detection.signals(scene.events(), T)
    assert not found.doubtful
    scene.views(1, range(60), device=alone)
    (found,) = detection.signals(scene.events(), T)
    assert found.doubtful


def react(scene: Scene, post: int, accounts: range, kinds: int) -> Scene:
    for account in accounts:
        for kind in (Kind.LIKE, Kind.SAVE, Kind.SHARE, Kind.COMMENT)[:kinds]:
            scene.rows.append(
                {"kind": kind, "post": post, "creator": post, "account": account,
                 "device": account, "at_s": START_S + account}
            )  # fmt: skip
    return scene


@pytest.mark.parametrize(
    ("bundles", "kinds", "likers", "elsewhere", "known_days", "doubtful"),
    [
        (40, 4, 3, 0, 0, True),  # bought
        (29, 4, 3, 0, 0, True),
        (60, 2, 3, 0, 0, True),  # who do two things each
        (40, 4, 3, 40, 0, True),  # who also look at somebody else's post on the same day
        (40, 4, 3, 0, 2, True),  # made the day before yesterday
        (40, 4, 60, 0, 0, None),  # two fifths of an audience that loves it
        (11, 4, 1, 0, 0, None),  # friends
        (60, 3, 3, 0, 30, False),  # a club of fans, on its day
        (29, 4, 3, 0, 30, None),  # a small one
        (60, 2, 3, 0, 30, None),
        (40, 4, 3, 40, 30, None),  # people who are seen at others' posts, too
    ],
)
def test_reactions_in_step(
    bundles: int, kinds: int, likers: int, elsewhere: int, known_days: int, doubtful: bool | None
) -> None:
    scene = react(Scene(), 0, range(bundles), kinds)
    react(scene, 0, range(100, 100 + likers), 1)
    react(scene, 1, range(elsewhere), 1)
    seen = np.zeros(2_000, np.int64)
    seen[:bundles] = START_S - known_days * DAY_S if known_days else 0
    signals = lockstep.detect(scene.events(first_seen_s=seen), T.lockstep)
    assert [s.doubtful for s in signals] == [doubtful] * (doubtful is not None)
    assert [s.facts["count"] for s in signals] == [bundles] * (doubtful is not None)


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
    assert found.accounts.tolist() == list(group)


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
    scene = (
        Scene().views(0, range(3, 303), device=lambda a: 5_000 + a % 10).views(0, range(303, 403))
    )
    (found,) = shared_devices.detect(scene.events(), T.shared_devices)
    assert (found.facts["accounts"], found.facts["devices"], found.facts["per_device"]) == (
        300,
        10,
        30.0,
    )
    assert found.beyond_doubt
    assert found.accounts.tolist() == list(range(3, 303))
    assert not found.knowing


def test_a_cafe_of_players_is_worth_a_look_and_counts() -> None:
    scene = Scene().views(0, range(3, 203), device=lambda a: 5_000 + a % 13)
    (found,) = shared_devices.detect(scene.views(0, range(203, 300)).events(), T.shared_devices)
    assert (found.facts["devices"], found.doubtful, found.beyond_doubt) == (13, False, False)


def test_a_creator_whose_own_account_is_on_the_farms_devices_took_part() -> None:
    """Account 0 is that of creator 0; a family's devices and another creator's are no sign."""
    farm = Scene().views(0, range(100, 400), device=lambda a: 5_000 + a % 10)
    assert not shared_devices.detect(farm.events(), T.shared_devices)[0].knowing
    for owner, knowing in ((1, False), (0, True)):
        farm.views(1, [owner], device=lambda _: 5_003)
        (found,) = shared_devices.detect(farm.events(), T.shared_devices)
        assert found.knowing is knowing


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
    assert all(s.facts["circle_size"] == 3 and s.facts["count"] == 60_000 for s in found)
    assert {f.action for f in detection.detect(scene.events(), T)} == {Action.WATCH}


def test_gifts_to_oneself() -> None:
    scene = Scene().gift(50, 0, 300)
    for _ in range(50):
        scene.gift(0, 0, 10_000)
    (found,) = gifting.detect(scene.events(), T.gifting)
    assert (found.facts["pattern"], found.facts["count"], found.facts["gifts"]) == (
        "to_oneself",
        500_000,
        50,
    )
    assert found.sentence.startswith("99.9 % of the value of the gifts came from the account")


def test_a_few_small_gifts_from_new_accounts_close_nobodys_account() -> None:
    """Forty-two dollars, which the victim receives."""
    assert gifting.detect(first_timers(lambda _: 300).events(), T.gifting) == []


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
    assert len(events) == 0
    assert detection.signals(events, T) == []
    assert events.end_s - events.start_s == DAY_S
