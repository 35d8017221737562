"""kill -9 anywhere between the decision and the money: nothing lost, doubled or disagreeing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.platform import Platform
from support.quarrels import CENTS, UNITS, make_quarrel
from support.town import DAY_S, Town

from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.abis import contract
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.payouts.onchain import PayoutAsset
from oracle.tasks.reconciliation import Reconciler

SCRIPT = Path(__file__).with_name("ruling_process.py")
KILLS = int(os.environ.get("ORACLE_RULING_KILLS", "4"))
POINTS = 120  # that the process passes, at least, on the whole path
AT = [1 + POINTS * number // KILLS for number in range(KILLS)]


@pytest.mark.parametrize("kill_at", AT)
def test_a_granted_appeal_survives_a_kill_at_any_point(
    town: Town, platform: Platform, tmp_path: Path, kill_at: int
) -> None:
    quarrel = make_quarrel(town, platform)
    quarrel.pay()
    appeal = quarrel.appeal()
    quarrel.drive(2)
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    deployment = tmp_path / "deployment.json"
    deployment.write_text(town.client.deployment.to_json())
    keys = {role: hexed(key._account.key) for role, key in quarrel.keys().items()}
    argv = [sys.executable, str(SCRIPT), platform.db.dsn, town.anvil.url, str(deployment)]
    done = subprocess.run(
        [*argv, json.dumps(keys), str(kill_at)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (done.stdout, done.stderr[-2000:])

    quarrel.drive(4)  # another process goes on
    town.wait(3 * DAY_S + 60)
    quarrel.drive(6)
    result = quarrel.result()
    assert (result.outcome, result.status) == (Outcome.ORIGINAL, PostStatus.FINAL)
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.paid("bob") == quarrel.platform.totals(quarrel.bob).available == CENTS
    assert quarrel.inbox(quarrel.bob).count("verdict_changed") == 1
    assert quarrel.inbox(quarrel.anna).count("verdict_changed") == 1
    assert events(town, "PoCDisputes", town.client.deployment.disputes, "CorrectionProposed") == 1
    assert events(town, "PoCDisputes", town.client.deployment.disputes, "CorrectionExecuted") == 1
    assert platform.rows("select status from rulings") == [("in_force",)]
    asset = PayoutAsset(units_per_cent=UNITS)
    assert Reconciler(platform.db, town.client, asset).run(quarrel.now) == []


def events(town: Town, name: str, address: str, event: str) -> int:
    topic = hexed(contract(name).topic(event))
    head = town.client.head().number
    return len(town.client.logs_between(0, head, topics=[topic], address=address))
