"""A detection pass: read events from the database, run the detectors, store alerts."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from oracle.appeals.errors import InvalidSpan
from oracle.fraud.alerts import raise_alert
from oracle.fraud.detectors import detection
from oracle.fraud.detectors.bursts import WEEK_H, History
from oracle.fraud.detectors.combine import Finding
from oracle.fraud.detectors.events import Codes
from oracle.fraud.detectors.signals import Signal, SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.lifecycle import REVIEW_WITHIN
from oracle.fraud.loading import Loaded, encode
from storage.database import Connection, Database
from storage.fraud import events as fraud_events
from storage.fraud import thresholds as fraud_thresholds
from storage.fraud.alerts import NewAlert

log = structlog.get_logger()

SPAN = timedelta(days=1)
WEEKS = 4
HISTORY = timedelta(hours=WEEKS * WEEK_H)
# how long hours and sign-ups are kept: a dry run over 30 days needs four weeks before them
RETENTION = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class NamedFinding:
    """A finding with names in place of codes: what an alert is made from.

    Attributes:
        post_id: 32 bytes; None where it is about a creator.
        creator_id: None where the post names no creator.
        sources: Values by scope (account, device).
    """

    subject: str
    post_id: bytes | None
    creator_id: int | None
    action: str
    reason: str
    score_bps: int
    signals: Sequence[Mapping[str, Any]]
    sources: Mapping[str, Sequence[str]]
    seen_from: datetime
    seen_until: datetime


@dataclass(frozen=True, kw_only=True)
class PassResult:
    """What one pass read and raised."""

    start: datetime
    end: datetime
    events: int
    findings: Sequence[NamedFinding]
    alerts: Sequence[UUID]
    thresholds_version: int
    seconds: float


def run_pass(
    db: Database,
    now: datetime,
    *,
    end: datetime | None = None,
    span: timedelta = SPAN,
    asked_by: str | None = None,
) -> PassResult:
    """Run the detectors over the last day's events, and raise alerts.

    A second run over the same span finds the same and changes nothing.

    Args:
        end: The end of the span; by default the next full hour after now. Full hours only, none
            after that one.
        asked_by: Actor who requested the pass, None if it was scheduled.
    Raises: InvalidSpan, DatabaseUnavailable.
    """
    began = time.monotonic()
    next_hour = full_hour(now) + timedelta(hours=1)
    end = end or next_hour
    start = end - span
    if end != full_hour(end) or start != full_hour(start) or not start < end <= next_hour:
        raise InvalidSpan(
            f"A span is of full hours and ends at {next_hour:%Y-%m-%d %H:%M} UTC at the latest."
        )
    with db.transaction() as conn:
        version = fraud_thresholds.current(conn, Thresholds().to_json())
        thresholds = Thresholds.from_json(version.limits)
        fraud_events.note(conn, start, end)
        fraud_events.forget(conn, now - RETENTION)
    events, findings = scan(db, start, end, thresholds)
    raised = []
    for finding in findings:
        if finding.creator_id is None:
            continue  # no creator is paid for it, so there is no money to hold and no one to hear
        alert = NewAlert(
            id=uuid4(),
            subject=finding.subject,
            post_id=finding.post_id,
            creator_id=finding.creator_id,
            action=finding.action,
            reason=finding.reason,
            score_bps=finding.score_bps,
            signals=finding.signals,
            thresholds_version=version.version,
            seen_from=finding.seen_from,
            seen_until=finding.seen_until,
            detected_at=now,
            review_by=now + REVIEW_WITHIN,
        )
        with db.transaction() as conn:
            until = now + timedelta(days=thresholds.combine.freeze_days)
            if (
                alert_id := raise_alert(conn, alert, finding.sources, until, asked_by=asked_by)
            ) is not None:
                raised.append(alert_id)
    if span >= SPAN:
        with db.transaction() as conn:
            fraud_events.record_pass(conn, end, now)
    took = time.monotonic() - began
    log.info(
        "fraud.pass", events=events, found=len(findings), alerts=len(raised), seconds=round(took, 2)
    )
    return PassResult(
        start=start,
        end=end,
        events=events,
        findings=findings,
        alerts=raised,
        thresholds_version=version.version,
        seconds=took,
    )


def scan(
    db: Database, start: datetime, end: datetime, thresholds: Thresholds
) -> tuple[int, list[NamedFinding]]:
    """Run the detectors over the events with start <= time < end.

    Nothing is written. `storage.fraud.events.note` must have stored the earlier spans.
    Returns: how many events there are, and the findings.
    """
    events, (findings,) = scan_each(db, start, end, [thresholds])
    return events, findings


def scan_each(
    db: Database, start: datetime, end: datetime, threshold_sets: Sequence[Thresholds]
) -> tuple[int, list[list[NamedFinding]]]:
    """Run the detectors under each of several sets of thresholds; the events are read once."""
    seed = secrets.randbits(62)
    since = end - timedelta(
        days=max(thresholds.bulk_accounts.lookback_days for thresholds in threshold_sets)
    )
    with db.snapshot() as conn:
        loaded = encode(fraud_events.load(conn, start, end, sign_ups_since=since, seed=seed))

        def history_of(creators: Codes) -> History:
            ids = [int(loaded.creator[code]) for code in creators]
            return History(creators, fraud_events.hourly_views(conn, ids, start - HISTORY, start))

        per_set = [
            detection.detect(loaded.events, history_of, thresholds) for thresholds in threshold_sets
        ]
        return len(loaded.events), [
            _with_names(conn, loaded, findings, seed, start, end) for findings in per_set
        ]


def full_hour(moment: datetime) -> datetime:
    """Return the start of the hour that a time lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _with_names(
    conn: Connection,
    loaded: Loaded,
    coded: Sequence[Finding],
    seed: int,
    start: datetime,
    end: datetime,
) -> list[NamedFinding]:
    """Replace the codes in findings by names."""
    hashes = [
        int(loaded.post[f.subject.number]) for f in coded if f.subject.kind is SubjectKind.POST
    ]
    posts = fraud_events.post_ids(conn, hashes, seed, start, end) if hashes else {}
    names: dict[str, dict[int, str]] = {}
    for scope, table in (("account", loaded.account), ("device", loaded.device)):
        codes = {code for f in coded for s in f.signals if s.scope == scope for code in s.sources}
        wanted = [int(table[code]) for code in codes]
        names[scope] = fraud_events.names(conn, scope, wanted, seed, start, end) if wanted else {}
    findings = []
    for finding in coded:
        on_post = finding.subject.kind is SubjectKind.POST
        number = finding.subject.number
        creator = int(loaded.events.post_creator[number]) if on_post else number
        sources: dict[str, set[str]] = {}
        for signal in finding.signals:
            table = loaded.account if signal.scope == "account" else loaded.device
            names_of_scope = names[signal.scope]
            sources.setdefault(signal.scope, set()).update(
                names_of_scope[int(table[code])]
                for code in signal.sources
                if int(table[code]) in names_of_scope
            )
        findings.append(
            NamedFinding(
                subject=str(finding.subject.kind),
                post_id=posts[int(loaded.post[number])] if on_post else None,
                creator_id=int(loaded.creator[creator]) if creator >= 0 else None,
                action=str(finding.action),
                reason=finding.reason,
                score_bps=int(finding.score * 10_000),
                signals=[as_json(signal) for signal in finding.signals],
                sources={scope: sorted(values) for scope, values in sources.items() if values},
                seen_from=datetime.fromtimestamp(min(s.first_s for s in finding.signals), UTC),
                seen_until=datetime.fromtimestamp(max(s.last_s for s in finding.signals), UTC),
            )
        )
    return findings


def as_json(signal: Signal) -> dict[str, Any]:
    """Return a signal as it is stored and shown."""
    return {
        "name": str(signal.name),
        "score": round(signal.score, 4),
        "beyond_doubt": signal.beyond_doubt,
        "grounds": sorted(signal.grounds),
        "facts": dict(signal.facts),
        "sentence": signal.sentence,
        "first_at": datetime.fromtimestamp(signal.first_s, UTC).isoformat(),
        "last_at": datetime.fromtimestamp(signal.last_s, UTC).isoformat(),
    }
