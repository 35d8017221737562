"""Stories of honest creators, enemies and cheats, played on one database: what is counted, what is
said, and that nobody's money waits for what anybody could have sent.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from support.databases import cloned_database
from support.pages import assert_says
from support.platform import NOW, Platform

from oracle.engagement import events
from oracle.fraud.passes import full_hour, run_pass
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.fraud import alerts as fraud_alerts

Sent = dict[str, Any]
END = full_hour(NOW) - timedelta(hours=2)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/125.0.0.0 Mobile Safari/537.36"
)
TV = "Mozilla/5.0 (Web0S; Linux i686) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/38.0 Safari/537"
TABLET = "Mozilla/5.0 (iPad; CPU OS 15_8 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
SLACK = f"{CHROME} Slack/4.38.125 Electron/30.1.2 Sonic Slack_SSB/4.38.125"
VIBER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Viber/21.0.0"
WHATSAPP = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120 WhatsApp/2.2350"
STEAM = "Valve/Steam HTTP Client 1.0 (730)"
MIXED = ("https://www.google.com/", "https://t.co/x", "app://foryou", "https://m.facebook.com/")
MADE_UP = tuple(f"{IPHONE} {number}" for number in range(290))
PREVIEWS = ("Twitterbot/1.0", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")
_ids = itertools.count()


def ip(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def views(
    tag: str,
    count: int,
    *,
    hours: float = 20,
    agents: tuple[str, ...] = (IPHONE, CHROME),
    sources: tuple[str | None, ...] = MIXED,
    watched: tuple[float, float] = (20, 60),
    kind: str = "view",
    **fields: Any,
) -> list[Sent]:
    """So many people on devices and addresses of their own; a field may be a function of the
    number, and None leaves it out.
    """
    about = {
        "account": lambda n: f"{tag}.{n}",
        "device": lambda n: f"d-{tag}-{n}",
        "ip_hash": lambda n: ip(f"{tag}{n}"),
        "video_s": 60.0,
    } | fields
    found = []
    for n in range(count):
        sent = {name: value(n) if callable(value) else value for name, value in about.items()}
        sent |= {
            "id": f"s-{next(_ids)}",
            "kind": kind,
            "at": (END - timedelta(hours=hours * (n + 1) / (count + 1))).isoformat(),
        }
        if kind == "view":
            low, high = watched
            sent |= {
                "user_agent": agents[n % len(agents)],
                "referrer": sources[n % len(sources)],
                "watch_s": low + (high - low) * ((n * 7) % 11) / 10,
            }
        else:
            sent.pop("video_s")
        found.append({name: value for name, value in sent.items() if value is not None})
    return found


def robots(tag: str, count: int, **fields: Any) -> list[Sent]:
    return views(tag, count, **{"account": None, "watched": (0, 0), "hours": 1} | fields)


def socks(tag: str, count: int, kinds: tuple[str, ...]) -> list[Sent]:
    """Accounts that nobody has seen before, that look and do all of this."""
    return [sent for kind in ("view", *kinds) for sent in views(f"{tag}sock", count, kind=kind)]


def lesson(tag: str, pupils: int, tablets: int) -> list[Sent]:
    """Accounts made in the lesson, on few machines behind one address."""
    machine = {"device": lambda n: f"{tag}-tab{n % tablets}", "ip_hash": ip(tag)}
    watched = views(tag, pupils, agents=(TABLET,), hours=2, watched=(50, 60), **machine)
    made = [
        {name: sent[name] for name in ("account", "device", "ip_hash", "user_agent")}
        | {"id": f"s-{next(_ids)}", "kind": "sign_up", "at": sent["at"]}
        for sent in watched
    ]
    return made + watched


@dataclass(frozen=True)
class Story:
    """What is sent about one post of `creator`; how many viewers there are then; whether an alert
    is raised, and whether the creator reads something.
    """

    sent: Callable[[str], list[Sent]]
    viewers: int
    alert: str | None = None
    told: bool = False


def honest(tag: str, count: int = 100) -> list[Sent]:
    return views(f"{tag}h", count)


STORIES = {
    # honest
    "an app under its library's name": Story(
        lambda t: views(t, 400, agents=("okhttp/4.12.0", "MyApp/1 CFNetwork/1410")), 400
    ),
    "an app without accounts under its library's name": Story(
        lambda t: views(t, 300, agents=("Dart/3.4 (dart:io)",), account=None), 300
    ),
    "old television sets": Story(lambda t: views(t, 300, agents=(TV,), watched=(50, 60)), 300),
    "a chat's desktop window": Story(lambda t: views(t, 200, agents=(SLACK,)), 200),
    "an hour on television": Story(
        lambda t: (
            honest(t, 50)
            + views(t, 420, hours=1, agents=(IPHONE,))
            + views(t, 420, hours=1, kind="sign_up")
        ),
        470,
    ),
    "an hour without referrers": Story(lambda t: views(t, 600, hours=1, sources=(None,)), 600),
    "a front page whose readers go on": Story(
        lambda t: honest(t) + views(t, 700, hours=1, watched=(6, 9), sources=MIXED[:2]), 800
    ),
    "pages of any kind": Story(
        lambda t: views(
            t,
            400,
            sources=(
                "https://пример.рф/novosti",
                "https://my_blog.tumblr.com/post/1",
                "http://192.168.1.20/wiki",
                "capacitor://localhost",
            ),
        ),
        400,
    ),
    "previews of a post that goes round": Story(
        lambda t: honest(t) + robots(t, 130, agents=PREVIEWS, device=None), 100
    ),
    "a picture that a blog shows": Story(
        lambda t: views(t, 500, video_s=None, watched=(6, 9), sources=("https://blog.example/",)),
        500,
    ),
    "eight minutes of four hours": Story(
        lambda t: views(t, 400, hours=1, video_s=14_400.0, watched=(300, 500), sources=(None,)), 400
    ),
    "families": Story(
        lambda t: views(t, 400, device=lambda n: f"{t}{n // 4}", ip_hash=lambda n: ip(n // 4)), 400
    ),
    "a school behind its gateway": Story(
        lambda t: views(t, 190, account=None, device=None, ip_hash=ip(t), agents=(TABLET,)), 190
    ),
    "a school lesson on six tablets": Story(
        lambda t: honest(t, 130) + lesson(t, 66, 6), 196, "watch"
    ),
    "an esports café": Story(lambda t: honest(t) + lesson(t, 120, 13), 220, "watch"),
    "two hundred players in an esports café": Story(
        lambda t: (
            honest(t) + views(t, 200, device=lambda n: f"{t}-pc{n % 13}", ip_hash=ip(t), hours=16)
        ),
        300,
        "watch",
    ),
    "apps under the names of libraries that tools use, too": Story(
        lambda t: views(t, 400, agents=("Go-http-client/2.0", "python-requests/2.32")), 400
    ),
    "a school's two hundred Chromebooks": Story(
        lambda t: views(t, 200, account=None, ip_hash=ip(t), agents=(CHROME,)), 200
    ),
    "a campus whose students are not signed in": Story(
        lambda t: honest(t) + views(t, 400, account=None, ip_hash=ip(t), hours=8), 300, "watch"
    ),
    "chats' desktop windows without accounts": Story(
        lambda t: views(t, 200, account=None, agents=(VIBER, WHATSAPP, STEAM)), 200
    ),
    "tiny posts": Story(lambda t: robots(t, 9, agents=("curl/8.5.0",)), 0),
    # enemies
    "300 requests by curl": Story(
        lambda t: honest(t) + robots(t, 300, agents=("curl/8.5.0",)), 100, "watch"
    ),
    "90 requests by a tool from an exchange": Story(
        lambda t: (
            honest(t, 210)
            + robots(t, 90, agents=("python-requests/2.32",), sources=("https://hitleap.com/",))
        ),
        210,
        "watch",
    ),
    "330 visits from an exchange": Story(
        lambda t: honest(t) + robots(t, 330, sources=("https://hitleap.com/x",)), 100, "watch", True
    ),
    "a hundred thousand looks of no second": Story(
        lambda t: honest(t) + robots(t, 900, sources=(None,)), 100
    ),
    # cheats
    "a farm behind one address": Story(
        lambda t: honest(t, 20) + robots(t, 900, ip_hash=ip(t), watched=(60, 60)), 20, "watch", True
    ),
    "a browser that loses its cookie": Story(
        lambda t: robots(t, 310, ip_hash=ip(t), agents=(CHROME,), watched=(30, 60)),
        0,
        "watch",
        True,
    ),
    "views of which nothing is told": Story(
        lambda t: robots(t, 700, agents=("",), ip_hash=None, sources=(None,), watched=(55, 55)),
        0,
        "watch",
        True,
    ),
    "bought accounts that do everything": Story(
        lambda t: honest(t, 20) + socks(t, 29, ("like", "save", "share")), 20, "watch", True
    ),
    "bought accounts that do two things each": Story(
        lambda t: honest(t, 20) + socks(t, 60, ("like", "save")), 20, "watch", True
    ),
    "one address, and a made-up browser for every view": Story(
        lambda t: robots(t, 290, ip_hash=ip(t), agents=MADE_UP, watched=(60, 60)), 200
    ),
    "tools that are signed in": Story(
        lambda t: honest(t, 20) + views(t, 400, agents=("curl/8.5.0",), watched=(60, 60)),
        20,
        "watch",
        True,
    ),
    "gifts to oneself": Story(
        lambda t: (
            honest(t) + views(t, 50, kind="gift", account=f"creator{t[1:]}", value_minor=10_000)
        ),
        100,
        "watch",
    ),
    "a farm of phones": Story(
        lambda t: honest(t) + views(t, 300, device=lambda n: f"{t}-phone{n % 10}"),
        100,
        "watch",
        True,
    ),
}


FIRST_OF = {"300 requests by curl": "Enemies", "a farm behind one address": "Cheats"}


@dataclass(frozen=True)
class Seen:
    """What became of one story."""

    viewers: int
    alerts: list[fraud_alerts.Alert]
    notices: list[str]


@pytest.fixture(scope="module")
def seen(postgres_server: EmbeddedPostgres, database_template: str) -> Iterator[dict[str, Seen]]:
    """All stories on one platform, after one pass and one grading."""
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        db = Database(dsn)
        db.open()
        platform = Platform(db)
        posts: dict[str, tuple[int, bytes]] = {}
        batch: list[Sent] = []
        for number, (name, story) in enumerate(STORIES.items()):
            creator = platform.creator(f"creator{number}")
            post = platform.post(creator, published=END - timedelta(days=2))
            posts[name] = creator, post
            for sent in story.sent(f"s{number}"):
                if sent["kind"] != "sign_up":
                    sent["post_id"] = "0x" + post.hex()
                batch.append(sent)
        outcome = events.ingest(db, json.dumps({"events": batch}).encode(), NOW)
        assert outcome.stored == len(batch), outcome.problems[:3]
        run_pass(db, NOW, end=END, asked_by="reviewer")
        platform.tick()
        with db.transaction() as conn:
            assert conn.execute("select count(*) from ledger_freezes").fetchone() == (0,)
        found = {}
        for name, (creator, post) in posts.items():
            with db.transaction() as conn:
                alerts = fraud_alerts.page(conn, creator_id=creator)
                notices = [
                    row[0]
                    for alert in alerts
                    for row in conn.execute(
                        "select body from creator_messages where alert_id = %s", (alert.id,)
                    )
                ]
            ((viewers,),) = platform.rows(
                "select (qualified->>'views')::int from engagement_counts where post_id = %s", post
            )
            found[name] = Seen(viewers, alerts, notices)
        yield found
        db.close()


@pytest.mark.parametrize("name", STORIES)
def test_the_story_ends_well(seen: dict[str, Seen], name: str) -> None:
    story, found = STORIES[name], seen[name]
    assert found.viewers == story.viewers
    assert [alert.action for alert in found.alerts] == [story.alert] * (story.alert is not None)
    assert {alert.status for alert in found.alerts} <= {"open"}
    assert len(found.notices) == story.told
    for notice in found.notices:
        for said in ("No money waits because of it", "often somebody else sent them"):
            assert said in notice


def test_the_page_says_what_creators_read(seen: dict[str, Seen]) -> None:
    lines = ["## Honest creators\n"]
    for name, found in seen.items():
        if name in FIRST_OF:
            lines.append(f"\n## {FIRST_OF[name]}\n")
        said = [signal["sentence"] for alert in found.alerts for signal in alert.signals]
        end = "" if not said else " The creator is told." if found.notices else " A reviewer looks."
        lines.append(
            f"- **{name[0].upper()}{name[1:]}** ({found.viewers} viewers):"
            f" {' '.join(said) or 'nothing is said.'}{end}"
        )
    assert_says("stories.md", "stories", "\n".join(lines) + "\n")
