"""The scheduler's rounds on a real database: one at a time, and one part's trouble is not the
other's.
"""

from datetime import UTC, datetime

import psycopg
import pytest

from oracle import wiring
from oracle.errors import ConfigurationError
from oracle.settings import Settings
from oracle.tasks.fraud import Upkeep
from oracle.tasks.scheduler import Scheduler
from storage.database import Database

NOW = datetime.now(UTC)


def test_one_clerk_works_and_another_stands_by(settings: Settings, db: Database) -> None:
    first, second = wiring.make_scheduler(settings, db), wiring.make_scheduler(settings, db)
    assert first.round(NOW)
    assert not second.round(NOW)
    assert first.round(NOW)


def test_trouble_of_one_part_does_not_stop_the_other(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[datetime] = []

    class Watched(Upkeep):
        def tick(self, now: datetime):  # type: ignore[no-untyped-def]
            rounds.append(now)
            return super().tick(now)

    with psycopg.connect(db.dsn) as conn:
        conn.execute("alter table engagement_counts rename to elsewhere")
    assert Scheduler(db, Watched(db)).round(NOW)
    assert rounds == [NOW]


def test_who_freezes_cannot_decide(settings: Settings) -> None:
    key = "0x" + "11" * 32
    chain = settings.chain.model_copy(
        update={"fraud_officer_key": _secret(key), "arbiter_key": _secret(key)}
    )
    with pytest.raises(ConfigurationError, match="cannot decide"):
        wiring.load_role_keys(settings.model_copy(update={"chain": chain}))


def _secret(text: str):  # type: ignore[no-untyped-def]
    return Settings(chain={"key": text}).chain.key
