"""The log of every step of alerts and appeals; each row is chained to the one before by its
hash.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

CHAIN_LOCK = 0x0F_A0D1  # one writer of the chain at a time
FIRST = bytes(32)


@dataclass(frozen=True)
class AuditEntry:
    """One step: who did what when, under which reason code, and why in words."""

    seq: int
    at: datetime
    alert_id: UUID | None
    appeal_id: UUID | None
    actor: str
    step: str
    reason_code: str
    text: str
    facts: Mapping[str, Any]
    hash: bytes


def append(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    step: str,
    reason_code: str,
    text: str,
    alert_id: UUID | None = None,
    appeal_id: UUID | None = None,
    facts: Mapping[str, Any] | None = None,
) -> bytes:
    """Add a step in the caller's transaction. Returns: its hash, 32 bytes.

    The hash is SHA-256 over the hash before and the step as canonical JSON.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (CHAIN_LOCK,))
    last = conn.execute("select seq, hash from fraud_audit order by seq desc limit 1").fetchone()
    seq, before = (int(last[0]) + 1, bytes(last[1])) if last else (1, FIRST)
    kept = dict(facts or {})
    document = {
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(),
        "alert_id": str(alert_id) if alert_id else None,
        "appeal_id": str(appeal_id) if appeal_id else None,
        "actor": actor,
        "step": step,
        "reason_code": reason_code,
        "text": text,
        "facts": kept,
    }
    body = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    digest = hashlib.sha256(before + body).digest()
    conn.execute(
        "insert into fraud_audit (seq, at, alert_id, appeal_id, actor, step, reason_code, text,"
        " facts, body, previous_hash, hash) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
        " %s)",
        (
            seq,
            at,
            alert_id,
            appeal_id,
            actor,
            step,
            reason_code,
            text,
            json.dumps(kept),
            body,
            before,
            digest,
        ),
    )
    return digest


def of_alert(conn: Connection, alert_id: UUID) -> list[AuditEntry]:
    """The steps of an alert, first first."""
    return _select(conn, "alert_id = %s", (alert_id,))


def of_appeal(conn: Connection, appeal_id: UUID) -> list[AuditEntry]:
    """The steps of an appeal, first first."""
    return _select(conn, "appeal_id = %s", (appeal_id,))


def head(conn: Connection) -> tuple[int, bytes]:
    """Number and hash of the last step; (0, 32 zero bytes) where there is none.

    Whoever keeps this outside the database can tell later whether the log was cut or written anew.
    """
    row = conn.execute("select seq, hash from fraud_audit order by seq desc limit 1").fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, FIRST)


def find_break(conn: Connection, kept: tuple[int, bytes] | None = None) -> int | None:
    """The first number at which the chain does not hold, None where it holds from the first row to
    the last.

    A row counts as broken if its number is not the next, its link is not the hash before, its hash
    is not that of its bytes, or its columns say something else than its bytes.

    What this proves: nobody changed, took out or put in a row and left the ones after it as they
    were. Who may write to the table and drop its trigger can cut its end, or compute a new chain
    from some row on; that shows against a head kept elsewhere alone. The notices about holds state
    the head of their time, and their hash is on chain.

    Args:
        kept: A head that was noted before: the row of that number has to be there with that hash.
    """
    before, expected = FIRST, 1
    with conn.cursor(name="audit_chain") as cursor:
        cursor.execute(
            "select seq, at, alert_id, appeal_id, actor, step, reason_code, text, facts, body,"
            " previous_hash, hash from fraud_audit order by seq"
        )
        for (
            seq,
            at,
            alert_id,
            appeal_id,
            actor,
            step,
            code,
            text,
            facts,
            body,
            previous,
            digest,
        ) in cursor:
            try:
                said = json.loads(bytes(body))
            except ValueError:
                return expected
            shown = {
                "seq": seq,
                "at": at.astimezone(UTC).isoformat(),
                "alert_id": str(alert_id) if alert_id else None,
                "appeal_id": str(appeal_id) if appeal_id else None,
                "actor": actor,
                "step": step,
                "reason_code": code,
                "text": text,
                "facts": facts,
            }
            linked = bytes(previous) == before and hashlib.sha256(
                before + bytes(body)
            ).digest() == bytes(digest)
            if seq != expected or not linked or said != shown:
                return expected
            if kept is not None and seq == kept[0] and bytes(digest) != kept[1]:
                return expected
            before, expected = bytes(digest), expected + 1
    return expected if kept is not None and kept[0] >= expected else None


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[AuditEntry]:
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(
            "select seq, at, alert_id, appeal_id, actor, step, reason_code, text, facts, hash from"
            f" fraud_audit where {where} order by seq",
            params,
        ).fetchall()
