"""Receipts of real decisions: checked offline, checked on chain, and each forgery noticed."""

import hashlib
import json
from dataclasses import replace

import pytest
from integration.chain.chain_world import World

from oracle.chain.core.receipt import DecisionReceipt, check_offline, issue
from oracle.chain.core.report import Outcome, digest
from oracle.chain.errors import InvalidReport
from oracle.chain.node.receipt_check import check_on_chain
from storage.chain import receipts

EVIDENCE = b'{"why":"because"}'


@pytest.fixture
def receipt(world: World) -> DecisionReceipt:
    """The receipt of an upload that was attested and is final."""
    analysis_id = world.attest(evidence_hash=hashlib.sha256(EVIDENCE).digest())
    node = world.node()
    world.drive(node)
    node.step()
    with world.db.transaction() as conn:
        body = receipts.find(conn, analysis_id)
        assert receipts.missing(conn) == []
    assert body is not None
    return DecisionReceipt.from_json(body)


def failed(checks) -> list[str]:  # type: ignore[no-untyped-def]
    return [check.name for check in checks if not check.ok]


def test_a_receipt_holds_offline_and_on_chain(world: World, receipt: DecisionReceipt) -> None:
    assert failed(check_offline(receipt, EVIDENCE)) == []
    assert failed(check_on_chain(world.client, receipt)) == []
    assert DecisionReceipt.from_json(receipt.to_json()) == receipt


def test_every_change_to_a_receipt_is_noticed(world: World, receipt: DecisionReceipt) -> None:
    report = receipt.report
    assert failed(check_offline(receipt, EVIDENCE + b" ")) == ["evidence"]
    for forged in (
        replace(receipt, report=replace(report, similarity_bps=report.similarity_bps + 1)),
        replace(receipt, report=replace(report, outcome=Outcome.LICENSED)),
        replace(receipt, report=replace(report, evidence_hash=bytes(32))),
        replace(receipt, tx_hash=bytes(32)),
        replace(receipt, block_number=receipt.block_number + 1),
        replace(receipt, chain_id=1),
        replace(receipt, issuer=bytes(20)),
        replace(receipt, signatures=()),
        replace(receipt, signatures=receipt.signatures * 2),
    ):
        assert failed(check_offline(forged))
    assert "transaction" in failed(
        check_on_chain(world.client, replace(receipt, tx_hash=bytes(32)))
    )
    assert failed(check_on_chain(world.client, replace(receipt, chain_id=1))) == ["deployment"]
    assert "content" in failed(
        check_on_chain(world.client, replace(receipt, report=replace(report, similarity_bps=9)))
    )


def test_a_stranger_with_a_key_cannot_make_a_receipt(
    world: World, receipt: DecisionReceipt
) -> None:
    signed = world.asker.sign_digest(digest(receipt.report, receipt.chain_id, receipt.hub))
    forged = issue(
        world.asker,
        chain_id=receipt.chain_id,
        hub=receipt.hub,
        report=receipt.report,
        signatures=[signed],
        tx_hash=receipt.tx_hash,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
    )
    assert failed(check_offline(forged)) == []
    assert failed(check_on_chain(world.client, forged)) == ["signers"]


def test_an_answer_to_a_contract_has_a_receipt_too(world: World) -> None:
    world.request()
    node = world.node()
    world.drive(node)
    node.step()
    with world.db.transaction() as conn:
        body = receipts.find(conn, world.outbox()[0].analysis_id)
    assert body is not None
    assert failed(check_on_chain(world.client, DecisionReceipt.from_json(body))) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"format": "other"}'])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(InvalidReport):
        DecisionReceipt.from_json(text)


def test_a_receipt_with_an_extra_field_is_refused(receipt: DecisionReceipt) -> None:
    with pytest.raises(InvalidReport):
        DecisionReceipt.from_json(json.dumps(json.loads(receipt.to_json()) | {"note": "trust me"}))
