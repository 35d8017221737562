"""`oracle deploy` gives no key roles that are there to check each other."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.anvil import AnvilNode, running_anvil

from oracle import wiring
from oracle.chain.contracts.roles import SharedRoles
from oracle.chain.core.deployment import Deployment
from oracle.chain.keys.accounts import load_account
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.settings import Settings
from oracle.wiring import People, deploy_contracts

ARBITER, REGISTRAR, PLATFORM = 4, 8, 9  # as numbered in Roles.sol
KEY = "0x" + "77" * 32
SIGNER = load_account(KEY).address


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnvilNode]:
    """A chain that says it is no development chain."""
    log = tmp_path_factory.mktemp("public") / "anvil.log"
    with running_anvil(log, chain_id=8_453) as node:
        yield node


def settings(anvil: AnvilNode) -> Settings:
    anvil.call("anvil_setBalance", SIGNER, hex(10**20))
    return Settings(chain_rpc_url=anvil.url, chain={"key": KEY})


def holds(anvil: AnvilNode, deployment: Deployment, role: int, account: str) -> bool:
    client = ChainClient(Endpoint(anvil.url), deployment)
    manager = client.deployment.access_manager
    return bool(client.read("AccessManager", manager, "hasRole", role, account)[0])


def test_on_a_development_chain_people_nobody_named_are_accounts_of_the_node(
    anvil: AnvilNode, rolled_back: None
) -> None:
    deployment = deploy_contracts(settings(anvil), People())
    known = anvil.call("eth_accounts")
    arbiters = [one for one in known if holds(anvil, deployment, ARBITER, one)]
    assert len(arbiters) == 2
    assert [one for one in known if holds(anvil, deployment, REGISTRAR, one)] == [known[2]]
    assert [one for one in known if holds(anvil, deployment, PLATFORM, one)] == [known[3]]
    for role in (ARBITER, REGISTRAR, PLATFORM):
        assert not holds(anvil, deployment, role, SIGNER)


def test_one_key_may_hold_all_of_them_there_if_asked_for(
    anvil: AnvilNode, rolled_back: None
) -> None:
    deployment = deploy_contracts(settings(anvil), People(one_key=True))
    assert holds(anvil, deployment, ARBITER, SIGNER)
    assert holds(anvil, deployment, REGISTRAR, SIGNER)


def test_a_public_chain_takes_two_arbiters_and_a_registrar_that_is_no_signer(
    public: AnvilNode,
) -> None:
    alone = settings(public)
    block = public.height()
    with pytest.raises(SharedRoles, match="both arbiters"):
        deploy_contracts(alone, People())
    with pytest.raises(SharedRoles, match="signer and registrar"):
        deploy_contracts(alone, People(officers={"arbiter": _person()}))
    arbiter = _person()
    with pytest.raises(SharedRoles, match="both arbiters"):  # however it is written
        twice = {"arbiter": arbiter, "second_arbiter": arbiter.lower()}
        deploy_contracts(alone, People(officers=twice | {"registrar": _person()}))
    with pytest.raises(SharedRoles, match="claim copies and decide"):
        deploy_contracts(
            alone,
            People(
                officers={"arbiter": arbiter, "registrar": _person(), "claimant": arbiter.upper()}
            ),
        )
    with pytest.raises(SharedRoles, match="development chain only"):
        deploy_contracts(alone, People(one_key=True))
    assert public.height() == block, "nothing was sent"

    registrar = _person()
    deployment = deploy_contracts(
        alone, People(officers={"arbiter": arbiter, "registrar": registrar})
    )
    assert holds(public, deployment, ARBITER, arbiter)
    assert holds(public, deployment, ARBITER, SIGNER), "the governor, where nobody is named"
    assert not holds(public, deployment, REGISTRAR, SIGNER)
    assert not holds(public, deployment, PLATFORM, SIGNER), "nobody, until somebody is named"


def test_the_scheduler_takes_its_keys_from_a_file_and_the_environment_first(tmp_path: Path) -> None:
    file = tmp_path / "roles.json"
    file.write_text(json.dumps({"arbiter": "0x" + "11" * 32, "registrar": "0x" + "22" * 32}))
    given = Settings(chain={"role_keys_file": file, "registrar_key": "0x" + "33" * 32})
    keys = wiring.load_role_keys(given)
    assert set(keys) == {"arbiter", "registrar"}
    expected = bytes.fromhex(re.sub("^0x", "", load_account("0x" + "33" * 32).address))
    assert keys["registrar"].address == expected


def _person() -> str:
    return str(load_account("0x" + os.urandom(32).hex()).address)
