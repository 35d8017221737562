"""The deploy door against a real Anvil: what it puts there works, and what it refuses is named."""

import dataclasses
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rlp
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractCustomError
from web3.logs import DISCARD

from oracle.chain.contracts.deploy import (
    DeploymentFailed,
    connect,
    create_address,
    deploy,
    deploy_example_consumer,
    faults_tolerated,
    verify_deployment,
)
from oracle.chain.contracts.roles import DAY_S, Delays, Officers
from oracle.chain.core.deployment import Deployment, load_artifact
from oracle.chain.devnet.anvil import find_anvil
from oracle.chain.errors import NotDeployed, WrongChain

REPORT_TYPES = {
    "PoCReport": [
        {"name": "requestId", "type": "bytes32"},
        {"name": "postId", "type": "bytes32"},
        {"name": "contentHash", "type": "bytes32"},
        {"name": "mediaType", "type": "uint8"},
        {"name": "outcome", "type": "uint8"},
        {"name": "similarityBps", "type": "uint16"},
        {"name": "creator", "type": "address"},
        {"name": "originalCreator", "type": "address"},
        {"name": "originalPostId", "type": "bytes32"},
        {"name": "evidenceHash", "type": "bytes32"},
        {"name": "modelDigest", "type": "bytes32"},
        {"name": "indexSnapshot", "type": "bytes32"},
        {"name": "configVersion", "type": "uint64"},
        {"name": "reason", "type": "uint8"},
        {"name": "observedAt", "type": "uint64"},
        {"name": "validUntil", "type": "uint64"},
        {"name": "signerEpoch", "type": "uint64"},
        {"name": "transmitter", "type": "address"},
    ]
}
POST = Web3.keccak(text="post")
CONTENT = Web3.keccak(text="content")
ORIGINAL_POST = Web3.keccak(text="original post")
CREATOR = Web3.to_checksum_address("0x" + "c0" * 20)
FIRST_CREATOR = Web3.to_checksum_address("0x" + "f1" * 20)


@pytest.fixture(scope="module")
def w3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web3]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("anvil") / "log"
    with log.open("wb") as output:
        node = subprocess.Popen(
            [find_anvil(), "--port", str(port), "--chain-id", "4242", "--accounts", "0"],
            stdout=output,
            stderr=output,
        )
    try:
        w3 = connect(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 30
        while not w3.is_connected():
            assert node.poll() is None, log.read_text()
            assert time.monotonic() < deadline, "anvil did not answer within 30 s"
            time.sleep(0.05)
        yield w3
    finally:
        node.kill()
        node.wait()


def funded(w3: Web3) -> LocalAccount:
    """An account nobody knows, with 100 ether."""
    account: LocalAccount = Account.from_key(secrets.token_bytes(32))
    w3.provider.make_request("anvil_setBalance", [account.address, hex(100 * 10**18)])  # type: ignore[arg-type]
    return account


@pytest.fixture(scope="module")
def signer() -> LocalAccount:
    account: LocalAccount = Account.from_key(secrets.token_bytes(32))
    return account


@pytest.fixture(scope="module")
def deployer(w3: Web3) -> LocalAccount:
    return funded(w3)


@pytest.fixture(scope="module")
def deployment(w3: Web3, deployer: LocalAccount, signer: LocalAccount) -> Deployment:
    return deploy(w3, deployer, oracle_signers=[signer.address])


def at(w3: Web3, name: str, address: str) -> type[Contract] | Contract:
    return w3.eth.contract(Web3.to_checksum_address(address), abi=load_artifact(name).abi)


def transact(w3: Web3, sender: LocalAccount, call, value: int = 0) -> dict:
    nonce = w3.eth.get_transaction_count(sender.address)
    tx = call.build_transaction({"from": sender.address, "nonce": nonce, "value": value})
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(sender.sign_transaction(tx).raw_transaction), poll_latency=0.05
    )
    assert receipt["status"] == 1
    return receipt


def derivative_report(w3: Web3, request_id: bytes) -> dict:
    now = w3.eth.get_block("latest")["timestamp"]
    return {
        "requestId": request_id,
        "postId": POST,
        "contentHash": CONTENT,
        "mediaType": 1,
        "outcome": 2,
        "similarityBps": 9800,
        "creator": CREATOR,
        "originalCreator": FIRST_CREATOR,
        "originalPostId": ORIGINAL_POST,
        "evidenceHash": Web3.keccak(text="evidence"),
        "modelDigest": Web3.keccak(text="models"),
        "indexSnapshot": Web3.keccak(text="index"),
        "configVersion": 1,
        "reason": 0,
        "observedAt": now,
        "validUntil": now + 3600,
        "signerEpoch": 1,
        "transmitter": "0x" + "00" * 20,
    }


def signature(deployment: Deployment, signer: LocalAccount, report: dict) -> bytes:
    domain = {
        "name": "CreativityOracle",
        "version": "1",
        "chainId": deployment.chain_id,
        "verifyingContract": deployment.hub,
    }
    return signer.sign_message(encode_typed_data(domain, REPORT_TYPES, report)).signature


def test_the_system_is_wired_and_starts_with_the_defaults(
    w3: Web3, deployment: Deployment, signer: LocalAccount
) -> None:
    verify_deployment(w3, deployment)
    assert at(w3, "OracleRegistry", deployment.oracle_registry).functions.signers().call() == [
        signer.address
    ]
    policy = at(w3, "PolicyRegistry", deployment.policy).functions
    assert policy.currentVersion().call() == 1
    assert [policy.policyAt(1, media).call() for media in (1, 2, 3)] == [[9500, 10000]] * 3
    assert (
        at(w3, "RedirectMathView", deployment.redirect_math)
        .functions.redirectBps(9800, 9500, 10000)
        .call()
        == 6000
    )


def test_no_event_of_ours_is_older_than_the_deployment_block(
    w3: Web3, deployment: Deployment
) -> None:
    addresses = [
        deployment.hub,
        deployment.post_registry,
        deployment.policy,
        deployment.oracle_registry,
    ]
    logs = w3.eth.get_logs({"fromBlock": 0, "toBlock": "latest", "address": addresses})
    assert logs
    assert min(log["blockNumber"] for log in logs) == deployment.block_number
    assert w3.eth.get_block(deployment.block_number)["hash"].to_0x_hex() == deployment.block_hash


def test_a_contract_asks_and_is_answered(
    w3: Web3, deployer: LocalAccount, deployment: Deployment, signer: LocalAccount
) -> None:
    hub = at(w3, "PoCHub", deployment.hub)
    consumer = at(w3, "ExampleConsumer", deploy_example_consumer(w3, deployer, deployment.hub))
    fee = hub.functions.feeFor(consumer.functions.CALLBACK_GAS().call()).call()
    call = consumer.functions.verify(POST, CONTENT, 1, CREATOR, "https://a.example/p.jpg")
    receipt = transact(w3, deployer, call, value=fee)
    (asked,) = hub.events.VerificationRequested().process_receipt(receipt, errors=DISCARD)
    assert asked["args"]["requester"] == consumer.address
    post_id = consumer.functions.postIdOf(deployer.address, POST).call()
    assert asked["args"]["postId"] == post_id

    report = derivative_report(w3, asked["args"]["requestId"]) | {"postId": post_id}
    signed = signature(deployment, signer, report)
    transact(w3, deployer, hub.functions.fulfill(tuple(report.values()), [signed]))

    posts = at(w3, "PostRegistry", deployment.post_registry).functions
    assert posts.redirectOf(post_id).call() == [FIRST_CREATOR, 6000]
    assert posts.hasBadge(post_id).call() is False
    stored = dict(
        zip(named(consumer, "resultOf"), consumer.functions.resultOf(post_id).call(), strict=True)
    )
    assert (stored["outcome"], stored["tier"], stored["redirectBps"]) == (2, 3, 6000)
    kept = dict(
        zip(
            named(hub, "getRequest"),
            hub.functions.getRequest(report["requestId"]).call(),
            strict=True,
        )
    )
    assert (kept["status"], kept["callbackStatus"]) == (2, 1)


def test_what_python_signs_is_what_the_contract_hashes(
    w3: Web3, deployment: Deployment, signer: LocalAccount
) -> None:
    report = derivative_report(w3, Web3.keccak(text="any id"))
    digest = at(w3, "PoCHub", deployment.hub).functions.hashReport(tuple(report.values())).call()
    signed = signature(deployment, signer, report)
    assert Account._recover_hash(digest, signature=signed) == signer.address


def test_a_stranger_is_named_in_the_revert(
    w3: Web3, deployer: LocalAccount, deployment: Deployment
) -> None:
    hub = at(w3, "PoCHub", deployment.hub)
    stranger: LocalAccount = Account.from_key(secrets.token_bytes(32))
    report = derivative_report(
        w3, hub.functions.attestationId(POST, Web3.keccak(text="another")).call()
    )
    report["contentHash"] = Web3.keccak(text="another")
    with pytest.raises(ContractCustomError) as caught:
        hub.functions.attest(
            tuple(report.values()), [signature(deployment, stranger, report)]
        ).call({"from": deployer.address})
    selector = Web3.keccak(text="UnauthorizedOracle(address)")[:4].hex()
    assert caught.value.data == "0x" + selector + "00" * 12 + stranger.address[2:].lower()


def test_an_admin_takes_over_and_the_deployer_keeps_nothing(w3: Web3, signer: LocalAccount) -> None:
    deployer, admin = funded(w3), funded(w3)
    deployment = deploy(
        w3, deployer, oracle_signers=[signer.address], admin=admin.address, delays=Delays(0, 0)
    )
    policy = at(w3, "PolicyRegistry", deployment.policy)
    with pytest.raises(ContractCustomError):
        policy.functions.setThreshold(1, 9000).call({"from": deployer.address})
    transact(w3, admin, policy.functions.setThreshold(1, 9000))
    assert policy.functions.policyAt(2, 1).call() == [9000, 10000]


def test_what_governors_do_takes_effect_after_its_delay(
    w3: Web3, deployer: LocalAccount, deployment: Deployment
) -> None:
    manager = at(w3, "AccessManager", deployment.access_manager).functions
    for role, delay_s in (
        (0, 7 * DAY_S),
        (1, 2 * DAY_S),
        (2, 0),
        (3, 2 * DAY_S),
        (4, 0),
        (5, 0),
        (6, 7 * DAY_S),
    ):
        assert manager.hasRole(role, deployer.address).call() == [True, delay_s], f"role {role}"
    with pytest.raises(ContractCustomError):
        at(w3, "PolicyRegistry", deployment.policy).functions.setThreshold(1, 9000).call(
            {"from": deployer.address}
        )
    with pytest.raises(ContractCustomError):
        manager.grantRole(4, CREATOR, 0).call({"from": deployer.address})
    at(w3, "PoCHub", deployment.hub).functions.pause().call({"from": deployer.address})


def test_the_roles_are_the_officers(w3: Web3, signer: LocalAccount) -> None:
    people = [Account.from_key(secrets.token_bytes(32)).address for _ in range(9)]
    deployer = funded(w3)
    deployment = deploy(
        w3, deployer, oracle_signers=[signer.address], admin=CREATOR, officers=Officers(*people)
    )
    manager = at(w3, "AccessManager", deployment.access_manager).functions
    for role, officer in enumerate(people[:7], start=1):
        assert manager.hasRole(role, officer).call()[0], f"role {role}"
        assert not manager.hasRole(role, deployer.address).call()[0], f"role {role}"
    assert manager.hasRole(4, people[7]).call()[0]
    assert manager.hasRole(8, people[8]).call()[0]
    assert not manager.hasRole(0, deployer.address).call()[0]


def test_each_role_may_have_a_holder_of_its_own(w3: Web3, signer: LocalAccount) -> None:
    """As the embedded chain has them: who freezes is somebody else than who decides about it."""
    people: dict[str, LocalAccount] = {}

    def address_of(name: str) -> str:
        people[name] = Account.from_key(secrets.token_bytes(32))
        return str(people[name].address)

    treasuries = (address_of("platform"), address_of("ecosystem"))
    deployment = deploy(
        w3,
        funded(w3),
        oracle_signers=[signer.address],
        admin=address_of("admin"),
        officers=Officers.each(address_of),
        treasuries=treasuries,
    )
    manager = at(w3, "AccessManager", deployment.access_manager).functions
    roles = (
        "admin",
        "governor",
        "guardian",
        "oracle_admin",
        "arbiter",
        "fraud_officer",
        "upgrader",
        "paymaster",
    )
    for role, name in enumerate(roles):
        holders = [*roles, "second_arbiter"]
        held = [
            other for other in holders if manager.hasRole(role, people[other].address).call()[0]
        ]
        assert held == ([name, "second_arbiter"] if name == "arbiter" else [name])
    splitter = at(w3, "RevenueSplitter", deployment.revenue_splitter).functions
    assert tuple(splitter.treasuries().call()) == treasuries


def test_two_people_rule_where_the_roles_are_held_apart(w3: Web3, signer: LocalAccount) -> None:
    people = [Account.from_key(secrets.token_bytes(32)).address for _ in range(7)]
    deployment = deploy(w3, funded(w3), oracle_signers=[signer.address], officers=Officers(*people))
    manager = at(w3, "AccessManager", deployment.access_manager).functions
    arbiters = [person for person in people if manager.hasRole(4, person).call()[0]]
    assert arbiters == [people[0], people[3]]  # nobody was named: the governor is the second


def test_the_signers_report_to_this_hub(w3: Web3, deployment: Deployment) -> None:
    assert (
        at(w3, "OracleRegistry", deployment.oracle_registry).functions.hub().call()
        == deployment.hub
    )


def test_signers_may_come_in_any_order(w3: Web3) -> None:
    signers = [Account.from_key(secrets.token_bytes(32)).address for _ in range(4)]
    deployment = deploy(w3, funded(w3), oracle_signers=signers, quorum=3)
    registry = at(w3, "OracleRegistry", deployment.oracle_registry).functions
    assert registry.signers().call() == sorted(signers, key=lambda s: int(s, 16))
    assert (registry.quorum().call(), registry.faults().call()) == (3, 1)


def test_a_deployment_survives_its_file(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    file.write_text(deployment.to_json())
    assert Deployment.from_json(file.read_text()) == deployment
    older = {
        name: value
        for name, value in json.loads(deployment.to_json()).items()
        if name != "disputes"
    }
    with pytest.raises(NotDeployed, match="older version of the contracts: it lacks disputes"):
        Deployment.from_json(json.dumps(older))
    for damaged in ("", "{}", "[]", deployment.to_json().replace(deployment.hub, "0x12")):
        with pytest.raises(NotDeployed):
            Deployment.from_json(damaged)


def test_another_chain_or_another_system_is_refused(
    w3: Web3, deployer: LocalAccount, deployment: Deployment, signer: LocalAccount
) -> None:
    with pytest.raises(WrongChain):
        verify_deployment(w3, dataclasses.replace(deployment, chain_id=1))
    with pytest.raises(NotDeployed, match="no contract at"):
        verify_deployment(w3, dataclasses.replace(deployment, hub=CREATOR))
    other = deploy(w3, deployer, oracle_signers=[signer.address])
    with pytest.raises(NotDeployed, match="another system"):
        verify_deployment(w3, dataclasses.replace(deployment, post_registry=other.post_registry))


def test_an_account_without_money_is_told_so(w3: Web3, signer: LocalAccount) -> None:
    poor: LocalAccount = Account.from_key(secrets.token_bytes(32))
    with pytest.raises(DeploymentFailed, match="create AccessManager was refused"):
        deploy(w3, poor, oracle_signers=[signer.address])


@pytest.mark.parametrize(
    ("signers", "quorum", "faults"), [(1, 1, 0), (2, 2, 0), (3, 2, 0), (4, 3, 1), (7, 5, 2)]
)
def test_faults_tolerated(signers: int, quorum: int, faults: int) -> None:
    assert faults_tolerated(signers, quorum) == faults


@pytest.mark.parametrize(("signers", "quorum"), [(0, 1), (1, 0), (1, 2), (2, 1), (4, 2)])
def test_unsafe_quorums_are_refused_before_anything_is_sent(signers: int, quorum: int) -> None:
    with pytest.raises(DeploymentFailed, match="no safe quorum"):
        faults_tolerated(signers, quorum)


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_536, 2**40])
def test_the_address_of_a_creation_is_known_beforehand(nonce: int) -> None:
    expected = Web3.to_checksum_address(
        Web3.keccak(rlp.encode([bytes.fromhex(CREATOR[2:]), nonce]))[12:]
    )
    assert create_address(CREATOR, nonce) == expected


def named(contract: type[Contract] | Contract, function: str) -> list[str]:
    """Field names of the struct that a function returns."""
    (entry,) = [e for e in contract.abi if e.get("name") == function]
    return [component["name"] for component in entry["outputs"][0]["components"]]
