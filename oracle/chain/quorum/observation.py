"""What one node saw, signed; and the one report that follows from several observations. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.core.report import (
    SOLIDITY_TYPES,
    ZERO_ADDRESS,
    Outcome,
    PoCReport,
    ReportDraft,
    domain_separator,
)
from oracle.chain.core.wire import blob, hexed
from oracle.chain.errors import ChainError, InvalidReport
from oracle.chain.keys.signer import Signer, recover

TYPE_HASH = keccak(text="Observation(bytes32 draftHash,uint64 observedAt,uint64 signerEpoch)")
DRAFT_TYPES = [SOLIDITY_TYPES[field.name] for field in fields(ReportDraft)]
# What the event of the request fixes: two honest nodes can differ in none of it.
FIXED = ("request_id", "post_id", "media_type", "creator", "config_version")
DECIDED_BY_THRESHOLD = (Outcome.ORIGINAL, Outcome.DERIVATIVE)


class NoAgreement(ChainError):
    """The observations do not lead to one report that a quorum can sign."""

    code = "no_agreement"
    retryable = True


@dataclass(frozen=True, slots=True)
class Observation:
    """One signer's conclusion about one request in one signer epoch; each signer makes one."""

    draft: ReportDraft
    observed_at: int
    signer_epoch: int
    signer: bytes
    signature: bytes

    def to_dict(self) -> dict[str, Any]:
        return {
            "draft": self.draft.to_dict(),
            "observed_at": self.observed_at,
            "signer_epoch": self.signer_epoch,
            "signer": hexed(self.signer),
            "signature": hexed(self.signature),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Observation":
        """Raises: InvalidReport for anything that is not exactly an observation."""
        try:
            return cls(
                draft=ReportDraft.from_dict(data["draft"]),
                observed_at=_counter(data["observed_at"]),
                signer_epoch=_counter(data["signer_epoch"]),
                signer=blob(data["signer"]),
                signature=blob(data["signature"]),
            )
        except InvalidReport:
            raise
        except Exception as exc:  # a stranger wrote it
            raise InvalidReport(f"This is no observation: {type(exc).__name__}") from exc


def observation_digest(
    draft: ReportDraft, observed_at: int, signer_epoch: int, chain_id: int, hub: bytes
) -> bytes:
    """What an observer signs (32 bytes): EIP-712 in the hub's domain."""
    body = encode(
        ["bytes32", "bytes32", "uint64", "uint64"],
        [TYPE_HASH, draft_hash(draft), observed_at, signer_epoch],
    )
    return keccak(b"\x19\x01" + domain_separator(chain_id, hub) + keccak(body))


def draft_hash(draft: ReportDraft) -> bytes:
    """Hash (32 bytes) of what was concluded: `ReportHash.draft` of the contracts."""
    values = [getattr(draft, field.name) for field in fields(ReportDraft)]
    plain = [
        hexed(v) if kind == "address" else v for v, kind in zip(values, DRAFT_TYPES, strict=True)
    ]
    return keccak(encode(DRAFT_TYPES, plain))


def observe(
    signer: Signer,
    draft: ReportDraft,
    *,
    observed_at: int,
    signer_epoch: int,
    chain_id: int,
    hub: bytes,
) -> Observation:
    """Sign what this node concluded. Raises: SigningFailed."""
    signed = observation_digest(draft, observed_at, signer_epoch, chain_id, hub)
    return Observation(draft, observed_at, signer_epoch, signer.address, signer.sign_digest(signed))


def require_signed(
    observation: Observation, chain_id: int, hub: bytes, signers: Collection[bytes], epoch: int
) -> None:
    """Raise InvalidReport or SigningFailed unless a signer in force made this observation in
    this epoch.
    """
    signed = observation_digest(
        observation.draft, observation.observed_at, observation.signer_epoch, chain_id, hub
    )
    if observation.signer_epoch != epoch or observation.signer not in signers:
        raise InvalidReport(f"{hexed(observation.signer)} is no signer of epoch {epoch}.")
    if recover(signed, observation.signature) != observation.signer:
        raise InvalidReport(f"{hexed(observation.signer)} did not sign this observation.")


def aggregate(
    observations: Sequence[Observation],
    *,
    quorum: int,
    valid_until: int,
    transmitter: bytes = ZERO_ADDRESS,
) -> PoCReport:
    """The report that follows from observations of one request in one epoch, the same in any order.

    The largest group that saw the same content speaks (a URI can serve each node something else).
    Where a quorum of it concluded the same about the same earlier work, its lower median similarity
    becomes the report: with fewer than half lying, the number lies between two honest ones. Where
    the threshold splits the group, the doubt is the creator's: the most similar of those who found
    an original.

    Raises: NoAgreement if no group has a quorum, InvalidReport if they are not of one request and
        epoch.
    """
    if len({(o.draft.request_id, o.signer_epoch) for o in observations}) > 1:
        raise InvalidReport("The observations are not of one request and one epoch.")
    if len({o.signer for o in observations}) != len(observations):
        raise InvalidReport("A signer is counted twice.")
    groups: dict[object, list[Observation]] = {}
    for one in observations:
        groups.setdefault(_saw(one.draft), []).append(one)
    largest = max(
        groups.values(), key=lambda group: (len(group), sorted(o.signer for o in group)), default=[]
    )
    if len(largest) < quorum:
        raise NoAgreement(
            f"{len(largest)} of {len(observations)} observations agree on the content, {quorum}"
            " needed."
        )
    chosen = _speaker(largest, quorum)
    return chosen.draft.complete(
        observed_at=chosen.observed_at,
        valid_until=valid_until,
        signer_epoch=chosen.signer_epoch,
        transmitter=transmitter,
    )


def _speaker(group: Sequence[Observation], quorum: int) -> Observation:
    ordered = sorted(group, key=lambda o: (o.draft.similarity_bps, o.signer))
    conclusions = [_concluded(o.draft) for o in ordered]
    for conclusion in conclusions:
        if conclusions.count(conclusion) >= quorum:
            agreeing = [o for o in ordered if _concluded(o.draft) == conclusion]
            return agreeing[(len(agreeing) - 1) // 2]
    originals = [o for o in ordered if o.draft.outcome is Outcome.ORIGINAL]
    if not originals or any(o.draft.outcome not in DECIDED_BY_THRESHOLD for o in ordered):
        raise NoAgreement(f"No {quorum} observations come to the same conclusion.")
    return originals[-1]


def acceptable(own: ReportDraft, report: ReportDraft, tolerance_bps: int) -> bool:
    """Whether a node that concluded `own` may sign `report`.

    The similarities may differ a little. Nobody signs an accusation that is not his own; a node
    that saw copying just above the threshold may sign that others saw it just below.
    """
    if _saw(own) != _saw(report) or abs(own.similarity_bps - report.similarity_bps) > tolerance_bps:
        return False
    if _concluded(own) == _concluded(report):
        return True
    return own.outcome is Outcome.DERIVATIVE and report.outcome is Outcome.ORIGINAL


def contradict(first: Observation, second: Observation) -> bool:
    """Whether two signed observations prove that their signer equivocates."""
    same = (first.signer, first.signer_epoch, first.draft.request_id) == (
        second.signer,
        second.signer_epoch,
        second.draft.request_id,
    )
    return same and (first.draft, first.observed_at) != (second.draft, second.observed_at)


def turn_order(request_id: bytes, signers: Collection[bytes]) -> list[bytes]:
    """Who transmits a request's answer, first to last; another order for each request."""
    return sorted(signers, key=lambda signer: keccak(request_id + signer))


def _saw(draft: ReportDraft) -> tuple[object, ...]:
    return (
        *(getattr(draft, name) for name in FIXED),
        draft.content_hash,
        draft.outcome is Outcome.FAILED,
    )


def _concluded(draft: ReportDraft) -> tuple[object, ...]:
    return draft.outcome, draft.original_creator, draft.original_post_id


def _counter(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise InvalidReport(f"{value!r} is no uint64.")
    return value
