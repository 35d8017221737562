"""Versions of the thresholds of the fraud detectors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound

VERSION_LOCK = 0x0F_7E55


@dataclass(frozen=True)
class ThresholdsVersion:
    """One version; `limits` is the document with all numbers."""

    version: int
    limits: Mapping[str, Any]
    note: str
    created_by: str
    effective_from: datetime


COLUMNS = "version, limits, note, created_by, effective_from"


def current(conn: Connection, first: Mapping[str, Any]) -> ThresholdsVersion:
    """Return the version in force; where there is none yet, `first` becomes version 1."""
    with conn.cursor(row_factory=class_row(ThresholdsVersion)) as cursor:
        version = cursor.execute(
            f"select {COLUMNS} from fraud_thresholds where effective_from <= now()"
            " order by effective_from desc, version desc limit 1"
        ).fetchone()
    return version or add(conn, first, note="The first rules.", created_by="release")


def get(conn: Connection, version: int) -> ThresholdsVersion:
    """Return a version. Raises: NotFound."""
    with conn.cursor(row_factory=class_row(ThresholdsVersion)) as cursor:
        stored = cursor.execute(
            f"select {COLUMNS} from fraud_thresholds where version = %s", (version,)
        ).fetchone()
    if stored is None:
        raise NotFound(f"There is no version {version} of the fraud thresholds.")
    return stored


def add(
    conn: Connection,
    limits: Mapping[str, Any],
    *,
    note: str,
    created_by: str,
    effective_from: datetime | None = None,
) -> ThresholdsVersion:
    """Put a new version in force, now or from a given time on.

    Earlier versions stay, for the alerts raised under them.
    """
    conn.execute("select pg_advisory_xact_lock(%s)", (VERSION_LOCK,))
    with conn.cursor(row_factory=class_row(ThresholdsVersion)) as cursor:
        added = cursor.execute(
            "insert into fraud_thresholds (version, limits, note, created_by, effective_from)"
            " select coalesce(max(version), 0) + 1, %s, %s, %s, coalesce(%s, now()) from"
            f" fraud_thresholds returning {COLUMNS}",
            (json.dumps(dict(limits)), note, created_by, effective_from),
        ).fetchone()
    assert added is not None
    return added
