"""A stake binds the person: by any spelling, any key and any wallet of theirs."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from oracle.appeals import neutral
from oracle.appeals.errors import ConflictOfInterest, NotYourCase
from oracle.appeals.neutral import Reviewer, check_neutral
from storage import api_keys
from storage.cases import interests
from storage.database import Connection, Database
from storage.ledger import wallets
from storage.works import creators

NOW = datetime.now(UTC)
WALLET = "0x" + "ab" * 20


@pytest.fixture
def sides(db: Database) -> tuple[int, int]:
    """Alice and Bob."""
    with db.transaction() as conn:
        return creator(conn, "alice"), creator(conn, "bob")


def creator(conn: Connection, name: str) -> int:
    return creators.ensure_creator(conn, name, name.encode().ljust(20), False).id


def refuses(conn: Connection, actor: str, *sides: int) -> bool:
    try:
        check_neutral(conn, actor, *sides)
    except (ConflictOfInterest, NotYourCase):
        return True
    return False


def test_a_declared_stake_binds_all_that_a_person_acts_by(
    db: Database, sides: tuple[int, int]
) -> None:
    with db.transaction() as conn:
        zoe = creator(conn, "zoe")
        api_keys.issue(conn, "olga", ["fraud"])
        api_keys.issue(conn, "olga at home", ["fraud"], person="Olga")
        api_keys.issue(conn, "zoe's", ["fraud"], creator_id=zoe, person="@OLGA")
        api_keys.issue(conn, "maria", ["fraud"])
        names = ("key:olga", "olga", "OLGA", " @Olga", "key:olga at home", "creator:zoe", "Zoe")
        assert not any(refuses(conn, name, *sides) for name in (*names, "key:maria"))
        neutral.declare(conn, "key:OLGA", sides[0], note="I manage her.", by="operator", now=NOW)
        assert [name for name in names if not refuses(conn, name, *sides)] == []
        assert not refuses(conn, "key:maria", *sides)
        assert not refuses(conn, "key:olga", sides[1])
        api_keys.revoke(conn, "olga at home")
        api_keys.issue(conn, "third", ["fraud"], person="olga")
        assert refuses(conn, "key:third", *sides)
        # What one of the keys may not decide as a side, none of them may.
        assert refuses(conn, "key:olga", zoe)


def test_who_decided_before_has_a_part_by_any_key(db: Database) -> None:
    with db.transaction() as conn:
        api_keys.issue(conn, "olga", ["fraud"])
        api_keys.issue(conn, "olga at home", ["fraud"], person="olga")
        before = ["the oracle's automatic decision", None, "key:olga"]
        for name in ("key:olga", "key:olga at home", "Olga"):
            assert Reviewer(conn, name).had_a_part(before), name
        for name in ("key:maria", "the oracle"):
            assert not Reviewer(conn, name).had_a_part(before), name


def test_a_wallet_that_is_about_to_be_a_creators_is_that_creator(
    db: Database, sides: tuple[int, int]
) -> None:
    with db.transaction() as conn:
        assert not refuses(conn, WALLET, *sides)
        wallets.add_link(
            conn,
            uuid4(),
            creator_id=sides[1],
            account=bytes(20),
            name="bob",
            wallet=bytes.fromhex(WALLET[2:]),
            proof="platform",
            note="Passport seen.",
            signature=None,
            asked_by="operator",
            now=NOW,
        )
        assert refuses(conn, WALLET, *sides)
        assert refuses(conn, f"creator:{WALLET}", *sides)
        # And what the wallet posted is Bob's, also for who has a stake in his affairs.
        behind = creators.ensure_creator(conn, WALLET, bytes.fromhex(WALLET[2:]), True).id
        assert refuses(conn, "creator:bob", behind)
        assert not refuses(conn, "key:olga", behind)
        neutral.declare(conn, "key:olga", sides[1], note="A friend.", by="operator", now=NOW)
        assert refuses(conn, "key:olga", behind)


def test_an_open_review_of_one_anothers_works_is_a_tie(
    db: Database, sides: tuple[int, int]
) -> None:
    with db.transaction() as conn:
        carol = creator(conn, "carol")
        work = _work(conn, sides[0], 1)
        doubted = _work(conn, carol, 2)
        analysis = uuid4()
        conn.execute(
            "insert into analyses (id, work_id, post_id, creator_id, media_type, source,"
            " policy_version, threshold_bps, base_redirect_bps, matched_work_id) select %s, %s, %s,"
            " %s, 'image', 'upload', max(version), 9500, 10000, %s from policies",
            (analysis, doubted, bytes([2]) * 32, carol, work),
        )
        conn.execute(
            "insert into reviews (id, analysis_id, work_id, post_id, creator_id, reason, held_bps,"
            " opened_at, decide_by) values (%s, %s, %s, %s, %s, 'needs_review', 0, now(), now())",
            (uuid4(), analysis, doubted, bytes([2]) * 32, carol),
        )
        assert interests.find_tie(conn, [carol], [sides[0]]) == ("carol", "review")
        assert interests.find_tie(conn, [sides[0]], [carol]) == ("alice", "review")
        assert interests.find_tie(conn, [carol], [sides[1]]) is None
        assert refuses(conn, "creator:carol", *sides)
        conn.execute(
            "update reviews set status = 'superseded', outcome = 'original', decided_by = 'rules',"
            " because = 'x', decided_at = now(), ended_by = analysis_id"
        )
        assert not refuses(conn, "creator:carol", *sides)


def _work(conn: Connection, creator_id: int, number: int) -> object:
    work = uuid4()
    conn.execute(
        "insert into works (id, registration, post_id, media_type, sha256, mime, size_bytes,"
        " blob_key, registered_at, published_at, creator_id) values (%(id)s, %(number)s,"
        " %(digest)s, 'image', %(digest)s, 'image/png', 1, 'x', now(), now(), %(creator)s)",
        {"id": work, "number": 100 + number, "digest": bytes([number]) * 32, "creator": creator_id},
    )
    return work
