"""What is booked reaches the vault once, is divided there by the contract itself, and both sides
agree.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.anvil import AnvilNode
from support.platform import NOW, Platform, after
from support.town import Town, digest

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.payments import Split
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.chain.errors import ChainTimeout
from oracle.payouts import onchain as chain_pay
from oracle.payouts.onchain import Sent, Till
from storage.ledger import onchain as ledger_chain
from storage.ledger.onchain import PayToSend, Standing

UNITS = 1_000
ADMIN = {"Authorization": "Bearer operator"}
FINALITY = 4  # blocks after which the test chain calls a block final; it is two


@pytest.fixture
def automine_again(anvil: AnvilNode) -> Iterator[None]:
    """The node is everybody's: blocks come by themselves for the next test."""
    yield
    anvil.set_automine(True)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payments wait for their block a moment only."""
    monkeypatch.setattr(payments, "transact", partial(payments.transact, timeout_s=0.3))


def withhold(client: TestClient, number: int, cents: int) -> Any:
    body = {"note": "By bank, no. 4711.", "to_poster": cents, "to_original": 0}
    return client.post(f"/api/stuck_payments/{number}/withhold", json=body, headers=ADMIN)


def booked(platform: Platform, town: Town, outcome: Outcome, grade: str, cents: int) -> bytes:
    """A post that chain and books know, with a week that is paid in the ledger."""
    post = town.attest(outcome, 9_733 if outcome is Outcome.DERIVATIVE else 0)
    redirect = verify.read_redirect(town.client, post).redirect_bps
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into posts (post_id, creator_id, media_type, published_at) values (%s,"
            " (select id from creators where handle = 'poster'), 'image', %s)",
            (post, NOW),
        )
    with platform.db.transaction() as conn:  # whom the contract pays is whom the ledger pay
        conn.execute(
            "update creators set account = %s where handle = 'first'", (town.first.address,)
        )
    ((first,),) = platform.rows("select id from creators where handle = 'first'")
    terms = ("derivative", redirect, first) if redirect else ("original", 0, None)
    platform.terms(post, *terms, final_at=NOW + timedelta(days=7))
    platform.grade(post, grade)
    platform.earns(post, cents)
    assert platform.run() == 1
    return post


def test_pay_reaches_the_contract_once_and_agrees_to_the_cent(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    till = Till(units_per_cent=UNITS)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 9_999)
    booked(platform, town, Outcome.ORIGINAL, "B", 777)

    def send(now: datetime = NOW) -> Sent:
        return chain_pay.send_pay(platform.db, town.client, town.officer, till, now)

    assert send() == Sent(refused=2)  # the vault is empty: nothing is lost, and it is tried again
    assert platform.rows("select distinct error from ledger_chain_payments") == [
        ("BudgetExceeded",)
    ]
    assert send() == Sent()  # not every few seconds
    payments.fund_vault(town.client, town.fan, 10**9)
    assert send(after(minutes=1)) == Sent(paid=2)
    assert send(after(days=1)) == Sent()
    assert payments.contested(town.client, copy) // UNITS == 10_998 * 4_660 // 10_000
    assert (
        platform.rows("select status, agrees, tries from ledger_chain_payments")
        == [("sent", True, 2)] * 2
    )
    paid = payments.claimable(town.client, town.poster.address) + payments.contested(
        town.client, copy
    )
    assert paid == (9_999 * 1_000 * 11 // 10) + 777 * 1_000 * 11 // 10

    # A run that died between the transaction and its record: found on chain, and not paid again.
    with platform.db.transaction() as conn:
        conn.execute("update ledger_chain_payments set status = 'due'")
    assert send(after(days=1)) == Sent(paid=2)
    assert (
        payments.claimable(town.client, town.poster.address) + payments.contested(town.client, copy)
        == paid
    )


def test_what_the_contract_judges_otherwise_is_held_before_it_is_sent(
    town: Town, platform: Platform
) -> None:
    """A won appeal that the contract does not know yet: it would go on paying the accuser."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    redirect = verify.read_redirect(town.client, copy).redirect_bps
    ((first,),) = platform.rows("select id from creators where handle = 'first'")

    def send(now: datetime) -> Sent:
        return chain_pay.send_pay(platform.db, town.client, town.officer, Till(), now)

    platform.terms(copy, "derivative", redirect, first, final_at=after(days=7), disputed=True)
    assert send(NOW) == Sent()  # nobody is paid while the appeal is open
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert send(NOW) == Sent(held=1)
    assert platform.rows("select status, error, to_original from ledger_chain_payments") == [
        ("held", "JudgedOtherwise", None)
    ]
    assert (
        payments.contested(town.client, copy)
        == payments.claimable(town.client, town.first.address)
        == 0
    )

    dispute = payments.open_dispute(town.client, town.poster, copy, digest("raw file"))
    payments.answer_dispute(town.client, town.first, dispute, digest("I was first"))
    payments.rule(town.client, town.arbiter, dispute, Outcome.ORIGINAL, digest("it is older"))
    payments.accept_ruling(town.client, town.first, dispute)
    payments.settle(town.client, town.fan, dispute)
    # The contract pays the bonus of an original, the ledger had booked a copy's: to be seen, and
    # nobody's loss.
    assert send(after(days=1)) == Sent(paid=1, differing=1)
    assert payments.claimable(town.client, town.poster.address) == 12_000
    assert payments.claimable(town.client, town.first.address) == 0


def test_the_right_share_to_the_wrong_account_is_held(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "C", 10_000)
    redirect = verify.read_redirect(town.client, copy).redirect_bps
    platform.terms(
        copy, "derivative", redirect, platform.creator("another"), final_at=after(days=7)
    )
    assert chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW) == Sent(held=1)


def test_a_payment_is_paid_when_it_is_final_and_sent_again_when_its_block_goes(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    town.anvil.mine(3)
    booked(platform, town, Outcome.ORIGINAL, "B", 1_000)
    town.anvil.mine(3)

    def send() -> Sent:
        return chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW)

    assert send() == Sent(paid=1)
    town.anvil.reorg(1)
    assert payments.claimable(town.client, town.poster.address) == 0
    assert send() == Sent()  # not final: nobody knows yet
    town.anvil.mine(FINALITY)
    assert send() == Sent(lost=1, paid=1)
    assert payments.claimable(town.client, town.poster.address) == 1_100
    assert platform.rows("select status from ledger_chain_payments") == [("sent",)]
    town.anvil.mine(FINALITY)
    assert send() == Sent(final=1)
    assert platform.rows("select status from ledger_chain_payments") == [("paid",)]


def test_what_a_better_grade_adds_is_paid_on_chain_too(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "B", 10_000)
    platform.grade(copy, "A")
    assert platform.run(after(hours=1)) == 1
    sent = chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(days=1))
    assert sent == Sent(paid=2)
    assert platform.rows("select agrees from ledger_chain_payments") == [(True,)] * 2
    ((poster,),) = platform.rows("select id from creators where handle = 'poster'")
    books = platform.totals(poster)
    assert books.earned == 10_000 + 500 + 500
    assert books.available == payments.claimable(town.client, town.poster.address)
    assert books.contested == payments.contested(town.client, copy)


def test_a_round_sends_few_payments_and_the_next_goes_on(
    town: Town, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain_pay, "BATCH", 2)
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    for _ in range(3):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
    rounds = [
        chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW) for _ in range(3)
    ]
    assert [done.paid for done in rounds] == [2, 1, 0]


def test_less_than_a_cent_apart_is_the_same() -> None:
    pay = PayToSend(
        1, bytes(32), NOW.date(), None, 100, "A", 46, 54, None, Standing("original", 0, None)
    )
    split = Split(46_999, 53_001, False, False)
    assert chain_pay.agrees(split, pay, Till(units_per_cent=UNITS))
    assert not chain_pay.agrees(
        replace(split, to_original=48_000, to_poster=52_000), pay, Till(units_per_cent=UNITS)
    )
    assert chain_pay.agrees(Split(46, 54, False, False), pay, Till())
    assert not chain_pay.agrees(Split(47, 53, False, False), pay, Till())


def test_the_operator_sees_what_is_stuck_and_settles_it_once(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """An appeal that was won here after the contract's verdict became final: the contract cannot
    follow.
    """
    admin = {"Authorization": "Bearer operator"}
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)

    def send(now: datetime) -> Sent:
        return chain_pay.send_pay(platform.db, town.client, town.officer, Till(), now)

    def stuck() -> list[dict[str, Any]]:
        answer = client.get("/api/stuck_payments", headers=admin)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    assert stuck() == []
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert send(NOW) == Sent(held=1)
    (waiting,) = stuck()
    assert (waiting["creator"], waiting["verdict"], waiting["status"]) == (
        "poster",
        "original",
        "held",
    )
    assert (waiting["to_poster"], waiting["to_original"]) == (11_000, 0), (
        "what was contested is the poster's by now"
    )
    assert waiting["chain_says"] | {"beneficiary": ""} == {
        "outcome": "derivative",
        "status": "provisional",
        "redirect_bps": 4_660,
        "beneficiary": "",
    }
    assert "can still be disputed on chain" in waiting["advice"]
    town.wait(7 * 86_400 + 1)
    assert send(after(days=8)) == Sent(held=1)
    (waiting,) = stuck()
    assert (
        waiting["chain_says"]["status"] == "final" and "withhold it here first" in waiting["advice"]
    )
    page = client.get("/stuck_payments", headers=admin).text
    assert "$110.00" in page and "46.6 %" in page

    base = f"/api/stuck_payments/{waiting['transaction']}"
    note = {"note": "Bank transfer of 2026-11-30, reference 4711."}
    intent = {"note": "By bank, as the contract cannot.", "to_poster": 11_000, "to_original": 0}
    reviewer = {"Authorization": f"Bearer {platform.key('reviewer', ['fraud', 'govern'])}"}
    assert client.get("/api/stuck_payments", headers=reviewer).status_code == 403
    for path, body in (("withhold", intent), ("settle", note), ("resume", {})):
        assert client.post(f"{base}/{path}", json=body).status_code == 401
        assert client.post(f"{base}/{path}", json=body, headers=reviewer).status_code == 403
    assert client.post(f"{base}/settle", json=note, headers=admin).status_code == 404, (
        "not before it is withheld"
    )
    assert (
        client.post(f"{base}/withhold", json=intent | {"note": "paid"}, headers=admin).status_code
        == 422
    )
    assert (
        client.post(f"{base}/withhold", json=intent | {"to_poster": 1}, headers=admin).status_code
        == 409
    )
    with platform.db.transaction() as conn:  # the scheduler is at it
        assert ledger_chain.try_lock(conn)
        assert client.post(f"{base}/withhold", json=intent, headers=admin).json()["code"] == "busy"
    assert client.post(f"{base}/withhold", json=intent, headers=admin).status_code == 200
    assert client.post(f"{base}/withhold", json=intent, headers=admin).status_code == 409, "once"
    assert "Do not pay yet" in stuck()[0]["advice"]
    assert client.post(f"{base}/settle", json=note, headers=admin).status_code == 404, (
        "not before it is confirmed"
    )
    assert client.get("/api/creators/poster").json()["stuck_on_chain"] == 11_000
    assert send(after(days=9)) == Sent(confirmed=1)
    assert "pay it now" in stuck()[0]["advice"]
    platform.terms(copy, "original", final_at=NOW, ruled=True, disputed=True)
    assert "Do not pay: the post is in dispute" in stuck()[0]["advice"]
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert client.post(f"{base}/settle", json=note, headers=admin).status_code == 200
    assert client.post(f"{base}/settle", json=note, headers=admin).status_code == 404, "once"
    assert client.post(f"{base}/resume", headers=admin).status_code == 404, "never again"
    assert stuck() == []
    assert send(after(days=30)) == Sent()
    assert platform.rows(
        "select status, withheld_by, settled_by, settled_note, withheld_to_poster from"
        " ledger_chain_payments"
    ) == [("settled", "operator", "operator", note["note"], 11_000)]
    assert client.get("/api/creators/poster").json()["stuck_on_chain"] == 0
    assert (
        payments.contested(town.client, copy)
        == payments.claimable(town.client, town.poster.address)
        == 0
    )


@pytest.mark.usefixtures("automine_again")
def test_what_is_under_way_cannot_be_withheld_and_is_found_when_it_is_mined(
    town: Town, platform: Platform, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No block comes while the payment waits for one: neither is it refused, nor sent again, nor
    paid by hand.
    """
    impatient(monkeypatch)
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    assert chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW) == Sent(
        refused=1
    )
    payments.fund_vault(town.client, town.fan, 10**9)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    town.anvil.set_automine(False)
    with pytest.raises(ChainTimeout):
        chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(minutes=1))
    assert withhold(client, number, 10_000).status_code == 404
    assert client.get("/api/stuck_payments", headers=ADMIN).json() == []
    nonce = town.client.account_nonce(town.officer.address, "pending")
    assert chain_pay.send_pay(
        platform.db, town.client, town.officer, Till(), after(minutes=2)
    ) == Sent(waiting=1)
    assert withhold(client, number, 10_000).status_code == 404
    assert town.client.account_nonce(town.officer.address, "pending") == nonce
    town.anvil.mine()
    assert chain_pay.send_pay(
        platform.db, town.client, town.officer, Till(), after(minutes=3)
    ) == Sent(paid=1)
    assert payments.claimable(town.client, town.poster.address) == 10_000


@pytest.mark.usefixtures("automine_again")
def test_what_was_sent_before_it_was_withheld_is_not_confirmed_while_it_can_be_mined(
    town: Town, platform: Platform, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that forgot what is pending says refused; a block holds the first transaction
    later all the same.
    """
    impatient(monkeypatch)
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    lost, mined = (booked(platform, town, Outcome.ORIGINAL, "C", 10_000) for _ in range(2))
    town.anvil.set_automine(False)
    for minute in (0, 1):  # both are signed, none is in a block; the second waits behind the first
        with pytest.raises(ChainTimeout):
            chain_pay.send_pay(
                platform.db, town.client, town.officer, Till(), after(minutes=minute)
            )
    with platform.db.transaction() as conn:
        conn.execute(
            "update ledger_chain_payments set status = 'refused', error = 'BudgetExceeded'"
        )
    numbers = dict(
        platform.rows(
            "select post_id, transaction_id from ledger_chain_payments join ledger_transactions t"
            " on t.id = transaction_id"
        )
    )
    for post in (lost, mined):
        assert withhold(client, numbers[post], 10_000).status_code == 200
    assert (
        chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(hours=1)) == Sent()
    )
    waiting = {
        sender.lower(): txs for sender, txs in town.anvil.call("txpool_content")["pending"].items()
    }
    _, second = sorted(
        waiting[hexed(town.officer.address)].values(), key=lambda tx: int(tx["nonce"], 16)
    )
    town.anvil.call("anvil_dropTransaction", second["hash"])  # out of every memory, or so it seems
    town.anvil.mine()
    assert (
        chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(hours=2)) == Sent()
    )
    assert sorted(platform.rows("select status, confirmed_at from ledger_chain_payments")) == [
        ("sent", None),
        ("withheld", None),
    ]
    ((left,),) = platform.rows(
        "select transaction_id from ledger_chain_payments where status = 'withheld'"
    )
    assert client.post(
        f"/api/stuck_payments/{left}/settle", json={"note": "By bank, no. 1."}, headers=ADMIN
    ).is_error
    town.anvil.set_automine(True)
    payments.fund_vault(town.client, town.officer, 1)  # spends the nonce
    assert (
        chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(hours=3)) == Sent()
    )
    town.anvil.mine(FINALITY)
    sent = chain_pay.send_pay(platform.db, town.client, town.officer, Till(), after(hours=4))
    assert (sent.confirmed, sent.final, sent.paid) == (1, 1, 0)
    assert payments.claimable(town.client, town.poster.address) == 10_000


def test_what_was_withheld_in_the_moment_of_sending_is_not_sent(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """The sender has lost its lock with its connection, and does not know."""
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    assert chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW) == Sent(
        refused=1
    )
    payments.fund_vault(town.client, town.fan, 10**9)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    with platform.db.transaction() as conn:
        (pay,) = ledger_chain.list_unsent(conn, after(hours=1), 1)
    assert withhold(client, number, 10_000).status_code == 200
    assert (
        chain_pay._send(platform.db, town.client, town.officer, Till(), pay, after(hours=1))
        == "held"
    )
    assert payments.claimable(town.client, town.poster.address) == 0
    assert platform.rows("select status from ledger_chain_payments") == [("withheld",)]
    assert (
        client.post(f"/api/stuck_payments/{number}/resume", headers=ADMIN).json()["status"] == "due"
    )
    assert chain_pay.send_pay(
        platform.db, town.client, town.officer, Till(), datetime.now(UTC)
    ) == Sent(paid=1)


def test_the_form_of_the_page_settles_as_well(
    town: Town, platform: Platform, client: TestClient
) -> None:
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "A", 10_000)
    till = Till()
    assert chain_pay.send_pay(platform.db, town.client, town.officer, till, NOW) == Sent(refused=1)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    client.cookies.set("oracle_key", platform.key("boss", ["admin"]))
    form = {"note": "Paid from the till, receipt 12.", "to_poster": "12000", "to_original": "0"}
    base = f"/stuck_payments/{number}"
    for step in ("withhold", "resume", "settle"):
        refused = client.post(
            f"{base}/{step}", data=form, headers={"Origin": "https://elsewhere.example"}
        )
        assert refused.status_code == 403
    assert 'name="to_poster" value="12000"' in client.get("/stuck_payments").text
    assert client.post(f"{base}/withhold", data=form, follow_redirects=False).status_code == 303
    assert f'action="{base}/settle"' not in client.get("/stuck_payments").text
    assert client.post(f"{base}/resume", follow_redirects=False).status_code == 303
    now = datetime.now(UTC) + timedelta(hours=1)
    assert chain_pay.send_pay(platform.db, town.client, town.officer, till, now) == Sent(refused=1)
    assert client.post(f"{base}/withhold", data=form, follow_redirects=False).status_code == 303
    assert chain_pay.send_pay(platform.db, town.client, town.officer, till, now) == Sent(
        confirmed=1
    )
    assert f'action="{base}/settle"' in client.get("/stuck_payments").text
    assert client.post(f"{base}/settle", data=form, follow_redirects=False).status_code == 303
    assert "All that is booked is on chain" in client.get("/stuck_payments").text
