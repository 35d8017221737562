"""One case that fails stops no other case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from oracle.chain.errors import ChainError
from storage import operator_alerts
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable

log = structlog.get_logger()

AGAIN_AFTER = timedelta(minutes=10)


@contextmanager
def apart(
    db: Database,
    subject: str,
    now: datetime,
    postpone: Callable[[Connection], object] | None = None,
) -> Iterator[None]:
    """Do what concerns one case; where that fails, tell the operator once and go on.

    Args:
        subject: What the case is about.
        postpone: Puts the case behind the others, where it would come first again.
    Raises: ChainError, DatabaseUnavailable, which are no fault of the case.
    """
    try:
        yield
    except (ChainError, DatabaseUnavailable):
        raise
    except Exception as exc:
        log.exception("case.failed", subject=subject)
        with db.transaction() as conn:
            if postpone is not None:
                postpone(conn)
            operator_alerts.report(
                conn,
                "case_failed",
                subject,
                f"The oracle cannot conclude this ({type(exc).__name__}: {exc}). Nothing of it was"
                " kept; it is tried again, and other cases go on.",
                now,
            )
