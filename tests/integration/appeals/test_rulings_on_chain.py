"""What people decide is what the contract pays: from the appeal to the last final block."""

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.platform import Platform
from support.quarrels import CENTS, FINALITY, ChainQuarrel, make_quarrel
from support.town import DAY_S, Town, digest

from oracle.appeals import chain_questions, rulings, verdicts, vetoes
from oracle.appeals.errors import AccuserCannotDecide
from oracle.chain.contracts import payments
from oracle.chain.contracts.payments import DisputeStatus
from oracle.chain.contracts.rulings import Finding, propose
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import Outcome
from oracle.chain.errors import RpcRefused
from oracle.chain.node.case_reader import CaseReader
from storage.cases import shared_sources
from storage.chain import case_events
from storage.chain.case_events import CaseEvent

HELD = CENTS * 6_000 // 10_000


@pytest.fixture
def quarrel(town: Town, platform: Platform) -> ChainQuarrel:
    made = make_quarrel(town, platform)
    made.pay()
    assert (made.held(on_chain=True), made.held(on_chain=False)) == (HELD, HELD)
    return made


def test_a_granted_appeal_moves_the_money_of_creators_without_wallets(
    quarrel: ChainQuarrel, client: TestClient
) -> None:
    view = f"/v1/analyses/{quarrel.analysis}"
    appeal = quarrel.appeal()
    window_ends = quarrel.result().final_at
    quarrel.drive(2)
    assert quarrel.result().final_at >= window_ends + 14 * DAY_S, "it waits as long as we decide"
    assert client.get(view).json()["pending"] == {
        **client.get(view).json()["pending"],
        "kind": "appeal",
        "verdict": None,
        "held_on_chain": True,
    }
    quarrel.answer(appeal)
    quarrel.town.wait(8 * DAY_S)  # the window of the result alone would be over
    quarrel.drive(2)
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == HELD

    quarrel.decide(appeal, granted=True)
    assert quarrel.held(on_chain=False) == HELD, "nothing has moved"
    assert "becomes yours" in quarrel.letter(quarrel.bob, "appeal_result")
    assert "was paid to you" not in quarrel.letter(quarrel.bob, "appeal_result")
    quarrel.drive(3)
    now = client.get(view).json()
    assert now["in_force"]["verdict"] == "derivative", "the contract says so still"
    assert now["pending"]["verdict"] == "original"
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == HELD
    assert "verdict_changed" not in quarrel.inbox(quarrel.bob)

    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert quarrel.result().status is PostStatus.FINAL
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.paid("bob") == quarrel.platform.totals(quarrel.bob).available == CENTS
    assert quarrel.paid("anna") == quarrel.platform.totals(quarrel.anna).available == 0
    now = client.get(view).json()
    assert (now["verdict"], now["in_force"]["verdict"]) == ("derivative", "original")
    assert [past["decided_by"] for past in now["verdicts"]] == ["oracle", "maria"]
    assert now["in_force"]["transaction"] and now["in_force"]["block_number"]
    assert now["in_force"]["reason"] == "The raw file is older."
    assert (now["badge"], now["pending"]) == (True, None)
    page = client.get(f"/analyses/{quarrel.analysis}").text
    assert "A person decided so" in page and '<span class="verdict original">' in page
    for creator in (quarrel.bob, quarrel.anna):
        assert quarrel.inbox(creator).count("verdict_changed") == 1
    letter = quarrel.letter(quarrel.bob, "verdict_changed")
    assert "$60.00 that waited has been paid out" in letter
    facts = quarrel.letter(quarrel.bob, "verdict_changed", "facts")
    assert now["in_force"]["transaction"] == facts["transaction"]
    quarrel.drive(2)
    assert quarrel.inbox(quarrel.bob).count("verdict_changed") == 1
    assert all(status == "final" for _, status, _ in quarrel.calls())


def test_a_refused_appeal_ends_the_hold_and_the_original_is_paid(quarrel: ChainQuarrel) -> None:
    appeal = quarrel.appeal()
    quarrel.drive(2)
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=False)
    quarrel.drive(3)
    assert quarrel.held(on_chain=True) == HELD, "what was left of the window comes after"
    assert quarrel.result().status is PostStatus.PROVISIONAL
    quarrel.town.wait(7 * DAY_S)
    quarrel.drive(3)
    quarrel.pay()
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.paid("anna") == quarrel.platform.totals(quarrel.anna).available == HELD
    assert quarrel.paid("bob") == CENTS - HELD


def test_a_second_appeal_holds_the_share_again(quarrel: ChainQuarrel) -> None:
    first = quarrel.appeal()
    quarrel.drive(2)
    quarrel.answer(first)
    quarrel.decide(first, granted=False)
    quarrel.drive(3)
    second = quarrel.appeal()
    quarrel.drive(2)
    assert quarrel.platform.rows("select claim_id, claim_open from rulings order by opened_at") == [
        (1, False),
        (2, True),
    ]
    quarrel.town.wait(9 * DAY_S)  # the window of the result would be over
    quarrel.drive(2)
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == HELD
    with pytest.raises(AccuserCannotDecide):
        quarrel.decide(second, granted=True)
    quarrel.decide(second, granted=True, actor="olga")
    quarrel.drive(3)
    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.platform.totals(quarrel.bob).available == CENTS
    assert quarrel.platform.rows("select count(*) from operator_alerts") == [(0,)]


def test_a_ruling_by_others_on_chain_is_read_back(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """The poster has a wallet and disputes at the contract; an arbiter rules there by hand."""
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    quarrel.pay()
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    ((disputed,),) = platform.rows(
        "select disputed from post_terms where post_id = %s", quarrel.post
    )
    assert disputed, "the ledger holds what the contract holds"
    ((kind, status),) = platform.rows("select kind, status from appeals")
    assert (kind, status) == ("originality", "open"), "people see it here as any other"
    assert digest("raw file").hex() in platform.rows("select statement from appeals")[0][0]
    town.wait(4 * DAY_S)
    payments.rule(town.client, town.second, dispute, Outcome.ORIGINAL, digest("it is older"))
    town.wait(4 * DAY_S)
    quarrel.drive(5)  # settled by the product, as nobody else did
    assert quarrel.result().outcome is Outcome.ORIGINAL
    now = client.get(f"/v1/analyses/{quarrel.analysis}").json()
    assert (now["in_force"]["verdict"], now["in_force"]["decided_by"]) == ("original", "contract")
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.platform.totals(quarrel.bob).available == CENTS
    facts = quarrel.letter(quarrel.bob, "verdict_changed", "facts")
    assert facts["reason_hash"] == "0x" + digest("it is older").hex()
    assert platform.rows("select outcome, decided_by from appeals") == [
        ("granted", f"contract dispute {dispute}")
    ]
    assert platform.rows("select distinct status from rulings") == [("in_force",)]


def test_the_contract_can_decide_an_appeal_against_what_it_decided(
    town: Town, platform: Platform
) -> None:
    """An arbiter corrects by hand, the poster disputes that, and another one rules by hand."""
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    finding = Finding(
        Outcome.DERIVATIVE, 9_700, digest("nearly"), escrow_account("anna"), quarrel.original_post
    )
    payments.make(town.client, town.arbiter, propose(quarrel.post, finding))
    town.wait(3 * DAY_S)
    quarrel.drive(4)
    assert quarrel.result().similarity_bps == 9_700
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    assert platform.rows("select first_decider from appeals") == [("contract",)]
    town.wait(4 * DAY_S)
    payments.rule(town.client, town.second, dispute, Outcome.ORIGINAL, digest("it is older"))
    town.wait(4 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert platform.rows("select outcome, decided_by from appeals") == [
        ("granted", f"contract dispute {dispute}")
    ]
    unhandled = (
        "select name from chain_case_events where handled_at is null and post_id is not null"
    )
    assert platform.rows(unhandled) == []


def test_a_case_that_cannot_be_concluded_stops_no_other(town: Town, platform: Platform) -> None:
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    platform.rows(
        "update appeals set first_decider = %s returning id", f"contract dispute {dispute}"
    )
    town.wait(4 * DAY_S)
    payments.rule(town.client, town.second, dispute, Outcome.ORIGINAL, digest("it is older"))
    town.wait(4 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert platform.rows("select kind, subject from operator_alerts") == [
        ("case_failed", f"post 0x{quarrel.post.hex()}")
    ]
    assert platform.rows("select status from appeals") == [("open",)], "nothing of it was kept"
    platform.rows("update appeals set first_decider = 'machine' returning id")
    town.wait(DAY_S)
    quarrel.drive(1)
    assert platform.rows("select status, outcome from appeals") == [("decided", "granted")]
    assert platform.rows("select resolved_by from operator_alerts") == [("rules",)], "it is gone"


def test_a_dispute_settled_on_chain_ends_the_appeal_whatever_else_is_asked(
    town: Town, platform: Platform
) -> None:
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    with platform.db.transaction() as conn:
        rulings.open_question(
            conn, "review", quarrel.post, original_post_id=None, now=quarrel.now, hold=False
        )
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    town.wait(4 * DAY_S)
    payments.rule(town.client, town.second, dispute, Outcome.ORIGINAL, digest("it is older"))
    town.wait(4 * DAY_S)
    quarrel.drive(4)
    assert platform.rows("select outcome, decided_by from appeals") == [
        ("granted", f"contract dispute {dispute}")
    ]
    ((disputed,),) = platform.rows(
        "select disputed from post_terms where post_id = %s", quarrel.post
    )
    assert not disputed


def test_a_call_is_not_repeated_before_its_events_are_read(quarrel: ChainQuarrel) -> None:
    """The sender sees the final block before the reader does."""
    platform, client = quarrel.platform, quarrel.town.client

    def advance() -> int:
        platform.rows("update rulings set next_try_at = '-infinity' returning id")
        head, finalized = client.look(None)
        return rulings.advance(platform.db, client, head, finalized, quarrel.now)

    quarrel.cases.tick(quarrel.now)
    quarrel.appeal()
    assert advance() == 1
    for _ in range(2):
        quarrel.sender.step()
        quarrel.town.anvil.mine(FINALITY)
    quarrel.sender.step()
    assert quarrel.calls()[-1] == ("claimant", "final", None)
    assert [advance() for _ in range(3)] == [0, 0, 0], "nothing of it is read"
    CaseReader(platform.db, client).follow(client.look(None)[1])
    assert [advance() for _ in range(3)] == [0, 0, 0], "nothing is concluded from it"
    quarrel.drive(2)
    assert platform.rows("select claim_open, call_id from rulings") == [(True, None)]
    assert platform.rows("select count(*) from operator_alerts") == [(0,)]


def test_a_dispute_opened_on_chain_is_ruled_by_people_here(town: Town, platform: Platform) -> None:
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    quarrel.pay()
    payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    ((appeal,),) = platform.rows("select id from appeals")
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    quarrel.drive(2)
    assert quarrel.result().status is PostStatus.DISPUTED, "the other side may answer there, too"
    town.wait(4 * DAY_S)
    quarrel.drive(3)
    town.wait(4 * DAY_S)  # nobody goes on
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert quarrel.platform.totals(quarrel.bob).available == CENTS
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert "verdict_changed" in quarrel.inbox(quarrel.bob)


def test_a_later_round_is_another_persons_to_decide(town: Town, platform: Platform) -> None:
    """The poster lost the first round and goes on with a bond."""
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    quarrel.pay()
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    ((first,),) = platform.rows("select id from appeals")
    quarrel.answer(first)
    quarrel.decide(first, granted=False)
    town.wait(4 * DAY_S)
    quarrel.drive(3)
    assert payments.read_dispute(town.client, dispute).status is DisputeStatus.RULED
    payments.escalate(town.client, town.poster, dispute, digest("the negative"))
    quarrel.drive(2)
    town.wait(4 * DAY_S)
    quarrel.drive(3)
    seen = payments.read_dispute(town.client, dispute)
    assert (seen.status, seen.round) == (DisputeStatus.OPEN, 2), "nobody has looked at it"
    ((second, statement),) = platform.rows(
        "select id, statement from appeals where status = 'open'"
    )
    assert digest("the negative").hex() in statement
    with pytest.raises(AccuserCannotDecide):
        quarrel.decide(second, granted=True)
    quarrel.decide(second, granted=True, actor="olga")
    quarrel.drive(4)
    seen = payments.read_dispute(town.client, dispute)
    assert (seen.status, seen.standing) == (DisputeStatus.RULED, Outcome.ORIGINAL)
    town.wait(4 * DAY_S)
    quarrel.drive(4)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert quarrel.result().status is PostStatus.FINAL
    assert platform.rows("select dispute_round, status from rulings order by opened_at") == [
        (1, "overruled"),
        (2, "in_force"),
    ]
    refused = [call for call in quarrel.calls() if call[1] != "final"]
    assert refused == [("arbiter", "cancelled", "PartialArbiter")], "who ruled before"
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0


def test_a_decision_that_a_later_round_overrules_is_not_carried_on(
    town: Town, platform: Platform
) -> None:
    """The original's creator lost the first round and goes on with a bond."""
    quarrel = make_quarrel(
        town, platform, wallet=town.poster.address, other_wallet=town.first.address
    )
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    ((first,),) = platform.rows("select id from appeals")
    quarrel.answer(first)
    quarrel.decide(first, granted=True)
    with platform.db.transaction() as conn:
        found = {"origin": "appeal", "source": "a library", "by": "maria", "appeal_id": first}
        shared_sources.add(conn, quarrel.original_work, part=None, now=quarrel.now, **found)
    town.wait(4 * DAY_S)
    quarrel.drive(3)
    payments.escalate(town.client, town.first, dispute, digest("my own raw file"))
    quarrel.drive(2)
    ((second,),) = platform.rows("select id from appeals where status = 'open'")
    quarrel.answer(second)
    quarrel.decide(second, granted=False, actor="olga")
    town.wait(4 * DAY_S)
    quarrel.drive(4)
    assert payments.read_dispute(town.client, dispute).standing is Outcome.DERIVATIVE
    town.wait(4 * DAY_S)
    quarrel.drive(5)
    assert quarrel.result().outcome is Outcome.DERIVATIVE
    assert quarrel.result().status is PostStatus.FINAL
    assert platform.rows("select dispute_round, status from rulings order by opened_at") == [
        (1, "overruled"),
        (2, "in_force"),
    ]
    assert platform.rows("select ended_by from shared_sources") == [
        (f"contract dispute {dispute}",)
    ]
    assert platform.rows("select count(*) from chain_case_events where name ~ '^Correction'") == [
        (0,)
    ]
    assert platform.rows("select ended_at is not null from not_copies") == [(True,)]


def test_what_nobody_decides_in_time_here_is_ruled_by_nobody(
    town: Town, platform: Platform
) -> None:
    quarrel = make_quarrel(town, platform, wallet=town.poster.address)
    dispute = payments.open_dispute(town.client, town.poster, quarrel.post, digest("raw file"))
    quarrel.drive(2)
    platform.rows("update appeals set decide_by = filed_at returning id")
    town.wait(4 * DAY_S)
    assert verdicts.lapse_due(platform.db, quarrel.now) == 1
    quarrel.drive(3)
    assert payments.read_dispute(town.client, dispute).status is DisputeStatus.OPEN
    town.wait(11 * DAY_S)
    quarrel.drive(4)
    assert payments.read_dispute(town.client, dispute).status is DisputeStatus.CLOSED
    assert platform.rows("select status from rulings") == [("in_force",)]


def test_where_one_arbiter_is_partial_the_other_one_decides(quarrel: ChainQuarrel) -> None:
    """The first arbiter corrected the post before; the poster's dispute is the other one's."""
    platform, town = quarrel.platform, quarrel.town
    appeal = quarrel.appeal()
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    quarrel.drive(4)
    senders = [sender for sender, status, _ in quarrel.calls() if status == "final"]
    assert "arbiter" in senders and "second_arbiter" not in senders
    town.wait(3 * DAY_S)
    quarrel.drive(4)
    assert quarrel.result().outcome is Outcome.ORIGINAL
    assert platform.rows("select count(*) from operator_alerts") == [(0,)]


def test_a_vetoed_decision_is_another_persons_to_make(quarrel: ChainQuarrel) -> None:
    town = quarrel.town
    appeal = quarrel.appeal()
    quarrel.platform.rows("update appeals set first_decider = 'karl' returning id")
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    with quarrel.platform.db.transaction() as conn:
        found = {"origin": "appeal", "source": "a library", "by": "maria", "appeal_id": appeal}
        shared_sources.add(conn, quarrel.original_work, part=None, now=quarrel.now, **found)
    quarrel.drive(4)
    ((correction,),) = quarrel.platform.rows("select correction_id from rulings")
    veto = payments.ContractCall(
        "disputes",
        payments.contract("PoCDisputes").call_data("vetoCorrection", correction, digest("no")),
    )
    payments.make(town.client, town.governor, veto)
    quarrel.drive(3)
    ruled = "select status from rulings order by opened_at"
    assert quarrel.platform.rows(ruled) == [("vetoed",), ("open",)]
    assert quarrel.platform.rows("select kind from operator_alerts") == [("ruling_refused",)]
    assert quarrel.platform.rows("select ended_at is not null from not_copies") == [(True,)]
    assert quarrel.platform.rows("select ended_by from shared_sources") == [("contract",)]
    assert quarrel.result().outcome is Outcome.DERIVATIVE
    for side in (quarrel.bob, quarrel.anna):
        assert quarrel.inbox(side).count("decision_vetoed") == 1
    town.wait(8 * DAY_S)
    quarrel.drive(3)
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == HELD, "it waits on"
    for before in ("maria", "karl"):
        with pytest.raises(AccuserCannotDecide):
            quarrel.decide(appeal, granted=True, actor=before)
    quarrel.decide(appeal, granted=False, actor="olga")
    quarrel.drive(3)
    town.wait(8 * DAY_S)
    quarrel.drive(3)
    quarrel.pay()
    assert quarrel.platform.rows(ruled) == [("vetoed",), ("in_force",)]
    assert quarrel.paid("anna") == quarrel.platform.totals(quarrel.anna).available == HELD


def test_what_cannot_be_asked_again_yet_keeps_nothing_else_waiting(
    quarrel: ChainQuarrel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another review of the work is open; and of one's own copy no share waits."""
    platform, now = quarrel.platform, quarrel.now
    appeal = quarrel.appeal()
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    platform.rows("update appeals set other_creator_id = null, other_until = null returning id")
    with platform.db.transaction() as conn:
        stuck = rulings.open_question(
            conn,
            "review",
            digest("other"),
            original_post_id=None,
            now=now,
            analysis_id=quarrel.analysis,
        )
        conn.execute(
            "update rulings set status = 'vetoed', ended_at = %s::timestamptz + interval '1 s',"
            " decided_at = %s, verdict = 'original', decided_by = 'maria', reason = 'x',"
            " reason_hash = question_hash,"
            " next_try_at = %s",
            (now, now, now),
        )
        conn.execute(
            "update rulings set next_try_at = '-infinity', ended_at = ended_at - interval '0.5 s'"
            " where id = %s",
            (stuck,),
        )
        conn.execute(
            "insert into reviews (id, analysis_id, work_id, post_id, creator_id, reason, held_bps,"
            " opened_at, decide_by, status, outcome, decided_by, because, ended_by, decided_at)"
            " select gen_random_uuid(), case state when 'decided' then id else (select o.id from"
            " analyses o where o.id <> %(analysis)s) end, work_id, post_id, creator_id,"
            " 'incomplete_search', 0, %(now)s, %(now)s, state, case state when 'decided'"
            " then 'original' end, case state"
            " when 'decided' then 'maria' end, case state when 'decided' then 'x' end, case state"
            " when 'decided' then id end, case state when 'decided' then %(now)s::timestamptz end"
            " from analyses, unnest(array['decided', 'open']) state where id = %(analysis)s",
            {"now": now, "analysis": quarrel.analysis},
        )
    monkeypatch.setattr(vetoes, "BATCH", 1)
    assert [vetoes.ask_again(platform.db, now) for _ in range(2)] == [0, 1]
    assert platform.rows("select kind, hold from rulings where status = 'open'") == [
        ("appeal", False)
    ]


def test_what_is_final_and_uncontested_pays_by_itself(quarrel: ChainQuarrel) -> None:
    """Nobody has to call payContested."""
    quarrel.drive(2)
    assert quarrel.held(on_chain=True) == HELD
    quarrel.town.wait(8 * DAY_S)
    quarrel.drive(2)
    quarrel.pay()
    assert quarrel.held(on_chain=True) == quarrel.held(on_chain=False) == 0
    assert quarrel.paid("anna") == HELD
    assert quarrel.now > datetime.now(UTC)


def test_a_question_that_fails_stops_no_other(quarrel: ChainQuarrel) -> None:
    platform = quarrel.platform
    with platform.db.transaction() as conn:
        broken = rulings.open_question(
            conn, "review", digest("other"), original_post_id=None, now=quarrel.now, hold=False
        )
    platform.rows("update rulings set claim_id = -1 returning id")
    quarrel.appeal()
    quarrel.drive(2)
    assert platform.rows("select kind, subject from operator_alerts") == [
        ("case_failed", f"ruling {broken}")
    ]
    assert ("claimant", "final", None) in quarrel.calls(), "the other one is held"


def test_a_case_that_the_contract_refuses_to_tell_of_stops_no_other(
    quarrel: ChainQuarrel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that answers for one post with an error, as over a limit of its own."""
    platform, client = quarrel.platform, quarrel.town.client
    with platform.db.transaction() as conn:
        rulings.open_question(
            conn, "review", digest("other"), original_post_id=None, now=quarrel.now, hold=False
        )
    read_struct = client.read_struct

    def refuses(contract: str, where: str, name: str, *args: Any, **more: Any) -> Any:
        if digest("other") in args:
            raise RpcRefused("eth_call", -32_000, "out of gas")
        return read_struct(contract, where, name, *args, **more)

    monkeypatch.setattr(client, "read_struct", refuses)
    quarrel.appeal()
    quarrel.drive(2)
    assert platform.rows("select kind from operator_alerts") == [("case_failed",)]
    assert ("claimant", "final", None) in quarrel.calls(), "the other one is held"
    monkeypatch.undo()
    quarrel.drive(1)
    assert platform.rows("select resolved_by from operator_alerts") == [("rules",)]


def test_an_event_that_cannot_be_taken_over_stops_no_other(quarrel: ChainQuarrel) -> None:
    events = {
        b"\1" * 32: {"disputeId": 71, "round": 1},  # without a statement
        b"\2" * 32: {"disputeId": 72, "round": 1, "evidenceHash": "0x" + "ab" * 32},
    }
    with quarrel.platform.db.transaction() as conn:
        for number, (tx_hash, facts) in enumerate(events.items()):
            event = CaseEvent(
                tx_hash=tx_hash,
                log_index=0,
                block_number=number,
                block_time=quarrel.now,
                name="DisputeOpened",
                post_id=quarrel.post,
                account=None,
                facts=facts,
            )
            case_events.store(conn, [event], [], number)
            case_events.mark_handled(conn, [event], quarrel.now)
    assert chain_questions.take_over(quarrel.platform.db, quarrel.now) == 1
    assert quarrel.platform.rows("select kind, subject from operator_alerts") == [
        ("case_failed", "DisputeOpened in 0x" + "01" * 32)
    ]
