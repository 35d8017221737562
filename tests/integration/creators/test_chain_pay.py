"""What is booked reaches the vault once, is divided there by the contract itself, and both sides agree."""

from dataclasses import replace
from datetime import timedelta

from integration.chain.test_economy import Town, town
from integration.creators.creators_world import NOW, Platform

from oracle.chain import economy, verify
from oracle.chain.economy import Split
from oracle.chain.report import Outcome
from oracle.creators import chain_pay
from oracle.creators.chain_pay import Sent, Till
from storage.ledger_chain import PayToSend

__all__ = ["town"]  # the fixture

UNITS = 1_000


def booked(platform: Platform, town: Town, outcome: Outcome, grade: str, cents: int) -> bytes:
    """A post that chain and books know, with a week that is paid in the books."""
    post = town.attest(outcome, 9_733 if outcome is Outcome.DERIVATIVE else 0)
    redirect = verify.read_redirect(town.client, post).redirect_bps
    with platform.db.transaction() as conn:
        conn.execute(
            "insert into posts (post_id, creator_id, media_type, published_at) values (%s,"
            " (select id from creators where handle = 'poster'), 'image', %s)",
            (post, NOW),
        )
    ((first,),) = platform.rows("select id from creators where handle = 'first'")
    terms = ("derivative", redirect, first) if redirect else ("original", 0, None)
    platform.terms(post, *terms, final_at=NOW + timedelta(days=7))
    platform.grade(post, grade)
    platform.earns(post, cents)
    assert platform.run() == 1
    return post


def test_pay_reaches_the_contract_once_and_agrees_to_the_cent(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    till = Till(units_per_cent=UNITS)
    copy = booked(platform, town, Outcome.DERIVATIVE, "A", 9_999)
    booked(platform, town, Outcome.ORIGINAL, "B", 777)

    def send() -> Sent:
        return chain_pay.send_pay(platform.db, town.client, town.officer, till, NOW)

    assert send() == Sent(refused=2)  # the vault is empty: nothing is lost, and it is tried again
    assert platform.rows("select distinct error from ledger_chain_payments") == [("BudgetExceeded",)]
    economy.fund_vault(town.client, town.fan, 10**9)
    assert send() == Sent(paid=2)
    assert send() == Sent()
    assert economy.contested(town.client, copy) // UNITS == 10_998 * 4_660 // 10_000
    assert platform.rows("select status, agrees, tries from ledger_chain_payments") == [("paid", True, 2)] * 2
    paid = economy.claimable(town.client, town.poster.address) + economy.contested(town.client, copy)
    assert paid == (9_999 * 1_000 * 11 // 10) + 777 * 1_000 * 11 // 10

    # A run that died between the transaction and its record: found on chain, and not paid again.
    with platform.db.transaction() as conn:
        conn.execute("delete from ledger_chain_payments")
    assert send() == Sent(paid=2)
    assert economy.claimable(town.client, town.poster.address) + economy.contested(town.client, copy) == paid


def test_a_post_that_the_chain_judges_otherwise_is_noticed(town: Town, platform: Platform) -> None:
    platform.creator("poster"), platform.creator("first")
    economy.fund_vault(town.client, town.fan, 10**9)
    post = booked(platform, town, Outcome.DERIVATIVE, "A", 10_000)
    platform.terms(post, "original", final_at=NOW)
    platform.earns(post, 5_000, at=NOW + timedelta(days=7))
    platform.run()
    assert chain_pay.send_pay(platform.db, town.client, town.officer, Till(), NOW) == Sent(paid=2, differing=1)
    assert platform.rows("select agrees from ledger_chain_payments order by transaction_id") == [(True,), (False,)]


def test_less_than_a_cent_apart_is_the_same() -> None:
    pay = PayToSend(1, bytes(32), NOW.date(), 100, "A", 46, 54)
    split = Split(46_999, 53_001, False, False)
    assert chain_pay.agrees(split, pay, Till(units_per_cent=UNITS))
    assert not chain_pay.agrees(replace(split, to_original=48_000, to_poster=52_000), pay, Till(units_per_cent=UNITS))
    assert chain_pay.agrees(Split(46, 54, False, False), pay, Till())
    assert not chain_pay.agrees(Split(47, 53, False, False), pay, Till())
