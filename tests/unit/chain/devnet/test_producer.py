"""When the embedded chain makes a block."""

from dataclasses import replace

import pytest

from oracle.chain.devnet.producer import FINALITY_BLOCK_S, ChainView, Step, next_step

QUIET = ChainView(
    pending=0, head=10, last_full=8, saved=10, since_block_s=99.0, last_try_was_empty=False
)


@pytest.mark.parametrize(
    ("seen", "step"),
    [
        pytest.param(QUIET, Step.WAIT, id="all final and saved: the chain does not grow"),
        pytest.param(
            replace(QUIET, pending=1, since_block_s=0), Step.MINE, id="a transaction does not wait"
        ),
        pytest.param(
            replace(QUIET, head=11, last_full=11),
            Step.SAVE,
            id="a block with transactions is saved",
        ),
        pytest.param(
            replace(QUIET, pending=5, head=11, last_full=11),
            Step.SAVE,
            id="and saved before the next is built on it",
        ),
        pytest.param(
            replace(QUIET, head=11, last_full=11, saved=11),
            Step.MINE,
            id="then empty blocks make it final",
        ),
        pytest.param(
            replace(QUIET, head=11, last_full=11, saved=11, since_block_s=FINALITY_BLOCK_S / 2),
            Step.WAIT,
            id="at their own pace",
        ),
        pytest.param(
            replace(QUIET, head=12, last_full=10, saved=10),
            Step.SAVE,
            id="and are saved when all is final",
        ),
        pytest.param(
            replace(QUIET, pending=1, last_try_was_empty=True, since_block_s=FINALITY_BLOCK_S / 2),
            Step.WAIT,
            id="a transaction that no block takes is not tried at full speed",
        ),
        pytest.param(
            replace(QUIET, pending=1, last_try_was_empty=True),
            Step.MINE,
            id="but tried again, as fees fall",
        ),
    ],
)
def test_next_step(seen: ChainView, step: Step) -> None:
    assert next_step(seen, blocks_to_finality=2) is step
