"""A hub with four signers, three needed, each node with a database of its own."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from integration.chain.chain_world import IMPATIENT, World, add_analysis, decide_request, fresh_hash
from support.anvil import AnvilNode
from support.contracts import QUORUM_KEYS as KEYS
from support.contracts import Hub, deploy_hub

from oracle.chain.core.wire import address_bytes
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.node import ChainNode
from oracle.chain.quorum.peers import PeerServer, QuorumSettings
from oracle.chain.quorum.uploads import UploadSharing
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.chain.requests import RequestSeen
from storage.database import Connection, Database

ORIGINAL = bytes([9]) * 20


@dataclass
class Member:
    """One signer with a database of its own."""

    world: World
    similarity_bps: int
    changes: dict[str, Any]
    node: ChainNode | None = None

    def on_request(self, conn: Connection, request: RequestSeen) -> UUID:
        analysis_id = uuid4()
        add_analysis(conn, analysis_id, "request", request.post_id, request.request_id)
        decide_request(
            conn, analysis_id, request, similarity_bps=self.similarity_bps, **self.changes
        )
        return analysis_id


class Quorum:
    """A hub with four signers, and the nodes of those that are up."""

    def __init__(self, anvil: AnvilNode, databases: list[Database], hub: Hub | None = None) -> None:
        self.anvil = anvil
        hub = hub or deploy_hub(anvil, [LocalSigner(key) for key in KEYS], quorum=3)
        self.signers = hub.signers
        self.deployment = hub.deployment
        self.members: list[Member] = []
        for signer, db in zip(self.signers, databases, strict=True):
            client = ChainClient(Endpoint(anvil.url), self.deployment)
            world = World(anvil, db, self.deployment, client, signer, hub.asker, hub.consumer)
            self.members.append(Member(world, 1_000, {}))
        self.urls: dict[bytes, str] = {
            signer.address: "http://127.0.0.1:1" for signer in self.signers
        }
        self.sharings: list[UploadSharing | None] = [None] * len(KEYS)
        self._open: list[Any] = []

    def start(
        self, *indexes: int, turn_s: float = 0.2, failpoint: Callable[[str], None] = lambda _: None
    ) -> None:
        """Start the nodes of these members. Addresses are shared as they become known."""
        for index in indexes:
            member = self.members[index]
            # Shared dictionary: peers that start later are found too.
            settings = QuorumSettings(
                peers=_Others(self.urls, member.world.signer.address), turn_s=turn_s, timeout_s=2
            )
            member.node = ChainNode(
                member.world.db,
                member.world.client,
                member.world.signer,
                on_request=member.on_request,
                confirmations=0,
                timeouts=IMPATIENT,
                quorum=settings,
                uploads=self.sharings[index],
                failpoint=failpoint,
            )
            self._open.append(member.node)
            self.urls[member.world.signer.address] = f"http://127.0.0.1:{member.node.peer_port}"

    def lie(self, index: int, handle: Any) -> None:
        """Put a server of the test's own in a member's place."""
        signer = self.signers[index]
        server = PeerServer(
            QuorumSettings(),
            signer,
            self.deployment.chain_id,
            address_bytes(self.deployment.hub),
            handle,
            clock,
        )
        self._open.append(server)
        self.urls[signer.address] = f"http://127.0.0.1:{server.port}"

    def request(self) -> bytes:
        # Committed to its content: every honest node finds the same bytes.
        return self.members[0].world.request(content_hash=fresh_hash())

    def drive(self, asked: list[bytes], rounds: int = 80) -> None:
        for _ in range(rounds):
            self.step()
            if all(m.world.settled() for m in self.members if m.node is not None):
                break
        assert Counter(self.members[0].world.fulfilments()) == Counter(asked)
        for member in self.members:
            if member.node is not None:
                assert {row.status for row in member.world.outbox()} == {"final"}

    def step(self) -> None:
        """One round of every node that is up, and a block."""
        for member in self.members:
            if member.node is not None:
                member.node.step()
                member.world.run_now()
        self.anvil.mine()

    def close(self) -> None:
        for thing in self._open:
            thing.close()


class _Others(dict[bytes, str]):
    """Every known address but one's own."""

    def __init__(self, urls: dict[bytes, str], own: bytes) -> None:
        super().__init__({address: "" for address in urls if address != own})
        self._urls = urls

    def items(self) -> Any:
        return [(address, self._urls[address]) for address in self]


def clock() -> int:
    """Unix seconds."""
    return int(time.time())
