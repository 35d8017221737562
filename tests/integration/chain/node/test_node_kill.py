"""kill -9 of a real node process at random points, again and again, under a stream of requests."""

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from integration.chain.chain_world import World, wait_for

from oracle.chain.contracts import verify
from oracle.chain.contracts.verify import RequestStatus
from oracle.chain.core.wire import hexed

SCRIPT = Path(__file__).with_name("node_process.py")
# The long profile: ORACLE_KILLS=200 ORACLE_REQUESTS=1000 pytest
# tests/integration/chain/node/test_node_kill.py
KILLS = int(os.environ.get("ORACLE_KILLS", "6"))
REQUESTS = int(os.environ.get("ORACLE_REQUESTS", KILLS))


@pytest.mark.timeout(60 + 30 * KILLS + REQUESTS)
def test_a_node_killed_at_random_points_answers_everything_exactly_once(
    world: World, tmp_path: Path
) -> None:
    rng = random.Random(20_261_122)
    asked: list[bytes] = []
    for kill in range(KILLS):
        asked += [world.request() for _ in range(-(-REQUESTS * (kill + 1) // KILLS) - len(asked))]
        if kill % 3 == 0:
            world.attest()
        kill_at = rng.randint(1, 12)
        process = start(world, tmp_path, kill_at)
        try:
            wait_for(lambda process=process: mined_until_dead(world, process), timeout_s=30)
        except TimeoutError:
            process.kill()  # it ran out of work before it reached its point: killed while idle
        assert process.wait() == -9
    survivor = start(world, tmp_path, 0)
    try:
        wait_for(
            lambda: (
                world.anvil.mine() > 0 and len(world.outbox()) >= len(asked) and world.settled()
            ),
            timeout_s=60 + REQUESTS,
        )
    finally:
        survivor.kill()
        survivor.wait()
    answered = Counter(world.fulfilments())
    queued = {row.request_id for row in world.outbox()}
    assert set(answered.values()) == {1}
    assert set(answered) == queued and set(asked) <= queued
    assert {row.status for row in world.outbox()} == {"final"}
    assert all(
        verify.read_request(world.client, asked_id).status is RequestStatus.FULFILLED
        for asked_id in asked
    )


def mined_until_dead(world: World, process: "subprocess.Popen[bytes]") -> bool:
    world.anvil.mine()
    return process.poll() is not None


def start(world: World, tmp_path: Path, kill_at: int) -> "subprocess.Popen[bytes]":
    deployment = tmp_path / "deployment.json"
    deployment.write_text(world.deployment.to_json())
    key = hexed(world.signer._account.key)
    argv = [
        sys.executable,
        str(SCRIPT),
        world.db.dsn,
        world.anvil.url,
        str(deployment),
        key,
        str(kill_at),
    ]
    with (tmp_path / "node.log").open("ab") as output:
        return subprocess.Popen(
            argv, stdout=output, stderr=output, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
