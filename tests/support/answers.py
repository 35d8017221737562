"""What the chain says was settled: requests by the hub's events, attestations by the registry's."""

from oracle.chain.core.wire import Log, hexed
from oracle.chain.rpc.client import FULFILLED, RECORDED, ChainClient


def answers_on_chain(client: ChainClient, first_block: int = 0) -> list[tuple[bytes, Log]]:
    """The id of each request and attestation that was settled, with a log that says so, in order.

    A transaction counts once for an id, though two contracts speak of an answered request.
    """
    head = client.head().number
    logs = client.logs_between(first_block, head, topics=[hexed(client.hub_abi.topic(FULFILLED))])
    logs += client.logs_between(
        first_block,
        head,
        topics=[hexed(client.posts_abi.topic(RECORDED))],
        address=client.deployment.post_registry,
    )
    found: dict[tuple[bytes, bytes | None], Log] = {}
    for entry in sorted(logs, key=lambda log: (log.block_number, log.log_index)):
        found.setdefault((entry.tx_hash, client.answer_of(entry)), entry)
    return [(id_, entry) for (_, id_), entry in found.items() if id_ is not None]
