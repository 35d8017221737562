"""Whose content is it: each hard case is a row of `tests/vectors/credit.json`."""

import json
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from oracle.rules.credit import SHORT_SOUND_S, Standing, Taken, standing_of
from oracle.rules.decision import Author, Match, Policy, SoundRule, Subject, decide
from oracle.rules.overlap import Part

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "credit.json").read_text())["cases"]
POSTER = Subject(creator_id=2, sequence=1_000)


def author_of(row: dict[str, Any]) -> Author:
    return Author(
        work_id=UUID(int=row["id"]),
        creator_id=row["creator"],
        sequence=row["id"],
        similarity_bps=row["similarityBps"],
        through_bps=row.get("throughBps", 10_000),
    )


def match_of(row: dict[str, Any]) -> Match:
    return Match(
        work_id=UUID(int=row["id"]),
        creator_id=row["creator"],
        sequence=row["id"],
        similarity_bps=row["similarityBps"],
        share_bps=row.get("shareBps", 10_000),
        taken_bps=row.get("takenBps", 10_000),
        licensed=row.get("licensed", False),
        original=row.get("original", True),
        settled=row.get("settled", False),
        sound_only=row.get("soundOnly", False),
        sound=row.get("sound", False),
        timed=row.get("timed", False),
        earlier_is_video=row.get("earlierIsVideo", False),
        earlier_s=row.get("earlierS"),
        shared_bps=row.get("sharedBps", 0),
        looped=row.get("looped", False),
        exchanged=row.get("exchanged", False),
        author=author_of(row["author"]) if "author" in row else None,
        part=part_of(row) if "region" in row or "spans" in row else None,
    )


def part_of(row: dict[str, Any]) -> Part:
    stored = {"share_bps": row.get("shareBps", 10_000), "region": (), "spans": {}}
    return Part.from_json(stored | {key: row[key] for key in ("region", "spans") if key in row})


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vectors(case: dict[str, Any]) -> None:
    rule = SoundRule(9_500, case["soundCeilingBps"]) if "soundCeilingBps" in case else None
    policy = Policy(1, 9_500, 10_000, sound_rule=rule)
    matches = [match_of(row) for row in case["matches"]]
    for order in (matches, matches[::-1], Random(5).sample(matches, len(matches))):
        decided = decide(POSTER, order, policy)
        credited, second = decided.credited, decided.second
        assert (decided.verdict, decided.reason, decided.redirect_bps) == (
            case["verdict"],
            case["reason"],
            case["redirectBps"],
        )
        assert (credited.work_id.int if credited else None) == case["credited"]
        assert (second.work_id.int if second else None) == case.get("second")


@pytest.mark.parametrize("earlier_s", range(1, 400, 7))
def test_a_short_sound_counts_the_more_the_longer_it_is(earlier_s: int) -> None:
    def accuses(share_bps: int, seconds: float) -> bool:
        taken = Taken(share_bps=share_bps, timed=True, sound=True, earlier_s=seconds)
        return standing_of(taken) is Standing.COPY

    needed = next(share for share in range(0, 10_001, 10) if accuses(share, earlier_s))
    assert needed == pytest.approx(min(5_000, SHORT_SOUND_S * 10_000 / earlier_s), abs=10)
    assert all(accuses(share, earlier_s) for share in range(needed, 10_001, 500))
    # One second more moves the bound by a tenth at most from ten seconds on: there is no cliff.
    longer = next(share for share in range(0, 10_001, 10) if accuses(share, earlier_s + 1))
    assert 0 <= needed - longer <= max(20, needed // 10)
