"""Freezes of the database on a real chain: sent once whatever happens, and compared afterwards."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from support.anvil import AnvilNode
from support.cases import DAY, Case, make_case

from oracle.chain.contracts import payments
from oracle.chain.contracts.deploy import Officers, connect, deploy
from oracle.chain.contracts.payments import FreezeStatus
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.wire import hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.chain.sender.calls import CallSender
from oracle.fraud import alert_appeals, alerts, chain_actions, chain_appeals
from storage import operator_alerts
from storage.database import Database
from storage.fraud import alerts as fraud_alerts
from storage.fraud import chain_actions as fraud_chain_actions
from storage.works import creators


@dataclass
class Deployed:
    """A deployed system with an officer who freezes and an arbiter who decides."""

    anvil: AnvilNode
    client: ChainClient
    officer: LocalSigner
    arbiter: LocalSigner

    def sender(self, db: Database) -> CallSender:
        keys = {"fraud_officer": self.officer, "arbiter": self.arbiter}
        return CallSender(
            db, self.client, keys, timeouts=RetryTimeouts(timedelta(0), timedelta(hours=1))
        )

    def send(self, db: Database) -> int:
        """Let everything that is due reach a final block.

        Returns: how many calls are settled by that.
        """
        before, sender = pending(db), self.sender(db)
        for _ in range(4):
            sender.step()
            chain_actions.follow(db, datetime.now(UTC))
            self.anvil.mine(2)
        sender.step()
        return before - pending(db)

    def status(self, db: Database, alert_id) -> FreezeStatus:
        with db.transaction() as conn:
            name = chain_actions.chain_alert_id(fraud_alerts.get(conn, alert_id))
        return payments.freeze_status(self.client, name)


def pending(db: Database) -> int:
    with db.transaction() as conn:
        ids = [row[0] for row in conn.execute("select distinct alert_id from fraud_chain_actions")]
        return sum(
            a.status == "pending" for i in ids for a in fraud_chain_actions.of_alert(conn, i)
        )


@pytest.fixture(scope="module")
def court(anvil: AnvilNode) -> Deployed:
    people = [LocalSigner(os.urandom(32)) for _ in range(3)]
    for person in people:
        anvil.call("anvil_setBalance", hexed(person.address), hex(10**20))
    _, officer, arbiter = people
    g, o, a = (hexed(person.address) for person in people)
    deployment = deploy(
        connect(anvil.url),
        anvil.account(),
        oracle_signers=[g],
        admin=g,
        officers=Officers(
            governor=g,
            guardian=g,
            oracle_admin=g,
            arbiter=a,
            fraud_officer=o,
            upgrader=g,
            paymaster=g,
        ),
    )
    return Deployed(anvil, ChainClient(Endpoint(anvil.url), deployment), officer, arbiter)


@pytest.fixture
def now(court: Deployed) -> datetime:
    """The chain's time: dates in the past are refused by the contract."""
    return datetime.fromtimestamp(court.client.head().timestamp, UTC)


@pytest.fixture
def wallet(court: Deployed) -> LocalSigner:
    """The creator's own."""
    signer = LocalSigner(os.urandom(32))
    court.anvil.call("anvil_setBalance", hexed(signer.address), hex(10**20))
    return signer


@pytest.fixture
def account_case(db: Database, wallet: LocalSigner) -> Case:
    with db.transaction() as conn:
        found = make_case(conn, db)
        account = wallet.address
        creator = creators.ensure_creator(conn, "0x" + account.hex(), account, True)
        found.creator_id = creator.id
    return found


def test_freeze_uphold_and_release_reach_the_contract(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    assert court.status(db, alert_id) is FreezeStatus.NONE
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.FROZEN
    with db.transaction() as conn:
        alert_appeals.resolve_alert(
            conn,
            alert_id,
            upheld=True,
            actor="maria",
            until=now + 90 * DAY,
            code="seen",
            text="It is a farm.",
            now=now,
        )
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.UPHELD
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []
    with db.transaction() as conn:
        alerts.reverse(
            conn,
            alert_id,
            actor="peter",
            reason_code="wrong",
            text="It is a school after all.",
            now=now,
        )
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.RELEASED
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []


def test_a_call_whose_answer_was_lost_is_not_made_twice(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    assert court.send(db) == 1
    nonce = court.client.account_nonce(court.officer.address, "latest")
    with db.transaction() as conn:  # a database of an hour ago
        conn.execute("update chain_calls set status = 'wanted', transaction_id = null")
    assert court.send(db) == 1
    assert court.client.account_nonce(court.officer.address, "latest") == nonce
    assert court.status(db, alert_id) is FreezeStatus.FROZEN


def test_money_freed_before_the_freeze_was_sent_is_never_frozen_on_chain(
    db, court, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    with db.transaction() as conn:
        alerts.reverse(
            conn, alert_id, actor="maria", reason_code="wrong", text="It is a school.", now=now
        )
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.NONE
    with db.transaction() as conn:
        rows = fraud_chain_actions.of_alert(conn, alert_id)
    assert [(row.kind, row.status, row.error_code) for row in rows] == [
        ("freeze", "skipped", "superseded"),
        ("release", "done", "FreezeNotOpen"),
    ]


def test_money_freed_while_the_freeze_is_under_way_is_never_frozen_on_chain(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    court.anvil.set_automine(False)
    try:
        assert court.sender(db).step() == 1
        with db.transaction() as conn:
            alerts.reverse(
                conn, alert_id, actor="maria", reason_code="wrong", text="It is a school.", now=now
            )
        court.sender(db).step()  # what does nothing takes its place
        court.anvil.mine()
    finally:
        court.anvil.set_automine(True)
    assert court.send(db) == 2
    assert court.status(db, alert_id) is FreezeStatus.NONE
    with db.transaction() as conn:
        rows = fraud_chain_actions.of_alert(conn, alert_id)
    assert [(row.kind, row.status) for row in rows] == [("freeze", "skipped"), ("release", "done")]


def test_a_release_waits_for_the_freeze_where_the_step_between_is_given_up(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    court.anvil.set_automine(False)
    try:
        assert court.sender(db).step() == 1  # the freeze is under way
        with db.transaction() as conn:
            alert_appeals.resolve_alert(
                conn,
                alert_id,
                upheld=True,
                actor="maria",
                until=now + DAY,
                code="reviewer",
                text="It is a farm.",
                now=now,
            )
            alerts.reverse(
                conn, alert_id, actor="otto", reason_code="wrong", text="It is a school.", now=now
            )
            freeze, uphold, release = fraud_chain_actions.of_alert(conn, alert_id)
            after = conn.execute(
                "select after_id from chain_calls where id = %s", (release.call_id,)
            ).fetchone()
        assert (uphold.call_status, after) == ("cancelled", (freeze.call_id,))
        court.sender(db).step()
        court.anvil.mine()
    finally:
        court.anvil.set_automine(True)
    court.send(db)
    assert court.status(db, alert_id) is FreezeStatus.NONE


def test_a_decision_waits_until_the_freeze_before_it_is_final(
    db, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    assert court.sender(db).step() == 1
    with db.transaction() as conn:
        alert_appeals.resolve_alert(
            conn,
            alert_id,
            upheld=True,
            actor="maria",
            until=now + 90 * DAY,
            code="seen",
            text="It is a farm.",
            now=now,
        )
    for _ in range(3):
        assert court.sender(db).step() == 0, "its block may still go"
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.UPHELD


def test_a_reorg_that_takes_a_freeze_out_is_made_good(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    court.anvil.mine(2)
    court.sender(db).step()
    court.anvil.reorg(1)
    assert court.status(db, alert_id) is FreezeStatus.NONE
    court.send(db)
    assert court.status(db, alert_id) is FreezeStatus.FROZEN
    with db.transaction() as conn:
        assert conn.execute("select count(*) from chain_attempts").fetchone() == (1,)


def test_a_post_the_chain_does_not_know_is_tried_again_and_says_why(
    db: Database, court: Deployed, case: Case, now
) -> None:
    case.raise_alert(now=now, sources={})
    assert court.send(db) == 0
    with db.transaction() as conn:
        row = conn.execute(
            "select status, error_code, tries, next_try_at > now() from chain_calls"
        ).fetchone()
    assert row == ("wanted", "UnknownSubject", 1, True)
    assert pending(db) == 1


def test_reconciling_finds_and_repairs_what_the_chain_lost(
    db, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    with db.transaction() as conn:  # noted as done, but the chain never saw it
        conn.execute("update chain_calls set status = 'final'")
    (difference,) = chain_actions.reconcile(db, court.client, since=now - DAY)
    assert (difference.status, difference.on_chain, difference.repaired) == (
        "notified",
        "none",
        True,
    )
    assert court.send(db) == 1
    assert court.status(db, alert_id) is FreezeStatus.FROZEN
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []


def test_a_hold_that_ran_out_ends_on_chain_by_itself(
    db: Database, court: Deployed, account_case: Case, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    assert court.send(db) == 1
    court.anvil.call("evm_increaseTime", int(timedelta(days=15).total_seconds()))
    court.anvil.mine()
    assert alerts.expire_due(db, now + 15 * DAY) == 1
    court.send(db)
    assert court.status(db, alert_id) is FreezeStatus.EXPIRED
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []


def test_an_appeal_at_the_contract_counts_here_as_well(
    db, court: Deployed, account_case: Case, wallet, now
) -> None:
    alert_id = account_case.raise_alert(subject="creator", now=now)
    court.send(db)
    assert chain_appeals.take_over(db, court.client, now) == 0
    with db.transaction() as conn:
        name = chain_actions.chain_alert_id(fraud_alerts.get(conn, alert_id))
    payments.appeal_freeze(court.client, wallet, name, bytes.fromhex("5a" * 32))
    assert chain_appeals.take_over(db, court.client, now) == 1
    assert chain_appeals.take_over(db, court.client, now) == 0
    with db.transaction() as conn:
        assert fraud_alerts.get(conn, alert_id).status == "appealed"
        row = conn.execute("select statement from appeals").fetchone()
    assert "5a" * 32 in row[0]
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []


def test_every_account_of_a_creator_is_held_and_freed(
    db: Database, court: Deployed, account_case: Case, wallet: LocalSigner, now
) -> None:
    """A name of theirs became the wallet's: what its escrow account holds waits as well."""
    with db.transaction() as conn:
        creators.ensure_creator(conn, "alicia", os.urandom(20), False, account_name="alicia")
        alicia = creators.find_creator(conn, "alicia")
        assert alicia is not None
        creators.merge(conn, account_case.creator_id, alicia)
        accounts = {row.account for row in creators.accounts_of(conn, account_case.creator_id)}
    alert_id = account_case.raise_alert(subject="creator", now=now)
    with db.transaction() as conn:
        names = fraud_chain_actions.names_of_round(conn, alert_id, 1)

    def on_chain() -> set[FreezeStatus]:
        return {payments.freeze_status(court.client, name) for name in names}

    assert court.send(db) == len(names) == len(accounts) == 2
    assert on_chain() == {FreezeStatus.FROZEN}
    contract, where = payments.GUARD
    guard = getattr(court.client.deployment, where)
    held = {court.client.read_struct(contract, guard, "freezeOf", n)["subject"] for n in names}
    assert held == {account.rjust(32, b"\0") for account in accounts}
    payments.appeal_freeze(court.client, wallet, names[0], bytes.fromhex("5a" * 32))
    assert chain_appeals.take_over(db, court.client, now) == 1
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []
    with db.transaction() as conn:
        alert_appeals.resolve_alert(
            conn,
            alert_id,
            upheld=False,
            actor="maria",
            until=None,
            code="wrong",
            text="It is no farm.",
            now=now,
        )
    assert court.send(db) == 2
    assert on_chain() == {FreezeStatus.RELEASED}
    assert chain_actions.reconcile(db, court.client, since=now - DAY) == []


def test_a_spent_budget_ends_the_call_at_once_and_calls_a_person(
    db: Database, court: Deployed, account_case: Case, wallet: LocalSigner, now
) -> None:
    """Sixty days a year may be held without a review; what is more stays in the ledger alone."""
    until = int(now.timestamp()) + 29 * 86_400
    for number in (1, 2):
        name = os.urandom(32)
        freeze = payments.freeze_account(wallet.address, name, os.urandom(32), until)
        payments.make(court.client, court.officer, freeze)
        court.anvil.call("evm_increaseTime", 30 * 86_400)
        court.anvil.mine()
        until += 30 * 86_400
        assert number and payments.freeze_status(court.client, name) is FreezeStatus.EXPIRED
    then = datetime.fromtimestamp(court.client.head().timestamp, UTC)
    alert_id = account_case.raise_alert(subject="creator", now=then)
    assert court.send(db) == 1, "given up at the first refusal"
    with db.transaction() as conn:
        ((action,), (matter,)) = (
            fraud_chain_actions.of_alert(conn, alert_id),
            operator_alerts.list_open(conn),
        )
        alert = fraud_alerts.get(conn, alert_id)
        steps = [row[0] for row in conn.execute("select step from fraud_audit order by seq")]
    assert (action.status, action.error_code, action.tries) == ("refused", "FreezeBudgetSpent", 1)
    assert (matter.kind, matter.subject) == ("freeze_not_on_chain", f"alert {alert_id}")
    assert alert.status == "notified", "the hold of the ledger stands until a person reviews it"
    assert steps[-1] == "chain_refused"
    with db.transaction() as conn:
        operator_alerts.resolve(conn, matter.id, by="olga", note="Asked Maria.", now=then)
        assert operator_alerts.list_open(conn) == []
