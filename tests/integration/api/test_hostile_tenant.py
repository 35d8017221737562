"""A creator's key against another creator's rows: every route, lists and errors included."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient
from support.cases import Case, make_case, signal
from support.photos import edited, photo
from support.platform import Platform

from oracle import app as app_module
from oracle.api.boundary import BoundedRoute
from oracle.notices import webhooks
from oracle.settings import Settings
from storage import api_keys
from storage.database import Connection, Database

MARK = "for-alice-alone"
OWNERS = ("creator_id", "owner_id")
# What a column of that name refers to where no constraint says so.
NAMED = {"work_id": ("works", "id"), "post_id": ("posts", "post_id")}
# Tables of the oracle itself: the chain's, the rules', what is counted and what was measured.
NOBODYS = frozenset(
    {
        "alembic_version",
        "blob_owner",
        "chain_attempts",
        "chain_blocks",
        "chain_calls",
        "chain_reads",
        "chain_transactions",
        "chain_withdrawals",
        "chain_withdrawals_read",
        "deployment",
        "embedding_models",
        "engagement_agents",
        "engagement_referrers",
        "equivocations",
        "fraud_accounts",
        "fraud_givers",
        "fraud_late",
        "fraud_passes",
        "fraud_sign_ups",
        "fraud_thresholds",
        "grade_baselines",
        "grade_policies",
        "node_status",
        "operator_alerts",
        "policies",
        "policy_terms",
        "quorum_observations",
        "quorum_signatures",
        "quorum_signed",
        "recall_probes",
        "reconciliations",
        "record_anchors",
        "record_queue",
        "request_rates",
        "sound_retired",
        "sound_segments",
        "usage",
    }
)
# Of platforms, whose isolation has tests of its own.
PLATFORMS = frozenset({"webhook_deliveries", "webhook_endpoints"})


@dataclass
class Victim:
    """Alice, with something in every table that is hers, and the ids of all of it."""

    creator_id: int
    ids: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture
def strict(settings: Settings, db: Database) -> Iterator[FastAPI]:
    http = settings.http.model_copy(update={"keys_required": True, "per_minute": 10**6})
    app = app_module.create_app(settings.model_copy(update={"http": http}))
    with TestClient(app):
        yield app


@pytest.fixture
def tenants(strict: FastAPI, db: Database, drain: Callable[[], None]) -> tuple[Victim, Any]:
    """Alice's things, and a way to ask as somebody: a name, or None without a key."""
    with db.transaction() as conn:
        case: Case = make_case(conn, db, "alice")
    platform = Platform(db)
    secrets = {
        "alice": platform.key("alice's", ["upload", "read"], creator_id=case.creator_id),
        "mallory": platform.key("mallory's", ["upload", "read"], creator="mallory"),
        "uploader": platform.key("another's", ["upload"], creator="uploader"),
    }
    with db.transaction() as conn:  # no answer of theirs may be "too many requests"
        conn.execute("update api_keys set per_minute = 1000000")
    client = TestClient(strict, raise_server_exceptions=False, follow_redirects=False)

    def ask(who: str | None, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {secrets[who]}"} if who else {}
        return client.request(method, path, headers=headers, **options)

    alert = case.raise_alert(signals=[signal() | {"sentence": f"700 views {MARK}"}])
    posted = ask("alice", "POST", "/upload", files={"file": photo("temple")}).json()
    copied = ask(
        "mallory", "POST", "/upload", files={"file": edited(photo("temple"), "cropped")}
    ).json()
    drain()
    appeal = ask(
        "alice",
        "POST",
        f"/api/fraud_alerts/{alert}/appeal",
        json={"ground": "not_my_traffic", "statement": f"It was not me, {MARK}."},
    )
    with db.transaction() as conn:
        webhooks.register(conn, case.creator_id, f"https://hooks.example/{MARK}")
        number = conn.execute("select id from appeals where creator_id = %s", (case.creator_id,))
        appeals_ = [str(row[0]) for row in number.fetchall()]
        conn.execute("update creator_messages set body = body || %s", (MARK,))
        messages = [str(row[0]) for row in conn.execute("select id from creator_messages")]
    if appeals_:
        ask(
            "alice",
            "POST",
            f"/v1/appeals/{appeals_[0]}/attachments",
            files={"file": ("proof.txt", f"proof {MARK}".encode())},
        )
    platform.earns(case.post_id, 123_457, at=datetime.now(UTC), reason=MARK)
    assert appeal.status_code in (200, 201), appeal.text
    victim = Victim(
        case.creator_id,
        {
            "alert_id": [str(alert)],
            "appeal_id": appeals_,
            "message_id": messages,
            "analysis_id": [posted["analysis_id"], copied["analysis_id"]],
            "work_id": [posted["work"]["id"]],
            "post_id": ["0x" + case.post_id.hex(), posted["work"]["post_id"]],
            "creator": ["alice", str(case.creator_id)],
            "name": ["alice"],
            "handle": ["alice"],
            "number": ["1"],
        },
    )
    return victim, ask


def routes(app: FastAPI) -> list[tuple[str, str]]:
    found = set()
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, BoundedRoute):
            found |= {(method, str(context.path)) for method in context.methods or ()}
    return sorted(found)


def filled(path: str, victim: Victim) -> Iterator[str]:
    """The path with every one of the victim's ids in the places of its parameters."""
    if "{" not in path:
        yield path
        return
    before, _, rest = path.partition("{")
    name, _, after = rest.partition("}")
    for value in victim.ids.get(name, [str(uuid4()), "1"]):
        yield from filled(before + value + after, victim)


def bodies(victim: Victim) -> Iterator[dict[str, Any]]:
    """What a hostile client sends: everything named after the victim."""
    text = "I say so, and at some length, since it must be."
    yield {}
    yield {
        "creator": "alice",
        "owner": "alice",
        "licensee": "mallory",
        "statement": text,
        "view": text,
        "reason": text,
        "reason_code": "looked_at_it",
        "note": text,
        "ground": "not_my_traffic",
        "outcome": "granted",
        "convinced": text,
        "url": "https://evil.example/hook",
        "wallet": "0x" + "12" * 20,
        "address": "0x" + "12" * 20,
        "kind": "withdraw",
        "title": "taken over",
        "audience": 5,
        "analysis_id": victim.ids["analysis_id"][0],
        "earlier_work_id": victim.ids["work_id"][0],
        "post_id": victim.ids["post_id"][0],
        "by": "mallory",
        "upheld": False,
        "hash": "0x" + "34" * 32,
    }


def owned(conn: Connection) -> dict[str, str]:
    """Every table that holds what belongs to a creator, and how the rows of one are found: by a
    column that names the owner, else by the rows of others that they refer to.
    """
    columns = conn.execute(
        "select table_name, column_name from information_schema.columns join"
        " information_schema.tables using (table_schema, table_name)"
        " where table_schema = 'public' and table_type = 'BASE TABLE' order by 1, 2"
    ).fetchall()
    tables: dict[str, list[str]] = {}
    for table, column in columns:
        tables.setdefault(table, []).append(column)
    found = {
        table: " or ".join(f"t.{name} = %(id)s" for name in OWNERS if name in names)
        for table, names in tables.items()
        if set(OWNERS) & set(names)
    } | {"creators": "t.id = %(id)s"}
    references = conn.execute(
        "select c.conrelid::regclass::text, a.attname, c.confrelid::regclass::text, f.attname"
        " from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and"
        " a.attnum = c.conkey[1] join pg_attribute f on f.attrelid = c.confrelid and"
        " f.attnum = c.confkey[1] where c.contype = 'f' and cardinality(c.conkey) = 1"
    ).fetchall()
    references += [
        (table, column, *NAMED[column])
        for table, names in tables.items()
        for column in NAMED.keys() & set(names)
    ]
    while more := {
        table: [
            f"t.{column} in (select t.{key} from {other} t where {found[other]})"
            for from_, column, other, key in references
            if from_ == table and other in found
        ]
        for table in tables.keys() - found.keys()
        if any(from_ == table and other in found for from_, _, other, _ in references)
    }:
        found |= {table: " or ".join(wheres) for table, wheres in more.items()}
    return found


def rows(db: Database, victim: Victim) -> dict[str, list[str]]:
    """All that is the victim's, as text."""
    with db.transaction() as conn:
        return {
            table: [
                row[0]
                for row in conn.execute(
                    f"select to_jsonb(t)::text from {table} t where {where} order by 1",
                    {"id": victim.creator_id},
                )
            ]
            for table, where in owned(conn).items()
        }


def test_every_table_is_somebodys_or_known_to_be_nobodys(db: Database) -> None:
    with db.transaction() as conn:
        tables = conn.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind"
            " in ('r', 'p') and not relispartition and relname not like 'procrastinate%'"
        ).fetchall()
        assert {row[0] for row in tables} - owned(conn).keys() == NOBODYS | PLATFORMS


def test_the_victims_rows_are_there_to_be_taken(tenants: Any, db: Database) -> None:
    victim, ask = tenants
    there = {table for table, found in rows(db, victim).items() if found}
    assert there >= {"creator_messages", "creator_webhooks", "appeals", "fraud_alerts", "works"}
    seen = "".join(
        ask("alice", "GET", path).text
        for path in (
            "/v1/messages",
            f"/v1/appeals/{victim.ids['appeal_id'][0]}",
            f"/api/fraud_alerts/{victim.ids['alert_id'][0]}",
        )
    )
    assert seen.count(MARK) >= 3


@pytest.mark.parametrize("who", [None, "mallory", "uploader"])
def test_a_hostile_tenant_reads_and_writes_nothing(
    who: str | None, tenants: Any, strict: FastAPI, db: Database
) -> None:
    victim, ask = tenants
    before, asked = rows(db, victim), 0
    for method, template in routes(strict):
        for path in filled(template, victim):
            if template.endswith("/events"):
                continue  # open to readers, and endless
            # Programs send JSON, and pages what their forms hold.
            form = "json" if template.startswith(("/v1", "/api")) else "data"
            reads = method in ("GET", "HEAD")
            for body in [None] if reads else bodies(victim):
                for query in ("", "?creator=alice") if reads else ("",):
                    option = {} if body is None else {form: body}
                    answer = ask(who, method, path + query, **option)
                    asked += 1
                    said = (method, path, query, body, answer.text[:300])
                    assert MARK not in answer.text, said
                    assert "123457" not in answer.text, said
                    assert "1234.57" not in answer.text, said
                    assert answer.status_code not in (429, 500), said
    assert asked > 200
    after = rows(db, victim)
    for table in before:
        assert after[table] == before[table], table


def test_lists_hold_only_ones_own(tenants: Any) -> None:
    _, ask = tenants
    for path, name in (
        ("/api/fraud_alerts", "alerts"),
        ("/v1/appeals", "appeals"),
        ("/v1/messages", "messages"),
    ):
        mine, theirs = ask("alice", "GET", path), ask("mallory", "GET", path)
        assert mine.json()[name], path
        assert MARK not in json.dumps(theirs.json()), path


def test_a_key_that_was_revoked_is_nobodys(tenants: Any, db: Database) -> None:
    _, ask = tenants
    with db.transaction() as conn:
        api_keys.revoke(conn, "alice's")
    assert ask("alice", "GET", "/v1/messages").status_code == 401
