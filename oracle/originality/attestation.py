"""From a decision to the report that goes on chain. Pure."""

from oracle.chain.core.ids import attestation_id, unnamed_account
from oracle.chain.core.report import (
    ZERO_ADDRESS,
    ZERO_HASH,
    FailureReason,
    MediaType,
    Outcome,
    ReportDraft,
)
from oracle.rules.decision import Decision, Reason, Verdict
from storage.works.analyses import Analysis
from storage.works.policies import BoundDeployment
from storage.works.works import Work

OUTCOMES = {
    Verdict.ORIGINAL: Outcome.ORIGINAL,
    Verdict.DERIVATIVE: Outcome.DERIVATIVE,
    Verdict.SELF_DUPLICATE: Outcome.SELF_DUPLICATE,
    Verdict.LICENSED: Outcome.LICENSED,
    Verdict.UNDECIDED: Outcome.NEEDS_REVIEW,
}
# Why an analysis failed, by the error's code; the contract is told nothing of the others.
FAILURES = {
    "uri_not_found": FailureReason.NOT_FOUND,
    "uri_unreachable": FailureReason.UNREACHABLE,
    "uri_forbidden_address": FailureReason.UNREACHABLE,
    "uri_refused": FailureReason.UNREACHABLE,
    "media_unreachable": FailureReason.UNREACHABLE,
    "uri_too_large": FailureReason.TOO_LARGE,
    "media_too_large": FailureReason.TOO_LARGE,
    "media_too_long": FailureReason.TOO_LARGE,
    "uri_scheme_unsupported": FailureReason.UNSUPPORTED,
    "media_unsupported": FailureReason.UNSUPPORTED,
    "media_type_not_supported": FailureReason.UNSUPPORTED,
    "media_empty": FailureReason.UNDECODABLE,
    "media_corrupt": FailureReason.UNDECODABLE,
    "media_no_sound": FailureReason.UNDECODABLE,
    "content_hash_mismatch": FailureReason.OTHER_CONTENT,
    "media_type_mismatch": FailureReason.OTHER_CONTENT,
    "uri_timeout": FailureReason.TIMED_OUT,
}
# Outcomes that name the earlier work on chain; an original names none, and a review accuses no
# creator.
NAMING = (Outcome.DERIVATIVE, Outcome.SELF_DUPLICATE, Outcome.LICENSED)


def account_of(work: Work) -> bytes:
    """The account (20 bytes) that a work was posted under; a work that names none has one of its
    own.
    """
    return work.account or unnamed_account(work.post_id)


def outcome_of(verdict: Verdict, reason: Reason) -> Outcome:
    """What the contracts are told of a verdict: an original from a shared source has no badge."""
    return Outcome.SHARED_SOURCE if reason is Reason.SHARED_SOURCE else OUTCOMES[verdict]


def decision_report(
    deployment: BoundDeployment,
    analysis: Analysis,
    work: Work,
    decision: Decision,
    credited: Work | None,
    *,
    evidence_hash: bytes,
    model_digest: bytes,
    index_snapshot: int,
) -> ReportDraft:
    """The report of a decided analysis, for the contract's request it answers or for an upload."""
    outcome = outcome_of(decision.verdict, decision.reason)
    named = credited if outcome in NAMING else None
    return ReportDraft(
        request_id=analysis.request_id
        or attestation_id(deployment.chain_id, deployment.hub, work.post_id, work.sha256),
        post_id=work.post_id,
        content_hash=work.sha256,
        media_type=MediaType.of(analysis.media_type),
        outcome=outcome,
        similarity_bps=decision.similarity_bps,
        creator=account_of(work),
        original_creator=account_of(named) if named else ZERO_ADDRESS,
        original_post_id=named.post_id if named else ZERO_HASH,
        evidence_hash=evidence_hash,
        model_digest=model_digest,
        index_snapshot=index_snapshot.to_bytes(32, "big"),
        config_version=analysis.policy_version,
    )


def failure_report(analysis: Analysis, *, code: str, evidence_hash: bytes) -> ReportDraft:
    """The report that answers a contract's request whose media could not be judged."""
    assert analysis.request_id is not None
    return ReportDraft(
        request_id=analysis.request_id,
        post_id=analysis.post_id,
        content_hash=analysis.expected_sha256 or ZERO_HASH,
        media_type=MediaType.of(analysis.media_type),
        outcome=Outcome.FAILED,
        reason=FAILURES.get(code, FailureReason.NONE),
        similarity_bps=0,
        creator=analysis.account or ZERO_ADDRESS,
        original_creator=ZERO_ADDRESS,
        original_post_id=ZERO_HASH,
        evidence_hash=evidence_hash,
        model_digest=ZERO_HASH,
        index_snapshot=ZERO_HASH,
        config_version=analysis.policy_version,
    )
