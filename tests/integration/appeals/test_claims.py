"""Whoever was robbed and missed says so: judged again, the other side heard, a person decides."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from integration.conftest import Post
from starlette.testclient import TestClient
from support.photos import edited, photo
from support.platform import Platform
from support.quarrels import CENTS, UNITS, ChainQuarrel, make_quarrel
from support.town import DAY_S, Town

from oracle.appeals import claims, verdicts
from oracle.appeals.errors import (
    AccuserCannotDecide,
    AppealExists,
    NothingToClaim,
    NotYourCase,
    SimilarityNeeded,
    StepNotPossible,
    TooManyClaims,
)
from oracle.chain.contracts import consumer, payments, rulings, verify
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import address_bytes
from oracle.jobs import Jobs, RetryLater
from oracle.settings import Settings
from oracle.wiring import make_handlers, make_originality
from storage import api_keys
from storage.cases import claims as stored_claims
from storage.cases import settlements
from storage.database import Database
from storage.works import creators

REASON = "The same grain in both, shifted by a pixel."


def claim(quarrel: ChainQuarrel, *, now: datetime | None = None) -> UUID:
    with quarrel.platform.db.transaction() as conn:
        return claims.claim_copy(
            conn,
            Jobs(quarrel.platform.db.dsn),
            quarrel.analysis,
            quarrel.original_work,
            creator_id=quarrel.anna,
            actor="anna",
            statement="That is my picture.",
            now=now or quarrel.now,
        )


def decide(quarrel: ChainQuarrel, number: UUID, *, upheld: bool, **more: Any) -> None:
    with quarrel.platform.db.transaction() as conn:
        claims.decide_claim(
            conn, number, upheld=upheld, actor="maria", convinced=REASON, now=quarrel.now, **more
        )


@pytest.fixture
def missed(town: Town, platform: Platform) -> ChainQuarrel:
    return make_quarrel(town, platform, accused=False)


def test_an_upheld_claim_holds_the_share_and_then_redirects_it(
    missed: ChainQuarrel, client: TestClient
) -> None:
    number = claim(missed)
    missed.drive(2)
    assert missed.result().held_bps == 5_000 and missed.result().status is PostStatus.PROVISIONAL
    assert payments.tip(missed.town.client, missed.town.fan, missed.post, 1_000).contested
    ((held,),) = missed.platform.rows(
        "select held_bps from post_terms where post_id = %s", missed.post
    )
    assert held == 5_000, "the ledger holds what the contract holds"
    missed.platform.earns(missed.post, CENTS, at=missed.now + timedelta(days=7))
    missed.pay()
    assert missed.held(on_chain=False) == CENTS // 2

    with pytest.raises(StepNotPossible, match="can still answer"):
        decide(missed, number, upheld=True, similarity_bps=9_900)
    missed.answer_as_other(number)
    with pytest.raises(SimilarityNeeded):
        decide(missed, number, upheld=True, similarity_bps=9_000)
    decide(missed, number, upheld=True, similarity_bps=9_900)
    missed.drive(4)
    assert missed.result().outcome is Outcome.ORIGINAL, "it can be seen coming"
    missed.town.wait(3 * DAY_S)
    missed.drive(4)
    result = missed.result()
    assert (result.outcome, result.similarity_bps) == (Outcome.DERIVATIVE, 9_900)
    redirect = verify.read_redirect(missed.town.client, missed.post)
    ((terms,),) = missed.platform.rows(
        "select (verdict, redirect_bps, creditor_id)::text from post_terms where post_id = %s",
        missed.post,
    )
    assert terms == f"(derivative,{redirect.redirect_bps},{missed.anna})"
    now = client.get(f"/v1/analyses/{missed.analysis}").json()
    assert (now["verdict"], now["in_force"]["verdict"], now["badge"]) == (
        "original",
        "derivative",
        False,
    )
    assert now["in_force"]["original_post_id"] == "0x" + missed.original_post.hex()
    assert "verdict_changed" in missed.inbox(missed.bob), "who loses hears of it at once"
    assert "verdict_changed" in missed.inbox(missed.anna)

    with pytest.raises(NotYourCase), missed.platform.db.transaction() as conn:
        verdicts.appeal_verdict(
            conn,
            missed.analysis,
            creator_id=missed.anna,
            actor="anna",
            ground="other",
            statement="x",
            now=missed.now,
        )
    missed.town.wait(8 * DAY_S)
    missed.drive(3)
    missed.pay()
    assert missed.held(on_chain=True) == missed.held(on_chain=False) == 0
    # Half of it waited, and nobody is charged for more than what waited.
    assert missed.platform.totals(missed.anna).available == CENTS // 2
    assert missed.paid("anna") == (CENTS // 2 * UNITS + 500) // UNITS


def test_who_lost_by_a_claim_appeals_and_another_person_decides(missed: ChainQuarrel) -> None:
    number = claim(missed)
    missed.drive(2)
    missed.answer_as_other(number)
    decide(missed, number, upheld=True, similarity_bps=9_900)
    missed.drive(3)
    missed.town.wait(3 * DAY_S)
    missed.drive(4)
    assert missed.result().outcome is Outcome.DERIVATIVE
    appeal = missed.appeal()
    missed.answer(appeal)
    with pytest.raises(AccuserCannotDecide):
        missed.decide(appeal, granted=True)  # maria upheld the claim
    missed.drive(2)
    # The pair was claimed before: a platform's word may hold again.
    assert missed.platform.rows("select kind from operator_alerts") == []
    assert missed.platform.rows("select claim_open from rulings where kind = 'appeal'") == [(True,)]
    missed.decide(appeal, granted=True, actor="olga")
    missed.drive(4)
    missed.town.wait(3 * DAY_S)
    missed.drive(5)
    assert missed.result().outcome is Outcome.ORIGINAL
    assert missed.platform.rows("select distinct status from rulings") == [("in_force",)]
    assert missed.inbox(missed.bob).count("verdict_changed") == 2


def test_a_refused_claim_frees_what_waited_and_counts_where_it_was_made_in_bad_faith(
    missed: ChainQuarrel,
) -> None:
    number = claim(missed)
    missed.drive(2)
    with pytest.raises(AppealExists):
        claim(missed)
    missed.answer_as_other(number)
    decide(missed, number, upheld=False, bad_faith=True)
    missed.drive(3)
    assert missed.result().held_bps == 0
    ((held, disputed),) = missed.platform.rows(
        "select held_bps, disputed from post_terms where post_id = %s", missed.post
    )
    assert (held, disputed) == (0, False)
    assert missed.platform.rows("select status, claim_open from rulings") == [("in_force", False)]
    with missed.platform.db.transaction() as conn:
        conn.execute(
            "insert into appeals (id, kind, analysis_id, earlier_work_id, creator_id, ground,"
            " statement, filed_at, first_decider, decide_by, status, outcome, decided_by,"
            " convinced, decided_at, bad_faith) select %s, kind, analysis_id, %s, creator_id,"
            " ground, statement, filed_at, first_decider, decide_by, status, outcome, decided_by,"
            " convinced, decided_at, true from appeals",
            (uuid4(), _work_of(missed)),
        )
    with pytest.raises(TooManyClaims, match="better knowledge"):
        claim(missed)


def test_what_nobody_decides_ends_by_itself(missed: ChainQuarrel) -> None:
    claim(missed)
    missed.drive(2)
    missed.town.wait(15 * DAY_S)
    assert claims.lapse_due(missed.platform.db, missed.now) == 1
    missed.drive(3)
    assert missed.result().held_bps == 0 and missed.result().outcome is Outcome.ORIGINAL
    assert missed.platform.rows("select distinct outcome from appeals") == [("lapsed",)]
    assert "not decided in time" in missed.letter(missed.anna, "claim_result")


def test_a_vetoed_claim_ends_no_settlement_and_is_another_persons_to_decide(
    missed: ChainQuarrel,
) -> None:
    town, platform = missed.town, missed.platform
    with platform.db.transaction() as conn:
        settlements.add(
            conn,
            _work_of(missed),
            missed.original_work,
            appeal_id=None,
            decided_by="karl",
            now=missed.now,
        )
    ended = "select ended_at is not null, decided_by from not_copies"
    number = claim(missed)
    missed.drive(2)
    missed.answer_as_other(number)
    decide(missed, number, upheld=True, similarity_bps=9_900)
    assert platform.rows(ended) == [(True, "karl")]
    missed.drive(4)
    ((correction,),) = platform.rows("select correction_id from rulings")
    payments.make(
        town.client,
        town.governor,
        payments.ContractCall(
            "disputes",
            payments.contract("PoCDisputes").call_data(
                "vetoCorrection", correction, os.urandom(32)
            ),
        ),
    )
    missed.drive(3)
    assert platform.rows("select status from appeals") == [("open",)]
    assert platform.rows(ended) == [(False, "karl")]
    with pytest.raises(AccuserCannotDecide):
        decide(missed, number, upheld=True, similarity_bps=9_900)


def test_a_claim_made_at_the_contract_is_decided_here(town: Town, platform: Platform) -> None:
    """By another platform whose word counts there."""
    missed = make_quarrel(town, platform, accused=False)
    word = rulings.claim_on_word(missed.post, missed.original_post, os.urandom(32))
    payments.make(town.client, town.claimant, word)
    missed.drive(2)
    ((number, kind),) = platform.rows("select id, kind from appeals")
    assert kind == "claim"
    assert platform.rows("select claim_id, claim_open from rulings") == [(1, True)]
    missed.answer_as_other(number)
    decide(missed, number, upheld=True, similarity_bps=9_900)
    missed.drive(4)
    town.wait(3 * DAY_S)
    missed.drive(4)
    assert missed.result().outcome is Outcome.DERIVATIVE


def test_a_claim_of_a_stranger_under_our_hash_is_not_ours(missed: ChainQuarrel) -> None:
    """The hash of our question is public from the moment on that we claim with it."""
    town, platform = missed.town, missed.platform
    older = town.attest(Outcome.ORIGINAL, 0, creator=town.first.address)
    town.wait(60)
    victim = town.attest(Outcome.ORIGINAL, 0, creator=town.fan.address)
    number = claim(missed)
    missed.cases.tick(missed.now)
    ((question,),) = platform.rows("select question_hash from rulings")
    where = town.client.deployment.disputes
    theirs = payments.contract("PoCDisputes").call_data("claim", victim, older, question)
    bond = payments.claim_bond_wei(town.client, victim, town.first.address)
    consumer.transact(town.client, town.first, address_bytes(where), theirs, value_wei=bond)
    missed.drive(2)
    assert platform.rows("select post_id, claim_id, claim_open from rulings") == [
        (missed.post, 2, True)
    ], "the stranger's claim has number 1"
    missed.answer_as_other(number)
    decide(missed, number, upheld=True, similarity_bps=9_900)
    missed.drive(4)
    kept = [
        town.client.read_struct("PoCDisputes", where, "claimOf", claim_id)["status"]
        for claim_id in (1, 2)
    ]
    assert kept == [rulings.CaseStatus.OPEN, rulings.CaseStatus.UPHELD]
    town.wait(3 * DAY_S)
    missed.drive(4)
    assert missed.result().outcome is Outcome.DERIVATIVE
    found = verify.find_result(town.client, victim)
    assert found is not None and found.outcome is Outcome.ORIGINAL


def test_a_claim_that_is_rejected_at_the_contract_ends_here(missed: ChainQuarrel) -> None:
    claim(missed)
    missed.drive(2)
    reject = rulings.reject_claim(1, os.urandom(32))
    payments.make(missed.town.client, missed.town.second, reject)
    missed.drive(2)
    assert missed.platform.rows("select outcome, decided_by from appeals") == [
        ("refused", "contract claim 1")
    ]
    assert missed.platform.rows("select held_bps from post_terms") == [(0,)]


def test_who_may_claim_what(missed: ChainQuarrel) -> None:
    with missed.platform.db.transaction() as conn:

        def attempt(creator: int, earlier: UUID) -> None:
            claims.claim_copy(
                conn,
                Jobs(missed.platform.db.dsn),
                missed.analysis,
                earlier,
                creator_id=creator,
                actor="x",
                statement="mine",
                now=missed.now,
            )

        with pytest.raises(NotYourCase):
            attempt(missed.bob, missed.original_work)
        with pytest.raises(NothingToClaim, match="your own"):
            attempt(missed.bob, _work_of(missed))
        conn.execute(
            "update works set dated_at = dated_at - interval '9 years' where id = %s",
            (_work_of(missed),),
        )
        with pytest.raises(NothingToClaim, match="did not come first"):
            attempt(missed.anna, missed.original_work)


def test_a_comparison_that_fails_for_ever_has_an_end(
    client: TestClient, settings: Settings, db: Database, post: Post
) -> None:
    first, copy = post(photo("cat"), "anna"), post(photo("rocket"), "bob")
    oracle, now = make_originality(settings, db, make_handlers(settings)), datetime.now(UTC)

    with db.transaction() as conn:
        creator = creators.find_creator(conn, "anna")
        assert creator is not None
        number = claims.claim_copy(
            conn,
            Jobs(db.dsn),
            UUID(copy["analysis_id"]),
            UUID(first["work"]["id"]),
            creator_id=creator,
            actor="anna",
            statement="That is mine.",
            now=now,
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle._judge, "verify", lambda *_: 1 // 0)
        for _ in range(oracle._max_attempts - 1):
            with pytest.raises(RetryLater):
                oracle.analyse(number)
        oracle.analyse(number)
    with db.transaction() as conn:
        check = stored_claims.find_check(conn, number)
        assert check is not None and check.checked_at is not None
        assert check.error is not None and check.error.startswith("The comparison failed")
        # Of one that took down its workers, and of one that is decided.
        conn.execute("update claim_checks set checked_at = null, failures = 99")
    oracle.analyse(number)
    with db.transaction() as conn:
        check = stored_claims.find_check(conn, number)
        assert check is not None and "took down 99 workers" in (check.error or "")
        conn.execute("update claim_checks set checked_at = null, failures = 0")
        conn.execute(
            "update appeals set status = 'decided', outcome = 'refused', decided_by = 'maria',"
            " convinced = %s, decided_at = now()",
            (REASON,),
        )
    oracle.analyse(number)
    with db.transaction() as conn:
        check = stored_claims.find_check(conn, number)
        assert check is not None and check.checked_at is None


def test_the_two_are_compared_again_with_all_their_features(
    client: TestClient, db: Database, post: Post, drain: Callable[[], None]
) -> None:
    """By HTTP alone, of a copy that the index never brought up."""
    first = post(photo("cat"), "anna")
    with db.transaction() as conn:  # out of the index's sight while the copy is judged
        conn.execute("update image_fingerprints set registration = registration + 1000000")
        conn.execute("update embeddings set registration = registration + 1000000")
    copy = post(edited(photo("cat"), "resized"), "bob")
    assert copy["verdict"] == "original"
    keys = {}
    with db.transaction() as conn:
        for name, scopes in (("anna", ["read"]), ("bob", ["read"]), ("maria", ["read", "fraud"])):
            creator = None if name == "maria" else creators.find_creator(conn, name)
            secret = api_keys.issue(conn, name, scopes, creator_id=creator)
            keys[name] = {"Authorization": f"Bearer {secret}"}
    body = {
        "analysis_id": copy["analysis_id"],
        "earlier_work_id": first["work"]["id"],
        "statement": "That is my cat.",
    }
    assert client.post("/v1/claims", json=body).status_code == 401
    assert client.post("/v1/claims", json=body, headers=keys["bob"]).json()["code"] == (
        "not_your_case"
    )
    form = {"work_id": first["work"]["id"], "statement": "That is my cat."}
    asked = client.get("/claim", params={"work": form["work_id"]}, headers=keys["anna"])
    assert "Somebody copies this" in asked.text
    missing = client.post("/claims", data=form | {"post": "no such"}, headers=keys["anna"])
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    link = f"https://example.org/certificates/{copy['work']['post_id']}"
    stranger = client.post("/claims", data=form | {"post": link}, headers=keys["bob"])
    assert stranger.status_code == 404
    page = client.post("/claims", data=form | {"post": link}, headers=keys["anna"])
    assert page.is_success and page.url.path.startswith("/appeals/"), page.text
    twice = client.post("/v1/claims", json=body, headers=keys["anna"])
    assert twice.json()["code"] == "appeal_exists"
    path = f"/v1{page.url.path}"
    assert client.get(path, headers=keys["anna"]).json()["check"]["checked_at"] is None
    drain()
    check = client.get(path, headers=keys["maria"]).json()["check"]
    assert check["verified"] and check["similarity_bps"] > 9_500
    assert check["match"]["work"]["id"] == first["work"]["id"]
    assert client.post(
        f"{path}/answer", json={"view": "It is mine."}, headers=keys["bob"]
    ).is_success
    verdict = {"outcome": "granted", "convinced": "They are the same picture."}
    assert client.post(f"{path}/decide", json=verdict, headers=keys["anna"]).status_code == 403
    decided = client.post(f"{path}/decide", json=verdict, headers=keys["maria"])
    assert decided.is_success, decided.text
    now = client.get(copy["links"]["self"]).json()
    assert (now["pending"]["verdict"], now["in_force"]["verdict"]) == ("derivative", "original"), (
        "on its way to the contract"
    )


def _work_of(quarrel: ChainQuarrel) -> UUID:
    ((work,),) = quarrel.platform.rows(
        "select work_id from analyses where id = %s", quarrel.analysis
    )
    return UUID(str(work))
