"""A small platform: creators, posts and what people do with them, straight into the database."""

import itertools
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from oracle.payouts import payments
from oracle.tasks import creators as creator_tasks
from storage import api_keys
from storage.database import Database
from storage.engagement import events as engagement
from storage.engagement.events import Event
from storage.ledger import earnings as ledger_earnings
from storage.ledger import ledger
from storage.ledger import terms as ledger_terms
from storage.ledger import views as ledger_views
from storage.ledger.earnings import NewPay
from storage.ledger.terms import PostTerms
from storage.ledger.views import CreatorTotals
from storage.works import creators

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)  # a Friday
_numbers = itertools.count(1)


class Platform:
    """Shortcuts of the tests; every one is a transaction of its own."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def creator(self, handle: str) -> int:
        with self.db.transaction() as conn:
            return creators.ensure_creator(conn, handle, os.urandom(20), False).id

    def post(
        self,
        creator_id: int | None,
        *,
        published: datetime = NOW,
        media_type: str = "video",
        **more: Any,
    ) -> bytes:
        post_id = next(_numbers).to_bytes(32, "big")
        with self.db.transaction() as conn:
            conn.execute(
                "insert into posts (post_id, creator_id, media_type, title, audience, published_at)"
                " values (%s, %s, %s, %s, %s, %s)",
                (
                    post_id,
                    creator_id,
                    media_type,
                    more.get("title"),
                    more.get("audience"),
                    published,
                ),
            )
        return post_id

    def happen(self, *events: Event) -> int:
        with self.db.transaction() as conn:
            return engagement.add_events(conn, events)

    def watched(self, *args: Any, **options: Any) -> None:
        """Have people watch a post; see `watching`."""
        self.happen(*watching(*args, **options))

    def terms(
        self,
        post_id: bytes,
        verdict: str = "original",
        redirect_bps: int = 0,
        creditor: int | None = None,
        *,
        final_at: datetime = NOW,
        now: datetime = NOW,
        **more: Any,
    ) -> None:
        with self.db.transaction() as conn:
            payments.set_terms(
                conn,
                PostTerms(
                    post_id=post_id,
                    verdict=verdict,
                    redirect_bps=redirect_bps,
                    creditor_id=creditor,
                    final_at=final_at,
                    **more,
                ),
                now,
            )

    def find_terms(self, post_id: bytes) -> PostTerms | None:
        with self.db.transaction() as conn:
            return ledger_terms.find(conn, post_id)

    def key(
        self,
        name: str,
        scopes: list[str],
        *,
        creator: str | None = None,
        creator_id: int | None = None,
        namespace: bytes | None = None,
    ) -> str:
        """The secret of a new API key, for a new creator or a known one."""
        number = self.creator(creator) if creator else creator_id
        with self.db.transaction() as conn:
            return api_keys.issue(conn, name, scopes, creator_id=number, namespace=namespace)

    def grade(self, post_id: bytes, grade: str, *, status: str = "final") -> None:
        """A grade out of thin air, for tests of money alone."""
        with self.db.transaction() as conn:
            conn.execute(
                "insert into grade_baselines (policy_version, cohorts) select 1, '{}'"
                " where not exists (select 1 from grade_baselines)"
            )
            conn.execute(
                "insert into grades select %s, %s, %s, 7000, %s, 1, min(id), '{}', false, %s from"
                " grade_baselines on conflict (post_id) do update set grade = excluded.grade,"
                " reopened = true",
                (post_id, status, grade, NOW, NOW),
            )

    def earns(self, post_id: bytes, cents: int, *, at: datetime = NOW, **more: Any) -> str:
        """Announce the pay of the week two weeks before: it is over and has settled."""
        week = ledger.week_of(at - timedelta(weeks=2))
        pay = NewPay(
            post_id=post_id, week=week, base_minor=cents, by=more.pop("by", "operator"), **more
        )
        with self.db.transaction() as conn:
            return ledger_earnings.announce(conn, pay, at, confirm_above=1_000_000)

    def run(self, now: datetime = NOW) -> int:
        return payments.run_due(self.db, now)

    def tick(self, now: datetime = NOW) -> creator_tasks.Tick:
        return creator_tasks.tick(self.db, now)

    def totals(self, creator_id: int) -> CreatorTotals:
        with self.db.transaction() as conn:
            return ledger_views.totals(conn, creator_id)

    def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with self.db.transaction() as conn:
            return conn.execute(query, params or None).fetchall()


def event(kind: str, post_id: bytes | None = None, *, at: datetime = NOW, **fields: Any) -> Event:
    """An event with an id of its own."""
    return Event(fields.pop("event_id", UUID(int=next(_numbers))), at, kind, post_id, **fields)


def watching(
    post_id: bytes, viewers: int, *, share: float = 0.5, saves: int = 0, at: datetime = NOW
) -> list[Event]:
    """So many people watch that share of 20 s; the first of them save it."""
    fans = [f"fan-{n}" for n in range(viewers)]
    watch_ms = round(share * 20_000)
    seen = [
        event("view", post_id, account=fan, at=at, watch_ms=watch_ms, length_ms=20_000)
        for fan in fans
    ]
    return seen + [event("save", post_id, account=fan, at=at) for fan in fans[:saves]]


def after(**span: float) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(**span)
