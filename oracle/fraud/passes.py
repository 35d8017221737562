"""A detection pass: read events from the database, run the detectors, store alerts."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import structlog
from numpy.typing import NDArray

from oracle.appeals.errors import InvalidSpan
from oracle.engagement.agents import program_of
from oracle.fraud.alerts import raise_alert
from oracle.fraud.detectors import detection
from oracle.fraud.detectors.combine import Finding
from oracle.fraud.detectors.signals import NOTHING, Signal, SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.fraud.lifecycle import REVIEW_WITHIN
from oracle.fraud.loading import Loaded, encode
from storage.database import Connection, Database
from storage.fraud import events as fraud_events
from storage.fraud import thresholds as fraud_thresholds
from storage.fraud.alerts import NewAlert

log = structlog.get_logger()

SPAN = timedelta(days=1)
WEEK = timedelta(days=7)
# Gifts go round in weeks rather than days.
GIFTS = timedelta(days=30)
# How long sign-ups, first gifts and accounts that are not seen any more are kept: a dry run over 30
# days needs two weeks before them.
RETENTION = timedelta(days=60)


@dataclass(frozen=True, kw_only=True)
class NamedFinding:
    """A finding with names in place of codes: what an alert is made from.

    Attributes:
        post_id: 32 bytes; None where it is about a creator.
        creator_id: None where the post names no creator.
        sources: Values by scope (account, device, ip_hash) that its events are of.
        doubtful: Those of the events that do not count.
    """

    subject: str
    post_id: bytes | None
    creator_id: int | None
    action: str
    reason: str
    score_bps: int
    signals: Sequence[Mapping[str, Any]]
    sources: Mapping[str, Sequence[str]]
    doubtful: Mapping[str, Sequence[str]]
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
    again: bool = False,
) -> PassResult:
    """Run the detectors over the last day's events, and raise alerts; over the last week's, too, at
    midnight and where somebody asks.

    A second run over the same span finds the same and changes nothing.

    Args:
        end: The end of the span; by default the next full hour after now. Full hours only, none
            after that one.
        asked_by: Actor who requested the pass, None if it was scheduled.
        again: Looks once more at a day whose pass was over when events came.
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
    for week in _weeks(start, end, next_hour, asked=asked_by is not None or again):
        known = {(f.subject, f.post_id, f.creator_id) for f in findings}
        _, of_week = scan(db, *week, thresholds)
        findings += [f for f in of_week if (f.subject, f.post_id, f.creator_id) not in known]
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
                alert_id := raise_alert(
                    conn,
                    alert,
                    finding.sources,
                    until,
                    doubtful=finding.doubtful,
                    asked_by=asked_by,
                )
            ) is not None:
                raised.append(alert_id)
    if span >= SPAN and not again:
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


def _weeks(
    start: datetime, end: datetime, latest: datetime, *, asked: bool
) -> list[tuple[datetime, datetime]]:
    """Return the weeks that are looked at besides a span of a day at most: the one before its end,
    at midnight and where somebody asks; then also the one after its start, of which more may have
    come.
    """
    if end - start > SPAN or not (asked or end.hour == 0):
        return []
    after = (start, min(start + WEEK, latest))
    return [(end - WEEK, end), *([after] if asked and after[1] > end else [])]


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
        gifts_since = end - GIFTS
        loaded = encode(
            fraud_events.load(
                conn, start, end, sign_ups_since=since, gifts_since=gifts_since, seed=seed
            )
        )
        per_set = [detection.detect(loaded.events, thresholds) for thresholds in threshold_sets]
        first = min(start, gifts_since)
        return len(loaded.events), [
            _with_names(conn, loaded, findings, seed, first, end) for findings in per_set
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
    columns = {"account": loaded.account, "device": loaded.device, "ip_hash": loaded.ip}
    # What a program sends without an account does not count anyway.
    programs = np.array([program_of(agent) is not None for agent in loaded.events.agents])
    counts = np.ones(len(loaded.events), bool)
    if len(programs):
        counts = (loaded.events.account >= 0) | ~programs[loaded.events.agent]
        counts |= loaded.events.agent < 0
    names: dict[str, dict[int, str]] = {}
    rows_of_all = _rows([signal for f in coded for signal in f.signals])
    for scope, codes in _sources_of(loaded, rows_of_all).items():
        wanted = [int(columns[scope][code]) for code in codes]
        names[scope] = fraud_events.names(conn, scope, wanted, seed, start, end) if wanted else {}

    def named(rows: NDArray[np.int64]) -> dict[str, list[str]]:
        values = {
            scope: sorted({names[scope][int(columns[scope][code])] for code in codes})
            for scope, codes in _sources_of(loaded, rows).items()
        }
        return {scope: found for scope, found in values.items() if found}

    findings = []
    for finding in coded:
        on_post = finding.subject.kind is SubjectKind.POST
        number = finding.subject.number
        creator = int(loaded.events.post_creator[number]) if on_post else number
        doubtful = _rows([signal for signal in finding.signals if signal.doubtful])
        findings.append(
            NamedFinding(
                subject=str(finding.subject.kind),
                post_id=posts[int(loaded.post[number])] if on_post else None,
                creator_id=int(loaded.creator[creator]) if creator >= 0 else None,
                action=str(finding.action),
                reason=finding.reason,
                score_bps=int(finding.score * 10_000),
                signals=[as_json(signal) for signal in finding.signals],
                sources=named(_rows(finding.signals)),
                doubtful=named(doubtful[counts[doubtful]]),
                seen_from=datetime.fromtimestamp(min(s.first_s for s in finding.signals), UTC),
                seen_until=datetime.fromtimestamp(max(s.last_s for s in finding.signals), UTC),
            )
        )
    return findings


def _rows(signals: Sequence[Signal]) -> NDArray[np.int64]:
    """Return the rows of the events that signals rest on."""
    return np.unique(np.concatenate([NOTHING, *(signal.events for signal in signals)]))


def _sources_of(loaded: Loaded, rows: NDArray[np.int64]) -> dict[str, list[int]]:
    """Return the codes that events are of: accounts, and of events without one the device, or else
    the address.
    """
    events = loaded.events
    account, device, ip = events.account[rows], events.device[rows], events.ip[rows]
    nobody = account < 0
    return {
        "account": np.unique(account[~nobody]).tolist(),
        "device": np.unique(device[nobody & (device >= 0)]).tolist(),
        "ip_hash": np.unique(ip[nobody & (device < 0) & (ip >= 0)]).tolist(),
    }


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
