"""A hub on a real Anvil, a real database, and the smallest use case: every request is decided at
once.
"""

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from support.answers import answers_on_chain
from support.anvil import AnvilNode
from support.contracts import Hub, deploy_hub
from support.waiting import wait_for as wait_for  # what every test of the chain wants

from oracle.chain.contracts.consumer import request_verification
from oracle.chain.core.deployment import Deployment
from oracle.chain.core.ids import attestation_id
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.report import ZERO_ADDRESS, ZERO_HASH, MediaType, Outcome, ReportDraft
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.node import ChainNode
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from storage.chain import outbox
from storage.chain.outbox import Attestation
from storage.chain.requests import RequestSeen
from storage.database import Connection, Database

CREATOR = bytes(range(1, 21))
# Tests do not wait: what is lost is sent again at the next step.
IMPATIENT = RetryTimeouts(resend_after=timedelta(0), bump_after=timedelta(minutes=5))
_numbers = itertools.count(1)


@dataclass
class World:
    """Everything one test of the node needs."""

    anvil: AnvilNode
    db: Database
    deployment: Deployment
    client: ChainClient
    signer: LocalSigner
    asker: LocalSigner
    consumer: bytes
    decide: bool = True
    seen: list[RequestSeen] = field(default_factory=list)

    def node(self, **options: Any) -> ChainNode:
        settings: dict[str, Any] = {
            "on_request": self.on_request,
            "confirmations": 0,
            "timeouts": IMPATIENT,
        }
        return ChainNode(
            self.db, options.pop("client", self.client), self.signer, **settings | options
        )

    def on_request(self, conn: Connection, request: RequestSeen) -> UUID:
        """Store an analysis and, as the worker would, its decision."""
        self.seen.append(request)
        return accept(conn, request, decide=self.decide)

    def request(self, uri: str = "https://example.org/picture.jpg", **changes: Any) -> bytes:
        """Have the consumer contract ask; mined when this returns. Returns the request id."""
        asked: dict[str, Any] = {
            "name": fresh_hash(),
            "media_type": MediaType.IMAGE,
            "creator": CREATOR,
            "uri": uri,
        }
        return request_verification(self.client, self.asker, self.consumer, **asked | changes)

    def attest(
        self, post_id: bytes | None = None, content_hash: bytes | None = None, **changes: Any
    ) -> UUID:
        """Queue the decision of an upload. Returns its analysis."""
        post_id, content_hash = post_id or fresh_hash(), content_hash or fresh_hash()
        analysis_id = uuid4()
        request_id = attestation_id(self.client.chain_id, self.client.hub, post_id, content_hash)
        draft = draft_of(request_id, post_id, content_hash=content_hash, **changes)
        with self.db.transaction() as conn:
            add_analysis(conn, analysis_id, "upload", post_id, None)
            outbox.add(
                conn,
                analysis_id=analysis_id,
                kind="attest",
                request_id=request_id,
                report=draft.to_dict(),
            )
        return analysis_id

    def outbox(self) -> Sequence[Attestation]:
        with self.db.transaction() as conn:
            ids = [row[0] for row in conn.execute("select analysis_id from outbox order by id")]
            found = [outbox.find_attestation(conn, analysis_id) for analysis_id in ids]
        return [row for row in found if row is not None]

    def fulfilments(self) -> list[bytes]:
        """Request ids of every answer event on the chain, in order: each may appear once."""
        found = answers_on_chain(self.client, self.deployment.block_number)
        return [request_id for request_id, _ in found]

    def drive(
        self, node: ChainNode, *, until: Callable[[], bool] | None = None, steps: int = 60
    ) -> None:
        """Step and mine until everything queued is final or refused."""
        for _ in range(steps):
            node.step()
            if (until or self.settled)():
                return
            self.anvil.mine()
        raise AssertionError(
            "Not settled:"
            f" {[(row.status, row.error_code, row.error_detail) for row in self.outbox()]}"
        )

    def settled(self) -> bool:
        rows = self.outbox()
        return bool(rows) and all(row.status in ("final", "refused") for row in rows)

    def run_now(self) -> None:
        """Let everything that waits for a retry be due."""
        with self.db.transaction() as conn:
            conn.execute("update outbox set next_try_at = now()")
            conn.execute("update inbox set next_try_at = now()")


def make_world(anvil: AnvilNode, db: Database, hub: Hub | None = None) -> World:
    """A world on these contracts, by default on new ones with a fresh oracle key."""
    hub = hub or deploy_hub(anvil, [LocalSigner(os.urandom(32))])
    client = ChainClient(Endpoint(anvil.url), hub.deployment)
    return World(anvil, db, hub.deployment, client, hub.signers[0], hub.asker, hub.consumer)


def accept(conn: Connection, request: RequestSeen, *, decide: bool) -> UUID:
    """The use case in small: an analysis row, and its decision in the outbox."""
    analysis_id = uuid4()
    add_analysis(conn, analysis_id, "request", request.post_id, request.request_id)
    if decide:
        decide_request(conn, analysis_id, request)
    return analysis_id


def decide_request(
    conn: Connection, analysis_id: UUID, request: RequestSeen, **changes: Any
) -> None:
    content_hash = request.content_hash if request.content_hash != ZERO_HASH else fresh_hash()
    draft = draft_of(
        request.request_id,
        request.post_id,
        content_hash=content_hash,
        creator=request.creator,
        config_version=request.config_version,
        **changes,
    )
    outbox.add(
        conn,
        analysis_id=analysis_id,
        kind="fulfill",
        request_id=request.request_id,
        report=draft.to_dict(),
    )


def draft_of(request_id: bytes, post_id: bytes, **changes: Any) -> ReportDraft:
    """An original's report."""
    values: dict[str, Any] = {
        "request_id": request_id,
        "post_id": post_id,
        "content_hash": fresh_hash(),
        "media_type": MediaType.IMAGE,
        "outcome": Outcome.ORIGINAL,
        "similarity_bps": 1_200,
        "creator": CREATOR,
        "original_creator": ZERO_ADDRESS,
        "original_post_id": ZERO_HASH,
        "evidence_hash": fresh_hash(),
        "model_digest": fresh_hash(),
        "index_snapshot": ZERO_HASH,
        "config_version": 1,
    }
    return ReportDraft(**values | changes)


def add_analysis(
    conn: Connection, analysis_id: UUID, source: str, post_id: bytes, request_id: bytes | None
) -> None:
    conn.execute(
        "insert into analyses (id, source, post_id, media_type, request_id, policy_version,"
        " threshold_bps, base_redirect_bps) values (%s, %s, %s, 'image', %s, 1, 9500, 10000)",
        (analysis_id, source, post_id, request_id),
    )


def fresh_hash() -> bytes:
    return next(_numbers).to_bytes(4, "big") + os.urandom(28)
