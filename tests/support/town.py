"""A deployed system on a real Anvil, its officers, and people with ether."""

import hashlib
import os
from dataclasses import dataclass, replace

from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.deploy import connect, deploy
from oracle.chain.contracts.roles import Officers
from oracle.chain.core.ids import attestation_id
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from support.anvil import AnvilNode

DAY_S = 86_400


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@dataclass
class Town:
    """A deployed system, its officers, and people with ether."""

    anvil: AnvilNode
    client: ChainClient
    oracle: LocalSigner
    arbiter: LocalSigner
    second: LocalSigner  # arbiter
    claimant: LocalSigner
    registrar: LocalSigner
    officer: LocalSigner
    governor: LocalSigner
    poster: LocalSigner
    first: LocalSigner
    fan: LocalSigner

    def again(self) -> "Town":
        """The same contracts and people, with a client that has seen nothing."""
        return replace(self, client=ChainClient(Endpoint(self.anvil.url), self.client.deployment))

    def now(self) -> int:
        return int(self.client.head().timestamp)

    def wait(self, seconds: int) -> None:
        self.anvil.call("evm_increaseTime", seconds)
        self.anvil.mine()

    def attest(
        self,
        outcome: Outcome,
        similarity_bps: int,
        *,
        creator: bytes | None = None,
        original: tuple[bytes, bytes] | None = None,
    ) -> bytes:
        """Have the oracle attest a new post. Returns its id.

        Args: original: The post that it copies, and that post's creator.
        """
        post_id, content = os.urandom(32), os.urandom(32)
        copied = outcome is Outcome.DERIVATIVE
        source, author = original or (digest("original"), self.first.address)
        report = (
            attestation_id(self.client.chain_id, self.client.hub, post_id, content),
            post_id,
            content,
            1,
            int(outcome),
            similarity_bps,
            hexed(creator or self.poster.address),
            hexed(author if copied else bytes(20)),
            source if copied else bytes(32),
            digest("evidence"),
            digest("models"),
            digest("index"),
            1,
            0,
            self.now(),
            self.now() + DAY_S,
            1,
            hexed(bytes(20)),
        )
        signed = self.oracle.sign_digest(self.client.hub_read("hashReport", report))
        transact(
            self.client,
            self.fan,
            self.client.hub,
            self.client.hub_abi.call_data("attest", report, [signed]),
        )
        return post_id


def make_town(anvil: AnvilNode) -> Town:
    """Deploy every contract, with an officer for each role."""
    names = (
        "oracle",
        "arbiter",
        "second",
        "claimant",
        "registrar",
        "officer",
        "governor",
        "poster",
        "first",
        "fan",
    )
    people = {name: LocalSigner(os.urandom(32)) for name in names}
    for person in people.values():
        anvil.call("anvil_setBalance", hexed(person.address), hex(10**20))
    address = {name: hexed(person.address) for name, person in people.items()}
    deployment = deploy(
        connect(anvil.url),
        anvil.account(),
        oracle_signers=[address["oracle"]],
        admin=address["governor"],
        officers=Officers(
            governor=address["governor"],
            guardian=address["governor"],
            oracle_admin=address["governor"],
            arbiter=address["arbiter"],
            fraud_officer=address["officer"],
            upgrader=address["governor"],
            paymaster=address["officer"],
            second_arbiter=address["second"],
            registrar=address["registrar"],
            claimant=address["claimant"],
        ),
        treasuries=(address["governor"], address["governor"]),
    )
    return Town(anvil, ChainClient(Endpoint(anvil.url), deployment), **people)
