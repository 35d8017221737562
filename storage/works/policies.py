"""The chain's policy by version, and the one deployment this database serves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import sql
from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import ForeignDeployment, PolicyUnknown


@dataclass(frozen=True)
class Policy:
    """Rules of one media type under one version, in basis points."""

    version: int
    media_type: str  # image, video or audio
    threshold_bps: int
    base_redirect_bps: int


@dataclass(frozen=True, kw_only=True)
class PolicyTerms:
    """What a policy version says besides thresholds and base redirect."""

    version: int
    # lowest engagement score, 0..10000, of A, B, C and D; below is F
    grade_cutoffs_bps: tuple[int, int, int, int]
    request_timeout_s: int
    dispute_window_s: int
    fee_wei: int  # of a request
    bond_wei: int  # of a dispute's second round; the third costs twice as much


@dataclass(frozen=True)
class Version:
    """One version of the policy, as far as it is known here.

    Attributes:
        final: Whether no reorg can take it back.
        terms: None where the node has not read them.
    """

    version: int
    read_at: datetime
    final: bool
    threshold_bps: Mapping[str, int]  # by media type
    base_redirect_bps: int
    terms: PolicyTerms | None


@dataclass(frozen=True)
class BoundDeployment:
    """The contracts a database belongs to. The hub is 20 bytes."""

    chain_id: int
    hub: bytes
    addresses: Mapping[str, str]


def current(conn: Connection, media_type: str) -> Policy:
    """The newest policy for a media type. Raises: PolicyUnknown before the node has read one."""
    return _one(
        conn,
        "media_type = %s order by version desc limit 1",
        (media_type,),
        f"any version for {media_type}",
    )


def at(conn: Connection, version: int, media_type: str) -> Policy:
    """The policy of one version. Raises: PolicyUnknown if the node has not read it (yet)."""
    return _one(
        conn,
        "version = %s and media_type = %s",
        (version, media_type),
        f"version {version} for {media_type}",
    )


def record(
    conn: Connection, policy: Policy, *, block_number: int | None = None, final: bool = True
) -> None:
    """Store a policy as read from the chain (or from settings, where there is no chain).

    A version read from a block that is not final may be read again and differ; a final one stays.
    """
    conn.execute(
        "insert into policies (version, media_type, threshold_bps, base_redirect_bps,"
        " block_number, final) values (%s, %s, %s, %s, %s, %s) on conflict (version, media_type)"
        " do update set threshold_bps = excluded.threshold_bps, base_redirect_bps ="
        " excluded.base_redirect_bps, block_number = excluded.block_number, final ="
        " excluded.final, read_at = now() where not policies.final",
        (
            policy.version,
            policy.media_type,
            policy.threshold_bps,
            policy.base_redirect_bps,
            block_number,
            final,
        ),
    )


def record_terms(
    conn: Connection, terms: PolicyTerms, *, block_number: int | None = None, final: bool = True
) -> None:
    """Store a version's terms as read from the chain; like a policy, what is final stays."""
    conn.execute(
        "insert into policy_terms (version, grade_a_bps, grade_b_bps, grade_c_bps, grade_d_bps,"
        " request_timeout_s, dispute_window_s, fee_wei, bond_wei, block_number, final) values (%s,"
        " %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (version) do update set grade_a_bps"
        " = excluded.grade_a_bps, grade_b_bps = excluded.grade_b_bps, grade_c_bps ="
        " excluded.grade_c_bps, grade_d_bps = excluded.grade_d_bps, request_timeout_s ="
        " excluded.request_timeout_s, dispute_window_s = excluded.dispute_window_s, fee_wei ="
        " excluded.fee_wei, bond_wei = excluded.bond_wei, block_number = excluded.block_number,"
        " final = excluded.final, read_at = now() where not policy_terms.final",
        (
            terms.version,
            *terms.grade_cutoffs_bps,
            terms.request_timeout_s,
            terms.dispute_window_s,
            terms.fee_wei,
            terms.bond_wei,
            block_number,
            final,
        ),
    )


def find_terms(conn: Connection, version: int) -> PolicyTerms | None:
    """The terms of a version, None if the node has not read them."""
    return next(iter(_terms(conn, "version = %s", (version,))), None)


def final_terms(conn: Connection) -> PolicyTerms | None:
    """The terms of the newest version that no reorg can take back; None before the node has read
    one.
    """
    return next(iter(_terms(conn, "final order by version desc limit 1")), None)


def versions(conn: Connection, limit: int = 50) -> list[Version]:
    """The versions that the chain knows, the newest first, each with all media types."""
    rows = conn.execute(
        "select version, min(read_at), bool_and(final), json_object_agg(media_type, threshold_bps),"
        " min(base_redirect_bps) from policies group by version order by version desc limit %s",
        (limit,),
    ).fetchall()
    return [
        Version(row[0], row[1], row[2], row[3], row[4], find_terms(conn, row[0])) for row in rows
    ]


def last_final(conn: Connection) -> int:
    """The highest version that is final with its terms and for every media type stored with it;
    0 for none.
    """
    row = conn.execute(
        "select coalesce(max(version), 0) from (select version from policies join policy_terms t"
        " using (version) group by version having bool_and(policies.final and t.final))"
        " final_versions"
    ).fetchone()
    return int(row[0]) if row else 0


def withdraw(conn: Connection, above_version: int) -> None:
    """Forget versions a reorg has undone: those that are not final and above what the chain
    knows.
    """
    for table in ("policies", "policy_terms"):
        conn.execute(
            sql.SQL("delete from {} where version > %s and not final").format(
                sql.Identifier(table)
            ),
            (above_version,),
        )


def bind(conn: Connection, deployment: BoundDeployment) -> None:
    """Tie this database to a deployment, once.

    Raises: ForeignDeployment if it serves another one.
    """
    conn.execute(
        "insert into deployment (chain_id, hub, addresses) values (%s, %s, %s) on conflict do"
        " nothing",
        (deployment.chain_id, deployment.hub, json.dumps(dict(deployment.addresses))),
    )
    bound = find_binding(conn)
    assert bound is not None
    if (bound.chain_id, bound.hub) != (deployment.chain_id, deployment.hub):
        raise ForeignDeployment(
            f"This database serves the hub 0x{bound.hub.hex()} on chain {bound.chain_id}, not"
            f" 0x{deployment.hub.hex()} on chain {deployment.chain_id}. Use the database of that"
            " hub, or a new one."
        )


def find_binding(conn: Connection) -> BoundDeployment | None:
    """The deployment this database is tied to, None for a fresh one."""
    with conn.cursor(row_factory=class_row(BoundDeployment)) as cursor:
        return cursor.execute("select chain_id, hub, addresses from deployment").fetchone()


def _one(conn: Connection, where: str, params: tuple[object, ...], what: str) -> Policy:
    with conn.cursor(row_factory=class_row(Policy)) as cursor:
        policy = cursor.execute(
            "select version, media_type, threshold_bps, base_redirect_bps from policies where"
            f" {where}",
            params,
        ).fetchone()
    if policy is None:
        raise PolicyUnknown(
            f"The chain's policy was not read yet: {what}. The node reads it within seconds."
        )
    return policy


def _terms(conn: Connection, where: str, params: tuple[object, ...] = ()) -> list[PolicyTerms]:
    rows = conn.execute(
        "select version, grade_a_bps, grade_b_bps, grade_c_bps, grade_d_bps, request_timeout_s,"
        f" dispute_window_s, fee_wei, bond_wei from policy_terms where {where}",
        params,
    ).fetchall()
    return [
        PolicyTerms(
            version=row[0],
            grade_cutoffs_bps=row[1:5],
            request_timeout_s=row[5],
            dispute_window_s=row[6],
            fee_wei=int(row[7]),
            bond_wei=int(row[8]),
        )
        for row in rows
    ]
