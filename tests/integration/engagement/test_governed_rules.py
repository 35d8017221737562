"""Governance changes grades and disputes on chain: ledger and grades follow, for what comes
after.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient
from support.anvil import AnvilNode
from support.platform import NOW, Platform, after, watching

from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.deploy import connect, deploy
from oracle.chain.contracts.roles import Delays
from oracle.chain.core.abis import contract
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.policy_sync import PolicySync
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.engagement.grading_policy import cutoffs_of
from storage.engagement import grades as engagement_grades
from storage.works import analyses, policies
from storage.works.analyses import Conclusion, NewAnalysis
from storage.works.policies import Policy, PolicyTerms

pytestmark = pytest.mark.usefixtures("rolled_back")

OPERATOR = {"Authorization": "Bearer operator"}
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)  # after NOW
FIRST = PolicyTerms(
    version=1,
    grade_cutoffs_bps=(8_000, 6_500, 5_000, 3_500),
    request_timeout_s=86_400,
    dispute_window_s=7 * 86_400,
    fee_wei=0,
    bond_wei=10**16,
)
SECOND = PolicyTerms(
    version=2,
    grade_cutoffs_bps=(9_000, 4_000, 3_000, 2_000),
    request_timeout_s=86_400,
    dispute_window_s=86_400,
    fee_wei=0,
    bond_wei=10**16,
)


@pytest.fixture(scope="module")
def chain(anvil: AnvilNode) -> ChainClient:
    """Contracts of a governor who acts at once."""
    oracle = LocalSigner(os.urandom(32))
    deployment = deploy(
        connect(anvil.url),
        anvil.account(),
        oracle_signers=[hexed(oracle.address)],
        delays=Delays(0, 0),
    )
    return ChainClient(Endpoint(anvil.url), deployment)


def govern(anvil: AnvilNode, chain: ChainClient, function: str, *args: int) -> None:
    governor = LocalSigner(bytes(anvil.account().key))
    policy = address_bytes(chain.deployment.policy)
    transact(chain, governor, policy, contract("PolicyRegistry").call_data(function, *args))


def read_chain(platform: Platform, chain: ChainClient) -> None:
    """What the node does with every new head."""
    head = chain.head()
    PolicySync(platform.db, chain).sync(head, chain.finalized(head))


def set_terms(platform: Platform, *known: PolicyTerms) -> None:
    with platform.db.transaction() as conn:
        for terms in known:
            policies.record_terms(conn, terms)


def rules(platform: Platform) -> list[tuple[int, datetime | None, tuple[int, ...], int | None]]:
    with platform.db.transaction() as conn:
        known = engagement_grades.list_policies(conn)
    return [
        (r.version, r.effective_from, tuple(r.cutoffs_bps[k] for k in "ABCD"), r.chain_version)
        for r in known
    ]


def test_cut_offs_of_the_contract_are_followed_from_the_next_week_on(
    anvil: AnvilNode, chain: ChainClient, platform: Platform, client: TestClient
) -> None:
    anvil.mine(3)
    read_chain(platform, chain)
    platform.tick(NOW)
    assert rules(platform) == [(1, None, FIRST.grade_cutoffs_bps, None)]  # both say the same
    govern(anvil, chain, "setGradeCutoffs", *SECOND.grade_cutoffs_bps)
    read_chain(platform, chain)
    platform.tick(NOW)
    assert len(rules(platform)) == 1, "a reorg could still take the change back"
    anvil.mine(3)
    read_chain(platform, chain)
    platform.tick(NOW)
    platform.tick(NOW)
    assert rules(platform)[0] == (2, MONDAY, SECOND.grade_cutoffs_bps, 2)
    assert len(rules(platform)) == 2
    author = platform.creator("author")
    before, since = (
        platform.post(author, published=at) for at in (MONDAY - timedelta(seconds=1), MONDAY)
    )
    platform.happen(*watching(before, 3, at=MONDAY), *watching(since, 3, at=MONDAY))
    platform.tick(MONDAY + timedelta(days=1))
    # Few people saw them: no better than a C, by any rules.
    assert platform.rows("select post_id, grade, policy_version from grades order by post_id") == [
        (before, "C", 1),
        (since, "C", 2),
    ]
    grading = client.get(f"/api/creators/author/posts/0x{since.hex()}").json()["grading"]
    assert (grading["policy_version"], grading["chain_version"], grading["cutoffs_bps"]["B"]) == (
        2,
        2,
        4_000,
    )
    page = client.get(f"/creators/author/posts/0x{since.hex()}").text
    assert "version 2 of the policy that governance set on chain" in page
    for policy in client.get("/v1/policy").json():
        assert (policy["version"], policy["grade_cutoffs_bps"]) == (2, cutoffs_of(SECOND))
        assert policy["dispute_window_s"] == 7 * 86_400


def test_rules_that_begin_later_get_the_new_cut_offs_and_keep_the_rest(
    platform: Platform, client: TestClient
) -> None:
    set_terms(platform, FIRST)
    weights = {"watch": 10_000, "saves": 0, "comments": 0, "shares": 0, "likes": 0}
    cutoffs = cutoffs_of(FIRST)
    later = datetime.now(UTC) + timedelta(days=60)
    body = {
        "weights_bps": weights,
        "cutoffs_bps": cutoffs,
        "note": "x",
        "effective_from": later.isoformat(),
    }
    assert client.post("/api/grading/policy", json=body, headers=OPERATOR).status_code == 201
    set_terms(platform, SECOND)
    platform.tick(NOW)
    platform.tick(NOW)
    assert [
        (version, begins)
        for version, begins, cut, _ in rules(platform)
        if cut == SECOND.grade_cutoffs_bps
    ] == [(4, later), (3, MONDAY)]
    assert platform.rows(
        "select version, weights_bps->>'watch' from grade_policies order by 1"
    ) == [(1, "3500"), (2, "10000"), (3, "3500"), (4, "10000")]


def test_rules_that_begin_later_with_the_new_cut_offs_already_are_not_buried(
    platform: Platform, client: TestClient
) -> None:
    """They were adopted between the node's reading and the scheduler's round; the earlier ones get
    the higher number.
    """
    set_terms(platform, SECOND)
    later = datetime.now(UTC) + timedelta(days=60)
    weights = {"watch": 10_000, "saves": 0, "comments": 0, "shares": 0, "likes": 0}
    body = {
        "weights_bps": weights,
        "cutoffs_bps": cutoffs_of(SECOND),
        "note": "x",
        "effective_from": later.isoformat(),
    }
    assert client.post("/api/grading/policy", json=body, headers=OPERATOR).status_code == 201
    platform.tick(NOW)
    platform.tick(NOW)
    author = platform.creator("author")
    before, since = (platform.post(author, published=at) for at in (MONDAY, later))
    with platform.db.transaction() as conn:
        graded_by = engagement_grades.load_posts(conn, [before, since])
        watch = {
            post.post_id: engagement_grades.get_policy(conn, post.policy_version).weights_bps[
                "watch"
            ]
            for post in graded_by
        }
    assert watch == {before: 3_500, since: 10_000}
    assert len(rules(platform)) == 4


def test_people_here_cannot_set_other_cut_offs_than_governance(
    platform: Platform, client: TestClient
) -> None:
    set_terms(platform, FIRST)
    body: dict[str, Any] = {
        "weights_bps": {
            "watch": 3_500,
            "saves": 2_000,
            "comments": 2_000,
            "shares": 1_500,
            "likes": 1_000,
        },
        "cutoffs_bps": cutoffs_of(SECOND),
        "note": "x",
        "effective_from": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    refused = client.post("/api/grading/policy", json=body, headers=OPERATOR)
    assert (refused.status_code, refused.json()["code"]) == (422, "cutoffs_governed_on_chain")
    assert (
        client.post("/api/grading/policy/dry-run", json=body, headers=OPERATOR).status_code == 200
    )


@pytest.mark.parametrize(("version", "days"), [(1, 7), (2, 1), (3, 7)])
def test_a_verdict_can_be_disputed_for_as_long_as_its_policy_says(
    platform: Platform, version: int, days: int
) -> None:
    """Version 3 was not read from the chain: then it is a week."""
    set_terms(platform, FIRST, SECOND)
    maya, tom = platform.creator("maya"), platform.creator("tom")
    post = platform.post(maya)
    decide(platform, post, tom, version)
    platform.earns(post, 10_000)
    platform.run(NOW)
    terms = platform.find_terms(post)
    assert terms is not None and (terms.verdict, terms.final_at) == ("derivative", after(days=days))


def test_money_waits_for_terms_that_the_node_is_about_to_read(platform: Platform) -> None:
    """After an upgrade the scheduler may come first: a week would be kept where the contract says a
    day.
    """
    maya, tom = platform.creator("maya"), platform.creator("tom")
    post = platform.post(maya)
    with platform.db.transaction() as conn:
        policies.record(conn, Policy(2, "video", 9_500, 10_000), block_number=7)
    decide(platform, post, tom, 2)
    platform.earns(post, 10_000)
    platform.run(NOW)
    assert platform.find_terms(post) is None
    set_terms(platform, FIRST, SECOND)
    platform.run(NOW)
    terms = platform.find_terms(post)
    assert terms is not None and terms.final_at == after(days=1)


def decide(platform: Platform, post: bytes, original_of: int, version: int) -> UUID:
    """A work of somebody else's, and the post as a copy of it under a version of the policy."""
    work_id, analysis_id = uuid4(), uuid4()
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into works (id, registration, registered_at, creator_id, post_id, media_type,"
            " sha256, mime, size_bytes, blob_key, published_at) values (%s, 1, now(), %s, %s,"
            " 'video', %s, 'video/mp4', 1, 'x', now())",
            (work_id, original_of, bytes(32), bytes(32)),
        )
        new = NewAnalysis(
            id=analysis_id,
            source="upload",
            post_id=post,
            creator_id=original_of,
            media_type="video",
            policy_version=version,
            threshold_bps=9_500,
            base_redirect_bps=10_000,
            work_id=work_id,
        )
        analyses.add(conn, new)
        analyses.conclude(
            conn,
            analysis_id,
            Conclusion(
                verdict="derivative",
                reason="copy_of_earlier",
                similarity_bps=9_800,
                tier="high",
                redirect_bps=6_000,
                matched_work_id=work_id,
                evidence=b"{}",
                evidence_hash=bytes(32),
                model_digest=bytes(32),
                index_snapshot=2,
                decided_at=NOW,
            ),
        )
    return analysis_id
