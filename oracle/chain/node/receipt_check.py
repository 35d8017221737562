"""Check a receipt on the chain it names: was this recorded, by whom, and does it still stand."""

from oracle.chain.contracts.verify import Fulfilment, find_fulfilment, find_result
from oracle.chain.core.abis import contract
from oracle.chain.core.receipt import Check, DecisionReceipt
from oracle.chain.core.report import Outcome, commitment, digest
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import recover
from oracle.chain.rpc.client import ChainClient


def check_on_chain(client: ChainClient, receipt: DecisionReceipt) -> list[Check]:
    """Do every check that needs an endpoint of the chain.

    Raises: ChainError if the chain cannot be reached.
    """
    same = (receipt.chain_id, receipt.hub) == (client.chain_id, client.hub)
    checks = [Check("deployment", same, f"Hub {hexed(receipt.hub)} on chain {receipt.chain_id}.")]
    if not same:
        return checks
    fulfilment = find_fulfilment(client, receipt.tx_hash, receipt.report.request_id)
    checks.append(_transaction(receipt, fulfilment))
    checks.append(_content(receipt, fulfilment))
    checks.append(_signers(client, receipt))
    if receipt.report.outcome is not Outcome.FAILED:
        checks.append(_standing(client, receipt))
    return checks


def _transaction(receipt: DecisionReceipt, fulfilment: Fulfilment | None) -> Check:
    if fulfilment is None:
        return Check(
            "transaction",
            False,
            f"Transaction {hexed(receipt.tx_hash)} did not record this decision.",
        )
    same = (fulfilment.block_number, fulfilment.block_hash) == (
        receipt.block_number,
        receipt.block_hash,
    )
    words = "final" if fulfilment.final else "not final yet"
    return Check(
        "transaction",
        same and fulfilment.final,
        f"Recorded in block {fulfilment.block_number}, {words}.",
    )


def _content(receipt: DecisionReceipt, fulfilment: Fulfilment | None) -> Check:
    report = receipt.report
    same = fulfilment is not None and (
        fulfilment.post_id,
        fulfilment.outcome,
        fulfilment.similarity_bps,
        fulfilment.original_creator,
        fulfilment.evidence_hash,
    ) == (
        report.post_id,
        report.outcome,
        report.similarity_bps,
        report.original_creator,
        report.evidence_hash,
    )
    return Check(
        "content",
        same,
        f"{report.outcome.name.lower()}, similarity {report.similarity_bps} of 10000.",
    )


def _signers(client: ChainClient, receipt: DecisionReceipt) -> Check:
    """Check that the signers were in force in the epoch that the report names."""
    epoch = receipt.report.signer_epoch
    report_digest = digest(receipt.report, receipt.chain_id, receipt.hub)
    signers = {recover(report_digest, signature) for signature in receipt.signatures}
    abi = contract("OracleRegistry")
    topics = [hexed(abi.topic("SignersChanged")), hexed(epoch.to_bytes(32, "big"))]
    logs = client.logs_between(
        client.deployment.block_number,
        receipt.block_number,
        topics=topics,
        address=client.deployment.oracle_registry,
    )
    if not logs:
        return Check(
            "signers", False, f"The registry never had a signer set with the number {epoch}."
        )
    event = abi.event("SignersChanged", logs[-1].topics, logs[-1].data)
    members = {address_bytes(account) for account in event["signers"]}
    enough = signers <= members and len(signers) >= event["quorum"]
    return Check(
        "signers",
        enough,
        f"{len(signers)} of the {len(members)} signers of set {epoch}, {event['quorum']} needed.",
    )


def _standing(client: ChainClient, receipt: DecisionReceipt) -> Check:
    result = find_result(client, receipt.report.post_id)
    if result is None:
        return Check("standing", False, "The post has no result.")
    if result.commitment == commitment(receipt.report):
        return Check("standing", True, f"It is the post's result, {result.status.name.lower()}.")
    return Check(
        "standing", True, f"A later analysis has replaced it (revision {result.revision})."
    )
