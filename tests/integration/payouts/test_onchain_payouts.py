"""What is booked reaches the vault once, is divided there by the contract itself, and both sides
agree.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integration.chain.chain_world import wait_for
from integration.chain.faulty_rpc import Call, constant, faulty_rpc, on_method, refusal
from starlette.testclient import TestClient
from support.anvil import AnvilNode
from support.platform import NOW, Platform, after
from support.town import Town, digest

from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.payments import Split
from oracle.chain.core.abis import contract
from oracle.chain.core.fees import FeeLimits
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.chain.errors import RpcRefused
from oracle.chain.node.node import clear_latch
from oracle.chain.node.resync import Resync
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.sender.calls import CallSender
from oracle.payouts import onchain
from oracle.payouts.onchain import PayoutAsset, Round, advance_payouts
from oracle.tasks.fraud import Upkeep
from oracle.tasks.scheduler import ChainPayouts, Scheduler
from storage.chain import calls as chain_calls
from storage.chain import node_status, transactions
from storage.chain.transactions import NonceTaken
from storage.ledger import failed_payouts
from storage.ledger.onchain import Payout

UNITS = 1_000
ADMIN = {"Authorization": "Bearer operator"}
SCRIPT = Path(__file__).with_name("sender_process.py")
KILLS = int(os.environ.get("ORACLE_PAY_KILLS", "6"))
FINALITY = 4  # blocks after which the test chain calls a block final; it is two


@pytest.fixture
def automine_again(anvil: AnvilNode) -> Iterator[None]:
    """The node is everybody's: blocks come by themselves for the next test."""
    yield
    anvil.set_automine(True)


class Payer:
    """The two parts of the scheduler that pay: the ledger's side, and the sender with the
    paymaster's key.
    """

    def __init__(
        self, platform: Platform, town: Town, asset: PayoutAsset | None = None, **options: Any
    ) -> None:
        self.platform, self.town, self.asset = platform, town, asset or PayoutAsset()
        settings: dict[str, Any] = {"timeouts": RetryTimeouts(timedelta(0), timedelta(hours=1))}
        self.sender = CallSender(
            platform.db, town.client, {"paymaster": town.officer}, **settings | options
        )

    def advance(self, now: datetime = NOW) -> Round:
        return advance_payouts(self.platform.db, self.town.client, self.asset, now)

    def pay(self, now: datetime = NOW) -> Round:
        """Let go, send, see the block, and follow; returns what the ledger's side found or did
        in all.
        """
        first = self.advance(now)
        self.sender.step()
        self.town.anvil.mine()
        self.sender.step()
        then = self.advance(now)
        return Round(
            **{name: getattr(first, name) + getattr(then, name) for name in first.__dict__}
        )

    def finalize(self, now: datetime = NOW) -> Round:
        self.town.anvil.mine(FINALITY)
        self.sender.step()
        return self.advance(now)

    def statuses(self) -> list[str]:
        return [
            row[0]
            for row in self.platform.rows(
                "select status from ledger_chain_payments order by transaction_id"
            )
        ]


class Cut(Exception):
    """The process ends here."""


def credited(town: Town) -> int:
    """How many payments the vault has made."""
    vault, topic = (
        town.client.deployment.bonus_vault,
        hexed(contract("BonusVault").topic("BonusCredited")),
    )
    return len(
        town.client.logs_between(0, town.client.head().number, topics=[topic], address=vault)
    )


def waiting(town: Town) -> list[dict[str, Any]]:
    """The paymaster's transactions in the pool, by nonce."""
    pool = {
        sender.lower(): txs for sender, txs in town.anvil.call("txpool_content")["pending"].items()
    }
    return sorted(
        pool.get(hexed(town.officer.address), {}).values(), key=lambda tx: int(tx["nonce"], 16)
    )


def drop_all(town: Town) -> None:
    for tx in waiting(town):
        town.anvil.call("anvil_dropTransaction", tx["hash"])


def calls(platform: Platform) -> list[tuple[Any, ...]]:
    return platform.rows("select status, cancel_requested from chain_calls order by id")


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
    scheduler = Payer(platform, town, PayoutAsset(units_per_cent=UNITS))
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 9_999)
    booked(platform, town, Outcome.ORIGINAL, "B", 777)
    assert calls(platform) == [("draft", False)] * 2, "written with the booking"

    # the vault is empty: nothing is lost, and it is tried again
    assert scheduler.pay() == Round(wanted=2, refused=2)
    assert platform.rows("select distinct status, error from ledger_chain_payments") == [
        ("refused", "BudgetExceeded")
    ]
    assert scheduler.pay() == Round()  # not every few seconds
    payments.fund_vault(town.client, town.fan, 10**9)
    assert scheduler.pay(after(minutes=1)) == Round(wanted=2, divided=2)
    assert (
        platform.rows("select status, agrees, tries from ledger_chain_payments")
        == [("sent", True, 1)] * 2
    )
    assert scheduler.pay(after(days=1)) == Round()
    assert payments.contested(town.client, copy) // UNITS == 10_998 * 4_660 // 10_000
    paid = payments.claimable(town.client, town.poster.address) + payments.contested(
        town.client, copy
    )
    assert paid == (9_999 * 1_000 * 11 // 10) + 777 * 1_000 * 11 // 10
    assert scheduler.finalize(after(days=1)) == Round()
    assert scheduler.statuses() == ["paid"] * 2

    # A database of yesterday: found on chain, and not paid again.
    with platform.db.transaction() as conn:
        conn.execute("update chain_calls set status = 'draft', transaction_id = null")
    assert scheduler.pay(after(days=1)) == Round(found=2)
    assert scheduler.statuses() == ["paid"] * 2
    assert (
        payments.claimable(town.client, town.poster.address) + payments.contested(town.client, copy)
        == paid
    )


@pytest.mark.parametrize(
    "point", ["before_store", "after_store", "before_send", "after_send", "included", "settled"]
)
def test_a_sender_cut_off_at_any_point_pays_once(
    town: Town, platform: Platform, point: str
) -> None:
    def cut(name: str) -> None:
        if name == point and not cuts:
            cuts.append(name)
            raise Cut

    cuts: list[str] = []
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    for _ in range(2):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
    first = Payer(platform, town, failpoint=cut)
    with pytest.raises(Cut):
        for _ in range(3):
            first.pay()
            first.finalize()
    second = Payer(platform, town)
    for _ in range(3):
        second.pay()
        second.finalize()
    assert second.statuses() == ["paid"] * 2
    assert credited(town) == 2
    assert payments.claimable(town.client, town.poster.address) == 200


@pytest.mark.timeout(300)
def test_a_sender_killed_at_any_point_pays_once(
    town: Town, platform: Platform, tmp_path: Path
) -> None:
    """kill -9 of a process of its own at the first, second, third, … point that it passes."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    scheduler = Payer(platform, town)
    posts = 0
    for kill_at in (*range(1, KILLS + 1), 0):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
        posts += 1
        scheduler.advance()
        process = start_sender(platform, town, tmp_path, kill_at)
        try:
            arguments = (town, scheduler, process, kill_at)
            wait_for(lambda arguments=arguments: mined_until_dead(*arguments), timeout_s=60)
        finally:
            process.kill()
            process.wait()
    assert scheduler.statuses() == ["paid"] * posts
    assert credited(town) == posts
    assert payments.claimable(town.client, town.poster.address) == 100 * posts


def mined_until_dead(
    town: Town, scheduler: Payer, process: "subprocess.Popen[bytes]", kill_at: int
) -> bool:
    town.anvil.mine()
    if kill_at:
        return process.poll() is not None
    assert process.poll() is None
    return set(scheduler.statuses()) == {"paid"}


def start_sender(
    platform: Platform, town: Town, tmp_path: Path, kill_at: int
) -> "subprocess.Popen[bytes]":
    deployment = tmp_path / "deployment.json"
    deployment.write_text(town.client.deployment.to_json())
    key = hexed(town.officer._account.key)
    argv = [
        sys.executable,
        str(SCRIPT),
        platform.db.dsn,
        town.anvil.url,
        str(deployment),
        key,
        str(kill_at),
    ]
    with (tmp_path / "sender.log").open("ab") as output:
        return subprocess.Popen(
            argv, stdout=output, stderr=output, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )


def test_what_the_contract_judges_otherwise_is_held_before_it_is_sent(
    town: Town, platform: Platform
) -> None:
    """A won appeal that the contract does not know yet: it would go on paying the accuser."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    scheduler = Payer(platform, town)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    redirect = verify.read_redirect(town.client, copy).redirect_bps
    ((first,),) = platform.rows("select id from creators where handle = 'first'")

    platform.terms(copy, "derivative", redirect, first, final_at=after(days=7), disputed=True)
    assert scheduler.pay() == Round()  # nobody is paid while the appeal is open
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert scheduler.pay() == Round(held=1)
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
    assert scheduler.pay(after(days=1)) == Round(wanted=1, divided=1, differing=1)
    ((kind, detail),) = platform.rows("select kind, detail from operator_alerts")
    assert kind == "payout_differs" and "gave 0 cents to the original and 12000" in detail
    assert payments.claimable(town.client, town.poster.address) == 12_000
    assert payments.claimable(town.client, town.first.address) == 0


def test_what_is_disputed_between_the_decision_and_the_sending_is_taken_back(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    scheduler = Payer(platform, town)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    redirect = verify.read_redirect(town.client, copy).redirect_bps
    ((first,),) = platform.rows("select id from creators where handle = 'first'")
    assert scheduler.advance() == Round(wanted=1)
    platform.terms(copy, "derivative", redirect, first, final_at=after(days=7), disputed=True)
    assert scheduler.pay() == Round()
    assert calls(platform) == [("draft", False)]
    platform.terms(copy, "derivative", redirect, first, final_at=after(days=7))
    assert scheduler.advance() == Round(wanted=1)
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert scheduler.pay() == Round(held=1), "judged otherwise before it was sent"
    assert credited(town) == 0


def test_the_right_share_to_the_wrong_account_is_held(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "C", 10_000)
    redirect = verify.read_redirect(town.client, copy).redirect_bps
    platform.terms(
        copy, "derivative", redirect, platform.creator("another"), final_at=after(days=7)
    )
    assert Payer(platform, town).pay() == Round(held=1)


def test_a_payment_is_paid_when_it_is_final_and_sent_again_when_its_block_goes(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    town.anvil.mine(3)
    booked(platform, town, Outcome.ORIGINAL, "B", 1_000)
    town.anvil.mine(3)
    scheduler = Payer(platform, town)
    scheduler.advance()
    assert scheduler.sender.step() == 1
    wait_for(lambda: not scheduler.sender.step() and scheduler.statuses() == ["sent"])
    town.anvil.reorg(1)
    assert payments.claimable(town.client, town.poster.address) == 0
    # the same bytes again
    wait_for(lambda: not scheduler.sender.step() and scheduler.statuses() == ["sent"])
    assert scheduler.finalize() == Round(divided=1)
    assert payments.claimable(town.client, town.poster.address) == 1_100
    assert scheduler.statuses() == ["paid"]
    assert platform.rows("select count(*), min(sends) from chain_attempts") == [(1, 2)]
    assert credited(town) == 1


def test_a_payment_that_reverts_in_its_block_is_refused_and_made_later(
    town: Town, platform: Platform
) -> None:
    """The vault had enough when the contract was asked, and not when the block came."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 150)
    for _ in range(2):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
    scheduler = Payer(platform, town)
    town.anvil.set_automine(False)
    try:
        scheduler.advance()
        # The endpoint forgets the first payment while it is asked about the second: both pass.
        forgetful = Payer(
            platform, town, failpoint=lambda name: name == "after_send" and drop_all(town)
        )
        forgetful.sender.step()
        scheduler.sender.step()
        town.anvil.mine()
    finally:
        town.anvil.set_automine(True)
    scheduler.sender.step()
    town.anvil.mine(FINALITY)
    scheduler.sender.step()
    assert scheduler.advance() == Round(divided=1, refused=1)
    assert sorted(scheduler.statuses()) == ["paid", "refused"]
    assert platform.rows("select error from ledger_chain_payments where status = 'refused'") == [
        ("BudgetExceeded",)
    ]
    payments.fund_vault(town.client, town.fan, 10**9)
    assert scheduler.pay(after(minutes=1)) == Round(wanted=1, divided=1)
    assert credited(town) == 2


def test_a_payment_whose_nonce_a_stranger_spends_is_made_with_another(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    used: list[str] = []

    def use_the_key(name: str) -> None:
        if name == "after_store" and not used:
            used.append(name)
            payments.fund_vault(town.client, town.officer, 1)

    scheduler = Payer(platform, town, failpoint=use_the_key)
    scheduler.pay()
    scheduler.finalize()
    scheduler.pay()
    scheduler.finalize()
    assert scheduler.statuses() == ["paid"]
    assert platform.rows("select status from chain_transactions order by nonce") == [
        ("void",),
        ("final",),
    ]
    assert credited(town) == 1


def test_a_nonce_that_another_process_takes_first_holds_up_no_other_key(
    town: Town, platform: Platform
) -> None:
    """One key's transaction is stored by another process in the same moment; the next round takes
    the next nonce.
    """
    taken: list[int] = []

    def take_it(name: str) -> None:
        if name == "before_store" and not taken:
            with platform.db.transaction() as conn:
                taken.append(
                    transactions.insert(
                        conn,
                        chain_id=town.client.chain_id,
                        sender=town.officer.address,
                        nonce=town.client.account_nonce(town.officer.address),
                        to_address=town.first.address,
                        call_data=b"",
                        gas=21_000,
                    )
                )
                transactions.add_attempt(
                    conn, taken[0], tx_hash=bytes(32), raw=b"\x02", max_fee_wei=1, tip_wei=1
                )

    keys = {"paymaster": town.officer, "arbiter": town.fan}
    sender = CallSender(platform.db, town.client, keys, failpoint=take_it)
    nothing = contract("BonusVault").call_data("authority")
    with platform.db.transaction() as conn:
        for name in keys:
            chain_calls.add(conn, name, sender=name, contract="bonus_vault", call_data=nothing)
    with pytest.raises(NonceTaken):
        sender.step()
    assert calls(platform) == [("wanted", False), ("sent", False)]
    assert sender.step() == 1
    assert calls(platform) == [("sent", False), ("included", False)]
    first = town.client.account_nonce(town.fan.address) - 1
    assert platform.rows(
        "select t.nonce - %s from chain_transactions t join chain_calls c on c.transaction_id ="
        " t.id where c.sender = 'arbiter'",
        first,
    ) == [(0,)]


def test_a_paymaster_without_funds_waits_and_says_so(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    town.anvil.call("anvil_setBalance", hexed(town.officer.address), "0x0")
    scheduler = Payer(platform, town)
    for _ in range(3):
        scheduler.pay()
    assert scheduler.statuses() == ["due"]
    ((detail,),) = platform.rows("select lower(error_detail) from chain_calls")
    assert "insufficient funds" in detail
    assert platform.rows("select count(*) from chain_attempts") in ([(0,)], [(1,)]), (
        "a higher fee would not help"
    )
    town.anvil.call("anvil_setBalance", hexed(town.officer.address), hex(10**18))
    with platform.db.transaction() as conn:
        conn.execute("update chain_calls set next_try_at = now()")
    scheduler.pay()
    scheduler.sender.step()
    scheduler.finalize()
    assert scheduler.statuses() == ["paid"]
    assert credited(town) == 1


def test_an_endpoint_that_refuses_to_say_what_one_call_costs_holds_up_no_other(
    town: Town, platform: Platform, client: TestClient
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    for _ in range(2):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
    asked: list[str] = []

    def refuse_first(call: Call, forward: Callable[[Call], Any]) -> Any:
        asked.append(call["method"])
        return (
            refusal(-32000, "gas required exceeds allowance")(call, forward)
            if len(asked) == 1
            else forward(call)
        )

    with faulty_rpc(town.anvil.url) as proxy:
        chain = ChainClient(Endpoint(proxy.url), town.client.deployment)
        scheduler = Payer(platform, replace(town, client=chain))
        scheduler.advance()
        proxy.fault = on_method("eth_estimateGas", refuse_first)
        assert scheduler.sender.step() == 1
    # The operator sees it at once, with the reason.
    (shown,) = client.get("/api/stuck_payments", headers=ADMIN).json()
    assert (shown["status"], shown["error"]) == ("due", "rpc_refused")
    assert "could not be sent" in shown["advice"]
    assert "rpc_refused" in client.get("/stuck_payments", headers=ADMIN).text
    assert platform.rows(
        "select status, error_detail, next_try_at > now() from chain_calls order by id"
    ) == [("wanted", "gas required exceeds allowance", True), ("sent", None, False)]


def test_an_endpoint_that_lags_pays_nobody_twice(town: Town, platform: Platform) -> None:
    """It shows the nonce and the receipts of the past for a while: what was sent is sent again,
    the same bytes.
    """
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    nonce = town.client.account_nonce(town.officer.address)
    with faulty_rpc(town.anvil.url) as proxy:
        client = ChainClient(Endpoint(proxy.url), town.client.deployment)
        scheduler = Payer(platform, replace(town, client=client))
        scheduler.advance()
        scheduler.sender.step()
        town.anvil.mine(FINALITY)
        stale = {
            "eth_getTransactionCount": constant(hex(nonce)),
            "eth_getTransactionReceipt": constant(None),
            "eth_getTransactionByHash": constant(None),
        }
        proxy.fault = lambda call, forward: stale.get(call["method"], lambda c, f: f(c))(
            call, forward
        )
        for _ in range(3):
            scheduler.sender.step()
            scheduler.advance()
        assert scheduler.statuses() == ["due"]
        proxy.fault = None
        scheduler.sender.step()
        scheduler.finalize()
    assert scheduler.statuses() == ["paid"]
    assert platform.rows("select count(*) from chain_attempts") == [(1,)]
    assert credited(town) == 1


@pytest.mark.usefixtures("automine_again")
def test_a_round_of_the_scheduler_waits_for_no_block(town: Town, platform: Platform) -> None:
    """Nothing but the number of rounds separates a booking from its payment; each ends while the
    pool is full.
    """
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    town.anvil.set_automine(False)
    sender = Payer(platform, town).sender
    scheduler = Scheduler(
        platform.db,
        Upkeep(platform.db),
        payouts=ChainPayouts(town.client, PayoutAsset()),
        sender=sender,
    )
    now = datetime.now(UTC)
    for _ in range(3):
        assert scheduler.round(now)
        assert platform.rows("select status from ledger_chain_payments") == [("due",)]
    assert calls(platform) == [("sent", False)] and len(waiting(town)) == 1
    town.anvil.mine()
    scheduler.round(now)
    town.anvil.mine(FINALITY)
    scheduler.round(now)
    assert scheduler.round(now)
    assert platform.rows("select status, agrees from ledger_chain_payments") == [("paid", True)]
    assert credited(town) == 1


def test_after_a_breach_of_finality_nothing_is_sent_until_an_operator_has_looked(
    town: Town, platform: Platform
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    scheduler = Payer(platform, town)
    with platform.db.transaction() as conn:
        node_status.latch(conn, "Block 7 was final and is another now.")
    scheduler.pay()
    assert (credited(town), scheduler.statuses()) == (0, ["due"])
    assert clear_latch(platform.db)
    scheduler.pay()
    assert credited(town) == 1


def test_a_payment_undone_beyond_finality_is_made_again_after_the_resync(
    town: Town, platform: Platform
) -> None:
    """The node finds the shared past for every account, the paymaster's transactions with it."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 100)
    town.anvil.mine(FINALITY)
    scheduler = Payer(platform, town)
    height = town.anvil.height()
    scheduler.pay()
    scheduler.finalize()
    assert scheduler.statuses() == ["paid"]
    town.anvil.reorg(town.anvil.height() - height)
    assert credited(town) == 0
    resync = Resync(platform.db, town.client, start_block=town.client.deployment.block_number)
    resync.run(town.client.head())
    assert scheduler.statuses() == ["due"]
    scheduler.pay()
    scheduler.finalize()
    assert scheduler.statuses() == ["paid"]
    assert platform.rows("select count(*) from chain_attempts") == [(1,)]
    assert credited(town) == 1


def test_what_a_better_grade_adds_is_paid_on_chain_too(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "B", 10_000)
    platform.grade(copy, "A")
    assert platform.run(after(hours=1)) == 1
    assert Payer(platform, town).pay(after(days=1)) == Round(wanted=2, divided=2)
    assert platform.rows("select agrees from ledger_chain_payments") == [(True,)] * 2
    ((poster,),) = platform.rows("select id from creators where handle = 'poster'")
    ledger = platform.totals(poster)
    assert ledger.earned == 10_000 + 500 + 500
    assert ledger.available == payments.claimable(town.client, town.poster.address)
    assert ledger.contested == payments.contested(town.client, copy)


def test_a_round_sends_few_payments_and_the_next_goes_on(
    town: Town, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onchain, "BATCH", 2)
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    for _ in range(3):
        booked(platform, town, Outcome.ORIGINAL, "C", 100)
    scheduler = Payer(platform, town)
    wanted = []
    for _ in range(3):
        wanted.append(scheduler.advance().wanted)
        scheduler.sender.step()
    assert wanted == [2, 1, 0]
    assert credited(town) == 3


def test_less_than_a_cent_apart_is_the_same() -> None:
    pay = Payout(
        transaction_id=1,
        call_id=1,
        post_id=bytes(32),
        week=NOW.date(),
        correction=None,
        base_minor=100,
        grade="A",
        to_original_minor=46,
        to_poster_minor=54,
        settled_redirect_bps=None,
        verdict="original",
        redirect_bps=0,
        creditor_accounts=[],
    )
    split = Split(46_999, 53_001, False, False)
    cents = PayoutAsset(units_per_cent=UNITS)
    assert onchain.agrees(split, pay, cents)
    assert not onchain.agrees(replace(split, to_original=48_000, to_poster=52_000), pay, cents)
    assert onchain.agrees(Split(46, 54, False, False), pay, PayoutAsset())
    assert not onchain.agrees(Split(47, 53, False, False), pay, PayoutAsset())


def test_the_operator_sees_what_is_stuck_and_settles_it_once(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """An appeal that was won here after the contract's verdict became final: the contract cannot
    follow.
    """
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    scheduler = Payer(platform, town)

    def stuck() -> list[dict[str, Any]]:
        answer = client.get("/api/stuck_payments", headers=ADMIN)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    assert stuck() == []
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert scheduler.pay() == Round(held=1)
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
    assert scheduler.pay(after(days=8)) == Round(held=1)
    (waiting,) = stuck()
    assert waiting["chain_says"]["status"] == "final" and "block it here first" in waiting["advice"]
    page = client.get("/stuck_payments", headers=ADMIN).text
    assert "$110.00" in page and "46.6 %" in page

    base = f"/api/stuck_payments/{waiting['transaction']}"
    note = {"note": "Bank transfer of 2026-11-30, reference 4711."}
    intent = {"note": "By bank, as the contract cannot.", "to_poster": 11_000, "to_original": 0}
    reviewer = {"Authorization": f"Bearer {platform.key('reviewer', ['fraud', 'govern'])}"}
    assert client.get("/api/stuck_payments", headers=reviewer).status_code == 403
    for path, body in (("withhold", intent), ("settle", note), ("resume", {})):
        assert client.post(f"{base}/{path}", json=body).status_code == 401
        assert client.post(f"{base}/{path}", json=body, headers=reviewer).status_code == 403
    assert client.post(f"{base}/settle", json=note, headers=ADMIN).status_code == 404, (
        "not before it is withheld"
    )
    assert (
        client.post(f"{base}/withhold", json=intent | {"note": "paid"}, headers=ADMIN).status_code
        == 422
    )
    assert (
        client.post(f"{base}/withhold", json=intent | {"to_poster": 1}, headers=ADMIN).status_code
        == 409
    )
    assert client.post(f"{base}/withhold", json=intent, headers=ADMIN).status_code == 200
    assert client.post(f"{base}/withhold", json=intent, headers=ADMIN).status_code == 409, "once"
    assert "Do not pay yet" in stuck()[0]["advice"]
    assert client.post(f"{base}/settle", json=note, headers=ADMIN).status_code == 404, (
        "not before it is confirmed"
    )
    assert client.get("/api/creators/poster").json()["stuck_on_chain"] == 11_000
    assert scheduler.pay(after(days=9)) == Round(confirmed=1)
    assert "pay it now" in stuck()[0]["advice"]
    platform.terms(copy, "original", final_at=NOW, ruled=True, disputed=True)
    assert "Do not pay: the post is in dispute" in stuck()[0]["advice"]
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert client.post(f"{base}/settle", json=note, headers=ADMIN).status_code == 200
    assert client.post(f"{base}/settle", json=note, headers=ADMIN).status_code == 404, "once"
    assert client.post(f"{base}/resume", headers=ADMIN).status_code == 404, "never again"
    assert stuck() == []
    assert scheduler.pay(after(days=30)) == Round()
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
    town: Town, platform: Platform, client: TestClient
) -> None:
    """No block comes while the payment waits for one: neither is it refused, nor sent again, nor
    paid by hand.
    """
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    scheduler = Payer(platform, town)
    assert scheduler.pay() == Round(wanted=1, refused=1)
    payments.fund_vault(town.client, town.fan, 10**9)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    town.anvil.set_automine(False)
    scheduler.advance(after(minutes=1))
    assert scheduler.sender.step() == 1
    assert withhold(client, number, 10_000).status_code == 404
    assert client.get("/api/stuck_payments", headers=ADMIN).json() == []
    nonce = town.client.account_nonce(town.officer.address, "pending")
    assert scheduler.sender.step() == 0
    assert scheduler.advance(after(minutes=2)) == Round()
    assert scheduler.statuses() == ["due"]
    assert withhold(client, number, 10_000).status_code == 404
    assert town.client.account_nonce(town.officer.address, "pending") == nonce
    assert platform.rows("select count(*) from chain_attempts") == [(1,)]
    town.anvil.mine()
    scheduler.sender.step()
    assert scheduler.advance(after(minutes=3)) == Round(divided=1)
    assert payments.claimable(town.client, town.poster.address) == 10_000


@pytest.mark.usefixtures("automine_again")
def test_what_was_sent_before_it_was_withheld_is_not_confirmed_while_it_can_be_mined(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """Two payments that no block takes are blocked: one is mined all the same, the other never
    can be again.
    """
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    mined, cancelled = (booked(platform, town, Outcome.ORIGINAL, "C", 10_000) for _ in range(2))
    scheduler = Payer(platform, town)
    town.anvil.set_automine(False)
    scheduler.advance()
    assert scheduler.sender.step() == 2
    with platform.db.transaction() as conn:
        conn.execute("update chain_transactions set created_at = now() - interval '31 minutes'")
    posts = (
        "select post_id, transaction_id from ledger_chain_payments join ledger_transactions t"
        " on t.id ="
    )
    numbers = {bytes(post): number for post, number in platform.rows(f"{posts} transaction_id")}
    shown = client.get("/api/stuck_payments", headers=ADMIN).json()
    assert [(row["status"], row["error"]) for row in shown] == [("due", None)] * 2
    assert "no block has taken it yet" in shown[0]["advice"]
    payment = {
        row[0]: bytes(row[1])
        for row in platform.rows(
            "select nonce, raw from chain_transactions t"
            " join chain_attempts a on a.transaction_id = t.id"
        )
    }
    for post in (mined, cancelled):
        assert withhold(client, numbers[post], 10_000).status_code == 200
    assert calls(platform) == [("sent", True)] * 2
    # The first is in a block before the sender gets to it.
    second_hash, first_nonce = waiting(town)[1]["hash"], min(payment)
    town.anvil.call("anvil_dropTransaction", second_hash)  # out of every memory, or so it seems
    town.anvil.mine()
    scheduler.sender.step()  # replaces the second by nothing
    assert scheduler.advance() == Round(divided=1)
    assert sorted(scheduler.statuses()) == ["sent", "withheld"]
    left = numbers[cancelled]
    assert client.post(
        f"/api/stuck_payments/{left}/settle", json={"note": "By bank, no. 1."}, headers=ADMIN
    ).is_error
    town.anvil.mine()
    scheduler.sender.step()
    assert scheduler.advance() == Round(), "what cancels it is in a block that may still go"
    assert scheduler.finalize() == Round(confirmed=1)
    assert sorted(scheduler.statuses()) == ["paid", "withheld"]
    # Its nonce is final with something else: not even its own bytes can pay it now.
    with pytest.raises(RpcRefused, match="nonce too low"):
        town.client.send(payment[first_nonce + 1])
    assert client.post(
        f"/api/stuck_payments/{left}/settle", json={"note": "By bank, no. 1."}, headers=ADMIN
    ).is_success
    assert payments.claimable(town.client, town.poster.address) == 10_000
    assert credited(town) == 1


@pytest.mark.usefixtures("automine_again")
def test_what_was_sent_at_the_cap_of_the_fee_is_cancelled_once_no_pool_holds_it(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """Nothing may cost more: while a pool holds the payment nothing replaces it, and once none
    does, what cancels it may cost less than it did.
    """
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    now = town.client.fee()
    limits = FeeLimits(max_fee_cap_wei=now.max_fee_wei)
    chain = ChainClient(Endpoint(town.anvil.url), town.client.deployment, fee_limits=limits)
    scheduler = Payer(platform, replace(town, client=chain))
    town.anvil.set_automine(False)
    scheduler.advance()
    assert scheduler.sender.step() == 1
    with platform.db.transaction() as conn:
        conn.execute("update chain_transactions set created_at = now() - interval '31 minutes'")
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    assert withhold(client, number, 10_000).status_code == 200
    scheduler.sender.step()
    (payment,) = waiting(town)
    assert payment["input"] != "0x", "the pool keeps what it has"
    assert scheduler.statuses() == ["withheld"] and calls(platform) == [("sent", True)]
    town.anvil.call("anvil_dropTransaction", payment["hash"])
    scheduler.sender.step()
    (cancelling,) = waiting(town)
    assert cancelling["input"] == "0x"
    assert int(cancelling["maxFeePerGas"], 16) <= int(payment["maxFeePerGas"], 16)
    town.anvil.mine()
    scheduler.sender.step()
    assert scheduler.finalize() == Round(confirmed=1)
    assert calls(platform) == [("cancelled", True)]
    assert credited(town) == 0


@pytest.mark.usefixtures("automine_again")
def test_nothing_is_settled_off_chain_before_its_call_is_cancelled(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """A confirmation alone is not enough: what was sent may still be mined."""
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    scheduler = Payer(platform, town)
    town.anvil.set_automine(False)
    scheduler.advance()
    assert scheduler.sender.step() == 1
    with platform.db.transaction() as conn:
        conn.execute("update chain_transactions set created_at = now() - interval '31 minutes'")
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    assert withhold(client, number, 10_000).status_code == 200
    by_bank = {"note": "By bank, no. 1."}
    for status in ("sent", "included", "wanted"):
        with platform.db.transaction() as conn:
            conn.execute("update ledger_payouts set confirmed_at = now()")
            conn.execute("update chain_calls set status = %s", (status,))
        answer = client.post(f"/api/stuck_payments/{number}/settle", json=by_bank, headers=ADMIN)
        assert answer.status_code == 404, status
    with platform.db.transaction() as conn:
        conn.execute("update chain_calls set status = 'cancelled'")
    answer = client.post(f"/api/stuck_payments/{number}/settle", json=by_bank, headers=ADMIN)
    assert answer.is_success


@pytest.mark.usefixtures("automine_again")
def test_what_is_resumed_while_it_is_being_cancelled_is_paid_once(
    town: Town, platform: Platform, client: TestClient
) -> None:
    platform.creator("poster"), platform.creator("first")
    payments.fund_vault(town.client, town.fan, 10**9)
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    scheduler = Payer(platform, town)
    town.anvil.set_automine(False)
    scheduler.advance()
    scheduler.sender.step()
    with platform.db.transaction() as conn:
        conn.execute("update chain_transactions set created_at = now() - interval '31 minutes'")
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    assert withhold(client, number, 10_000).status_code == 200
    scheduler.sender.step()  # the cancelling transaction is out
    assert (
        client.post(f"/api/stuck_payments/{number}/resume", headers=ADMIN).json()["status"] == "due"
    )
    town.anvil.set_automine(True)
    town.anvil.mine()
    scheduler.finalize()
    scheduler.sender.step()
    scheduler.pay(datetime.now(UTC))
    scheduler.finalize(datetime.now(UTC))
    assert scheduler.statuses() == ["paid"]
    assert payments.claimable(town.client, town.poster.address) == 10_000
    assert credited(town) == 1


def test_what_was_withheld_in_the_moment_of_sending_is_not_sent(
    town: Town, platform: Platform, client: TestClient
) -> None:
    """It is signed already, and not stored: the bytes never leave the process."""
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "C", 10_000)
    assert Payer(platform, town).pay() == Round(wanted=1, refused=1)
    payments.fund_vault(town.client, town.fan, 10**9)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    answers = []

    def block(name: str) -> None:
        if name == "before_store" and not answers:
            with platform.db.transaction() as conn:  # as an operator whose list is a moment old
                pay = failed_payouts.list_failed(conn, datetime.now(UTC), 1)
            answers.append(pay)
            with platform.db.transaction() as conn:
                calls_ = platform.rows("select id from chain_calls")
                chain_calls.cancel(conn, calls_[0][0], "withheld", "It is to be settled off chain.")

    scheduler = Payer(platform, town, failpoint=block)
    assert scheduler.advance(after(hours=1)) == Round(wanted=1)
    assert scheduler.sender.step() == 0
    assert answers == [[]] and calls(platform) == [("cancelled", True)]
    assert payments.claimable(town.client, town.poster.address) == 0
    assert platform.rows("select count(*) from chain_transactions") == [(0,)]
    with platform.db.transaction() as conn:
        chain_calls.restore(conn, platform.rows("select id from chain_calls")[0][0])
    assert Payer(platform, town).pay(after(hours=2)) == Round(wanted=1, divided=1)
    assert credited(town) == 1 and number


def test_what_is_blocked_while_it_is_being_looked_at_stays_cancelled(
    town: Town, platform: Platform, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.creator("poster"), platform.creator("first")
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    scheduler = Payer(platform, town)
    platform.terms(copy, "original", final_at=NOW, ruled=True)
    assert scheduler.pay() == Round(held=1)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    find_result = verify.find_result

    def block_first(*args: Any, **options: Any) -> Any:
        assert withhold(client, number, 11_000).status_code == 200
        return find_result(*args, **options)

    monkeypatch.setattr(verify, "find_result", block_first)
    scheduler.advance(after(hours=1))
    monkeypatch.undo()
    assert calls(platform) == [("cancelled", True)] and scheduler.statuses() == ["withheld"]
    assert scheduler.pay(after(hours=2)) == Round(confirmed=1)


def test_the_form_of_the_page_settles_as_well(
    town: Town, platform: Platform, client: TestClient
) -> None:
    platform.creator("poster"), platform.creator("first")
    booked(platform, town, Outcome.ORIGINAL, "A", 10_000)
    scheduler = Payer(platform, town)
    assert scheduler.pay() == Round(wanted=1, refused=1)
    ((number,),) = platform.rows("select transaction_id from ledger_chain_payments")
    client.cookies.set("oracle_session", platform.key("boss", ["admin"]))
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
    assert scheduler.pay(now) == Round(wanted=1, refused=1)
    assert client.post(f"{base}/withhold", data=form, follow_redirects=False).status_code == 303
    assert scheduler.pay(now) == Round(confirmed=1)
    assert f'action="{base}/settle"' in client.get("/stuck_payments").text
    assert client.post(f"{base}/settle", data=form, follow_redirects=False).status_code == 303
    assert "All that is booked is on chain" in client.get("/stuck_payments").text
