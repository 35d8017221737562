"""Errors of alerts, statements and appeals."""

from oracle.errors import OracleError


class StepNotPossible(OracleError):
    """An alert that stands where this one does cannot take that step."""

    code = "step_not_possible"


class AccuserCannotDecide(OracleError):
    """Who held the money cannot decide whether it stays held: somebody else has to."""

    code = "accuser_cannot_decide"


class InvalidEndDate(OracleError):
    """A hold needs an end date that the rules allow."""

    code = "invalid_end_date"


class MissingFact(OracleError):
    """A statement was not sent, and nothing was held, because a fact that it has to state is missing."""

    code = "missing_fact"


class NotYourCase(OracleError):
    """Only the creator whom a decision is about can appeal it, and only its two sides see the appeal."""

    code = "not_your_case"


class TooLate(OracleError):
    """The time for this is over."""

    code = "too_late"


class UnknownGround(OracleError):
    """That is no ground for an appeal."""

    code = "unknown_ground"


class NothingToAppeal(OracleError):
    """This decision takes nothing from you, so that there is nothing to appeal."""

    code = "nothing_to_appeal"


class TooManyAttachments(OracleError):
    """An appeal holds at most ten files."""

    code = "too_many_attachments"


class UnknownSubject(OracleError):
    """The pass can only hold what belongs to a registered creator."""

    code = "unknown_subject"
