"""The log of every step of alerts and appeals; each row holds the hash of the one before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row, dict_row

from storage.database import Connection

CHAIN_LOCK = 0x0F_A0D1  # one transaction appends at a time
FIRST = bytes(32)


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One step: actor, time, step, reason code, and the reason in words."""

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


# Append one row of the log; see append() for its hash.
_INSERT = """
insert into fraud_audit (seq, at, alert_id, appeal_id, actor, step, reason_code, text, facts, body,
    previous_hash, hash)
values (%(seq)s, %(at)s, %(alert_id)s, %(appeal_id)s, %(actor)s, %(step)s, %(reason_code)s,
    %(text)s, %(facts)s, %(body)s, %(previous_hash)s, %(hash)s)
"""


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
    """Append a step in the caller's transaction. Returns: its hash, 32 bytes.

    The hash is SHA-256 over the previous hash and the step as canonical JSON.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (CHAIN_LOCK,))
    last = conn.execute("select seq, hash from fraud_audit order by seq desc limit 1").fetchone()
    seq, previous = (int(last[0]) + 1, bytes(last[1])) if last else (1, FIRST)
    entry = {
        "seq": seq,
        "at": at,
        "alert_id": alert_id,
        "appeal_id": appeal_id,
        "actor": actor,
        "step": step,
        "reason_code": reason_code,
        "text": text,
        "facts": dict(facts or {}),
    }
    body = json.dumps(
        _document(entry), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
    digest = hashlib.sha256(previous + body).digest()
    stored = {"facts": json.dumps(entry["facts"]), "body": body}
    conn.execute(_INSERT, entry | stored | {"previous_hash": previous, "hash": digest})
    return digest


def of_alert(conn: Connection, alert_id: UUID) -> list[AuditEntry]:
    """Return the steps of an alert, oldest first."""
    return _select(conn, "alert_id = %s", (alert_id,))


def of_appeal(conn: Connection, appeal_id: UUID) -> list[AuditEntry]:
    """Return the steps of an appeal, oldest first."""
    return _select(conn, "appeal_id = %s", (appeal_id,))


def head(conn: Connection) -> tuple[int, bytes]:
    """Return number and hash of the last step; (0, 32 zero bytes) where there is none.

    A copy noted outside the database shows later whether the log was cut or rewritten.
    """
    row = conn.execute("select seq, hash from fraud_audit order by seq desc limit 1").fetchone()
    return (int(row[0]), bytes(row[1])) if row else (0, FIRST)


def find_break(conn: Connection, noted: tuple[int, bytes] | None = None) -> int | None:
    """Return the first number at which the chain is broken, None if it is whole.

    A row is broken if its number is not the next, its link is not the previous hash, its hash is
    not that of its bytes, or its columns differ from its bytes.

    This proves that no row was changed, removed or inserted without rewriting all rows after it. An
    attacker who may write to the table and drop its trigger can cut the end, or compute a new chain
    from some row on; only a head noted elsewhere shows that. The notices about holds state the head
    of their time, and their hash is on chain.

    Args:
        noted: a head noted before; the row of that number must have that hash.
    """
    return read_on(conn, (0, FIRST), noted)[0]


def read_on(
    conn: Connection, known: tuple[int, bytes], noted: tuple[int, bytes] | None = None
) -> tuple[int | None, tuple[int, bytes]]:
    """Check the rows after a head that was reached before, as `find_break` does.

    Returns: the first number at which the chain is broken, None if it goes on whole; and the head
        that it is whole up to.
    """
    before, expected = known[1], known[0] + 1
    with conn.cursor(name="audit_chain", row_factory=dict_row) as cursor:
        cursor.execute(
            "select seq, at, alert_id, appeal_id, actor, step, reason_code, text, facts, body,"
            " previous_hash, hash from fraud_audit where seq > %s order by seq",
            (known[0],),
        )
        for row in cursor:
            body, previous, digest = (
                bytes(row.pop(name)) for name in ("body", "previous_hash", "hash")
            )
            try:
                document = json.loads(body)
            except ValueError:
                return expected, (expected - 1, before)
            linked = previous == before and hashlib.sha256(before + body).digest() == digest
            if row["seq"] != expected or not linked or document != _document(row):
                return expected, (expected - 1, before)
            if noted is not None and row["seq"] == noted[0] and digest != noted[1]:
                return expected, (expected - 1, before)
            before, expected = digest, expected + 1
    cut = noted is not None and noted[0] >= expected
    return expected if cut else None, (expected - 1, before)


def has(conn: Connection, noted: tuple[int, bytes]) -> bool:
    """Tell whether the log has a row of that number and hash; of number 0 it has the 32 zero
    bytes.
    """
    row = conn.execute("select hash from fraud_audit where seq = %s", (noted[0],)).fetchone()
    return bytes(row[0]) == noted[1] if row else noted == (0, FIRST)


def _document(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the step as it is hashed: times as ISO 8601 in UTC, ids as text."""
    ids = {name: str(entry[name]) if entry[name] else None for name in ("alert_id", "appeal_id")}
    return {**entry, "at": entry["at"].astimezone(UTC).isoformat(), **ids}


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[AuditEntry]:
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(
            "select seq, at, alert_id, appeal_id, actor, step, reason_code, text, facts, hash from"
            f" fraud_audit where {where} order by seq",
            params,
        ).fetchall()
