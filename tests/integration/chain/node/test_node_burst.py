"""Many results at once: batches on the chain, each result exactly once, the bad ones alone left
out.
"""

import os
from collections import Counter

import pytest
from integration.chain.chain_world import World

from oracle.chain.contracts.consumer import transact
from oracle.chain.core.report import Outcome, PoCReport
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


def transmit(world: World, row: Attestation) -> None:
    assert row.signed_report is not None
    signed = PoCReport.from_dict(row.signed_report)
    data = world.client.hub_abi.call_data("fulfill", signed.as_tuple(), [row.signature])
    transact(world.client, world.asker, world.client.hub, data)


def transaction_count(world: World) -> int:
    with world.db.transaction() as conn:
        row = conn.execute("select count(*) from chain_transactions").fetchone()
    return int(row[0]) if row else 0
