"""A small believable platform: three creators, twelve weeks of engagement and pay, a fraud case, a
won and a lost appeal, and a licence; all by the product's own functions, with past dates.
"""

import hashlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import structlog

from oracle.appeals import verdicts
from oracle.demo.pictures import sample_pictures
from oracle.engagement import grades, grading_policy
from oracle.errors import OracleError
from oracle.fraud import alerts
from oracle.fraud.detectors.signals import SignalName
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.wording import RULES
from oracle.media.samples import movie, shots, tune, wav
from oracle.notices.actors import creator_actor, key_actor
from oracle.originality.intake import Intake, Upload
from oracle.payouts import payments
from storage.database import Connection, Database
from storage.engagement import events
from storage.engagement.events import Event
from storage.fraud import thresholds
from storage.fraud.alerts import NewAlert
from storage.ledger import earnings, ledger, posts
from storage.ledger.earnings import NewPay
from storage.ledger.posts import PostFilter
from storage.works import analyses, creators, permissions, works
from storage.works.facts import StatedFacts
from storage.works.works import Work

log = structlog.get_logger()

SEED = 21
WAIT_S = 300.0
CONFIRM_ABOVE_MINOR = 1_000_000
REVIEWER = key_actor("demo reviewer")
FOLLOWERS = {"lena": 1_840, "marco": 620, "zoe": 2_310}


class NotDecided(OracleError):
    """The sample works are not judged yet: is the worker running? What was posted stays."""

    code = "demo_not_decided"


@dataclass(frozen=True)
class Piece:
    """One post of the sample: how many weeks ago it came out, and how many watch it a week."""

    creator: str
    title: str
    file: str
    weeks_ago: int
    viewers: int
    share: float  # of it that people watch, and a measure of how they like it


PIECES = (
    Piece("lena", "Temple at noon", "temple.jpg", 11, 70, 0.9),
    Piece("marco", "Night bus (tune)", "night-bus.wav", 10, 55, 0.7),
    Piece("lena", "A flower from below", "flower.jpg", 9, 60, 0.8),
    Piece("zoe", "Coffee on the moon", "coffee.mp4", 8, 80, 0.75),
    Piece("lena", "Chelsea, half asleep", "chelsea.jpg", 6, 90, 0.95),
    Piece("marco", "Postcard for Lena's temple", "postcard.jpg", 5, 40, 0.5),
    Piece("zoe", "My trip to the temple", "trip.jpg", 4, 65, 0.6),
    Piece("zoe", "Lunch break cat", "lunch.jpg", 3, 50, 0.65),
    Piece("zoe", "We have lift-off", "lift-off.jpg", 2, 75, 0.7),
)
LICENSED, LOST, WON, BOUGHT = (PIECES[number].title for number in (5, 6, 7, 8))


def is_empty(conn: Connection) -> bool:
    """Return whether nothing was ever posted here."""
    return works.is_empty(conn)


def stands_here(conn: Connection, now: datetime) -> bool:
    """Return whether the sample, or a part of it, is what was posted here."""
    first = PIECES[0]
    creator_id = creators.find_creator(conn, first.creator)
    wanted = PostFilter(title=first.title)
    return creator_id is not None and bool(
        posts.list_posts(conn, creator_id, now, after=None, limit=1, wanted=wanted)
    )


def fill(db: Database, intake: Intake, now: datetime) -> None:
    """Fill an empty oracle. It takes as long as the worker needs for nine works.

    Raises: NotDecided, ConfigurationError without the sample pictures, OracleError, StorageError.
    """
    media = _media()
    made: dict[str, Work] = {}
    for piece in PIECES:
        if piece.title == LICENSED:
            with db.transaction() as conn:
                owner, licensee = (made[t].creator_id for t in (PIECES[0].title, PIECES[1].title))
                assert owner is not None and licensee is not None
                permissions.grant(conn, owner, licensee, None, "For one postcard")
        made[piece.title] = _post(db, intake, piece, media[piece.file], now)
    _weeks(db, made, now)
    _appeal(db, made[LOST], "mine_and_earlier", "I stood at the same place.", False, now)
    _appeal(db, made[WON], "licensed", "Lena gave me this picture; her message is here.", True, now)
    _fraud(db, made[BOUGHT], now)
    _grade_and_pay(db, now)
    log.info("demo.filled", posts=len(made))


def _media() -> dict[str, bytes]:
    pictures = sample_pictures()
    film = movie(shots([pictures[name] for name in ("coffee", "astronaut")]), tune(2, 12.0))
    return {
        "temple.jpg": pictures["temple"],
        "night-bus.wav": wav(tune(1, 20.0)),
        "flower.jpg": pictures["flower"],
        "coffee.mp4": film,
        "chelsea.jpg": pictures["cat"],
        "postcard.jpg": pictures["temple, recoloured"],
        "trip.jpg": pictures["temple, cropped"],
        "lunch.jpg": pictures["cat, smaller"],
        "lift-off.jpg": pictures["rocket"],
    }


def _post(db: Database, intake: Intake, piece: Piece, content: bytes, now: datetime) -> Work:
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        path = Path(folder) / piece.file
        path.write_bytes(content)
        upload = Upload(
            path=path,
            sha256=hashlib.sha256(content).digest(),
            size_bytes=len(content),
            file_name=piece.file,
            creator=piece.creator,
            facts=StatedFacts(title=piece.title),
        )
        analysis_id = intake.submit(upload)
    until = time.monotonic() + WAIT_S
    while True:
        with db.transaction() as conn:
            analysis = analyses.get(conn, analysis_id)
        if analysis.status == "decided":
            break
        if analysis.status == "failed" or time.monotonic() > until:
            raise NotDecided
        time.sleep(0.3)
    assert analysis.work_id is not None
    published = now - timedelta(weeks=piece.weeks_ago, hours=3)
    with db.transaction() as conn:
        posts.describe(conn, analysis.post_id, piece.title, FOLLOWERS[piece.creator])
        posts.date_back(conn, analysis.post_id, published)
        return works.get_work(conn, analysis.work_id)


def _weeks(db: Database, made: dict[str, Work], now: datetime) -> None:
    """Let people watch, and pay each week when it is over."""
    rng = random.Random(SEED)
    for back in range(12, 0, -1):
        moment = now - timedelta(weeks=back - 1)
        week = ledger.week_of(moment - timedelta(weeks=1))
        with db.transaction() as conn:
            for piece in PIECES:
                if piece.weeks_ago < back:
                    continue
                age = piece.weeks_ago - back
                viewers = max(8, round(piece.viewers * 0.8**age))
                post_id = made[piece.title].post_id
                start = max(
                    now - timedelta(weeks=piece.weeks_ago, hours=2), moment - timedelta(days=7)
                )
                events.add_events(conn, list(_watching(rng, piece, post_id, viewers, start)))
                pay = NewPay(post_id=post_id, week=week, base_minor=viewers * 37, by="operator")
                earnings.announce(conn, pay, moment, confirm_above=CONFIRM_ABOVE_MINOR)
        _grade_and_pay(db, moment)


def _grade_and_pay(db: Database, now: datetime) -> None:
    with db.transaction() as conn:
        grading_policy.follow_governance(conn, now)
    grades.grade_changed(db, now)
    payments.run_due(db, now)


def _watching(
    rng: random.Random, piece: Piece, post_id: bytes, viewers: int, start: datetime
) -> Iterator[Event]:
    length_ms = None if piece.file.endswith(".jpg") else 12_000
    for fan in rng.sample(range(400), viewers):
        at = start + timedelta(hours=rng.uniform(0, 150))
        account = f"fan-{fan}"
        share = min(1.0, max(0.1, rng.gauss(piece.share, 0.15)))
        watch_ms = round(share * (length_ms or 6_000))
        yield Event(
            uuid4(), at, "view", post_id, account=account, watch_ms=watch_ms, length_ms=length_ms
        )
        for kind, chance in (("like", 0.3), ("save", 0.08), ("share", 0.05)):
            if rng.random() < chance * share:
                yield Event(uuid4(), at + timedelta(seconds=20), kind, post_id, account=account)


def _appeal(
    db: Database, work: Work, ground: str, statement: str, granted: bool, now: datetime
) -> None:
    """File an appeal, let the other side answer, and decide it."""
    assert work.creator_id is not None and work.creator is not None
    with db.transaction() as conn:
        analysis_id = analyses.find_newest(conn, work.post_id)
        assert analysis_id is not None
        matched = analyses.get(conn, analysis_id).matched_work_id
        assert matched is not None
        original = works.get_work(conn, matched)
        assert original.creator_id is not None and original.creator is not None
        number = verdicts.appeal_verdict(
            conn,
            analysis_id,
            creator_id=work.creator_id,
            actor=creator_actor(work.creator),
            ground=ground,
            statement=statement,
            now=now,
        )
        verdicts.add_other_view(
            conn,
            number,
            creator_id=original.creator_id,
            actor=creator_actor(original.creator),
            view="Yes, I did." if granted else "It is my photograph, cropped.",
            now=now,
        )
        verdicts.decide_verdict(
            conn,
            number,
            granted=granted,
            actor=REVIEWER,
            convinced="The message with the picture is dated before the post."
            if granted
            else "Every stone lies at the same place; no second photograph has that.",
            now=now,
        )


def _fraud(db: Database, work: Work, now: datetime) -> None:
    """Let programs watch a post, and raise the alert that the rules raise about it."""
    assert work.creator_id is not None
    rng, since = random.Random(SEED), now - timedelta(days=2)
    agent = "python-requests/2.31"
    bots = [f"visitor-{number}" for number in range(240)]
    with db.transaction() as conn:
        events.add_events(
            conn,
            [
                Event(
                    uuid4(),
                    since + timedelta(minutes=rng.uniform(0, 600)),
                    "view",
                    work.post_id,
                    account=bot,
                    user_agent=agent,
                    program="tool",
                    watch_ms=6_000,
                )
                for bot in bots
            ],
        )
        total = len(bots) + 75
        share = round(100 * len(bots) / total, 1)
        signal = {
            "name": "user_agents",
            "score": 0.9,
            "beyond_doubt": True,
            "grounds": ["software"],
            "facts": {
                "count": len(bots),
                "total": total,
                "percent": share,
                "usual_low": 0.2,
                "usual_high": 3.1,
            },
            "sentence": f"{len(bots)} of {total} views came from programs.",
            "first_at": since.isoformat(),
            "last_at": (since + timedelta(hours=10)).isoformat(),
        }
        alert = NewAlert(
            id=uuid4(),
            subject="post",
            post_id=work.post_id,
            creator_id=work.creator_id,
            action="freeze",
            reason=f'"{RULES[SignalName.USER_AGENTS]}" is beyond doubt by its own rule',
            score_bps=9_000,
            signals=[signal],
            thresholds_version=thresholds.current(conn, Thresholds().to_json()).version,
            seen_from=since,
            seen_until=now - timedelta(hours=1),
            detected_at=now,
            review_by=now + timedelta(days=14),
        )
        alerts.raise_alert(conn, alert, {"account": bots}, now + timedelta(days=14))
