"""Decisions on their way to the chain: written with the decision, drained by the node, done at
finality.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True)
class Attestation:
    """Where a decision stands on its way to the chain.

    Status: pending (not sent), sent, included (in a block), final (in a finalized block), or
    refused (the chain will never take it; `error_code` and `error_detail` say why). Ids and hashes
    32 bytes.
    """

    id: int
    analysis_id: UUID
    kind: str  # attest for an upload, fulfill for a contract's request
    request_id: bytes
    report: Mapping[str, Any]
    status: str
    transaction_id: int | None
    signed_report: Mapping[str, Any] | None
    digest: bytes | None
    signature: bytes | None
    signer: bytes | None
    signatures: Sequence[bytes] | None
    tx_hash: bytes | None
    block_number: int | None
    block_hash: bytes | None
    error_code: str | None
    error_detail: str | None
    tries: int
    created_at: datetime
    updated_at: datetime


# As the contract calls it.
POLICY_ENDED = "PolicyNotInForce"
COLUMNS = (
    "id, analysis_id, kind, request_id, report, status, transaction_id, signed_report, digest,"
    " signature, signer, signatures, tx_hash, block_number, block_hash, error_code, error_detail,"
    " tries, created_at, updated_at"
)


def add(
    conn: Connection, *, analysis_id: UUID, kind: str, request_id: bytes, report: Mapping[str, Any]
) -> None:
    """Queue a decision for the chain, in the transaction that decides.

    A second call changes nothing. One that the chain refused because its policy had ended makes
    room for a decision about the same post and content under another.
    """
    if find_attestation(conn, analysis_id) is not None:
        return
    conn.execute(
        "delete from outbox where request_id = %s and status = 'refused' and error_code = %s",
        (request_id, POLICY_ENDED),
    )
    conn.execute(
        "insert into outbox (analysis_id, kind, request_id, report) values (%s, %s, %s, %s)"
        " on conflict do nothing",
        (analysis_id, kind, request_id, json.dumps(dict(report))),
    )


def list_out_of_policy(conn: Connection, limit: int) -> list[UUID]:
    """Analyses whose attestation was refused because their policy had ended, and that neither a
    person decided nor a decision under another policy repeats; the oldest first.

    Other second looks at them are not for the chain.
    """
    rows = conn.execute(
        "select o.analysis_id from outbox o join analyses a on a.id = o.analysis_id where o.status"
        " = 'refused' and o.error_code = %s and o.kind = 'attest' and not exists (select from"
        " analyses n where n.again_of = a.id and (n.source = 'review' or n.source = a.source and"
        " n.policy_version <> a.policy_version)) order by o.id limit %s",
        (POLICY_ENDED, limit),
    ).fetchall()
    return [row[0] for row in rows]


def goes_on_chain(conn: Connection, post_id: bytes) -> bool:
    """Whether a decision about a post is on chain, or on its way there."""
    row = conn.execute(
        "select exists (select from outbox o join analyses a on a.id = o.analysis_id where"
        " a.post_id = %s and o.status <> 'refused')",
        (post_id,),
    ).fetchone()
    return bool(row and row[0])


def find_attestation(conn: Connection, analysis_id: UUID) -> Attestation | None:
    """Where an analysis stands on its way to the chain, None where nothing goes there."""
    return next(iter(select(conn, "analysis_id = %s", (analysis_id,))), None)


def of_post(conn: Connection, post_id: bytes) -> Sequence[Attestation]:
    """Every decision about a post, in the order they were queued."""
    where = "analysis_id in (select id from analyses where post_id = %s) order by id"
    return select(conn, where, (post_id,))


def ready(conn: Connection, *, up_to_block: int, limit: int) -> Sequence[Attestation]:
    """Decisions to send now, oldest first.

    A request's answer waits until the request's block is `up_to_block` or older, and is not sent at
    all while no block on the chain holds the request.
    """
    return select(
        conn,
        "status = 'pending' and transaction_id is null and next_try_at <= now() and (kind ="
        " 'attest' or exists (select from inbox where inbox.request_id = outbox.request_id and"
        " inbox.block_number <= %s and inbox.status <> 'conflict')) order by id limit %s",
        (up_to_block, limit),
    )


def of_transaction(conn: Connection, transaction_id: int) -> Sequence[Attestation]:
    """The decisions that a transaction carries, in the order they were queued."""
    return select(conn, "transaction_id = %s order by id", (transaction_id,))


def included_by_others(conn: Connection) -> Sequence[Attestation]:
    """Decisions that are on the chain, not final, in a transaction that is not ours."""
    return select(conn, "status = 'included' and transaction_id is null order by id", ())


def doubt_foreign(conn: Connection, *, above_block: int) -> None:
    """Look again at final decisions in transactions that are not ours, above a block (after a
    resync).
    """
    conn.execute(
        "update outbox set status = 'included' where status = 'final' and transaction_id is null"
        " and block_number > %s",
        (above_block,),
    )


def save_signature(
    conn: Connection,
    outbox_id: int,
    *,
    signed_report: Mapping[str, Any],
    digest: bytes,
    signature: bytes,
    signer: bytes,
    signatures: Sequence[bytes] | None = None,
) -> None:
    """Store what was signed, before a peer or an endpoint sees it.

    Args:
        signature: Our own, by `signer`.
        signatures: All that the report goes out with, ascending by signer; ours alone where left
            out.
    """
    conn.execute(
        "update outbox set signed_report = %s, digest = %s, signature = %s, signer = %s,"
        " signatures = %s, updated_at = now() where id = %s",
        (
            json.dumps(dict(signed_report)),
            digest,
            signature,
            signer,
            list(signatures or [signature]),
            outbox_id,
        ),
    )


def note_waiting(
    conn: Connection, outbox_id: int, code: str, detail: str, delay: timedelta
) -> None:
    """Show why a decision is not sent yet, and when it is looked at again."""
    conn.execute(
        "update outbox set error_code = %s, error_detail = %s, next_try_at = now() + %s,"
        " updated_at = now() where id = %s and transaction_id is null",
        (code, detail, delay, outbox_id),
    )


def attach(conn: Connection, outbox_ids: Sequence[int], transaction_id: int) -> None:
    """Put decisions into a transaction."""
    conn.execute(
        "update outbox set transaction_id = %s, error_code = null, error_detail = null, updated_at"
        " = now() where id = any(%s)",
        (transaction_id, list(outbox_ids)),
    )


def mark_sent(conn: Connection, transaction_id: int, tx_hash: bytes) -> None:
    """Note that a transaction went out, or went back to the pool after a reorg."""
    conn.execute(
        "update outbox set status = 'sent', tx_hash = %s, block_number = null, block_hash = null,"
        " error_code = null, error_detail = null, updated_at = now()"
        " where transaction_id = %s and status in ('pending', 'sent', 'included', 'final')",
        (tx_hash, transaction_id),
    )


def note_error(conn: Connection, transaction_id: int, code: str, detail: str) -> None:
    """Show why a transaction's decisions are not on their way; the node goes on trying."""
    conn.execute(
        "update outbox set error_code = %s, error_detail = %s, updated_at = now() where"
        " transaction_id = %s",
        (code, detail, transaction_id),
    )


def mark_included(
    conn: Connection,
    request_ids: Sequence[bytes],
    *,
    transaction_id: int | None,
    tx_hash: bytes,
    block_number: int,
    block_hash: bytes,
) -> None:
    """Note the block whose log shows these answers; the transaction is None where it is not
    ours.
    """
    conn.execute(
        "update outbox set status = 'included', transaction_id = %s, tx_hash = %s, block_number ="
        " %s, block_hash = %s, error_code = null, error_detail = null, updated_at = now() where"
        " request_id = any(%s) and status <> 'final'",
        (transaction_id, tx_hash, block_number, block_hash, list(request_ids)),
    )


def mark_final(conn: Connection, outbox_ids: Sequence[int]) -> None:
    """Note that the block is finalized: done."""
    conn.execute(
        "update outbox set status = 'final', updated_at = now() where id = any(%s) and status ="
        " 'included'",
        (list(outbox_ids),),
    )


def forget_signature(conn: Connection, outbox_id: int) -> None:
    """Drop a signature that the contract no longer accepts (expired, or of an old signer set)."""
    conn.execute(
        "update outbox set signed_report = null, digest = null, signature = null, signer = null,"
        " signatures = null where id = %s",
        (outbox_id,),
    )


def postpone(conn: Connection, outbox_id: int, code: str, detail: str, delay: timedelta) -> None:
    """Take a decision out of its transaction and try it again after a while, with the reason
    shown.
    """
    conn.execute(
        "update outbox set status = 'pending', transaction_id = null, tx_hash = null, block_number"
        " = null, block_hash = null, error_code = %s, error_detail = %s, tries = tries + 1,"
        " next_try_at = now() + %s, updated_at = now() where id = %s",
        (code, detail, delay, outbox_id),
    )


def refuse(conn: Connection, outbox_id: int, code: str, detail: str) -> None:
    """End a decision that the chain will never take."""
    conn.execute(
        "update outbox set status = 'refused', transaction_id = null, error_code = %s,"
        " error_detail = %s, updated_at = now() where id = %s",
        (code, detail, outbox_id),
    )


def refuse_conflicts(conn: Connection, code: str, detail: str) -> Sequence[bytes]:
    """End unsent answers to requests that came back from a reorg with another content; their
    request ids.
    """
    rows = conn.execute(
        "update outbox set status = 'refused', error_code = %s, error_detail = %s, updated_at ="
        " now() from inbox where inbox.request_id = outbox.request_id and inbox.status ="
        " 'conflict' and outbox.status = 'pending' and outbox.transaction_id is null returning"
        " outbox.request_id",
        (code, detail),
    ).fetchall()
    return [row[0] for row in rows]


def close_gone(conn: Connection, *, finalized: int, code: str, detail: str) -> Sequence[bytes]:
    """End unsent answers to requests that a reorg took from a block that is final by now.

    Returns their request ids.
    """
    rows = conn.execute(
        "update outbox set status = 'refused', error_code = %s, error_detail = %s, updated_at ="
        " now() from inbox where inbox.request_id = outbox.request_id and inbox.block_number is"
        " null and inbox.gone_from <= %s and outbox.status = 'pending' and outbox.transaction_id is"
        " null returning outbox.request_id",
        (code, detail, finalized),
    ).fetchall()
    return [row[0] for row in rows]


def reopen(conn: Connection, request_id: bytes, code: str) -> bool:
    """Queue an answer again that was ended with this code. Returns: False where none was."""
    done = conn.execute(
        "update outbox set status = 'pending', error_code = null, error_detail = null, next_try_at"
        " = now(), updated_at = now() where request_id = %s and status = 'refused' and error_code ="
        " %s",
        (request_id, code),
    )
    return done.rowcount > 0


def counts(conn: Connection) -> dict[str, int]:
    """How many decisions are in each status."""
    return dict(conn.execute("select status, count(*) from outbox group by status").fetchall())


def oldest_open_s(conn: Connection) -> float:
    """Age in seconds of the oldest decision that is neither final nor refused; 0 where there is
    none.
    """
    row = conn.execute(
        "select coalesce(extract(epoch from now() - min(created_at)), 0) from outbox"
        " where status in ('pending', 'sent', 'included')"
    ).fetchone()
    return float(row[0]) if row else 0.0


def select(conn: Connection, where: str, params: tuple[object, ...]) -> Sequence[Attestation]:
    """Decisions by a condition; only other modules of this package call it."""
    with conn.cursor(row_factory=class_row(Attestation)) as cursor:
        return cursor.execute(f"select {COLUMNS} from outbox where {where}", params).fetchall()
