"""Try proposed thresholds: run the detectors over the last days under them and the current ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.passes import SPAN, NamedFinding, full_hour, scan_each
from storage.database import Database

DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Change:
    """One subject that the proposed thresholds would treat differently on one day.

    An action is None where there would be no finding.
    """

    day: datetime
    subject: str
    post_id: bytes | None
    creator_id: int | None
    now: str | None
    then: str | None
    signals: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """The comparison: days and events, freezes and alerts under each set, and what differs."""

    days: int
    events: int
    freezes_now: int
    freezes_then: int
    alerts_now: int
    alerts_then: int
    changes: Sequence[Change]


def dry_run(
    db: Database, now: datetime, current: Thresholds, proposed: Thresholds, *, days: int = DAYS
) -> DryRun:
    """Run the detectors over each of the last days, under both sets. Nothing is written.

    Raises: DatabaseUnavailable.
    """
    last = full_hour(now).replace(hour=0)
    events = 0
    counts = {"freezes_now": 0, "freezes_then": 0, "alerts_now": 0, "alerts_then": 0}
    changes: list[Change] = []
    for back in range(days, 0, -1):
        start = last - timedelta(days=back - 1)
        seen, (before, after) = scan_each(db, start, start + SPAN, [current, proposed])
        events += seen
        old, new = _by_subject(before), _by_subject(after)
        for name, findings in (("now", before), ("then", after)):
            counts[f"freezes_{name}"] += sum(finding.action == "freeze" for finding in findings)
            counts[f"alerts_{name}"] += len(findings)
        for key in sorted(set(old) | set(new), key=str):
            a, b = old.get(key), new.get(key)
            if (a and a.action) == (b and b.action):
                continue
            shown = b or a
            assert shown is not None
            changes.append(
                Change(
                    day=start,
                    subject=shown.subject,
                    post_id=shown.post_id,
                    creator_id=shown.creator_id,
                    now=a.action if a else None,
                    then=b.action if b else None,
                    signals=[str(s["name"]) for s in shown.signals],
                )
            )
    return DryRun(days=days, events=events, changes=changes, **counts)


def _by_subject(
    findings: Sequence[NamedFinding],
) -> dict[tuple[str, bytes | int | None], NamedFinding]:
    return {
        (finding.subject, finding.post_id or finding.creator_id): finding for finding in findings
    }
