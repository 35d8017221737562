"""Ledger and contract are compared at a final block; what differs is named by its first cause."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient
from support.platform import Platform
from support.quarrels import CENTS, UNITS, ChainQuarrel, make_quarrel
from support.town import DAY_S, Town

from oracle.chain.contracts import payments
from oracle.payouts.onchain import PayoutAsset
from oracle.tasks.reconciliation import Reconciler
from storage.ledger import reconciliation


@pytest.fixture
def quarrel(town: Town, platform: Platform) -> ChainQuarrel:
    made = make_quarrel(town, platform)
    made.pay()
    made.drive(1)
    return made


@pytest.fixture
def compare(quarrel: ChainQuarrel) -> Callable[[], list[str]]:
    """What differs, in words."""
    reconciler = Reconciler(
        quarrel.platform.db, quarrel.town.client, PayoutAsset(units_per_cent=UNITS)
    )
    return lambda: [each.detail for each in reconciler.run(quarrel.now)]


def test_all_is_alike_before_and_after_a_verdict_is_final(
    quarrel: ChainQuarrel, compare: Callable[[], list[str]], client: TestClient
) -> None:
    assert client.get("/readyz").json()["checks"]["reconciliation"]["detail"].endswith("yet")
    assert compare() == []
    # Tips are in the contract and never in the ledger.
    payments.tip(quarrel.town.client, quarrel.town.fan, quarrel.post, 10_000)
    quarrel.town.anvil.mine(4)
    assert compare() == []
    quarrel.town.wait(8 * DAY_S)
    quarrel.drive(3)
    quarrel.pay()
    quarrel.drive(1)
    assert compare() == []
    with quarrel.platform.db.transaction() as conn:
        run = reconciliation.last_run(conn)
    assert run is not None and (run.posts, run.accounts, run.differences) == (1, 2, 0)
    check = client.get("/readyz").json()["checks"]["reconciliation"]
    assert check["ok"] and "1 posts and 2 accounts" in check["detail"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "update post_terms set verdict = 'original', redirect_bps = 0, creditor_id = null",
            "The ledger says original, the contract derivative.",
        ),
        (
            "update post_terms set redirect_bps = 5000",
            "The ledger redirects 50 %, the contract 60 %",
        ),
        (
            "update post_terms set creditor_id = (select id from creators where handle = 'bob')",
            "The ledger redirects to 0x",
        ),
        ("update post_terms set held_bps = 700", "The ledger holds 7 % of what it earns"),
        ("update post_terms set disputed = true", "In the ledger it is in dispute"),
    ],
)
def test_the_first_thing_that_differs_is_named(
    quarrel: ChainQuarrel,
    compare: Callable[[], list[str]],
    client: TestClient,
    change: str,
    words: str,
) -> None:
    with quarrel.platform.db.transaction() as conn:
        conn.execute(change)
    (detail,) = compare()
    assert detail.startswith(words), detail
    assert not client.get("/readyz").json()["checks"]["reconciliation"]["ok"]
    assert quarrel.platform.rows("select kind, detail from operator_alerts") == [
        ("reconciliation", detail)
    ]


def test_what_the_contract_paid_out_before_the_ledger_is_seen_and_gone_once_it_agrees(
    quarrel: ChainQuarrel, compare: Callable[[], list[str]]
) -> None:
    """By hand, past the ledger: the dispute window ends on chain and somebody has it paid."""
    quarrel.town.wait(8 * DAY_S)
    payments.pay_contested(quarrel.town.client, quarrel.town.fan, quarrel.post)
    quarrel.town.anvil.mine(4)
    (detail,) = compare()
    assert "holds 0, so that some was paid out there" in detail
    quarrel.pay()  # the ledger's own clock
    quarrel.drive(1)
    assert compare() == []
    ((resolved,),) = quarrel.platform.rows("select resolved_by from operator_alerts")
    assert resolved == "rules"


def test_a_payment_by_another_grade_is_named(
    quarrel: ChainQuarrel, compare: Callable[[], list[str]]
) -> None:
    change = "update ledger_transactions set facts = facts || %s where kind = 'pay'"
    assert quarrel.platform.rows("select facts->>'chain_grade' from ledger_transactions") != []
    for facts, words in (
        ('{"chain_grade": "A"}', "The ledger paid it by grade A, the contract by C."),
        ('{"chain_minor": 1}', "The ledger paid 1 cents before the bonus, the contract 10000."),
        ('{"chain_minor": 10000}', None),
    ):
        with quarrel.platform.db.transaction() as conn:
            kept = conn.execute("select id, facts from ledger_transactions").fetchall()
            conn.execute("alter table ledger_transactions disable trigger user")
            conn.execute(change, (facts,))
        found = compare()
        assert found == ([words] if words else []), found
        with quarrel.platform.db.transaction() as conn:
            for number, before in kept:
                conn.execute(
                    "update ledger_transactions set facts = %s where id = %s",
                    (json.dumps(before), number),
                )


def test_an_account_that_lacks_money_is_named(
    quarrel: ChainQuarrel, compare: Callable[[], list[str]]
) -> None:
    with quarrel.platform.db.transaction() as conn:
        conn.execute(
            "update creators set account = decode(md5('elsewhere'), 'hex') || '\\x00000000' where"
            " handle = 'bob'"
        )
    (detail,) = compare()
    assert detail.startswith(f"The ledger has paid bob {CENTS * 4 // 10} cents on chain")


def test_what_is_on_its_way_is_no_difference(
    quarrel: ChainQuarrel, compare: Callable[[], list[str]]
) -> None:
    appeal = quarrel.appeal()
    assert compare() == []
    quarrel.answer(appeal)
    quarrel.decide(appeal, granted=True)
    quarrel.drive(3)
    assert compare() == []
    quarrel.town.wait(3 * DAY_S)
    quarrel.drive(5)
    assert compare() == []
    assert quarrel.result().redirect_bps == 0
