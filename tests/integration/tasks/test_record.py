"""The public record: what enters it, what anybody can check of it, and its head on chain."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.testclient import TestClient
from support.photos import edited, photo
from support.town import Town

from oracle import app as app_module
from oracle.api.record_cache import WHOLE_EVERY, RecordCache
from oracle.chain.contracts import payments as contracts
from oracle.chain.contracts.anchor import anchor, read_anchor
from oracle.chain.core.wire import hexed
from oracle.rules.figures import COUNTED, figures
from oracle.settings import Settings
from oracle.tasks import record
from storage import api_keys
from storage.chain import calls
from storage.database import Connection, Database
from storage.fraud import audit_log, public_record
from storage.works import creators

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}


def closed(settings: Settings) -> TestClient:
    """The same oracle where everything else takes a key."""
    http = settings.http.model_copy(update={"keys_required": True})
    return TestClient(
        app_module.create_app(settings.model_copy(update={"http": http})),
        raise_server_exceptions=False,
    )


def test_anybody_can_check_the_record_and_learns_no_name(
    settings: Settings, client: TestClient, db: Database, post: Post
) -> None:
    original = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    licence = {"owner": "alice", "licensee": "carol", "note": "alice's own words"}
    assert client.post("/v1/permissions", json=licence, headers=OPERATOR).status_code == 201
    with db.transaction() as conn:
        api_keys.issue(conn, "maria", ["read"])
        api_keys.revoke(conn, "maria")
    assert client.delete(f"/v1/works/{copy['work']['id']}", headers=OPERATOR).is_success
    assert record.append_due(db) > 0
    assert record.append_due(db) == 0, "once"

    with closed(settings) as strangers:
        assert strangers.get(copy["links"]["self"]).status_code == 401
        head = strangers.get("/v1/record").json()
        steps = strangers.get("/v1/record/steps", params={"limit": 500}).json()["steps"]
    previous = bytes(32)
    for seq, step in enumerate(steps, start=1):
        assert (step["seq"], step["previous_hash"]) == (seq, previous.hex())
        assert step["body"] is not None
        previous = hashlib.sha256(previous + step["body"].encode()).digest()
        assert step["hash"] == previous.hex()
    assert (head["seq"], head["hash"]) == (len(steps), previous.hex())
    text = json.dumps(steps).lower()
    assert not [name for name in ("alice", "bob", "carol", "maria", "photo.jpg") if name in text]
    named = {(step["step"], json.loads(step["body"])["reason_code"]) for step in steps}
    assert named >= {
        ("decision", "no_match"),
        ("decision", "copy_of_earlier"),
        ("permission", "granted"),
        ("key", "added"),
        ("key", "revoked"),
        ("erasure", "erased"),
        ("rules", "policies"),
    }
    hashes = {
        json.loads(step["body"])["facts"]["evidence_hash"]
        for step in steps
        if step["step"] == "decision"
    }
    assert hashes == {original["evidence_hash"], copy["evidence_hash"]}
    with db.transaction() as conn:
        assert audit_log.find_break(conn) is None


def test_of_steps_that_name_people_only_the_hash_is_public(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as conn:
        digest = audit_log.append(
            conn,
            at=datetime.now(UTC),
            actor="creator:alice",
            step="appeal",
            reason_code="licensed",
            text="I am alice.",
        )
    (step,) = client.get("/v1/record/steps").json()["steps"]
    assert (step["body"], step["hash"]) == (None, digest.hex())


def test_the_head_of_a_day_goes_on_chain_once_the_day_is_over(db: Database) -> None:
    now = datetime.now(UTC)
    record.append_due(db)
    with db.transaction() as conn:
        head = audit_log.head(conn)
    assert head[0] > 0, "the policies of the fixture"
    assert record.anchor_due(db, now) == 0
    assert record.anchor_due(db, now + timedelta(days=1)) == 1
    assert record.anchor_due(db, now + timedelta(days=1)) == 0, "once a day"
    assert record.anchor_due(db, now + timedelta(days=2)) == 0, "it has not moved"
    with db.transaction() as conn:
        (wanted,) = calls.select(conn, "key like 'record %%'", ())
        (listed,) = public_record.list_anchors(conn, 10)
    assert (wanted.sender, wanted.status) == ("oracle", "wanted")
    assert wanted.call_data is not None and read_anchor(wanted.call_data) == head
    assert (listed.seq, bytes(listed.hash), listed.tx_hash) == (*head, None)


def test_a_transaction_carries_the_head_and_changes_nothing(town: Town) -> None:
    head = hashlib.sha256(b"head").digest()
    receipt = contracts.make(town.client, town.oracle, anchor(7, head))
    assert receipt.succeeded
    sent = town.anvil.call("eth_getTransactionByHash", hexed(receipt.tx_hash))
    assert read_anchor(bytes.fromhex(sent["input"][2:])) == (7, head)
    assert read_anchor(b"") is None and read_anchor(bytes(100)) is None


def test_evidence_and_receipt_are_found_by_their_hash_without_a_key_and_media_is_not(
    settings: Settings, db: Database, post: Post
) -> None:
    original = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    with closed(settings) as strangers:
        for kind in ("receipts", "evidence"):
            path = f"/v1/{kind}/{copy['evidence_hash']}"
            assert strangers.get(path).status_code == 404, "not final"
            assert strangers.get(f"/v1/{kind}/0x12").status_code == 404
        with db.transaction() as conn:
            conn.execute("insert into receipts (outbox_id, body) select id, '{}' from outbox")
            conn.execute("update outbox set status = 'final', block_number = 1")
        assert strangers.get(f"/v1/receipts/{copy['evidence_hash']}").json() == {}
        evidence = strangers.get(f"/v1/evidence/{copy['evidence_hash']}")
        assert "0x" + hashlib.sha256(evidence.content).hexdigest() == copy["evidence_hash"]
        (match,) = evidence.json()["matches"]
        assert match["work"]["id"] == original["work"]["id"]
        assert match["work"]["creator"] != evidence.json()["work"]["creator"]
        assert not [name for name in ("alice", "bob", "photo.jpg") if name in evidence.text]
        for view in (original, copy):
            assert strangers.get(f"/works/{view['work']['id']}/media").status_code == 401
            assert strangers.get(f"/works/{view['work']['id']}/preview.jpg").status_code == 401
            assert strangers.get(view["links"]["evidence"]).status_code == 401
            assert strangers.get(view["links"]["self"]).status_code == 401


def test_names_stand_beside_the_evidence_and_go_with_the_work(
    client: TestClient, post: Post
) -> None:
    original = post(photo("temple"), "alice", name="my holiday.jpg")
    copy = post(edited(photo("temple"), "resized"), "bob")
    assert "my holiday.jpg" in copy["explanation"]
    assert (copy["original"]["creator"], "alice" in copy["explanation"]) == ("alice", True)
    assert client.delete(f"/v1/works/{original['work']['id']}", headers=OPERATOR).is_success
    later = client.get(copy["links"]["self"]).json()
    assert "my holiday.jpg" not in json.dumps(later)
    assert later["evidence_hash"] == copy["evidence_hash"]


def hold(conn: Connection, number: int, status: str) -> None:
    """A step of the record about a hold of an account."""
    audit_log.append(
        conn,
        at=datetime.now(UTC),
        actor="oracle",
        step="hold",
        reason_code=status,
        text="A hold changed.",
        facts={"hold": number, "round": 1, "subject": "creator", "status": status},
    )


def tamper(db: Database, seq: int) -> None:
    with db.transaction() as conn:
        conn.execute("alter table fraud_audit disable trigger user")
        conn.execute("update fraud_audit set text = 'Nothing.' where seq = %s", (seq,))
        conn.execute("alter table fraud_audit enable trigger user")


def test_figures_and_check_go_on_from_the_head_and_the_whole_is_read_again(db: Database) -> None:
    record.append_due(db)
    kept, now = RecordCache(), datetime.now(UTC)
    for number, status in enumerate(("notified", "reversed", "notified"), start=1):
        with db.transaction() as conn:
            hold(conn, 1 + number // 3, status)
            seq, digest = audit_log.head(conn)
            steps = (
                (at, step, json.loads(body)["facts"])
                for at, step, body in public_record.bodies(conn, COUNTED, 0, seq)
            )
            assert kept.figures(conn) == figures(steps)
            assert kept.figures(conn) is kept.figures(conn), "nothing is counted twice"
            checked = kept.check(conn, now)
            assert (checked.broken, checked.head) == (None, (seq, digest))
    with db.transaction() as conn:
        assert kept.figures(conn).groups["subject"]["creator"].held == 2
    tamper(db, 1)
    with db.transaction() as conn:
        assert kept.check(conn, now).broken is None, "only what is new was read"
        assert kept.check(conn, now + WHOLE_EVERY).broken == 1
        assert kept.check(conn, now + WHOLE_EVERY).broken == 1, "it is not forgotten"


def test_of_another_record_nothing_is_remembered(db: Database) -> None:
    kept, now = RecordCache(), datetime.now(UTC)
    with db.transaction() as conn:
        hold(conn, 1, "notified")
        assert kept.figures(conn).groups["subject"]["creator"].held == 1
        assert kept.check(conn, now).broken is None
        conn.rollback()  # as a restored backup
    with db.transaction() as conn:
        assert kept.figures(conn).groups["subject"] == {}
        assert kept.check(conn, now).broken is None


def test_a_category_that_is_not_on_the_list_is_another(db: Database) -> None:
    with db.transaction() as conn:
        for number in range(10):
            name, category = f"c{number // 2}", (" Music", "My ex, Eve Smith")[number % 2]
            creator = creators.ensure_creator(conn, name, name.encode().ljust(20), False)
            conn.execute(
                "insert into works (id, registration, post_id, media_type, sha256, mime,"
                " size_bytes, blob_key, registered_at, published_at, creator_id, category) values"
                " (gen_random_uuid(), %(number)s, %(digest)s, 'image', %(digest)s, 'image/png', 1,"
                " 'x', now(), now(), %(creator)s, %(category)s)",
                {
                    "number": 100 + number,
                    "digest": bytes([number]) * 32,
                    "creator": creator.id,
                    "category": category,
                },
            )
        kinds = conn.execute("select record_kind(post_id)->>'category' from posts").fetchall()
    assert sorted(kind for (kind,) in kinds) == ["music"] * 5 + ["other"] * 5
