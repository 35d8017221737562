"""One case that fails stops no other case."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from oracle.chain.errors import ChainUnavailable, FinalityBreached, NotDeployed, WrongChain
from storage import operator_alerts
from storage.database import Connection, Database
from storage.errors import DatabaseUnavailable

log = structlog.get_logger()

AGAIN_AFTER = timedelta(minutes=10)
KIND = "case_failed"
# Of every case at once.
OUTAGES = (DatabaseUnavailable, ChainUnavailable, WrongChain, NotDeployed, FinalityBreached)


@contextmanager
def apart(
    db: Database,
    subject: str,
    now: datetime,
    postpone: Callable[[Connection], object] | None = None,
) -> Iterator[None]:
    """Do what concerns one case; where that fails, tell the operator until it does not, and go on.

    What the contract refuses, or an endpoint says otherwise than before, concerns one case, too.

    Args:
        subject: What the case is about.
        postpone: Puts the case behind the others, where it would come first again.
    Raises: OUTAGES, which are no fault of the case.
    """
    try:
        yield
    except OUTAGES:
        raise
    except Exception as exc:
        log.exception("case.failed", subject=subject)
        with db.transaction() as conn:
            if postpone is not None:
                postpone(conn)
            operator_alerts.report(
                conn,
                KIND,
                subject,
                f"The oracle cannot conclude this ({type(exc).__name__}: {exc}). Nothing of it was"
                " kept; it is tried again, and other cases go on.",
                now,
            )
    else:
        with db.transaction() as conn:
            operator_alerts.end(conn, KIND, subject, now)


def lapse_each(
    db: Database,
    kind: str,
    overdue: Iterable[UUID],
    lapse: Callable[[Connection, UUID, datetime], bool],
    now: datetime,
) -> int:
    """End what nobody decided in time, each in a transaction of its own.

    Args:
        kind: What they are, in the operator's words.
        lapse: Ends one. Returns: False where another process was faster.
    Returns: how many ended. Raises: OUTAGES.
    """
    ended = 0
    for number in overdue:
        with apart(db, f"{kind} {number}", now), db.transaction() as conn:
            ended += lapse(conn, number, now)
    return ended
