"""Put the contracts on a chain, and remember where they are."""

from __future__ import annotations

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import TxReceipt

from oracle.chain.contracts.account import Account
from oracle.chain.contracts.roles import Delays, Officers
from oracle.chain.core.deployment import Deployment, load_artifact
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.errors import ChainError, FeeCapReached, NotDeployed, WrongChain
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.rpc.provider import web3_on

ADMIN_ROLE = 0  # of OpenZeppelin's AccessManager
PLATFORM_ROLE = 9  # as numbered in Roles.sol
RECEIPT_TIMEOUT_S = 180.0
POOL_STEP_WEI = 10**12  # price of a post's first token in its pool
# Contracts behind a proxy, in the order in which they are created.
PROXIED = (
    "PolicyRegistry",
    "OracleRegistry",
    "Platforms",
    "PostRegistry",
    "PoCHub",
    "AccountLinks",
    "FraudGuard",
    "RevenueSplitter",
    "TokenPool",
    "PoCDisputes",
    "BonusVault",
    "ResultRoots",
)


class DeploymentFailed(ChainError):
    """The contracts could not be deployed; what was mined stays unused.

    Fix the cause and deploy again.
    """

    code = "deployment_failed"


def connect(rpc_url: str, *, timeout_s: float = 30.0) -> Web3:
    """web3 on one endpoint, as everything else of ours speaks to the chain."""
    return web3_on(Endpoint(rpc_url, timeout_s=timeout_s))


def deploy(
    w3: Web3,
    deployer: LocalAccount,
    *,
    oracle_signers: Sequence[str],
    quorum: int = 1,
    admin: str | None = None,
    officers: Officers | None = None,
    delays: Delays | None = None,
    treasuries: tuple[str, str] | None = None,
) -> Deployment:
    """Deploy and wire the whole system, hand out the roles, and read the wiring back.

    Args:
        w3: Connected to the chain.
        deployer: Pays and signs, locally.
        oracle_signers: Addresses whose signatures count, in any order.
        quorum: Signatures a report needs. The faults tolerated are the most that this quorum
            allows.
        admin: Administrator of the roles; the deployer keeps no right then. None: the deployer.
        officers: Who holds the roles. None: the administrator holds them all.
        delays: Of governance, upgrades and links. None: two, seven and two days.
        treasuries: Where platform and ecosystem fees go. None: both to the administrator.

    Raises: DeploymentFailed, ChainTimeout (what was sent may still be mined).
    """
    signers = sorted(
        {to_checksum_address(signer) for signer in oracle_signers}, key=lambda s: int(s, 16)
    )
    faults = faults_tolerated(len(signers), quorum)
    sender = _Sender(w3, deployer)
    governing = to_checksum_address(admin) if admin is not None else sender.address
    platform, ecosystem = map(to_checksum_address, treasuries or (governing, governing))
    # Rounds, each sent whole before it is waited for: implementations, then the proxies that call
    # them, then wiring.
    manager = sender.create("AccessManager", sender.address)
    math = sender.create("RedirectMathView")
    table = sender.create("RoleTable")
    logic = {name: sender.create(name) for name in PROXIED}
    sender.settle()

    def proxy(name: str, *init_args: object) -> str:
        return sender.create_proxy(name, logic[name], manager, *init_args)

    policy = proxy("PolicyRegistry")
    oracles = proxy("OracleRegistry", signers, quorum, faults)
    platforms = proxy("Platforms")
    # The posts must know the hub and the hub the posts: the hub's address follows from the next
    # nonce.
    posts = proxy("PostRegistry", policy, sender.next_address(1))
    hub = proxy("PoCHub", oracles, policy, posts, platforms)
    holders, terms = officers or Officers.all_of(governing), delays or Delays()
    links = proxy("AccountLinks", oracles, terms.link_s)
    guard = proxy("FraudGuard", posts, links)
    splitter = proxy("RevenueSplitter", posts, guard, links, platform, ecosystem)
    pool = proxy("TokenPool", splitter, POOL_STEP_WEI)
    disputes = proxy("PoCDisputes", hub, posts, links, splitter)
    vault = proxy("BonusVault", posts, splitter, links)
    receipts = sender.settle()
    # Asks the hub for its modules as it is made, so the hub must be there.
    roots = proxy("ResultRoots", hub)
    receipts += sender.settle()

    sender.call("PostRegistry", posts, "setDisputes", disputes)
    sender.call("PostRegistry", posts, "setRoots", roots)
    sender.call("OracleRegistry", oracles, "setHub", hub)
    sender.settle()
    system = (
        hub,
        oracles,
        policy,
        posts,
        links,
        guard,
        splitter,
        pool,
        disputes,
        vault,
        platforms,
        roots,
    )
    _hand_over(sender, manager, table, system, (holders, terms), governing)
    first = min(receipts, key=lambda receipt: receipt["blockNumber"])
    deployment = Deployment(
        chain_id=sender.chain_id,
        hub=hub,
        oracle_registry=oracles,
        post_registry=posts,
        policy=policy,
        access_manager=manager,
        redirect_math=math,
        account_links=links,
        fraud_guard=guard,
        revenue_splitter=splitter,
        token_pool=pool,
        disputes=disputes,
        bonus_vault=vault,
        platforms=platforms,
        result_roots=roots,
        block_number=first["blockNumber"],
        block_hash=first["blockHash"].to_0x_hex(),
    )
    verify_deployment(w3, deployment)
    return deployment


def _hand_over(
    sender: _Sender,
    manager: str,
    table: str,
    system: Sequence[str],
    holders: tuple[Officers, Delays],
    admin: str,
) -> None:
    """Give the functions their roles, the officers theirs, and the administration away: last, it
    cannot be undone.
    """
    roles = sender.contract("RoleTable", table)
    sender.call(
        "AccessManager", manager, "multicall", roles.functions.functionRoles(tuple(system)).call()
    )
    officers, delays = holders
    people = [to_checksum_address(account) for account in officers.holders()]
    terms = (*people, delays.governance_s, delays.upgrade_s)
    sender.call("AccessManager", manager, "multicall", roles.functions.officerRoles(terms).call())
    if officers.claimant:
        claimant = to_checksum_address(officers.claimant)
        sender.call("AccessManager", manager, "grantRole", PLATFORM_ROLE, claimant, 0)
    sender.settle()
    # Renews the administrator's own grant where it is the deployer: what it does from now on takes
    # its time too.
    sender.call("AccessManager", manager, "grantRole", ADMIN_ROLE, admin, delays.upgrade_s)
    sender.settle()
    if admin != sender.address:
        sender.call("AccessManager", manager, "renounceRole", ADMIN_ROLE, sender.address)
        sender.settle()


def deploy_example_consumer(w3: Web3, deployer: LocalAccount, hub: str) -> str:
    """Deploy the example consumer; returns its address. Raises: DeploymentFailed, ChainTimeout."""
    sender = _Sender(w3, deployer)
    address = sender.create("ExampleConsumer", to_checksum_address(hub))
    sender.settle()
    return address


def verify_deployment(w3: Web3, deployment: Deployment) -> None:
    """Check that the chain holds this system, wired as it says.

    Raises: WrongChain, NotDeployed (no contract, or other contracts, at an address).
    """
    found = w3.eth.chain_id
    if found != deployment.chain_id:
        raise WrongChain(
            f"The endpoint serves chain {found}; the contracts are on chain {deployment.chain_id}."
        )
    for name, address in deployment.addresses().items():
        if not w3.eth.get_code(to_checksum_address(address)):
            raise NotDeployed(f"There is no contract at {address} ({name}) on chain {found}.")
    hub = w3.eth.contract(to_checksum_address(deployment.hub), abi=load_artifact("PoCHub").abi)
    posts = w3.eth.contract(
        to_checksum_address(deployment.post_registry), abi=load_artifact("PostRegistry").abi
    )
    splitter = w3.eth.contract(
        to_checksum_address(deployment.revenue_splitter), abi=load_artifact("RevenueSplitter").abi
    )
    oracles = w3.eth.contract(
        to_checksum_address(deployment.oracle_registry), abi=load_artifact("OracleRegistry").abi
    )
    if oracles.functions.hub().call() != deployment.hub:
        raise NotDeployed(f"The signers on chain {found} report to another hub.")
    wired = {
        "fraud_guard": splitter.functions.modules().call()[1],
        "account_links": splitter.functions.links().call(),
        "disputes": posts.functions.disputes().call(),
        "oracle_registry": hub.functions.modules().call()[0],
        "policy": hub.functions.modules().call()[1],
        "post_registry": hub.functions.modules().call()[2],
        "access_manager": hub.functions.authority().call(),
        "hub": posts.functions.hub().call(),
    }
    wrong = [name for name, address in wired.items() if address != deployment.addresses()[name]]
    if wrong:
        raise NotDeployed(
            f"The contracts on chain {found} belong to another system ({', '.join(wrong)})."
        )


def faults_tolerated(signers: int, quorum: int) -> int:
    """Most faulty signers f with n >= 3f + 1 and 2k > n + f.

    Raises: DeploymentFailed if there is none.
    """
    faults = min((signers - 1) // 3, 2 * quorum - signers - 1)
    if signers < 1 or quorum > signers or faults < 0:
        raise DeploymentFailed(
            f"{quorum} of {signers} signers is no safe quorum: it takes more than half and no more"
            " than all."
        )
    return faults


class _Sender:
    """Sends the transactions of a deployment one after the other, and waits for them together."""

    def __init__(self, w3: Web3, account: LocalAccount) -> None:
        self._w3 = w3
        self._account = Account(w3, LocalSigner(bytes(account.key)))
        self.address = self._account.address
        self.chain_id = self._account.chain_id
        self._sent: list[tuple[str, HexBytes]] = []

    def contract(self, name: str, address: str) -> Contract:
        """A contract of ours to read from."""
        return self._w3.eth.contract(to_checksum_address(address), abi=load_artifact(name).abi)

    def next_address(self, ahead: int) -> str:
        """Address of the contract that the transaction after `ahead` others creates."""
        return create_address(self.address, self._account.nonce + ahead)

    def create(self, name: str, *args: object) -> str:
        """Send the creation of a contract; its address, before it is mined, comes back."""
        artifact = load_artifact(name)
        factory = self._w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        address = self.next_address(0)
        self._send(f"create {name}", None, HexBytes(factory.constructor(*args).data_in_transaction))
        return address

    def create_proxy(self, name: str, implementation: str, *init_args: object) -> str:
        """Send the creation of a proxy that is initialised in the same transaction."""
        logic = self._w3.eth.contract(abi=load_artifact(name).abi)
        init = logic.encode_abi("initialize", args=init_args)
        return self.create("ERC1967Proxy", implementation, HexBytes(init))

    def call(self, name: str, address: str, function: str, *args: object) -> None:
        """Send a call of a contract's function."""
        contract = self._w3.eth.contract(abi=load_artifact(name).abi)
        data = HexBytes(contract.encode_abi(function, args=args))
        self._send(f"{name}.{function}", HexBytes(address), data)

    def settle(self) -> list[TxReceipt]:
        """Wait for all that was sent. Raises: DeploymentFailed if one reverted, ChainTimeout."""
        receipts = []
        for what, tx_hash in self._sent:
            receipt = self._account.wait(tx_hash, RECEIPT_TIMEOUT_S)
            if receipt["status"] != 1:
                raise DeploymentFailed(f"{what} ({tx_hash.to_0x_hex()}) was reverted by the chain.")
            receipts.append(receipt)
        self._sent.clear()
        return receipts

    def _send(self, what: str, to: bytes | None, data: bytes) -> None:
        try:
            self._sent.append((what, self._account.send(to, data)))
        except (ContractReverted, FeeCapReached, Web3Exception, ValueError) as exc:
            raise DeploymentFailed(f"{what} was refused by the chain: {exc}") from exc


def create_address(sender: str, nonce: int) -> str:
    """Address of the contract that an account's transaction with this nonce creates.

    Source: Ethereum Yellow Paper, section 7: keccak256(rlp([sender, nonce]))[12:]. The RLP of two
        fields is written out.
    """
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = (
        number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    )
    payload = b"\x94" + HexBytes(sender) + encoded
    return to_checksum_address(keccak(bytes([0xC0 + len(payload)]) + payload)[12:])
