"""What a settled pair covers: each hard case is a row."""

from uuid import UUID

import pytest

from oracle.rules import settlement
from oracle.rules.decision import Match, Policy, Reason, Subject, Verdict, decide
from oracle.rules.settlement import ProvenMatch, Settlement

MINE, OTHER, OTHERS_EDIT, STRANGE = (UUID(int=n) for n in range(1, 5))
PAIR = Settlement(False, own=[MINE], others=[OTHER, OTHERS_EDIT])
SAME = Settlement(True, own=[], others=[OTHER])


def proofs(**shares: int) -> list[ProvenMatch]:
    names = {"mine": MINE, "other": OTHER, "edit": OTHERS_EDIT, "strange": STRANGE}
    return [ProvenMatch(names[name], share) for name, share in shares.items()]


CASES = {
    "the settled work itself": ([SAME], proofs(other=10_000), {OTHER}),
    "an edit that matches both": ([PAIR], proofs(mine=9_800, other=9_900), {OTHER}),
    "an edit of either": ([PAIR], proofs(mine=9_800, edit=9_000), {OTHERS_EDIT}),
    "both of theirs": ([PAIR], proofs(mine=9_800, other=9_000, edit=9_000), {OTHER, OTHERS_EDIT}),
    "not mine": ([PAIR], proofs(other=9_900), set()),
    "not theirs": ([PAIR], proofs(mine=9_900, strange=9_900), set()),
    "mine pasted into theirs": ([PAIR], proofs(mine=1_500, other=9_900), set()),
    "at the tolerance": ([PAIR], proofs(mine=8_900, other=9_900), {OTHER}),
    "beyond the tolerance": ([PAIR], proofs(mine=8_899, other=9_900), set()),
    "nothing settled": ([], proofs(mine=9_900, other=9_900), set()),
    "nothing proven": ([PAIR], [], set()),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_covered(case: tuple[list[Settlement], list[ProvenMatch], set[UUID]]) -> None:
    pairs, matches, free = case
    assert settlement.covered(pairs, matches) == free
    assert settlement.covered(pairs[::-1], matches[::-1]) == free


def test_what_is_settled_accuses_nobody_and_the_reason_says_so() -> None:
    me, policy = Subject(creator_id=2, sequence=9), Policy(1, 9_500, 10_000)
    theirs = Match(work_id=OTHER, creator_id=1, sequence=1, similarity_bps=9_900, settled=True)
    judged = decide(me, [theirs], policy)
    assert (judged.verdict, judged.reason) == (Verdict.ORIGINAL, Reason.SETTLED)
    assert (judged.redirect_bps, judged.credited) == (0, None)
    strange = Match(work_id=STRANGE, creator_id=3, sequence=2, similarity_bps=9_900)
    judged = decide(me, [theirs, strange], policy)
    assert (judged.verdict, judged.credited) == (Verdict.DERIVATIVE, strange)
