"""Each hard case of a verdict is a row; the vectors are those that Solidity must satisfy too."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from oracle.rules import decision
from oracle.rules.decision import Author, Match, Policy, Reason, Subject, Tier, Verdict, decide

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rules.json").read_text())
TIERS = {1: Tier.LOW, 2: Tier.MEDIUM, 3: Tier.HIGH}
POLICY = Policy(version=1, threshold_bps=9_500, base_redirect_bps=10_000)
ALICE, BOB, CAROL = 1, 2, 3
ME = Subject(creator_id=BOB, sequence=100)


def match(similarity_bps: int, *, by: int | None = ALICE, at: int = 1, **facts: Any) -> Match:
    return Match(
        work_id=UUID(int=at), creator_id=by, sequence=at, similarity_bps=similarity_bps, **facts
    )


@pytest.mark.parametrize("row", VECTORS["tier"])
def test_tier(row: dict[str, int]) -> None:
    assert decision.tier_of(row["similarityBps"]) is TIERS[row["tier"]]


@pytest.mark.parametrize("row", VECTORS["redirect"])
def test_redirect(row: dict[str, int]) -> None:
    assert (
        decision.redirect_bps(row["similarityBps"], row["thresholdBps"], row["baseBps"])
        == row["redirectBps"]
    )


@pytest.mark.parametrize("row", VECTORS["redirectErrors"])
def test_redirect_refuses_what_is_outside_its_domain(row: dict[str, int]) -> None:
    error = getattr(decision, str(row["error"]))
    with pytest.raises(error):
        decision.redirect_bps(row["similarityBps"], row["thresholdBps"], row["baseBps"])


@pytest.mark.parametrize(
    ("similarity", "bps"),
    [
        (0.0, 0),
        (1.0, 10_000),
        (0.9451, 9_451),
        (0.94999999, 9_499),
        (0.95, 9_500),
        (0.29, 2_900),
        (0.57, 5_700),
    ],
)
def test_a_similarity_is_floored_once(similarity: float, bps: int) -> None:
    assert decision.similarity_to_bps(similarity) == bps


@pytest.mark.parametrize("similarity", [float("nan"), -0.01, 1.0000001, float("inf")])
def test_what_is_no_similarity_is_refused(similarity: float) -> None:
    with pytest.raises(decision.SimilarityOutOfRange):
        decision.similarity_to_bps(similarity)


def plain(**changes: object) -> Subject:
    return Subject(**{**ME.__dict__, **changes})  # type: ignore[arg-type]


CASES = {
    "nothing found": (ME, [], Verdict.ORIGINAL, Reason.NO_MATCH, 0, None),
    "0.92 is high and still original": (
        ME,
        [match(9_200)],
        Verdict.ORIGINAL,
        Reason.BELOW_THRESHOLD,
        0,
        1,
    ),
    "at the threshold: derivative, nothing redirected": (
        ME,
        [match(9_500)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        0,
        1,
    ),
    "98 under 95 of 100": (
        ME,
        [match(9_800)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        6_000,
        1,
    ),
    "the earliest is credited, not the most similar": (
        ME,
        [match(10_000, by=CAROL, at=7), match(9_600)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        2_000,
        1,
    ),
    "my own earlier work": (
        ME,
        [match(9_900, by=BOB)],
        Verdict.SELF_DUPLICATE,
        Reason.OWN_EARLIER_WORK,
        0,
        1,
    ),
    "my own work, copied by Carol, posted again": (
        ME,
        [match(9_900, by=BOB), match(9_950, by=CAROL, at=2)],
        Verdict.SELF_DUPLICATE,
        Reason.OWN_EARLIER_WORK,
        0,
        1,
    ),
    "Alice's work that I copied before, posted again": (
        ME,
        [match(9_900), match(9_990, by=BOB, at=2)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        8_000,
        1,
    ),
    "with a licence": (
        ME,
        [match(9_900, licensed=True)],
        Verdict.LICENSED,
        Reason.PERMISSION,
        0,
        1,
    ),
    "a licence from a copyist is none": (
        ME,
        [match(9_900), match(9_950, by=CAROL, at=2, licensed=True)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        8_000,
        1,
    ),
    "registered later": (ME, [match(9_900, at=101)], Verdict.ORIGINAL, Reason.NO_MATCH, 0, None),
    "nobody to credit": (
        ME,
        [match(9_900, by=None)],
        Verdict.UNDECIDED,
        Reason.UNKNOWN_CREATOR,
        0,
        1,
    ),
    "an unnamed uploader of Alice's work": (
        plain(creator_id=None),
        [match(9_900)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        8_000,
        1,
    ),
    "two unnamed uploaders are not one creator": (
        plain(creator_id=None),
        [match(9_900, by=None)],
        Verdict.UNDECIDED,
        Reason.UNKNOWN_CREATOR,
        0,
        1,
    ),
    "too plain, whatever matches": (
        plain(insufficient_detail="it is one colour"),
        [match(10_000)],
        Verdict.UNDECIDED,
        Reason.INSUFFICIENT_DETAIL,
        0,
        None,
    ),
    "a part of it was not looked at": (
        plain(unjudged="it has another sound track"),
        [],
        Verdict.UNDECIDED,
        Reason.PART_NOT_JUDGED,
        0,
        None,
    ),
    "a part of it was not looked at, and the rest is a copy": (
        plain(unjudged="it has another sound track"),
        [match(9_800)],
        Verdict.DERIVATIVE,
        Reason.COPY_OF_EARLIER,
        6_000,
        1,
    ),
    "a part of the index is missing": (
        plain(search_complete=False),
        [match(5_000)],
        Verdict.UNDECIDED,
        Reason.INCOMPLETE_SEARCH,
        0,
        1,
    ),
    "a copy of what was found, but somebody else may have been first": (
        plain(search_complete=False),
        [match(9_800)],
        Verdict.UNDECIDED,
        Reason.INCOMPLETE_SEARCH,
        0,
        1,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_verdicts(case: tuple[Subject, list[Match], Verdict, Reason, int, int | None]) -> None:
    subject, matches, verdict, reason, redirect, credited = case
    decided = decide(subject, matches, POLICY)
    assert (decided.verdict, decided.reason, decided.redirect_bps) == (verdict, reason, redirect)
    assert (decided.credited and decided.credited.work_id) == (credited and UUID(int=credited))
    assert decided.similarity_bps == (decided.credited.similarity_bps if decided.credited else 0)


SOUND = decision.SoundRule(threshold_bps=9_500, ceiling_bps=3_000)


def sound_match(similarity_bps: int) -> Match:
    return match(similarity_bps, sound_only=True)


@pytest.mark.parametrize(
    ("similarity", "redirect"), [(9_500, 0), (9_600, 2_000), (9_651, 3_000), (10_000, 3_000)]
)
def test_sound_alone_redirects_up_to_its_ceiling(similarity: int, redirect: int) -> None:
    judged = decide(ME, [sound_match(similarity)], replace(POLICY, sound_rule=SOUND))
    assert (judged.verdict, judged.reason) == (Verdict.DERIVATIVE, Reason.SOUND_OF_EARLIER)
    assert judged.redirect_bps == redirect
    # The contract knows the similarity alone: it must come to the same share.
    assert decision.redirect_bps(judged.similarity_bps, 9_500, 10_000) == redirect


def test_sound_below_its_own_threshold_is_no_copy() -> None:
    strict = decision.SoundRule(threshold_bps=9_800, ceiling_bps=3_000)
    judged = decide(ME, [sound_match(9_700)], replace(POLICY, sound_rule=strict))
    assert (judged.verdict, judged.similarity_bps) == (Verdict.ORIGINAL, 9_499)


@pytest.mark.parametrize("ceiling", [0, 1, 333, 3_000, 9_999, 10_000])
@pytest.mark.parametrize("base", [0, 1, 5_000, 9_999, 10_000])
@pytest.mark.parametrize("threshold", [0, 5_000, 9_500, 9_999])
def test_the_cut_similarity_is_the_largest_under_the_ceiling(
    ceiling: int, base: int, threshold: int
) -> None:
    rule, policy = decision.SoundRule(threshold, ceiling), Policy(1, threshold, base)
    for similarity in (threshold, (threshold + 10_000) // 2, 10_000):
        counted = decision.sound_only_bps(similarity, rule, policy)
        assert threshold <= counted <= similarity
        assert decision.redirect_bps(counted, threshold, base) <= ceiling
        assert (
            counted == similarity or decision.redirect_bps(counted + 1, threshold, base) > ceiling
        )


@pytest.mark.parametrize("threshold", [5_000, 9_000, 9_500])
def test_likeness_without_proof_never_reaches_a_threshold(threshold: int) -> None:
    like = match(9_400, proven=False)
    judged = decide(ME, [like], Policy(1, threshold, 10_000))
    assert (judged.verdict, judged.redirect_bps) == (Verdict.ORIGINAL, 0)
    assert judged.similarity_bps == min(9_400, threshold - 1)


def test_what_covers_next_to_nothing_of_the_subject_accuses_nobody() -> None:
    jingle = match(9_950, share_bps=200)
    assert (
        decide(ME, [jingle], Policy(1, 9_500, 10_000, min_share_bps=300)).verdict
        is Verdict.ORIGINAL
    )
    assert (
        decide(ME, [jingle], Policy(1, 9_500, 10_000, min_share_bps=200)).verdict
        is Verdict.DERIVATIVE
    )


STICKER = {"own": (BOB, False), "unsigned": (None, False), "licensed": (CAROL, True)}


@pytest.mark.parametrize("excuse", STICKER)
def test_a_sticker_excuses_nobody_for_the_rest(excuse: str) -> None:
    owner, licensed = STICKER[excuse]
    sticker = match(9_520, by=owner, licensed=licensed, share_bps=300)
    stolen = match(9_990, at=2, share_bps=9_000)
    judged = decide(ME, [sticker, stolen], POLICY)
    assert (judged.verdict, judged.credited and judged.credited.work_id.int) == (
        Verdict.DERIVATIVE,
        2,
    )
    assert decide(ME, [sticker], POLICY).verdict is not Verdict.DERIVATIVE


def test_an_own_work_posted_again_is_ones_own_though_a_thief_has_a_copy() -> None:
    mine = match(9_700, by=BOB, share_bps=8_000)
    theft = match(9_990, at=2, share_bps=10_000)
    assert decide(ME, [mine, theft], POLICY).verdict is Verdict.SELF_DUPLICATE


def copied(similarity_bps: int = 9_900, *, by: int | None = ALICE, **facts: Any) -> Match:
    """A known copy by carol of another creator's work."""
    author = Author(
        work_id=UUID(int=77), creator_id=by, sequence=1, similarity_bps=similarity_bps, **facts
    )
    return match(9_800, by=CAROL, at=2, original=False, author=author)


COPIES = {
    "the author behind": (copied(), Verdict.DERIVATIVE, Reason.COPY_OF_EARLIER, 77, 9_800),
    "the weakest link": (copied(9_600), Verdict.DERIVATIVE, Reason.COPY_OF_EARLIER, 77, 9_600),
    "too weak a link": (copied(9_400), Verdict.ORIGINAL, Reason.BELOW_THRESHOLD, 77, 9_400),
    "licensed by the author": (
        copied(licensed=True),
        Verdict.LICENSED,
        Reason.PERMISSION,
        77,
        9_800,
    ),
    "an unnamed author": (copied(by=None), Verdict.UNDECIDED, Reason.UNKNOWN_CREATOR, 77, 9_800),
    "erased": (copied(erased=True), Verdict.UNDECIDED, Reason.ERASED_SOURCE, 2, 9_800),
    "a copy of one's own": (copied(by=BOB), Verdict.ORIGINAL, Reason.NO_MATCH, None, 0),
    "a copy of one's own, erased": (
        copied(by=BOB, erased=True),
        Verdict.ORIGINAL,
        Reason.NO_MATCH,
        None,
        0,
    ),
}


@pytest.mark.parametrize("case", COPIES.values(), ids=COPIES.keys())
def test_a_known_copyist_is_never_credited(
    case: tuple[Match, Verdict, Reason, int | None, int],
) -> None:
    copy, verdict, reason, credited, similarity = case
    judged = decide(ME, [copy], POLICY)
    assert (judged.verdict, judged.reason, judged.similarity_bps) == (verdict, reason, similarity)
    assert (judged.credited and judged.credited.work_id) == (credited and UUID(int=credited))
    if verdict is not Verdict.DERIVATIVE:
        assert judged.redirect_bps == 0
    else:
        assert judged.credited is not None and judged.credited.creator_id == ALICE


def test_nobody_is_accused_by_a_work_in_quarantine() -> None:
    doubted = match(9_800, quarantined=True)
    judged = decide(ME, [doubted], POLICY)
    assert (judged.verdict, judged.reason) == (Verdict.UNDECIDED, Reason.QUARANTINED)
    assert (judged.redirect_bps, judged.similarity_bps) == (0, 9_800)
    assert decide(ME, [replace(doubted, creator_id=BOB)], POLICY).verdict is Verdict.SELF_DUPLICATE
