"""Errors of grades, earnings and the ledger."""

from oracle.errors import OracleError


class CreatorsError(OracleError):
    """The engagement or money of a creator could not be handled."""

    code = "creators_error"


class InvalidGradePolicy(CreatorsError):
    """The grading rules do not fit together."""

    code = "invalid_grade_policy"


class CutoffsGovernedOnChain(InvalidGradePolicy):
    """Governance sets the cut-offs of grades on chain."""

    code = "cutoffs_governed_on_chain"
