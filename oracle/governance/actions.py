"""What officers do with keys of their own: written here as a transaction, signed and sent by them.

The oracle holds no key of governance. An act of a role with a delay becomes an announcement that
everybody can see coming and a guardian can cancel; the same wallet then carries it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from oracle.chain.contracts import governance
from oracle.chain.contracts.deploy import DeploymentFailed
from oracle.chain.contracts.governance import CONTRACTS, PAUSABLE, Act, Role
from oracle.chain.contracts.payments import ContractCall
from oracle.chain.core.wire import address_bytes, blob, hexed
from oracle.chain.rpc.client import ChainClient
from oracle.errors import Conflict, OracleError
from oracle.payouts import wallet_transactions
from storage.chain import operations
from storage.chain.operations import Operation
from storage.database import Connection
from storage.errors import NotFound
from storage.ledger.wallets import WalletTransaction

T = TypeVar("T")

ACTIONS = (
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
)


class FieldNeeded(OracleError):
    """This action needs another field."""

    code = "field_needed"


class UnsafeQuorum(OracleError):
    """With that quorum so many signers are no safe set."""

    code = "unsafe_quorum"


class NoHolder(Conflict):
    """That wallet does not hold the role that this takes; nothing was written."""

    code = "no_holder"


class NotReady(Conflict):
    """What was announced cannot be carried out now."""

    code = "not_ready"


class TooSoon(Conflict):
    """This has to be announced earlier than that."""

    code = "too_soon"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an officer wants to do; which fields it takes depends on the action.

    Attributes:
        action: One of ACTIONS.
        wallet: Who signs it (20 bytes); the one that holds the role where left out.
        effective_from: Of what is announced; the earliest time where left out.
        operation: Id of what was announced, 0x-hex: to carry it out or cancel it.
        since_epoch: Of a revoked signer: the first set whose reports are void; the last one that it
            was in where left out.
        delay_s: Of a granted role; SAFE_DELAY_S where left out.
    """

    action: str
    wallet: bytes | None = None
    effective_from: datetime | None = None
    media_type: str | None = None
    threshold_bps: int | None = None
    base_redirect_bps: int | None = None
    cutoffs_bps: Sequence[int] | None = None
    window_s: int | None = None
    bond_wei: int | None = None
    contract: str | None = None
    signer: bytes | None = None
    signers: Sequence[bytes] | None = None
    quorum: int | None = None
    role: str | None = None
    account: bytes | None = None
    delay_s: int | None = None
    since_epoch: int | None = None
    operation: str | None = None


def prepare(
    conn: Connection, client: ChainClient, wanted: Wanted, *, actor: str, now: datetime
) -> WalletTransaction:
    """Write the transaction that does what is wanted, for the officer's wallet to sign.

    Raises: FieldNeeded, UnsafeQuorum, NoHolder, NotReady, TooSoon, NotFound, ContractReverted where
        the contract would refuse it, ChainError.
    """
    if wanted.action == "execute":
        waiting = _operation(conn, wanted)
        ready = waiting.ready_at
        if datetime.fromtimestamp(client.head().timestamp, UTC) < ready:
            raise NotReady(f"It can be carried out from {ready:%Y-%m-%d %H:%M:%S} UTC on.")
        wallet = address_bytes(waiting.caller)
        call = governance.carry_out(waiting.target, blob(waiting.data))
    elif wanted.action == "cancel":
        waiting = _operation(conn, wanted)
        # Of roles themselves nobody is guardian: who announced such a change takes it back.
        wallet = (
            wanted.wallet or address_bytes(waiting.caller)
            if address_bytes(waiting.target) == address_bytes(client.deployment.access_manager)
            else _holder(conn, wanted.wallet, Role.GUARDIAN)
        )
        call = governance.cancel(address_bytes(waiting.caller), waiting.target, blob(waiting.data))
    else:
        act = act_of(conn, client, wanted)
        wallet = _holder(conn, wanted.wallet, act.role)
        call = _announced(client, act, wallet, wanted.effective_from)
    where = address_bytes(client.deployment.addresses()[call.contract])
    client.call_raw(where, call.data, sender=wallet)
    return wallet_transactions.write(
        conn, client, call, kind=wanted.action, wallet=wallet, actor=actor, now=now
    )


def act_of(conn: Connection, client: ChainClient, wanted: Wanted) -> Act:
    """Return the act that is wanted, with the role that it takes.

    Raises: FieldNeeded, UnsafeQuorum, ChainError.
    """
    match wanted.action:
        case "threshold":
            media_type = _need(wanted.media_type, "media_type")
            return governance.threshold(media_type, _need(wanted.threshold_bps, "threshold_bps"))
        case "base_redirect":
            return governance.base_redirect(_need(wanted.base_redirect_bps, "base_redirect_bps"))
        case "grade_cutoffs":
            cutoffs = _need(wanted.cutoffs_bps, "cutoffs_bps")
            if len(cutoffs) != 4:
                raise FieldNeeded("'cutoffs_bps' takes four numbers: of A, B, C and D.")
            return governance.grade_cutoffs(cutoffs)
        case "dispute_terms":
            return governance.dispute_terms(
                _need(wanted.window_s, "window_s"), _need(wanted.bond_wei, "bond_wei")
            )
        case "pause" | "unpause":
            where = _need(wanted.contract, "contract")
            if where not in PAUSABLE:
                raise FieldNeeded(f"'contract' is one of {', '.join(PAUSABLE)}.")
            return governance.pause(where, on=wanted.action == "pause")
        case "revoke_signer":
            signer = _need(wanted.signer, "signer")
            return governance.revoke_signer(
                signer, wanted.since_epoch or _last_epoch(conn, client, signer)
            )
        case "set_signers":
            signers, quorum = _need(wanted.signers, "signers"), _need(wanted.quorum, "quorum")
            try:
                return governance.set_signers(signers, quorum)
            except DeploymentFailed as exc:
                raise UnsafeQuorum(str(exc)) from exc
        case "grant_role" | "revoke_role":
            role, account = _role(wanted.role), _need(wanted.account, "account")
            if wanted.action == "grant_role":
                safe = governance.SAFE_DELAY_S.get(role, 0)
                delay_s = safe if wanted.delay_s is None else wanted.delay_s
                return governance.grant_role(role, account, delay_s)
            return governance.revoke_role(role, account)
    raise FieldNeeded(f"'{wanted.action}' is no action; use one of {', '.join(ACTIONS)}.")


def _announced(
    client: ChainClient, act: Act, wallet: bytes, effective_from: datetime | None
) -> ContractCall:
    """The call itself where the role acts at once, else its announcement.

    Raises: NoHolder, TooSoon, ChainError.
    """
    delay = governance.delay_s(client, act.role, wallet)
    if delay is None:
        raise NoHolder(f"{hexed(wallet)} does not hold the role {act.role.name.lower()}.")
    if delay == 0:
        if effective_from is not None:
            raise TooSoon("This role acts at once: leave the effective date out.")
        return act.call
    if effective_from is None:
        return governance.schedule(client, act.call, 0)
    earliest = datetime.fromtimestamp(client.head().timestamp, UTC) + timedelta(seconds=delay)
    if effective_from < earliest:
        raise TooSoon(
            f"What this role does can be seen coming for {delay / 86_400:g} days: the earliest time"
            f" is {earliest:%Y-%m-%d %H:%M} UTC, and a little later as it has to be mined first."
        )
    return governance.schedule(client, act.call, int(effective_from.timestamp()))


def _last_epoch(conn: Connection, client: ChainClient, signer: bytes) -> int:
    """The last set that a signer was in, by its number. Raises: FieldNeeded, ChainError."""
    now = governance.read_signers(client)
    epoch = now.epoch if signer in now.signers else operations.last_epoch_of(conn, signer)
    if epoch is None:
        raise FieldNeeded(
            f"{hexed(signer)} was in no set of signers that is known here; name 'since_epoch'."
        )
    return epoch


def _operation(conn: Connection, wanted: Wanted) -> Operation:
    number = _need(wanted.operation, "operation")
    found = operations.find(conn, number)
    if found is None:
        raise NotFound(f"Nothing was announced under {number}, in a final block.")
    if found.ended is not None:
        raise NotReady(f"It was {found.ended} on {found.ended_at:%Y-%m-%d %H:%M} UTC.")
    return found


def _holder(conn: Connection, named: bytes | None, role: Role) -> bytes:
    if named is not None:
        return named
    holding = [one.account for one in operations.holders(conn) if one.role == role]
    if len(holding) != 1:
        shown = ", ".join(hexed(account) for account in holding) or "nobody"
        raise FieldNeeded(f"Name the wallet: {role.name.lower()} is held by {shown}.")
    return bytes(holding[0])


def _role(name: str | None) -> Role:
    try:
        return Role[_need(name, "role").upper()]
    except KeyError as exc:
        raise FieldNeeded(
            f"'role' is one of {', '.join(each.name.lower() for each in Role)}."
        ) from exc


def _need(value: T | None, name: str) -> T:
    if value is None:
        raise FieldNeeded(f"Set '{name}' as well.")
    return value


assert set(PAUSABLE) <= set(CONTRACTS)
