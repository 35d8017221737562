"""What a call leaves on chain, whoever sends it: a wallet itself, or a multisig from within."""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.contracts.governance import CONTRACTS
from oracle.chain.core.abis import contract
from oracle.chain.core.wire import Log, address_bytes, hexed
from oracle.chain.errors import EndpointInconsistent

# The event that says a function was done. What both name has to agree, but for amounts, which the
# contract divides.
EVENTS = {
    "withdraw": "Withdrawn",
    "tip": "RevenueSplit",
    "open": "DisputeOpened",
    "escalate": "DisputeOpened",
    "answer": "DisputeAnswered",
    "accept": "RulingAccepted",
    "claim": "CopyClaimed",
    "schedule": "OperationScheduled",
    "execute": "OperationExecuted",
    "cancel": "OperationCanceled",
    "grantRole": "RoleGranted",
    "revokeRole": "RoleRevoked",
    "setSigners": "SignersChanged",
    "revokeSigner": "EpochVoided",
    "setThreshold": "PolicyChanged",
    "setBaseRedirect": "PolicyChanged",
    "pause": "Paused",
    "unpause": "Unpaused",
}
# Where an event says who did it, by the function whose event it is.
ACTORS = {"tip": "payer", "schedule": "caller", "pause": "account", "unpause": "account"}


def operation_of(where: str, data: bytes, wallet: bytes) -> tuple[str, str] | None:
    """The operation that a call is about, if it is one of the AccessManager's.

    Args: where: the contract, by its name in the deployment. wallet: who makes the call, 20 bytes.
    Returns: its id, 0x-hex, and the event that says it was done; None for any other call.
    """
    if where != "access_manager":
        return None
    function, args = contract("AccessManager").call(data)
    if function not in ("schedule", "execute", "cancel"):
        return None
    caller = args.get("caller", hexed(wallet))
    packed = encode(["address", "address", "bytes"], [caller, args["target"], args["data"]])
    return hexed(keccak(packed)), EVENTS[function]


def was_done(
    where: str, address: bytes, data: bytes, wallet: bytes | None, logs: Sequence[Log]
) -> bool:
    """Whether the logs of a transaction say that a contract did what a call of a wallet asks for.

    Args: where, address: the contract, by its name in the deployment, and its address (20 bytes).
    """
    abi = contract(CONTRACTS[where])
    try:
        function, args = abi.call(data)
    except EndpointInconsistent:
        return False
    event = EVENTS.get(function)
    if event is None:
        return False
    operation = operation_of(where, data, wallet) if wallet else None
    topic = abi.topic(event)
    for entry in logs:
        if entry.address != address or not entry.topics or entry.topics[0] != topic:
            continue
        facts = abi.event(event, entry.topics, entry.data)
        wanted = {name.rstrip("_"): value for name, value in args.items() if name != "amount"}
        if operation is not None and "operationId" in facts:
            wanted["operationId"] = bytes.fromhex(operation[0][2:])
        actor = ACTORS.get(function, "by")
        same = all(facts[name] == value for name, value in wanted.items() if name in facts)
        if same and (wallet is None or actor not in facts or address_bytes(facts[actor]) == wallet):
            return True
    return False
