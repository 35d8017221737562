"""Receipts of final decisions, as they were signed."""

from collections.abc import Sequence
from uuid import UUID

from storage.chain import outbox
from storage.chain.outbox import Attestation
from storage.database import Connection


def add(conn: Connection, outbox_id: int, body: str) -> None:
    """Keep a receipt's JSON. A second call changes nothing."""
    conn.execute(
        "insert into receipts (outbox_id, body) values (%s, %s) on conflict (outbox_id) do nothing",
        (outbox_id, body),
    )


def find(conn: Connection, analysis_id: UUID) -> str | None:
    """The receipt of an analysis as JSON; None until its decision is final."""
    row = conn.execute(
        "select body from receipts join outbox on outbox.id = outbox_id where analysis_id = %s",
        (analysis_id,),
    ).fetchone()
    return row[0] if row else None


def find_by_evidence(conn: Connection, evidence_hash: bytes) -> str | None:
    """The receipt, as JSON, of the final decision with that evidence (SHA-256, 32 bytes)."""
    row = conn.execute(
        "select body from receipts join outbox on outbox.id = outbox_id join analyses a on a.id ="
        " analysis_id where a.evidence_hash = %s and a.status = 'decided' limit 1",
        (evidence_hash,),
    ).fetchone()
    return row[0] if row else None


def find_evidence(conn: Connection, evidence_hash: bytes) -> bytes | None:
    """The evidence with that hash (SHA-256, 32 bytes), where its decision is final on chain."""
    row = conn.execute(
        "select a.evidence from analyses a join outbox o on o.analysis_id = a.id where"
        " a.evidence_hash = %s and o.status = 'final' limit 1",
        (evidence_hash,),
    ).fetchone()
    return bytes(row[0]) if row else None


def missing(conn: Connection, *, limit: int = 100) -> Sequence[Attestation]:
    """Final decisions that have none yet, oldest first."""
    return outbox.select(
        conn,
        "status = 'final' and signatures is not null"
        " and not exists (select from receipts where outbox_id = outbox.id) order by id limit %s",
        (limit,),
    )


def withdraw_unfinal(conn: Connection) -> int:
    """Drop receipts of decisions that are final no more (after a resync). Returns how many."""
    return conn.execute(
        "delete from receipts using outbox where outbox.id = outbox_id and outbox.status <> 'final'"
    ).rowcount
