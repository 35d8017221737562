"""What governance, guardian and administrators do on chain: each act with the role that it takes.

Acts of roles with a delay are scheduled, can be seen coming and cancelled, and are then carried out
by whoever scheduled them. Raises: ChainError where something is read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from oracle.chain.contracts.deploy import faults_tolerated
from oracle.chain.contracts.payments import ContractCall
from oracle.chain.contracts.roles import Delays
from oracle.chain.core.abis import contract
from oracle.chain.core.report import MediaType
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.errors import EndpointInconsistent
from oracle.chain.rpc.client import ChainClient

# Solidity name of each contract, by the deployment's name for it.
CONTRACTS = {
    "hub": "PoCHub",
    "oracle_registry": "OracleRegistry",
    "policy": "PolicyRegistry",
    "post_registry": "PostRegistry",
    "account_links": "AccountLinks",
    "revenue_splitter": "RevenueSplitter",
    "token_pool": "TokenPool",
    "bonus_vault": "BonusVault",
    "disputes": "PoCDisputes",
    "fraud_guard": "FraudGuard",
    "platforms": "Platforms",
    "result_roots": "ResultRoots",
    "access_manager": "AccessManager",
}
LAST_MOMENT = 253_402_300_800  # the year 10000 in Unix seconds, which dates here do not reach
PAUSABLE = ("hub", "revenue_splitter", "token_pool", "bonus_vault")


class Role(IntEnum):
    """A role, as the AccessManager numbers it (`Roles.sol`)."""

    ADMIN = 0
    GOVERNANCE = 1
    GUARDIAN = 2
    ORACLE_ADMIN = 3
    ARBITER = 4
    FRAUD_OFFICER = 5
    UPGRADER = 6
    PAYMASTER = 7
    REGISTRAR = 8
    PLATFORM = 9


# How long a role's acts are seen coming unless another time is named: as contracts are deployed.
# Who has to act at once, or is a service's own key, acts at once.
SAFE_DELAY_S = {
    Role.ADMIN: Delays().upgrade_s,
    Role.UPGRADER: Delays().upgrade_s,
    Role.GOVERNANCE: Delays().governance_s,
    Role.ORACLE_ADMIN: Delays().governance_s,
}


@dataclass(frozen=True)
class Act:
    """A call, and the role whose holder may make it."""

    role: Role
    call: ContractCall


@dataclass(frozen=True)
class Signers:
    """Who signs reports, and how many of them a report needs."""

    epoch: int
    signers: Sequence[bytes]
    quorum: int


def threshold(media_type: str, threshold_bps: int) -> Act:
    """Another threshold for one media type."""
    number = next(each for each in MediaType if each.label == media_type)
    return _act(Role.GOVERNANCE, "policy", "setThreshold", int(number), threshold_bps)


def base_redirect(base_redirect_bps: int) -> Act:
    """Another base redirect."""
    return _act(Role.GOVERNANCE, "policy", "setBaseRedirect", base_redirect_bps)


def grade_cutoffs(cutoffs_bps: Sequence[int]) -> Act:
    """Other lowest scores of A, B, C and D."""
    return _act(Role.GOVERNANCE, "policy", "setGradeCutoffs", *cutoffs_bps)


def dispute_terms(window_s: int, bond_wei: int) -> Act:
    """Another time to dispute, and another bond of the second round."""
    return _act(Role.GOVERNANCE, "policy", "setDisputeTerms", window_s, bond_wei)


def pause(where: str, *, on: bool) -> Act:
    """Stop new business of one of PAUSABLE, or let it in again."""
    return _act(Role.GUARDIAN, where, "pause" if on else "unpause")


def revoke_signer(signer: bytes, since_epoch: int) -> Act:
    """Take a signer out at once; reports of the epochs since then that need it are void."""
    return _act(Role.GUARDIAN, "oracle_registry", "revokeSigner", hexed(signer), since_epoch)


def set_signers(signers: Sequence[bytes], quorum: int) -> Act:
    """Another set of signers. Raises: DeploymentFailed where no such quorum is safe."""
    faults = faults_tolerated(len(signers), quorum)
    ordered = [hexed(signer) for signer in sorted(signers)]
    return _act(Role.ORACLE_ADMIN, "oracle_registry", "setSigners", ordered, quorum, faults)


def grant_role(role: Role, account: bytes, delay_s: int) -> Act:
    """Give an account a role; what it does takes effect after so many seconds."""
    return _act(Role.ADMIN, "access_manager", "grantRole", int(role), hexed(account), delay_s)


def revoke_role(role: Role, account: bytes) -> Act:
    """Take a role away."""
    return _act(Role.ADMIN, "access_manager", "revokeRole", int(role), hexed(account))


def schedule(client: ChainClient, call: ContractCall, when: int) -> ContractCall:
    """Announce a call for a Unix time, or with 0 for the earliest possible one."""
    return _manager("schedule", client.deployment.addresses()[call.contract], call.data, when)


def carry_out(target: str, data: bytes) -> ContractCall:
    """Carry out what the same account scheduled, once its time has come."""
    return _manager("execute", target, data)


def cancel(caller: bytes, target: str, data: bytes) -> ContractCall:
    """Cancel what an account scheduled."""
    return _manager("cancel", hexed(caller), target, data)


def delay_s(client: ChainClient, role: Role, account: bytes) -> int | None:
    """How long what an account does under a role can be seen coming; None where it has not the
    role.
    """
    since, delay, _pending, _effect = client.read(
        "AccessManager", client.deployment.access_manager, "getAccess", int(role), hexed(account)
    )
    return int(delay) if since else None


def expiration_s(client: ChainClient) -> int:
    """How long after its time a scheduled call can still be carried out."""
    return int(client.read("AccessManager", client.deployment.access_manager, "expiration"))


def read_signers(client: ChainClient) -> Signers:
    """Who signs reports now."""
    where = client.deployment.oracle_registry

    def read(function: str) -> Any:
        return client.read("OracleRegistry", where, function)

    accounts = [address_bytes(account) for account in read("signers")]
    return Signers(int(read("currentEpoch")), accounts, int(read("quorum")))


def read_paused(client: ChainClient) -> dict[str, bool]:
    """Which of PAUSABLE take no new business now."""
    addresses = client.deployment.addresses()
    return {
        where: bool(client.read(CONTRACTS[where], addresses[where], "paused")) for where in PAUSABLE
    }


def in_words(client: ChainClient, target: str, data: bytes, *, within: bool = True) -> str:
    """Say what a call does: contract, function and arguments, or its bytes where it is none of
    ours.

    Args: within: Whether a call within the call is said in words too; no further one is.
    """
    known = {address.lower(): where for where, address in client.deployment.addresses().items()}
    where = known.get(target.lower(), "")
    try:
        function, args = contract(CONTRACTS[where]).call(data)
    except (KeyError, EndpointInconsistent):
        return f"0x{data.hex()} at {target}"
    said = []
    if within and {"target", "data"} <= args.keys():
        said.append(in_words(client, args.pop("target"), args.pop("data"), within=False))
    said += [_said(known, *one) for one in args.items()]
    return f"{CONTRACTS[where]}.{function}({', '.join(said)})"


def _said(known: Mapping[str, str], name: str, value: Any) -> str:
    if name == "when":
        if value == 0:
            return "at the earliest time"
        if value < LAST_MOMENT:
            return f"when {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, str) and value.lower() in known:
        value = CONTRACTS[known[value.lower()]]
    if name == "mediaType" and value in set(MediaType):
        value = MediaType(value).label
    if name == "roleId" and value in set(Role):
        value = Role(value).name.lower()
    if isinstance(value, tuple):
        value = "[" + ", ".join(str(one) for one in value) + "]"
    return f"{name.rstrip('_')} {'0x' + value.hex() if isinstance(value, bytes) else value}"


def _act(role: Role, where: str, function: str, *args: object) -> Act:
    return Act(role, ContractCall(where, contract(CONTRACTS[where]).call_data(function, *args)))


def _manager(function: str, *args: object) -> ContractCall:
    return ContractCall("access_manager", contract("AccessManager").call_data(function, *args))
