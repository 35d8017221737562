"""Creators, posts and findings of a case, made by hand."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from oracle.fraud import alerts
from oracle.fraud.detectors.thresholds import Thresholds
from storage.database import Connection, Database
from storage.fraud import thresholds as fraud_thresholds
from storage.fraud.alerts import NewAlert
from storage.works import creators

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POST = bytes.fromhex("aa" * 32)


def signal(name: str = "user_agents", **facts: Any) -> dict[str, Any]:
    return {
        "name": name,
        "score": 0.8,
        "beyond_doubt": True,
        "grounds": ["software"],
        "facts": {
            "count": 700,
            "total": 800,
            "percent": 87.5,
            "usual_low": 0.2,
            "usual_high": 3.1,
            **facts,
        },
        "sentence": "700 of 800 views came from programs.",
        "first_at": (NOW - DAY).isoformat(),
        "last_at": NOW.isoformat(),
    }


@dataclass
class Case:
    """A creator with a post, and a way to raise alerts about it."""

    db: Database
    creator_id: int
    post_id: bytes = POST

    def raise_alert(
        self,
        *,
        action: str = "freeze",
        now: datetime = NOW,
        subject: str = "post",
        asked_by: str | None = None,
        **found: Any,
    ) -> UUID | None:
        with self.db.transaction() as conn:
            version = fraud_thresholds.current(conn, Thresholds().to_json()).version
            alert = NewAlert(
                id=uuid4(),
                subject=subject,
                post_id=self.post_id if subject == "post" else None,
                creator_id=self.creator_id,
                action=action,
                reason="user_agents is beyond doubt by its own rule",
                score_bps=8_000,
                signals=found.pop("signals", [signal()]),
                thresholds_version=version,
                seen_from=found.pop("seen_from", now - DAY),
                seen_until=found.pop("seen_until", now - timedelta(minutes=1)),
                detected_at=now,
                review_by=now + 14 * DAY,
            )
            sources = found.pop("sources", {"account": ["bot1", "bot2"]})
            return alerts.raise_alert(
                conn,
                alert,
                sources,
                now + 14 * DAY,
                doubtful=found.pop("doubtful", None),
                asked_by=asked_by,
            )


def make_case(conn: Connection, db: Database, handle: str = "alice", post_id: bytes = POST) -> Case:
    creator = creators.ensure_creator(conn, handle, handle.encode().ljust(20, b"\1"), True)
    conn.execute(
        "insert into posts (post_id, creator_id, media_type, title, published_at) values (%s, %s,"
        " 'video', %s, %s)",
        (post_id, creator.id, f"{handle}'s film", NOW - 3 * DAY),
    )
    return Case(db, creator.id, post_id)
