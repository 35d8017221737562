"""Two spellings of one name in a database of before: they become one creator, and keep both
accounts.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from support.databases import empty_database

from oracle.chain.core.ids import escrow_account
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.ledger import views
from storage.migrate import _config, migrate
from storage.works import creators, works

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def before(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """A database as it was before names were compared as people do."""
    with empty_database(postgres_server.dsn) as dsn:
        command.upgrade(_config(dsn), "0009")
        yield dsn


def add_work(conn: psycopg.Connection, creator_id: int) -> UUID:
    work_id = uuid4()
    conn.execute(
        "insert into works (id, registration, registered_at, creator_id, post_id, media_type,"
        " sha256, mime, size_bytes, blob_key, published_at) values (%(id)s,"
        " nextval('work_registration'), now(), %(creator)s, %(post)s, 'image', %(post)s,"
        " 'image/png', 1, 'key', now())",
        {"id": work_id, "creator": creator_id, "post": work_id.bytes * 2},
    )
    return work_id


def test_two_spellings_become_one_creator(before: str) -> None:
    with psycopg.connect(before) as conn:
        ids = {}
        for handle in ("Alice", "bob", "alice", "@ALICE"):
            row = conn.execute(
                "insert into creators (handle, account, has_wallet) values (%s, %s, false)"
                " returning id",
                (handle, escrow_account(handle)),
            ).fetchone()
            assert row is not None
            ids[handle] = row[0]
        made = {handle: add_work(conn, number) for handle, number in ids.items()}
        # A licence between the two, and one of each from bob: one is left.
        for owner, licensee in (("Alice", "alice"), ("bob", "Alice"), ("bob", "alice")):
            conn.execute(
                "insert into permissions (owner_id, licensee_id) values (%s, %s)",
                (ids[owner], ids[licensee]),
            )
        # 86 % of what "Alice" earned went to "alice".
        post = made["Alice"].bytes * 2
        row = conn.execute(
            "insert into ledger_transactions (kind, post_id, creator_id, week, facts, booked_at)"
            " values ('pay', %s, %s, '2026-11-16', '{}', now()) returning id",
            (post, ids["Alice"]),
        ).fetchone()
        assert row is not None
        for line, (who, bucket, entry, amount) in enumerate(
            (
                ("Alice", "budget", "base", -100),
                ("Alice", "available", "base", 100),
                ("Alice", "available", "redirect", -86),
                ("alice", "available", "redirect", 86),
            )
        ):
            conn.execute(
                "insert into ledger_postings values (%s, %s, %s, %s, %s, %s, %s)",
                (row[0], line, ids[who], bucket, entry, post, amount),
            )
        conn.execute(
            "insert into api_keys (name, person, secret_hash, scopes, creator_id, per_minute)"
            " values ('phone', 'phone', %s, '{upload}', %s, 10)",
            (bytes(32), ids["alice"]),
        )

    migrate(before)

    db = Database(before)
    db.open()
    with db.transaction() as conn:
        alice = creators.find_creator(conn, "＠aLiCe")
        assert alice == ids["Alice"]
        assert creators.get_creator(conn, alice).handle == "Alice"
        # Every account is still theirs, and derived from the spelling that it was made for.
        accounts = creators.accounts_of(conn, alice)
        assert [account.name for account in accounts] == ["Alice", "alice", "@ALICE"]
        for account in accounts:
            assert account.name is not None
            assert account.account == escrow_account(account.name)
            assert creators.find_creator_of(conn, account.account) == alice
        # A work is known on chain by the account it was posted under.
        found = works.get_works(conn, list(made.values()))
        for handle, work_id in made.items():
            assert found[work_id].account == escrow_account(handle)
        assert {found[made[name]].creator_id for name in ("Alice", "alice", "@ALICE")} == {alice}
        assert found[made["bob"]].creator_id == ids["bob"]
        assert conn.execute("select owner_id, licensee_id from permissions").fetchall() == [
            (ids["bob"], alice)
        ]
        assert conn.execute("select creator_id from api_keys").fetchall() == [(alice,)]
        # What was booked stays, and is one person's money now.
        totals = views.totals(conn, alice)
        assert (totals.earned, totals.available) == (100, 100)
        assert (totals.redirected_away, totals.redirected_to_me) == (86, 86)
        assert [line.amount_minor for line in views.lines(conn, alice)] == [100, -86, 86]
        # And nobody registers a further one.
        again = creators.ensure_creator(conn, "ALICE", bytes(19) + b"\1", False)
        assert (again.id, again.account) == (alice, escrow_account("Alice"))
    db.close()
