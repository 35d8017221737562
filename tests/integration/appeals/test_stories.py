"""What people decide, told by HTTP alone to the last final block, and read back everywhere: from
chain, ledger, API, page, receipt and notices.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from support.anvil import AnvilNode
from support.contracts import Contracts
from support.courthouse import CENTS, OPERATOR, Courthouse, View, copied, furnish, open_courthouse
from support.databases import cloned_database
from support.photos import edited, photo
from support.town import digest

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.anchor import read_anchor
from oracle.chain.contracts.rulings import Finding, propose
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.report import Outcome
from storage.embedded import EmbeddedPostgres

WHY = "The raw file lies before me, and it is older."
OUTCOMES = {"original": Outcome.ORIGINAL, "derivative": Outcome.DERIVATIVE}


@pytest.fixture(scope="module")
def built(
    anvil: AnvilNode,
    contracts: Contracts,
    postgres_server: EmbeddedPostgres,
    database_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Courthouse, str]]:
    """The stack that all stories begin with, built once, and its database."""
    folder = tmp_path_factory.mktemp("courthouse")
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        house = open_courthouse(contracts.town.again(), dsn, folder)
        furnish(house)
        house.close()
        yield house, str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def house(
    built: tuple[Courthouse, str],
    anvil: AnvilNode,
    postgres_server: EmbeddedPostgres,
    tmp_path: Path,
) -> Iterator[Courthouse]:
    first, template = built
    with (
        cloned_database(postgres_server.dsn, template) as dsn,
        copied(first, dsn, tmp_path / "data", anvil) as opened,
    ):
        yield opened


def ends_as(house: Courthouse, view: View, verdict: str, by: str) -> View:
    """Everybody says the same about a post, and names the transaction. Returns: the API's view."""
    house.rest()
    now = house.get(view["links"]["self"])
    force = now["in_force"]
    assert (force["verdict"], force["decided_by"], now["pending"]) == (verdict, by, None)
    assert now["badge"] is (verdict == "original")
    client = house.town.client
    receipt = client.find_receipt(bytes.fromhex(force["transaction"][2:]))
    assert receipt is not None and receipt.succeeded
    assert receipt.block_number == force["block_number"] <= client.look(None)[1].number
    result = verify.find_result(client, bytes.fromhex(view["work"]["post_id"][2:]))
    assert result is not None
    assert (result.outcome, result.status) == (OUTCOMES[verdict], PostStatus.FINAL)
    page = house.http.get(view["links"]["page"], headers=OPERATOR).text
    assert f'<span class="verdict {verdict}">' in page
    assert "A person decided so" in page or by in ("contract", "rules")
    signed = house.http.get(view["links"]["receipt"], headers=OPERATOR)
    assert signed.headers["Verdict-In-Force"] == verdict
    for kind in ("receipts", "evidence"):  # without a key
        found = house.http.get(f"/v1/{kind}/{view['evidence_hash']}")
        assert found.is_success
    assert "0x" + hashlib.sha256(found.content).hexdigest() == view["evidence_hash"]
    told = [facts["transaction"] for facts in house.inbox("bob", "verdict_changed", "facts")]
    assert told.count(force["transaction"]) == 1
    assert house.held(view) == 0
    assert house.differences() == []
    failed = "select key, status, error_code from chain_calls where status <> 'final'"
    assert house.platform.rows(failed) == []
    assert house.get("/api/operator_alerts") == []
    return dict(now)


def test_an_appeal_by_a_creator_without_a_wallet(house: Courthouse) -> None:
    post = house.posts["temple copy"]
    (held,) = {house.money("bob")[1] - house.held(house.posts["coffee copy"]), house.held(post)}
    assert held > CENTS // 2
    bob, alice, maria = (house.key(name) for name in ("bob", "alice", "maria"))
    filed = house.do(
        "/v1/appeals",
        bob,
        analysis_id=post["analysis_id"],
        ground="mine_and_earlier",
        statement="I have the raw file.",
    )
    case = f"/v1/appeals/{filed['id']}"
    house.go_on(3)
    assert house.get(post["links"]["self"])["pending"]["held_on_chain"]
    house.do(f"{case}/answer", alice, view="No.")
    assert house.http.post(f"{case}/decide", json={}, headers=alice).status_code == 403
    house.do(f"{case}/decide", maria, outcome="granted", convinced=WHY)
    house.go_on(3)
    now = house.get(post["links"]["self"])
    assert (now["in_force"]["verdict"], now["pending"]["verdict"]) == ("derivative", "original")
    assert house.held(post) == held and house.inbox("bob", "verdict_changed") == []
    house.wait(days=3, minutes=1)
    now = ends_as(house, post, "original", "key:maria")
    assert now["in_force"]["reason"] == WHY
    assert now["verdict"] == "derivative", "what the oracle said stays to be read"
    coffee = house.held(house.posts["coffee copy"])
    assert house.money("bob") == (2 * CENTS - coffee, coffee)
    assert house.claimable("bob") == 2 * CENTS - coffee
    assert (house.money("alice")[0], house.claimable("alice")) == (0, 0)
    (facts,) = house.inbox("alice", "verdict_changed", "facts")
    assert now["in_force"]["transaction"] == facts["transaction"]
    # The record of the day before is on chain, for everybody.
    record = house.http.get("/v1/record").json()
    anchored = record["anchors"][0]
    assert anchored["status"] == "final"
    sent = house.town.anvil.call("eth_getTransactionByHash", anchored["transaction"])
    assert read_anchor(bytes.fromhex(sent["input"][2:])) == (
        anchored["seq"],
        bytes.fromhex(anchored["hash"]),
    )
    steps = house.http.get("/v1/record/steps", params={"limit": 500}).json()["steps"]
    assert steps[anchored["seq"] - 1]["hash"] == anchored["hash"]


def test_a_claim_by_a_creator_who_was_missed(house: Courthouse) -> None:
    post, original = house.posts["cat copy"], house.posts["cat"]
    assert post["verdict"] == "original"
    bob, alice, maria = (house.key(name) for name in ("bob", "alice", "maria"))
    before = house.money("bob")
    filed = house.do(
        "/v1/claims",
        alice,
        analysis_id=post["analysis_id"],
        earlier_work_id=original["work"]["id"],
        statement="That is my cat.",
    )
    case = f"/v1/appeals/{filed['id']}"
    house.go_on(3)
    house.earns(post)
    house.go_on(3)
    assert house.held(post) == house.money("bob")[1] - before[1] == CENTS // 2
    check = house.get(case, maria)["check"]
    assert check["verified"] and check["similarity_bps"] > 9_500
    house.do(f"{case}/answer", bob, view="It is mine.")
    house.do(f"{case}/decide", maria, outcome="granted", convinced="They are the same picture.")
    house.go_on(3)
    house.wait(days=3, minutes=1)
    house.go_on(4)
    now = house.get(post["links"]["self"])
    assert (now["in_force"]["verdict"], now["badge"]) == ("derivative", False)
    assert house.held(post) == CENTS // 2, "it can be disputed"
    house.wait(days=7, minutes=1)
    now = ends_as(house, post, "derivative", "key:maria")
    assert now["in_force"]["original_post_id"] == original["work"]["post_id"]
    gained = house.money("alice")[0]
    temple = gained - CENTS // 2  # whose window is over as well
    assert temple > 0 and house.claimable("alice") == gained
    (facts,) = house.inbox("alice", "verdict_changed", "facts")
    assert now["in_force"]["transaction"] == facts["transaction"]


def test_an_undecided_that_a_person_ends(house: Courthouse) -> None:
    post, maria = house.posts["coffee copy"], house.key("maria")
    assert (post["verdict"], post["reason"]) == ("undecided", "unknown_creator")
    assert house.held(post) > CENTS // 2
    waiting = house.get("/v1/reviews", maria)["reviews"]
    review = next(each for each in waiting if each["analysis_id"] == post["analysis_id"])
    case = f"/v1/reviews/{review['id']}"
    house.do(f"{case}/statement", house.key("bob"), statement="Here is the raw file.")
    house.do(f"{case}/decide", maria, outcome="original", because=WHY)
    ends_as(house, post, "original", "key:maria")
    (told,) = house.inbox("bob", "decided")
    assert WHY in told


def test_an_undecided_that_the_deadline_ends(house: Courthouse) -> None:
    post = house.posts["coffee copy"]
    house.wait(days=7, hours=1)
    ends_as(house, post, "original", "rules")
    review = house.get(house.get(post["links"]["self"])["links"]["review"])
    assert (review["status"], review["outcome"], review["decided_by"]) == (
        "decided",
        "original",
        "rules",
    )
    temple = house.money("alice")[0]
    assert house.money("bob") == (2 * CENTS - temple, 0)
    assert (house.claimable("bob"), house.claimable("alice")) == (2 * CENTS - temple, temple)


def test_a_ruling_on_chain_by_somebody_else(house: Courthouse) -> None:
    post, town = house.posts["temple copy"], house.town
    finding = Finding(Outcome.ORIGINAL, post["similarity_bps"], digest("by hand"))
    call = propose(bytes.fromhex(post["work"]["post_id"][2:]), finding)
    payments.make(town.client, town.second, call)
    house.go_on(3)
    house.wait(days=3, minutes=1)
    now = ends_as(house, post, "original", "contract")
    assert now["in_force"]["reason"] is None
    (facts,) = house.inbox("alice", "verdict_changed", "facts")
    assert facts["reason_hash"] == "0x" + digest("by hand").hex()
    assert house.claimable("alice") == house.money("alice")[0] == 0


def test_a_reference_in_quarantine(house: Courthouse) -> None:
    post, maria = house.posts["temple copy"], house.key("maria")
    held, work = house.held(post), house.posts["temple"]["work"]["id"]
    stopped = house.do(f"/v1/works/{work}/quarantine", maria, because="A template of everybody's.")
    assert stopped["judged_again"] == [post["analysis_id"]]
    house.go_on(6)
    now = house.get(post["links"]["self"])
    assert (now["pending"]["kind"], now["pending"]["held_on_chain"]) == ("review", True)
    result = verify.find_result(house.town.client, bytes.fromhex(post["work"]["post_id"][2:]))
    assert result is not None
    assert result.final_at > house.now.timestamp() + 13 * 86_400, "past the window of its verdict"
    later = house.post(edited(photo("temple"), "reencoded"), "dora")
    assert (later["verdict"], later["reason"]) == ("undecided", "quarantined")
    waiting = house.get("/v1/reviews", maria)["reviews"]
    review = next(each for each in waiting if each["work_id"] == post["work"]["id"])
    assert review["reason"] == "quarantined"
    house.wait(days=6)
    house.go_on(3)
    assert house.held(post) == held
    house.do(f"/v1/reviews/{review['id']}/decide", maria, outcome="original", because=WHY)
    house.go_on(3)
    house.wait(days=3, minutes=1)
    ends_as(house, post, "original", "key:maria")
    assert house.claimable("alice") == house.money("alice")[0] == 0
    house.do(f"/v1/works/{work}/release", maria, because="It was one after all.")


def test_a_reference_that_is_released(house: Courthouse) -> None:
    """What it held goes its way, without a decision by anybody."""
    post, maria = house.posts["temple copy"], house.key("maria")
    work = house.posts["temple"]["work"]["id"]
    held = house.held(post)
    house.do(f"/v1/works/{work}/quarantine", maria, because="A template of everybody's.")
    house.go_on(6)
    assert house.get(post["links"]["self"])["pending"]["held_on_chain"]
    house.do(f"/v1/works/{work}/release", maria, because="It was none.")
    house.go_on(2)
    house.rest()
    now = house.get(post["links"]["self"])
    assert (now["in_force"]["verdict"], now["pending"]) == ("derivative", None)
    assert house.platform.rows("select distinct status from rulings") == [("in_force",)]
    assert house.held(post) == held and house.differences() == []
    house.wait(days=7, hours=1)
    house.go_on(2)
    house.rest()
    assert house.held(post) == 0 and house.differences() == []
    assert house.claimable("alice") == house.money("alice")[0] == held
