"""The order of works, by its vectors, and what it decides."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.rules.test_decision import BOB, POLICY, match, plain

from oracle.rules.decision import Reason, Verdict, decide
from oracle.rules.order import (
    Arrival,
    Claim,
    Precedence,
    block_moment,
    contested,
    dated_at,
    may_change,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "order.json").read_text())


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def claim(row: dict[str, Any]) -> Claim:
    moments = {
        name: at(row[name]) if row.get(name) is not None else None
        for name in ("blockAt", "askedAt", "fetchedAt")
    }
    return Claim(
        creator_id=row["creator"],
        sha256=row["bytes"].encode(),
        dated_at=at(row["datedAt"]) if "datedAt" in row else moments["blockAt"] or at(1000),
        block_at=moments["blockAt"],
        block_number=row.get("block"),
        committed=row.get("committed", False),
        asked_at=moments["askedAt"],
        fetched_at=moments["fetchedAt"],
    )


@pytest.mark.parametrize("row", VECTORS["dated"], ids=lambda row: row["case"])
def test_dated(row: dict[str, Any]) -> None:
    arrival = Arrival(
        accepted_at=at(row["acceptedAt"]),
        block_at=at(row["blockAt"]) if "blockAt" in row else None,
        committed_at=at(row["committedAt"]) if "committedAt" in row else None,
        names_content=row.get("namesContent", False),
        server_failed=row.get("serverFailed", False),
    )
    assert dated_at(arrival, [at(proof) for proof in row.get("proofs", [])]) == at(row["dated"])


@pytest.mark.parametrize("row", VECTORS["earlier"], ids=lambda row: row["case"])
def test_earlier(row: dict[str, Any]) -> None:
    places = {name: Precedence(at(row[name][0]), row[name][1]) for name in ("one", "other")}
    assert min(places, key=lambda name: places[name]) == row["first"]


@pytest.mark.parametrize("row", VECTORS["mayChange"], ids=lambda row: row["case"])
def test_may_change(row: dict[str, Any]) -> None:
    identical = [Precedence(at(moment), number) for moment, number in row["identical"]]
    candidate = Precedence(at(row["candidate"][0]), row["candidate"][1])
    assert may_change(candidate, identical) == row["mayChange"]


@pytest.mark.parametrize("row", VECTORS["blocks"], ids=lambda row: row["case"])
def test_blocks(row: dict[str, Any]) -> None:
    first, second = (block_moment(at(row[name][0]), row[name][1]) for name in ("first", "second"))
    assert first < second


@pytest.mark.parametrize("row", VECTORS["contested"], ids=lambda row: row["case"])
def test_contested(row: dict[str, Any]) -> None:
    one, other = claim(row["one"]), claim(row["other"])
    window = timedelta(seconds=row["windowS"])
    assert contested(one, other, window) == contested(other, one, window) == row["contested"]


def test_an_earlier_date_beats_a_smaller_number() -> None:
    subject = replace(plain(), dated_at=at(1000))
    later = match(10_000, at=1, dated_at=at(1001))
    earlier = match(10_000, at=101, dated_at=at(999))
    assert decide(subject, [later], POLICY).verdict is Verdict.ORIGINAL
    judged = decide(subject, [later, earlier], POLICY)
    assert judged.verdict is Verdict.DERIVATIVE
    assert judged.credited == earlier


def test_a_rival_leaves_both_undecided_and_accuses_nobody() -> None:
    for number in (1, 101):  # on either side
        judged = decide(plain(), [match(10_000, at=number, rival=True)], POLICY)
        assert (judged.verdict, judged.reason) == (Verdict.UNDECIDED, Reason.CONTESTED)
        assert (judged.redirect_bps, judged.similarity_bps) == (0, 10_000)


def test_who_copies_a_contested_work_waits_with_its_claimants() -> None:
    judged = decide(plain(), [match(10_000, contested=True)], POLICY)
    assert (judged.verdict, judged.reason) == (Verdict.UNDECIDED, Reason.CONTESTED)


def test_a_still_earlier_work_is_credited_whoever_contests_the_rest() -> None:
    rivals = [match(10_000, at=5, rival=True), match(10_000, at=101, rival=True)]
    judged = decide(plain(), [*rivals, match(9_800, at=1)], POLICY)
    assert (judged.verdict, judged.redirect_bps) == (Verdict.DERIVATIVE, 6_000)


def test_an_own_earlier_work_answers_a_rival() -> None:
    judged = decide(
        plain(), [match(10_000, by=BOB, at=1), match(10_000, at=101, rival=True)], POLICY
    )
    assert judged.verdict is Verdict.SELF_DUPLICATE


def test_a_rival_below_the_threshold_is_none() -> None:
    judged = decide(plain(), [match(9_000, at=101, rival=True)], POLICY)
    assert judged.verdict is Verdict.ORIGINAL
