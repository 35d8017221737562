"""Decode why a contract refused a call, and decide what that means for a report."""

from dataclasses import dataclass
from enum import Enum

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from oracle.chain.core.abis import error_text, known_errors
from oracle.chain.errors import ChainError

ERROR_STRING = bytes.fromhex("08c379a0")  # Error(string)
PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)


class Disposition(Enum):
    """What to do with a report that reverted."""

    PERMANENT = "permanent"  # this report will never be accepted
    RESIGN = "resign"  # the decision stands; it has to be signed again
    RECONCILE = "reconcile"  # the hub has settled this request: read how
    RETRY = "retry"  # an operator, a dispute or time can change it


RESIGN = {"StaleSignerEpoch", "ReportExpired", "ObservedInFuture"}
# PostAlreadyRecorded: our attestation, perhaps, that another transaction brought there.
RECONCILE = {"RequestNotPending", "PostAlreadyRecorded"}
# Reverts that follow from the report, or from state that the chain never undoes. All others are
# tried again: a retry costs nothing, while an answer given up by mistake is lost.
PERMANENT = {
    "PostFinal",
    "PostRuled",
    "PolicyNotInForce",
    "InvalidMediaType",
    "InvalidOutcome",
    "InvalidThreshold",
    "InvalidBase",
    "SimilarityOutOfRange",
    "MissingOriginalCreator",
    "SelfMatch",
    "OutcomeContradictsPolicy",
    "UnknownConfigVersion",
    "NotPostRequester",
    "CreatorMismatch",
    "ContentHashMismatch",
    "MediaTypeMismatch",
    "MissingPostId",
    "MissingCreator",
    "MissingContentHash",
    "RequestExpired",
    "PostIdMismatch",
    "ConfigVersionMismatch",
    "InvalidAttestationId",
}


class ContractReverted(ChainError):
    """A contract refused a call."""

    code = "contract_reverted"

    def __init__(self, revert: "Revert") -> None:
        super().__init__(revert.text)
        self.revert = revert


@dataclass(frozen=True, slots=True)
class Revert:
    """A decoded revert: the error's name, its text with values, and what to do."""

    name: str
    text: str
    disposition: Disposition


def decode_revert(data: bytes) -> Revert:
    """Decode revert data. Unknown errors are retried: an upgrade may have added them."""
    selector = data[:4]
    entry = known_errors().get(selector)
    if entry is not None:
        return Revert(entry["name"], error_text(entry, data), _disposition(entry["name"]))
    if selector in (ERROR_STRING, PANIC):
        kind, name = ("string", "Error") if selector == ERROR_STRING else ("uint256", "Panic")
        try:
            (value,) = decode([kind], data[4:])
        except DecodingError:
            value = "?"
        return Revert(name, f"{name}({value})", Disposition.RETRY)
    return Revert("Unknown", f"Reverted with 0x{data.hex()}", Disposition.RETRY)


def _disposition(name: str) -> Disposition:
    for names, disposition in (
        (RESIGN, Disposition.RESIGN),
        (RECONCILE, Disposition.RECONCILE),
        (PERMANENT, Disposition.PERMANENT),
    ):
        if name in names:
            return disposition
    return Disposition.RETRY
