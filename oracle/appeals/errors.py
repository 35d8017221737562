"""Errors of alerts, notices and appeals."""

from oracle.errors import Conflict, NotAllowed, OracleError


class StepNotPossible(Conflict):
    """An alert that stands where this one does cannot take that step."""

    code = "step_not_possible"


class AccuserCannotDecide(NotAllowed):
    """Who held the money cannot decide whether it stays held: somebody else has to."""

    code = "accuser_cannot_decide"


class InvalidEndDate(OracleError):
    """A hold needs an end date that the rules allow."""

    code = "invalid_end_date"


class NotYourCase(NotAllowed):
    """Only the creator whom a decision is about can appeal it, and only its two sides see the
    appeal.
    """

    code = "not_your_case"


class ConflictOfInterest(NotAllowed):
    """Who has a stake in a case cannot decide it: somebody else has to."""

    code = "conflict_of_interest"


class TooLate(Conflict):
    """The time for this is over."""

    code = "too_late"


class UnknownGround(OracleError):
    """That is no ground for an appeal."""

    code = "unknown_ground"


class NothingToAppeal(Conflict):
    """This decision cannot be appealed (any more)."""

    code = "nothing_to_appeal"


class TooManyAttachments(Conflict):
    """An appeal holds at most ten files."""

    code = "too_many_attachments"


class AppealExists(Conflict):
    """There is an appeal against this decision already."""

    code = "appeal_exists"


class InvalidSpan(OracleError):
    """A detection pass looks at full hours that have begun."""

    code = "invalid_span"


class NothingToClaim(Conflict):
    """This claim cannot be made."""

    code = "nothing_to_claim"


class TooManyClaims(NotAllowed):
    """This creator can make no further claim for now."""

    code = "too_many_claims"


class SimilarityNeeded(OracleError):
    """A copy needs a similarity of at least the threshold it was judged under."""

    code = "similarity_needed"
