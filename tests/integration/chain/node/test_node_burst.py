"""Many results at once: batches on the chain, each result exactly once, the bad ones alone left
out.
"""

import os
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from integration.chain.chain_world import World, add_analysis, draft_of, fresh_hash
from typer.testing import CliRunner

from oracle import cli
from oracle.chain.contracts import verify
from oracle.chain.contracts.consumer import transact
from oracle.chain.core.ids import attestation_id
from oracle.chain.core.report import Outcome, PoCReport
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import hexed
from storage.chain import kept_attestations
from storage.chain.outbox import Attestation

# The long profile: ORACLE_BURST=1000 pytest tests/integration/chain/node/test_node_burst.py
BURST = int(os.environ.get("ORACLE_BURST", "40"))


@pytest.mark.timeout(120 + BURST)
def test_a_burst_is_answered_in_batches_each_exactly_once(world: World) -> None:
    asked = [world.request() for _ in range(BURST)]
    world.drive(world.node(), steps=60 + BURST)
    assert Counter(world.fulfilments()) == Counter(asked)
    assert {row.status for row in world.outbox()} == {"final"}
    assert transaction_count(world) <= -(-BURST // 16) + 1


def test_a_bad_result_does_not_hold_up_its_batch(world: World) -> None:
    for similarity in (9_900, 1_000, 1_000, 1_000, 1_000):
        # a derivative of nobody
        outcome = Outcome.DERIVATIVE if similarity == 9_900 else Outcome.ORIGINAL
        world.attest(outcome=outcome, similarity_bps=similarity)
    world.drive(world.node())
    assert [row.status for row in world.outbox()] == ["refused"] + 4 * ["final"]
    assert transaction_count(world) == 1


def test_a_result_that_its_batch_skipped_is_taken_up_again(world: World) -> None:
    """Between the preflight and the block somebody answers one of the requests."""
    asked = [world.request() for _ in range(5)]
    stolen: list[str] = []

    def answer_one_first(name: str) -> None:
        if name == "before_send" and not stolen:
            stolen.append(name)
            # The first of the batch is answered in a transaction of its own by somebody who saw the
            # report.
            transmit(world, world.outbox()[0])

    def settled_without_waiting() -> bool:
        world.run_now()
        return world.settled()

    world.drive(world.node(failpoint=answer_one_first), until=settled_without_waiting)
    assert stolen
    assert Counter(world.fulfilments()) == Counter(asked)
    assert {row.status for row in world.outbox()} == {"final"}


def test_results_of_backfilled_works_go_in_batches_once_they_are_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the contract says that it knows nothing of them, and never that nobody is owed."""
    posts = [keep(world) for _ in range(20)]
    node = world.node()
    node.step()
    assert world.outbox() == [] and transaction_count(world) == 0
    with pytest.raises(ContractReverted, match="NotPosted"):
        verify.read_redirect(world.client, posts[7])
    monkeypatch.setenv("DATABASE_URL", world.db.dsn)
    one = CliRunner().invoke(cli.app, ["attest", "--post", hexed(posts[7])])
    assert one.output == "1 queued; the node sends them in batches.\n"
    world.drive(node)
    assert verify.read_redirect(world.client, posts[7]).redirect_bps == 0
    with pytest.raises(ContractReverted, match="NotPosted"):
        verify.read_redirect(world.client, posts[8])
    assert CliRunner().invoke(cli.app, ["attest"]).output.startswith("19 queued")
    assert CliRunner().invoke(cli.app, ["attest"]).output.startswith("0 queued")
    assert CliRunner().invoke(cli.app, ["attest", "--post", "0x12"]).exit_code != 0
    world.drive(node)
    assert len(world.fulfilments()) == len(set(world.fulfilments())) == 20
    assert transaction_count(world) == 3
    with world.db.transaction() as conn:
        sent = conn.execute("select substr(call_data, 1, 4) from chain_transactions").fetchall()
    (one_signature,) = world.client.hub_abi.selectors(("attestBatch",))
    assert [bytes(row[0]) for row in sent].count(one_signature) == 2
    assert all(verify.has_badge(world.client, post) for post in posts)


def test_a_later_analysis_takes_the_place_of_one_that_was_not_posted(world: World) -> None:
    post_id, content_hash = fresh_hash(), fresh_hash()
    keep(world, post_id, content_hash=content_hash, similarity_bps=1_000)
    keep(world, post_id, content_hash=content_hash, similarity_bps=2_000)
    with world.db.transaction() as conn:
        assert kept_attestations.count(conn) == 1
        assert kept_attestations.post(conn, post_id) == 1
    (row,) = world.outbox()
    assert row.report["similarity_bps"] == 2_000
    keep(world, post_id, content_hash=content_hash, similarity_bps=3_000)
    with world.db.transaction() as conn:
        assert kept_attestations.count(conn) == 0, "what goes on chain is corrected, not repeated"


def keep(world: World, post_id: bytes | None = None, **changes: Any) -> bytes:
    """A backfilled work's decision, as the worker keeps it. Returns its post."""
    post_id, analysis_id = post_id or fresh_hash(), uuid4()
    values = {"content_hash": fresh_hash()} | changes
    request_id = attestation_id(
        world.client.chain_id, world.client.hub, post_id, values["content_hash"]
    )
    with world.db.transaction() as conn:
        add_analysis(conn, analysis_id, "index", post_id, None)
        kept_attestations.keep(
            conn,
            analysis_id=analysis_id,
            request_id=request_id,
            report=draft_of(request_id, post_id, **values).to_dict(),
        )
    return post_id


def transmit(world: World, row: Attestation) -> None:
    assert row.signed_report is not None
    signed = PoCReport.from_dict(row.signed_report)
    data = world.client.hub_abi.call_data("fulfill", signed.as_tuple(), [row.signature])
    transact(world.client, world.asker, world.client.hub, data)


def transaction_count(world: World) -> int:
    with world.db.transaction() as conn:
        row = conn.execute("select count(*) from chain_transactions").fetchone()
    return int(row[0]) if row else 0
