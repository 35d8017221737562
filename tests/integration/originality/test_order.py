"""Who was first, on a real database: places for ever, media that is late, two claimants, proofs."""

import io
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID, uuid4

import pytest
from integration.originality.test_analysis_failures import oracle, queued, upload, view
from PIL import Image
from starlette.testclient import TestClient
from support.files import FileServer
from support.photos import edited, photo

from oracle import wiring
from oracle.appeals.reviews import lapse_due
from oracle.appeals.verdict_notices import send_due
from oracle.chain.core.ids import escrow_account
from oracle.jobs import Jobs, RetryLater, RetrySoon
from oracle.originality import rejudge
from oracle.originality.analysis import Originality
from oracle.settings import Settings
from storage import api_keys, operator_alerts
from storage.cases import reviews
from storage.chain import requests as chain_requests
from storage.chain.requests import Block, RequestSeen
from storage.database import Database
from storage.ledger.terms import find as find_terms
from storage.ledger.terms import follow_analyses
from storage.works import analyses, creators, history

__all__ = ["oracle"]  # the fixture
CAT = photo("cat")
JPEG = edited(CAT, "reencoded")

OPERATOR = {"Authorization": "Bearer operator"}

Ask = Callable[..., UUID]


@pytest.fixture
def ask(settings: Settings, db: Database) -> Ask:
    """A contract's request, recorded and handed over as the node does."""
    intake = wiring.make_intake(
        db, wiring.open_blobs(settings.blobs), wiring.make_handlers(settings)
    )

    def record(
        uri: str, creator: str, content: bytes | None = None, *, ago_s: float = 0.0, **facts: Any
    ) -> UUID:
        now = datetime.now(UTC)
        seen = RequestSeen(
            request_id=uuid4().bytes * 2,
            seq=1,
            requester=bytes(20),
            post_id=uuid4().bytes * 2,
            creator=escrow_account(creator),
            content_hash=sha256(content).digest() if content else bytes(32),
            media_type="image",
            uri=uri,
            config_version=1,
            deadline=now + timedelta(days=1),
            tx_hash=bytes(32),
            log_index=0,
            block_number=1,
            block_hash=bytes(32),
            block_time=now - timedelta(seconds=ago_s),
        )
        seen = replace(seen, **facts)
        with db.transaction() as conn:
            chain_requests.note(conn, seen)
            return intake.accept_request(conn, seen)

    return record


def newest(client: TestClient, analysis_id: UUID) -> dict[str, Any]:
    """The last decision on the work of an analysis."""
    found = view(client, analysis_id)
    while found["second_look"] is not None:
        found = view(client, UUID(found["second_look"]))
    return found


def verdict(client: TestClient, analysis_id: UUID) -> tuple[str, str]:
    found = newest(client, analysis_id)
    return found["verdict"], found["reason"]


@pytest.mark.parametrize("named", [None, CAT], ids=["without a hash", "with its hash"])
def test_a_request_keeps_its_place_however_late_a_worker_comes_to_it(
    client: TestClient,
    oracle: Originality,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
    named: bytes | None,
) -> None:
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", named, ago_s=120)
    thief = upload(client, JPEG, "bob")
    oracle.analyse(thief)
    assert view(client, thief)["progress"]["stage"] == "waiting"
    drain()
    assert verdict(client, asked)[0] == "original"
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")


def test_a_request_that_is_read_late_is_dated_by_its_block(
    client: TestClient, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    """The node was away: the thief has the smaller number, and was judged."""
    thief = upload(client, JPEG, "bob")
    innocent = upload(client, photo("rocket"), "carol")
    drain()
    assert view(client, thief)["verdict"] == "original"
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", CAT, ago_s=60)
    drain()
    assert verdict(client, asked)[0] == "original"
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")
    first = view(client, asked)["work"]["id"]
    assert newest(client, thief)["original"]["work_id"] == first
    assert view(client, innocent)["second_look"] is None
    numbers = [view(client, one)["work"]["registration"] for one in (thief, asked)]
    assert numbers[0] < numbers[1], "numbers stay what they are"


def test_media_that_is_slow_is_waited_for_a_while_and_keeps_its_place(
    client: TestClient,
    oracle: Originality,
    db: Database,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
) -> None:
    asked = ask(file_server.put_status("/cat.jpg", 503), "alice", CAT)
    thief = upload(client, JPEG, "bob")
    other = upload(client, photo("rocket"), "carol")
    with pytest.raises(RetryLater):
        oracle.fetch(asked)
    for analysis_id in (thief, other):
        oracle.analyse(analysis_id)
        assert view(client, analysis_id)["progress"]["stage"] == "waiting"
    with db.transaction() as conn:
        conn.execute("delete from procrastinate_jobs")
    oracle.release_overdue()
    assert queued(db) == [], "not yet"
    with db.transaction() as conn:
        conn.execute("update unread_works set asked_at = asked_at - interval '1 minute'")
    oracle.release_overdue()
    assert queued(db) == [thief, other]
    for analysis_id in (thief, other):
        oracle.analyse(analysis_id)
        assert view(client, analysis_id)["verdict"] == "original"
    file_server.put("/cat.jpg", CAT)
    oracle.fetch(asked)
    drain()
    assert verdict(client, asked)[0] == "original"
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")
    assert view(client, other)["second_look"] is None


def test_a_place_that_names_no_content_cannot_be_filled_later(
    client: TestClient,
    oracle: Originality,
    db: Database,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
) -> None:
    """The squatter asks for what is not there, and puts there what another creator posts."""
    squatter = ask(file_server.url("/soon.jpg"), "mallory")
    file_server.put_status("/soon.jpg", 503)
    with pytest.raises(RetryLater):
        oracle.analyse(squatter)
    victim = upload(client, CAT, "alice")
    oracle.analyse(victim)
    assert view(client, victim)["verdict"] == "original", "nobody waits for an empty place"
    file_server.put("/soon.jpg", CAT)
    oracle.analyse(squatter)
    drain()
    assert verdict(client, squatter) == ("derivative", "copy_of_earlier")
    assert verdict(client, victim)[0] == "original"


def test_two_claimants_of_the_same_bytes_need_a_review(
    client: TestClient, db: Database, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    uri = file_server.put("/cat.jpg", CAT)
    first = ask(uri, "alice", CAT, ago_s=300)
    drain()
    copy = upload(client, JPEG, "carol")
    drain()
    assert verdict(client, first)[0] == "original"
    assert verdict(client, copy)[0] == "derivative"
    second = ask(uri, "mallory", CAT, ago_s=290)
    drain()
    for one in (first, second, copy):
        assert verdict(client, one) == ("undecided", "contested")
        assert newest(client, one)["redirect_bps"] == 0
    assert newest(client, first)["similarity_bps"] == 10_000
    with db.transaction() as conn:
        posts = [bytes.fromhex(view(client, one)["work"]["post_id"][2:]) for one in (first, second)]
        follow_analyses(conn, timedelta(days=7), datetime.now(UTC), posts=posts)
        terms = [find_terms(conn, post_id) for post_id in posts]
        assert [(t.verdict, t.redirect_bps, t.held_bps) for t in terms if t] == [
            ("undecided", 0, 10_000)
        ] * 2, "what both earn waits"
    later = ask(uri, "late", CAT, ago_s=-400)
    drain()
    assert verdict(client, later)[0] == "undecided", "the first is still not known"


def test_what_two_contest_makes_an_original_of_neither_at_the_deadline(
    client: TestClient, db: Database, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    """A copier who paid to come first gets no badge by it, nor what copies of it earn."""
    uri = file_server.put("/cat.jpg", CAT)
    first, second = ask(uri, "mallory", CAT, ago_s=300), ask(uri, "alice", CAT, ago_s=290)
    drain()
    with db.transaction() as conn:
        conn.execute("delete from receipts")
        conn.execute("delete from outbox")
    late = datetime.now(UTC) + timedelta(days=8)
    assert lapse_due(db, late) == 2
    copy = upload(client, JPEG, "carol")
    drain()
    for one in (first, second):
        ended = newest(client, one)
        assert (ended["verdict"], ended["reason"]) == ("undecided", "review_lapsed")
        assert (ended["badge"], ended["redirect_bps"]) == (False, 0)
        with db.transaction() as conn:
            post_id = bytes.fromhex(ended["work"]["post_id"][2:])
            follow_analyses(conn, timedelta(days=7), late, posts=[post_id])
            terms = find_terms(conn, post_id)
            assert terms is not None
            assert (terms.verdict, terms.held_bps, terms.redirect_bps) == ("undecided", 0, 0)
    assert verdict(client, copy) == ("undecided", "contested"), "nobody knows whose it is"
    ask(uri, "third", CAT, ago_s=280)
    drain()
    with db.transaction() as conn:
        waiting = [review.creator for review in reviews.list_open(conn, 10)]
    assert "alice" not in waiting and len(waiting) == 2, "one question has one review"
    assert send_due(db, late) > 0
    with db.transaction() as conn:
        bodies = conn.execute("select body from creator_messages").fetchall()
    assert any("counts as not decided, without a badge" in body for (body,) in bodies)


@pytest.mark.parametrize("first", ["alice", "mallory"])
def test_whoever_committed_before_is_first_whoever_paid_more(
    client: TestClient, drain: Callable[[], None], ask: Ask, file_server: FileServer, first: str
) -> None:
    """The copier of a pending request comes into an earlier block, and may be judged first."""
    uri, now = file_server.put("/cat.jpg", CAT), datetime.now(UTC)
    committed_at = now - timedelta(seconds=40)

    def honest() -> UUID:
        return ask(uri, "alice", CAT, ago_s=10, committed_at=committed_at)

    def copier() -> UUID:
        return ask(uri, "mallory", CAT, ago_s=22)

    if first == "alice":
        alice, mallory = honest(), copier()
        drain()
    else:
        mallory = copier()
        drain()
        assert verdict(client, mallory)[0] == "original"
        alice = honest()
        drain()
    assert verdict(client, alice)[0] == "original"
    assert verdict(client, mallory) == ("derivative", "copy_of_earlier")


def test_within_a_block_the_order_is_bought(
    client: TestClient, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    """The copier sends other bytes of the same picture, and pays for the place before."""
    block_time = datetime.now(UTC) - timedelta(seconds=5)
    copier = ask(file_server.put("/copy.jpg", JPEG), "mallory", JPEG, block_time=block_time)
    victim = ask(file_server.put("/cat.jpg", CAT), "alice", CAT, block_time=block_time)
    drain()
    drain()
    assert verdict(client, copier) == verdict(client, victim) == ("undecided", "contested")


@pytest.mark.parametrize("of_a_request", [False, True])
def test_what_is_brought_while_a_server_lets_us_wait_is_not_lost_to_it(
    client: TestClient,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
    of_a_request: bool,
) -> None:
    """A request without a hash, whose server delivers what another creator posted meanwhile."""
    before, victims = upload(client, photo("rocket"), "carol"), []

    def late(request: BaseHTTPRequestHandler) -> None:
        if of_a_request:
            uri = file_server.put("/cat.jpg", CAT)
            victims.append(ask(uri, "alice", CAT, block_number=2))
        else:
            victims.append(upload(client, CAT, "alice"))
        request.send_response(200)
        request.end_headers()
        request.wfile.write(JPEG)

    file_server.answers["/late.jpg"] = late
    squatter = ask(file_server.url("/late.jpg"), "mallory", ago_s=5)
    drain()
    drain()
    after = upload(client, photo("rocket") + b"!", "dora")
    drain()
    contested = ("undecided", "contested")
    assert verdict(client, squatter) == verdict(client, victims[0]) == contested
    assert newest(client, victims[0])["redirect_bps"] == 0
    assert verdict(client, before)[0] == "original"
    assert verdict(client, after) == ("derivative", "copy_of_earlier")


def test_one_creator_does_not_contest_himself(
    client: TestClient, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    uri = file_server.put("/cat.jpg", CAT)
    asked = [ask(uri, "alice", CAT, ago_s=60), ask(uri, "alice", CAT, ago_s=50)]
    drain()
    assert [verdict(client, one)[0] for one in asked] == ["original", "self_duplicate"]


def test_a_claim_of_history_counts_once_it_can_no_longer_be_vetoed(
    client: TestClient, db: Database, drain: Callable[[], None]
) -> None:
    thief, author = upload(client, JPEG, "bob"), upload(client, CAT, "alice")
    drain()
    assert [verdict(client, one)[0] for one in (thief, author)] == ["original", "derivative"]
    path = f"/v1/works/{view(client, author)['work']['id']}/history"
    jobs = Jobs(db.dsn)

    def said(**facts: str) -> Any:
        return client.post(path, json={"reason": "It is in our archive."} | facts, headers=OPERATOR)

    with db.transaction() as conn:
        other = api_keys.issue(conn, "other site", ["history"], namespace=bytes(32))
    strange = client.post(
        path,
        json={"published_at": "2024-05-01T10:00:00Z", "reason": "Ours."},
        headers={"Authorization": f"Bearer {other}"},
    )
    assert (strange.status_code, strange.json()["code"]) == (403, "not_allowed")
    assert said(published_at="2224-05-01T10:00:00Z").status_code == 409
    assert said(published_at="1970-01-02T00:00:00Z").status_code == 409
    assert said(published_at="2024-05-01T10:00:00Z").json()[0]["status"] == "waiting"
    assert client.post(f"{path}/veto", json={"reason": "No."}, headers=OPERATOR).is_success
    assert client.post(f"{path}/veto", json={"reason": "No."}, headers=OPERATOR).status_code == 409
    assert said(published_at="2024-06-01T10:00:00Z").status_code == 201
    assert rejudge.apply_history(db, jobs) == 0
    with db.transaction() as conn:
        conn.execute("update history_claims set counts_from = now() where vetoed_by is null")
        (alert,) = operator_alerts.list_open(conn)
    assert alert.kind == "history_claim"
    assert (rejudge.apply_history(db, jobs), rejudge.apply_history(db, jobs)) == (1, 0)
    drain()
    assert verdict(client, author)[0] == "original"
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")
    assert [row["status"] for row in client.get(path).json()] == ["vetoed", "counts"]
    with db.transaction() as conn:
        recorded = conn.execute(
            "select reason_code from record_queue where step = 'history' order by id"
        ).fetchall()
    assert [row[0] for row in recorded] == ["claimed", "vetoed", "claimed", "claimed", "counts"]


def side_by_side(*names: str) -> bytes:
    """Photographs as one picture."""
    both = Image.new("RGB", (400 * len(names), 300))
    for place, name in enumerate(names):
        with Image.open(io.BytesIO(photo(name))) as one:
            both.paste(one.convert("RGB").resize((400, 300)), (400 * place, 0))
    out = io.BytesIO()
    both.save(out, "JPEG", quality=92)
    return out.getvalue()


def test_a_claim_of_history_judges_provisional_results_again_and_no_final_one(
    client: TestClient, db: Database, drain: Callable[[], None]
) -> None:
    finals = [upload(client, photo("cat"), "alice"), upload(client, photo("coffee"), "carol")]
    drain()
    with db.transaction() as conn:
        conn.execute("update analyses set decided_at = decided_at - interval '8 days'")
    copy, innocent = (
        upload(client, side_by_side("cat", "coffee"), "dora"),
        upload(client, photo("rocket"), "erin"),
    )
    drain()
    assert newest(client, copy)["original"]["creator"] == "alice"
    with db.transaction() as conn:
        history.claim(
            conn,
            UUID(view(client, finals[1])["work"]["id"]),
            datetime.now(UTC) - timedelta(days=400),
            by="key:site",
            reason="Published there.",
            counts_from=datetime.now(UTC),
        )
    assert rejudge.apply_history(db, Jobs(db.dsn)) == 1
    drain()
    assert newest(client, copy)["original"]["creator"] == "carol"
    assert [view(client, one)["second_look"] for one in (*finals, innocent)] == [None] * 3


def test_a_copy_of_ones_own_is_judged_again_once_both_names_are_one(
    client: TestClient, db: Database, drain: Callable[[], None]
) -> None:
    wallet = bytes.fromhex("5a" * 20)
    first = upload(client, CAT, "0x" + wallet.hex())
    copies = [upload(client, JPEG, name) for name in ("alice", "bob")]
    drain()
    assert [verdict(client, one)[0] for one in copies] == ["derivative", "derivative"]
    with db.transaction() as conn:
        alice = creators.find_creator(conn, "alice")
        assert alice is not None
        creators.own_wallet(conn, alice, wallet)
    jobs = Jobs(db.dsn)
    assert (rejudge.apply_merges(db, jobs), rejudge.apply_merges(db, jobs)) == (1, 0)
    drain()
    assert verdict(client, copies[0])[0] == "self_duplicate"
    assert verdict(client, copies[1])[0] == "derivative"
    assert view(client, first)["second_look"] is None


def test_a_final_result_is_left_to_rulings(
    client: TestClient, db: Database, drain: Callable[[], None], ask: Ask, file_server: FileServer
) -> None:
    thief = upload(client, JPEG, "bob")
    drain()
    with db.transaction() as conn:
        conn.execute("update analyses set decided_at = decided_at - interval '8 days'")
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", CAT, ago_s=60)
    drain()
    assert verdict(client, asked)[0] == "original"
    assert view(client, thief)["second_look"] is None


def test_a_search_that_an_earlier_work_overtakes_is_done_again(
    client: TestClient,
    oracle: Originality,
    db: Database,
    ask: Ask,
    file_server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event of an earlier block is read, fetched and indexed while the thief's is searched."""
    thief = upload(client, JPEG, "bob")
    judge, searched = oracle._judge.judge, []

    def overtaken(*arguments: Any, **options: Any) -> Any:
        judgement = judge(*arguments, **options)
        if not searched:
            searched.append(True)
            oracle.analyse(ask(file_server.put("/cat.jpg", CAT), "alice", CAT, ago_s=60))
        return judgement

    monkeypatch.setattr(oracle._judge, "judge", overtaken)
    oracle.analyse(thief)
    assert (view(client, thief)["verdict"], view(client, thief)["second_look"]) == (
        "derivative",
        None,
    )


def test_a_rival_who_is_decided_during_a_search_is_not_missed(
    client: TestClient,
    oracle: Originality,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = file_server.put("/cat.jpg", CAT)
    first = ask(uri, "alice", CAT, ago_s=60)
    judge, rivals = oracle._judge.judge, list[UUID]()

    def overtaken(*arguments: Any, **options: Any) -> Any:
        judgement = judge(*arguments, **options)
        if not rivals:
            rivals.append(ask(uri, "mallory", CAT, ago_s=50))
            oracle.analyse(rivals[0])
        return judgement

    monkeypatch.setattr(oracle._judge, "judge", overtaken)
    oracle.analyse(first)
    drain()
    for one in (first, *rivals):
        assert verdict(client, one) == ("undecided", "contested")


def test_whoever_turns_out_to_have_copied_is_paid_by_no_copy_any_more(
    client: TestClient,
    oracle: Originality,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a thief with many copies the late author's own search does not find them all."""
    thief = upload(client, JPEG, "bob")
    drain()
    copy = upload(client, edited(CAT, "resized"), "carol")
    drain()
    stolen = view(client, thief)["work"]["id"]
    assert newest(client, copy)["original"]["work_id"] == stolen
    monkeypatch.setattr(oracle._judge, "find_younger_copies", lambda *_: [UUID(stolen)])
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", CAT, ago_s=60)
    oracle.analyse(asked)
    drain()
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")
    assert newest(client, copy)["original"]["work_id"] == view(client, asked)["work"]["id"]


def test_a_thief_is_found_behind_copies_that_are_nearer(
    client: TestClient,
    oracle: Originality,
    drain: Callable[[], None],
    ask: Ask,
    file_server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty copies of a theft may fill the late author's search and leave the theft out."""
    thief = upload(client, JPEG, "bob")
    drain()
    copy = upload(client, edited(CAT, "resized"), "carol")
    drain()
    stolen = UUID(view(client, thief)["work"]["id"])
    search = oracle._judge.search
    monkeypatch.setattr(
        oracle._judge,
        "search",
        lambda *facts: [found for found in search(*facts) if found.work_id != stolen],
    )
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", CAT, ago_s=60)
    oracle.analyse(asked)
    drain()
    assert verdict(client, thief) == ("derivative", "copy_of_earlier")
    assert newest(client, copy)["original"]["work_id"] == view(client, asked)["work"]["id"]


def test_nothing_waits_for_a_work_that_another_analysis_read(
    client: TestClient, oracle: Originality, db: Database, ask: Ask
) -> None:
    asked_first = upload(client, CAT, "alice")
    work = view(client, asked_first)["work"]
    again = ask("", "alice", CAT, post_id=bytes.fromhex(work["post_id"][2:]))
    later = upload(client, photo("rocket"), "carol")
    oracle.analyse(later)
    assert view(client, later)["progress"]["stage"] == "waiting"
    oracle.analyse(again)
    assert view(client, again)["work"]["id"] == work["id"]
    assert unread(db) == set() and later in queued(db)
    oracle.analyse(later)
    assert view(client, later)["verdict"] == "original"


def test_nothing_waits_for_what_is_decided(
    client: TestClient, oracle: Originality, db: Database
) -> None:
    first = upload(client, CAT, "alice")
    with db.transaction() as conn:  # as a process that ended between the two left it
        row = conn.execute("select * from unread_works").fetchone()
    assert row is not None
    judge = oracle._judge.judge

    def judged(*arguments: Any, **options: Any) -> Any:
        with db.transaction() as conn:
            conn.execute("insert into unread_works values (%s, %s, %s, %s, %s, %s)", row)
        return judge(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle._judge, "judge", judged)
        oracle.analyse(first)
    assert unread(db) == set()


def test_a_request_without_a_turn_at_its_host_is_waited_for_like_slow_media(
    oracle: Originality, db: Database, ask: Ask, file_server: FileServer
) -> None:
    asked = ask(file_server.put("/cat.jpg", CAT), "alice", CAT)
    with ExitStack() as busy:
        for _ in range(oracle._hosts._per_host):
            busy.enter_context(oracle._hosts.turn(file_server.url("/other.jpg")))
        with pytest.raises(RetrySoon):
            oracle.fetch(asked)
    with db.transaction() as conn:
        assert conn.execute(
            "select analysis_id from unread_works where asked_at is not null"
        ).fetchall() == [(asked,)]


def unread(db: Database) -> set[UUID]:
    with db.transaction() as conn:
        return {row[0] for row in conn.execute("select analysis_id from unread_works")}


def test_numbers_are_taken_with_events_in_the_order_of_blocks_and_logs(
    db: Database, ask: Ask
) -> None:
    asked = [ask("https://example.org/a.jpg", "alice", CAT) for _ in range(3)]
    with db.transaction() as conn:
        chain_requests.append(conn, Block(1, bytes(32), bytes(32), datetime.now(UTC)))
        rows = conn.execute(
            "select a.id, a.registration = i.registration from analyses a join inbox i using"
            " (request_id) order by i.registration"
        ).fetchall()
        before = [analyses.queue_facts(conn, one).sequence for one in asked]
        # After a reorg it comes back in another block.
        request = chain_requests.waiting(conn)[0]
        chain_requests.rewind(conn, 0)
        chain_requests.note(conn, replace(request, block_number=2, block_hash=b"\1" * 32))
        after = [analyses.queue_facts(conn, one).sequence for one in asked]
    assert rows == [(one, True) for one in asked]
    assert before == after == sorted(before)


def test_a_clock_that_is_set_back_puts_no_copy_before_its_original(
    client: TestClient, db: Database, drain: Callable[[], None]
) -> None:
    """The original was taken in while the clock was an hour ahead."""
    original = upload(client, CAT, "alice")
    drain()
    with db.transaction() as conn:
        conn.execute(
            "update works set registered_at = registered_at + interval '1 hour',"
            " dated_at = dated_at + interval '1 hour'"
        )
    copies = [upload(client, edited(CAT, kind), "bob") for kind in ("resized", "cropped")]
    drain()
    assert verdict(client, original)[0] == "original"
    for copy in copies:
        assert verdict(client, copy)[0] in ("derivative", "self_duplicate")
        assert newest(client, copy)["original"]["creator"] == "alice"
