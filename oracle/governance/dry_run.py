"""Try another policy on what was decided in the last 30 days; nothing is written."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from oracle.originality.evidence import recorded_case
from oracle.originality.judge import Judge
from oracle.rules.decision import BPS
from storage.database import Connection
from storage.works import analyses, policies, recent_decisions

SPAN = timedelta(days=30)
MAX_SHOWN = 10


@dataclass(frozen=True)
class Proposed:
    """A policy as proposed, in basis points; what is left out stays as it is."""

    threshold_bps: Mapping[str, int]  # by media type
    base_redirect_bps: int | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """A verdict that would be another one, or redirect another share.

    Attributes:
        money_minor: Cents more (or less) for originals' creators of what the post earned in the
            time; None where its pay is not known here.
    """

    analysis_id: UUID
    title: str | None
    media_type: str
    similarity_bps: int
    was: str
    was_redirect_bps: int
    becomes: str
    redirect_bps: int
    money_minor: int | None


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What the proposal would have done to the verdicts of the last 30 days.

    Attributes:
        verdicts: How many were tried; `changed`: how many would be another one; `moved`: how many
            would only redirect another share.
        moves: Number of changed verdicts by "original to derivative".
        money_minor: Cents more (or less) for originals' creators, of what is known.
        unknown: How many changes are of posts whose pay is not known here.
        largest: The ten changes that move most money.
    """

    verdicts: int
    changed: int
    moved: int
    moves: Mapping[str, int]
    money_minor: int
    unknown: int
    largest: tuple[Change, ...]


def dry_run(conn: Connection, judge: Judge, proposed: Proposed, now: datetime) -> DryRun:
    """Decide again what was decided in the last 30 days, from the stored evidence.

    What stands now is compared with what the rules say under the proposal, so a verdict that an
    older policy made counts as changed where the present one would change it too. The evidence
    holds what the search brought under the policy of then; people's decisions stay.
    """
    changes, tried = [], 0
    for recent in recent_decisions.since(conn, now - SPAN):
        analysis = analyses.get(conn, recent.analysis_id)
        if not analysis.evidence or analysis.verdict is None:
            continue
        tried += 1
        subject, matches, then = recorded_case(analysis, json.loads(analysis.evidence))
        current = policies.current(conn, analysis.media_type)
        base = proposed.base_redirect_bps
        policy = replace(
            then,
            threshold_bps=proposed.threshold_bps.get(analysis.media_type, current.threshold_bps),
            base_redirect_bps=current.base_redirect_bps if base is None else base,
        )
        decided = judge.decide(subject, matches, policy)
        was = analysis.redirect_bps or 0
        if (decided.verdict, decided.redirect_bps) == (analysis.verdict, was):
            continue
        earned = recent.earned_minor
        changes.append(
            Change(
                analysis_id=analysis.id,
                title=recent.title,
                media_type=analysis.media_type,
                similarity_bps=decided.similarity_bps,
                was=analysis.verdict,
                was_redirect_bps=was,
                becomes=decided.verdict,
                redirect_bps=decided.redirect_bps,
                money_minor=None
                if earned is None
                else earned * decided.redirect_bps // BPS - earned * was // BPS,
            )
        )
    changes.sort(key=lambda one: (-abs(one.money_minor or 0), one.title or "", one.analysis_id))
    moves = Counter(f"{one.was} to {one.becomes}" for one in changes if one.was != one.becomes)
    changed = sum(moves.values())
    return DryRun(
        verdicts=tried,
        changed=changed,
        moved=len(changes) - changed,
        moves=dict(sorted(moves.items())),
        money_minor=sum(one.money_minor or 0 for one in changes),
        unknown=sum(one.money_minor is None for one in changes),
        largest=tuple(changes[:MAX_SHOWN]),
    )
