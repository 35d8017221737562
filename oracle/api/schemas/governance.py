"""Bodies and answers of governance and oversight."""

from datetime import datetime
from typing import Annotated, Literal, get_args
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from oracle.api.schemas.fraud import Body
from oracle.chain.contracts.governance import Role, in_words
from oracle.chain.core.wire import blob, hexed
from oracle.chain.rpc.client import ChainClient
from oracle.governance.actions import ACTIONS, Wanted
from oracle.governance.dry_run import DryRun, Proposed
from storage.chain.operations import Holder, Operation

ADDRESS = r"^0x[0-9a-fA-F]{40}$"
Bps = Field(default=None, ge=0, le=10_000)
# As the contract takes them.
LEAST_THRESHOLD_BPS, MOST_THRESHOLD_BPS = 5_000, 9_999
ThresholdBps = Annotated[int, Field(ge=LEAST_THRESHOLD_BPS, le=MOST_THRESHOLD_BPS)]
MediaType = Literal["image", "video", "audio"]
Action = Literal[
    "threshold",
    "base_redirect",
    "grade_cutoffs",
    "dispute_terms",
    "pause",
    "unpause",
    "revoke_signer",
    "set_signers",
    "grant_role",
    "revoke_role",
    "execute",
    "cancel",
]
assert get_args(Action) == ACTIONS


class ActionRequest(Body):
    """What an officer wants to do; which fields it takes depends on `action`."""

    action: Action
    wallet: str | None = Field(
        default=None, pattern=ADDRESS, description="Who signs; the role's holder if left out."
    )
    effective_from: AwareDatetime | None = Field(
        default=None, description="Of what is announced; the earliest time if left out."
    )
    media_type: MediaType | None = None
    threshold_bps: ThresholdBps | None = None
    base_redirect_bps: int | None = Bps
    cutoffs_bps: list[Annotated[int, Field(ge=0, le=10_000)]] | None = Field(
        default=None, description="Of A, B, C and D."
    )
    window_s: int | None = Field(default=None, ge=1, lt=2**32)
    bond_wei: int | None = Field(default=None, ge=1, le=10**18)
    contract: str | None = Field(
        default=None, description="hub, revenue_splitter, token_pool or bonus_vault."
    )
    signer: str | None = Field(default=None, pattern=ADDRESS)
    signers: list[Annotated[str, Field(pattern=ADDRESS)]] | None = Field(
        default=None, max_length=64
    )
    quorum: int | None = Field(default=None, ge=1, le=64)
    role: str | None = None
    account: str | None = Field(default=None, pattern=ADDRESS)
    delay_s: int | None = Field(
        default=None,
        ge=0,
        le=2**32 - 1,
        description="Of a role that is granted; if left out seven days of admin and upgrader, two"
        " of governance and oracle_admin, none of the others, which act at once.",
    )
    since_epoch: int | None = Field(
        default=None,
        ge=1,
        lt=2**63,
        description="Of a revoked signer: reports of the sets since then that need it are void; the"
        " last one that it was in if left out.",
    )
    operation: str | None = Field(default=None, pattern=r"^0x[0-9a-fA-F]{64}$")

    def wanted(self) -> Wanted:
        """Read the addresses. Raises: EndpointInconsistent where a signer is no hex."""
        plain = self.model_dump(exclude={"wallet", "signer", "signers", "account"})
        return Wanted(
            **plain,
            wallet=blob(self.wallet) if self.wallet else None,
            signer=blob(self.signer) if self.signer else None,
            signers=[blob(one) for one in self.signers] if self.signers is not None else None,
            account=blob(self.account) if self.account else None,
        )


class PolicyDryRun(Body):
    """A policy to try on the verdicts of the last 30 days; what is left out stays as it is."""

    threshold_bps: dict[MediaType, ThresholdBps] = Field(
        default_factory=dict, examples=[{"image": 9_000}]
    )
    base_redirect_bps: int | None = Bps

    def proposed(self) -> Proposed:
        thresholds = {str(media): bps for media, bps in self.threshold_bps.items()}
        return Proposed(thresholds, self.base_redirect_bps)


class PolicyChangeView(BaseModel):
    """A verdict that would be another one, or redirect another share."""

    analysis_id: UUID
    title: str | None
    media_type: str
    similarity_bps: int
    was: str
    was_redirect_bps: int
    becomes: str
    redirect_bps: int
    money_minor: int | None = Field(description="Null where the post's pay is not known here.")


class PolicyDryRunView(BaseModel):
    """What a policy would have done to the verdicts of the last 30 days; nothing was changed."""

    verdicts: int = Field(description="How many were decided again from their evidence.")
    changed: int = Field(description="How many would be another verdict.")
    moved: int = Field(description="How many would only redirect another share.")
    moves: dict[str, int] = Field(examples=[{"original to derivative": 12}])
    money_minor: int = Field(description="Cents more (or less) for originals' creators.")
    unknown: int = Field(description="Changes of posts whose pay is not known here.")
    largest: list[PolicyChangeView] = Field(description="The ten that move most money.")


class VersionView(BaseModel):
    """One version of the policy."""

    version: int
    read_at: datetime = Field(description="Since when it is known here.")
    final: bool
    threshold_bps: dict[str, int]
    base_redirect_bps: int
    grade_cutoffs_bps: list[int] | None
    dispute_window_s: int | None
    bond_wei: int | None


class OperationView(BaseModel):
    """What was announced under a role with a delay."""

    id: str
    does: str = Field(description="Contract, function and arguments.")
    status: Literal["waiting", "ready", "expired", "executed", "cancelled"]
    ready_at: datetime
    caller: str = Field(description="Who announced it, and alone can carry it out.")
    announced_at: datetime
    ended_at: datetime | None
    transaction: str


class HolderView(BaseModel):
    """An account that holds a role."""

    role: str
    account: str
    delay_s: int
    since: datetime


class OversightView(BaseModel):
    """Who may do what, who signs, what is paused and what was announced."""

    holders: list[HolderView]
    signers: list[str]
    quorum: int
    epoch: int
    paused: dict[str, bool]
    operations: list[OperationView]


def dry_run_view(run: DryRun) -> PolicyDryRunView:
    """Build the API's view of a dry run."""
    largest = [PolicyChangeView(**vars(change)) for change in run.largest]
    return PolicyDryRunView(**vars(run) | {"largest": largest, "moves": dict(run.moves)})


def operation_view(
    client: ChainClient, one: Operation, now: datetime, expires_at: datetime
) -> OperationView:
    """Build the API's view of what was announced."""
    waits = "waiting" if now < one.ready_at else "ready" if now < expires_at else "expired"
    return OperationView(
        id=one.id,
        does=in_words(client, one.target, blob(one.data)),
        status=one.ended or waits,  # type: ignore[arg-type]
        ready_at=one.ready_at,
        caller=one.caller,
        announced_at=one.announced_at,
        ended_at=one.ended_at,
        transaction=hexed(bytes(one.tx_hash)),
    )


def holder_view(one: Holder) -> HolderView:
    """Build the API's view of a role's holder."""
    known = one.role in set(Role)
    return HolderView(
        role=Role(one.role).name.lower() if known else str(one.role),
        account=hexed(bytes(one.account)),
        delay_s=one.delay_s,
        since=one.since,
    )
