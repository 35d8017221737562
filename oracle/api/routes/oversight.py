"""Policies and roles: what is in force and announced, what a proposal would change, and the
transactions of officers.
"""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter

from oracle.api.access import Governor, Reader
from oracle.api.boundary import BoundedRoute
from oracle.api.parties import actor_of
from oracle.api.schemas.governance import (
    ActionRequest,
    OversightView,
    PolicyDryRun,
    PolicyDryRunView,
    VersionView,
    dry_run_view,
    holder_view,
    operation_view,
)
from oracle.api.schemas.wallets import TransactionView, transaction_view
from oracle.api.services import ServicesDep
from oracle.chain.contracts import governance
from oracle.chain.core.wire import hexed
from oracle.chain.rpc.client import ChainClient
from oracle.governance import actions, dry_run
from storage.chain import operations
from storage.database import Connection
from storage.works import policies

router = APIRouter(route_class=BoundedRoute, prefix="/v1", tags=["governance"])


@router.get("/policy/versions", summary="The policies so far, the newest first")
def list_versions(services: ServicesDep, _: Reader) -> list[VersionView]:
    with services.db.transaction() as conn:
        known = policies.versions(conn)
    return [
        VersionView(
            version=one.version,
            read_at=one.read_at,
            final=one.final,
            threshold_bps=dict(one.threshold_bps),
            base_redirect_bps=one.base_redirect_bps,
            grade_cutoffs_bps=list(one.terms.grade_cutoffs_bps) if one.terms else None,
            dispute_window_s=one.terms.dispute_window_s if one.terms else None,
            bond_wei=one.terms.bond_wei if one.terms else None,
        )
        for one in known
    ]


@router.post("/policy/dry-run", summary="Try a policy on the verdicts of the last 30 days")
def try_policy(services: ServicesDep, _: Governor, body: PolicyDryRun) -> PolicyDryRunView:
    judge, now = services.judge, datetime.now(UTC)
    with services.db.transaction() as conn:
        return dry_run_view(dry_run.dry_run(conn, judge, body.proposed(), now))


@router.get("/oversight", summary="Roles, signers, pauses, and what was announced")
def get_oversight(services: ServicesDep, _: Reader) -> OversightView:
    client = services.chain()
    with services.db.transaction() as conn:
        return oversight_view(conn, client)


@router.post(
    "/oversight/transactions",
    status_code=201,
    summary="A transaction for an officer's own wallet to sign",
)
def prepare_action(services: ServicesDep, caller: Governor, body: ActionRequest) -> TransactionView:
    client = services.chain()
    with services.db.transaction() as conn:
        prepared = actions.prepare(
            conn, client, body.wanted(), actor=actor_of(caller), now=datetime.now(UTC)
        )
    return transaction_view(prepared)


def oversight_view(conn: Connection, client: ChainClient) -> OversightView:
    """Load who may do what, by events of final blocks, and who signs and what is paused now."""
    announced, holders = operations.list_all(conn), operations.holders(conn)
    signers = governance.read_signers(client)
    now = datetime.fromtimestamp(client.head().timestamp, UTC)
    lasts = timedelta(seconds=governance.expiration_s(client))
    return OversightView(
        holders=[holder_view(one) for one in holders],
        signers=[hexed(account) for account in signers.signers],
        quorum=signers.quorum,
        epoch=signers.epoch,
        paused=governance.read_paused(client),
        operations=[operation_view(client, one, now, one.ready_at + lasts) for one in announced],
    )
