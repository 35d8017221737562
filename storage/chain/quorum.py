"""What the signers of one hub have said to each other: observations, what we signed, and who
lied.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import class_row

from storage.chain import calls
from storage.chain.calls import Call
from storage.database import Connection

Body = Mapping[str, Any]


@dataclass(frozen=True)
class SignedProposal:
    """The last report this node has signed for a request, with the observations it follows from.

    Times are Unix seconds. One conclusion may be signed again with another date until
    `renewable_until`; `valid_until` is when the last of those signatures runs out.
    """

    digest: bytes
    proposal: Body
    signature: bytes
    valid_until: int
    renewable_until: int


def keep_observation(
    conn: Connection, request_id: bytes, epoch: int, signer: bytes, body: Body
) -> Body:
    """Store a signer's observation; the first one stays. Returns the one that is kept."""
    conn.execute(
        "insert into quorum_observations (request_id, epoch, signer, body) values (%s, %s, %s, %s)"
        " on conflict do nothing",
        (request_id, epoch, signer, json.dumps(dict(body))),
    )
    return next(iter(observations(conn, request_id, epoch, signer)))


def observations(
    conn: Connection, request_id: bytes, epoch: int, signer: bytes | None = None
) -> Sequence[Body]:
    """The observations of a request in an epoch, of one signer or of all."""
    rows = conn.execute(
        "select body from quorum_observations where request_id = %s and epoch = %s"
        " and (%s::bytea is null or signer = %s) order by signer",
        (request_id, epoch, signer, signer),
    ).fetchall()
    return [row[0] for row in rows]


def find_signed(
    conn: Connection, request_id: bytes, *, lock: bool = False
) -> SignedProposal | None:
    """What we signed last for a request; with `lock`, no other process signs for it
    until the transaction ends.
    """
    if lock:
        conn.execute(
            "select pg_advisory_xact_lock(%s)",
            (int.from_bytes(request_id[:8], "big", signed=True),),
        )
    with conn.cursor(row_factory=class_row(SignedProposal)) as cursor:
        return cursor.execute(
            "select digest, proposal, signature, valid_until, renewable_until from quorum_signed"
            " where request_id = %s",
            (request_id,),
        ).fetchone()


def save_signed(conn: Connection, request_id: bytes, signed: SignedProposal) -> None:
    """Store a signature before a peer sees it; the caller holds the lock and has checked the
    last one.
    """
    conn.execute(
        "insert into quorum_signed (request_id, digest, proposal, signature, valid_until,"
        " renewable_until) values (%s, %s, %s, %s, %s, %s) on conflict (request_id) do update set"
        " digest = excluded.digest, proposal = excluded.proposal, signature = excluded.signature,"
        " valid_until = excluded.valid_until, renewable_until = excluded.renewable_until,"
        " signed_at = now()",
        (
            request_id,
            signed.digest,
            json.dumps(dict(signed.proposal)),
            signed.signature,
            signed.valid_until,
            signed.renewable_until,
        ),
    )


def keep_signature(
    conn: Connection, request_id: bytes, signer: bytes, draft: bytes, body: Body
) -> Sequence[Body]:
    """Store what another signer has signed for a request: of each conclusion (`draft`, 32 bytes)
    the report that holds longest.

    Returns the other conclusions that it signed before.
    """
    conn.execute(
        "insert into quorum_signatures (request_id, signer, draft, body) values (%s, %s, %s, %s)"
        " on conflict (request_id, signer, draft) do update set body = excluded.body where"
        " (quorum_signatures.body #>> '{report,valid_until}')::bigint"
        " < (excluded.body #>> '{report,valid_until}')::bigint",
        (request_id, signer, draft, json.dumps(dict(body))),
    )
    rows = conn.execute(
        "select body from quorum_signatures where request_id = %s and signer = %s and draft <> %s",
        (request_id, signer, draft),
    ).fetchall()
    return [row[0] for row in rows]


def signatures(conn: Connection, request_id: bytes, *, limit: int = 32) -> Sequence[Body]:
    """What others have signed for a request, as it was kept."""
    rows = conn.execute(
        "select body from quorum_signatures where request_id = %s order by signer, draft limit %s",
        (request_id, limit),
    ).fetchall()
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Equivocation:
    """Two statements, reports or observations, that prove that their signer lies."""

    request_id: bytes
    signer: bytes
    statement: Literal["report", "observation"]
    first: Body
    second: Body


def keep_equivocation(conn: Connection, proof: Equivocation) -> bool:
    """Keep two statements of one signer that cannot both be honest.

    Returns False if such a proof was known.
    """
    return bool(
        conn.execute(
            "insert into equivocations (request_id, signer, statement, first, second) values (%s,"
            " %s, %s, %s, %s) on conflict do nothing",
            (
                proof.request_id,
                proof.signer,
                proof.statement,
                json.dumps(dict(proof.first)),
                json.dumps(dict(proof.second)),
            ),
        ).rowcount
    )


def unreported(conn: Connection) -> Sequence[Equivocation]:
    """Proofs that no call carries, oldest first."""
    with conn.cursor(row_factory=class_row(Equivocation)) as cursor:
        return cursor.execute(
            "select request_id, signer, statement, first, second from equivocations"
            " where call_id is null order by seen_at"
        ).fetchall()


def attach_equivocation(conn: Connection, proof: Equivocation, call_id: int) -> None:
    """Note the call that carries a proof."""
    conn.execute(
        "update equivocations set call_id = %s where request_id = %s and signer = %s"
        " and statement = %s",
        (call_id, proof.request_id, proof.signer, proof.statement),
    )


def refused_proofs(conn: Connection) -> Sequence[Call]:
    """Calls with a proof that the contract refused."""
    return calls.select(
        conn, "status = 'reverted' and id in (select call_id from equivocations) order by id", ()
    )
