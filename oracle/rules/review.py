"""What waits while a verdict is open, and what ends it. Pure."""

from oracle.rules.decision import Reason, RuleError, Verdict, redirect_bps

# A person finds what a report could say, but for what the oracle alone measures.
OUTCOMES = (Verdict.ORIGINAL, Verdict.LICENSED, Verdict.DERIVATIVE)


class OutcomeNotPossible(RuleError):
    """A copy is found only where a match reaches the threshold and its creator is known."""


def at_deadline(reason: str) -> Verdict:
    """How it ends where no person decided in time: a doubt that nobody resolved accuses nobody.

    Of two creators who contest each other one is a thief, and which of them came first says
    nothing: neither becomes an original, and what waited is free all the same.

    Args: reason: Why it could not be decided.
    """
    return Verdict.UNDECIDED if reason == Reason.CONTESTED else Verdict.ORIGINAL


def held_bps(similarity_bps: int, threshold_bps: int, base_bps: int) -> int:
    """Share of revenue that waits while it is undecided, in basis points: what a copy would cost.

    The contract holds the same (`PostRegistry`, `heldBps`).
    Raises: SimilarityOutOfRange, InvalidThreshold, InvalidBase.
    """
    return redirect_bps(similarity_bps, threshold_bps, base_bps)


def ruled_redirect_bps(
    outcome: Verdict,
    *,
    similarity_bps: int,
    threshold_bps: int,
    base_bps: int,
    poster_id: int | None,
    original_creator_id: int | None,
    original_is_copy: bool = False,
) -> int:
    """Share of revenue that goes to the original's creator by a decision of a person.

    Raises: OutcomeNotPossible where the contract would refuse it: no measured match reaches the
        threshold, or it would credit nobody, the poster, or a copyist.
    """
    if outcome not in OUTCOMES:
        raise OutcomeNotPossible(f"A review ends as one of {', '.join(OUTCOMES)}.")
    if outcome is not Verdict.DERIVATIVE:
        return 0
    if similarity_bps < threshold_bps:
        raise OutcomeNotPossible("No match reaches the threshold: there is no share to redirect.")
    if original_creator_id is None or original_creator_id == poster_id:
        raise OutcomeNotPossible("There is no other creator whom a copy would credit.")
    if original_is_copy:
        raise OutcomeNotPossible("The nearest work is a copy itself; a copyist is never credited.")
    return redirect_bps(similarity_bps, threshold_bps, base_bps)
