"""Errors of grades, earnings and the ledger."""

from oracle.errors import OracleError


class CreatorsError(OracleError):
    """The engagement or money of a creator could not be handled."""

    code = "creators_error"


class InvalidGradePolicy(CreatorsError):
    """The grading rules do not fit together."""

    code = "invalid_grade_policy"


class NothingToWithdraw(CreatorsError):
    """Nothing is available to withdraw."""

    code = "nothing_to_withdraw"


class InsufficientFunds(CreatorsError):
    """Less is available than was asked for."""

    code = "insufficient_funds"


class AccountFrozen(CreatorsError):
    """Withdrawals wait while an alert about this creator is looked into; the alert says why and until when."""

    code = "account_frozen"
