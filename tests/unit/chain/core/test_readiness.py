"""Each reason why a node is not ready is a row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oracle.chain.core.readiness import problems
from storage.chain.node_status import NodeStatus

NOW = datetime(2026, 11, 22, tzinfo=UTC)
READY = NodeStatus(
    sender=bytes(20),
    head_number=100,
    head_time=NOW,
    finalized_number=98,
    finalized_hash=bytes(32),
    cursor_number=100,
    balance_wei=10**18,
    last_reorg_depth=0,
    last_poll_at=NOW - timedelta(seconds=1),
    error_code=None,
    error_detail=None,
    latched_at=None,
    latch_reason=None,
    resync=False,
    endpoints=[],
)

CASES: dict[str, dict[str, Any]] = {
    "finality_latched": {"latched_at": NOW, "latch_reason": "Block 7 was final"},
    "never_polled": {"last_poll_at": None},
    "node_silent": {"last_poll_at": NOW - timedelta(minutes=2)},
    "chain_unavailable": {
        "last_poll_at": NOW - timedelta(minutes=2),
        "error_code": "chain_unavailable",
    },
    "wrong_chain": {"error_code": "wrong_chain"},
    "cursor_behind": {"cursor_number": 70},
    "balance_low": {"balance_wei": 0},
}


def test_a_node_that_works_has_no_problem() -> None:
    assert problems(READY, NOW) == []
    # one failed round is no outage
    assert problems(replace(READY, error_code="chain_timeout"), NOW) == []


@pytest.mark.parametrize("code", CASES)
def test_problems(code: str) -> None:
    assert [problem.code for problem in problems(replace(READY, **CASES[code]), NOW)] == [code]
