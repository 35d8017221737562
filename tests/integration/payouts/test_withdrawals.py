"""What creators fetch from the contract is shown beside the ledger, from final blocks alone."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.platform import Platform
from support.town import Town

from oracle import app as app_module
from oracle.chain.contracts import payments
from oracle.chain.core.report import Outcome
from oracle.chain.errors import BlockUnknown, RpcRefused
from oracle.chain.node.withdrawals import WithdrawalReader
from oracle.settings import Settings
from storage.ledger import withdrawals as ledger_withdrawals

CENT = 1_000


def reader(town: Town, platform: Platform, **options: int) -> WithdrawalReader:
    return WithdrawalReader(
        platform.db, town.client, start_block=town.client.deployment.block_number, **options
    )


def follow(town: Town, reads: WithdrawalReader) -> int:
    return reads.follow(town.client.finalized(town.client.head()))


def test_a_withdrawal_is_shown_once_it_is_final(
    town: Town, platform: Platform, database_dsn: str, tmp_path: Path
) -> None:
    poster = platform.creator("poster")
    with platform.db.transaction() as conn:
        conn.execute(
            "update creators set account = %s where id = %s", (town.poster.address, poster)
        )
    post = town.attest(Outcome.ORIGINAL, 0)
    reads = reader(town, platform, widest=7)
    for amount in (123_456, 500_000):
        payments.tip(town.client, town.fan, post, amount)
        assert payments.withdraw(town.client, town.poster, to=town.first.address) == amount
    assert follow(town, reads) < 2, "the last one can still be taken back"
    town.anvil.mine(3)
    follow(town, reads)
    assert follow(town, reads) == follow(town, reader(town, platform)) == 0
    with platform.db.transaction() as conn:
        last, first = ledger_withdrawals.of_creator(conn, poster, 10)
    assert (int(first.amount), int(last.amount), last.recipient) == (
        123_456,
        500_000,
        town.first.address,
    )

    settings = Settings(data_dir=tmp_path, database_url=database_dsn, pay={"units_per_cent": CENT})
    with TestClient(app_module.create_app(settings), raise_server_exceptions=False) as client:
        view = client.get("/api/creators/poster").json()
        assert view["fetched"] == 623
        assert [one["cents"] for one in view["withdrawals"]] == [500, 123]
        assert view["totals"]["available"] == 0, "tips are no pay of the books"
        assert "$6.23 fetched from the contract" in client.get("/creators/poster").text
    another = Settings(
        data_dir=tmp_path, database_url=database_dsn, pay={"token": "0x" + "77" * 20}
    )
    with TestClient(app_module.create_app(another), raise_server_exceptions=False) as client:
        view = client.get("/api/creators/poster").json()
        assert (view["fetched"], [one["cents"] for one in view["withdrawals"]]) == (0, [None, None])


def test_what_a_breach_took_back_is_forgotten_and_read_again(
    town: Town, platform: Platform
) -> None:
    post = town.attest(Outcome.ORIGINAL, 0)
    payments.tip(town.client, town.fan, post, 7)
    before = town.client.head().number
    payments.withdraw(town.client, town.poster)
    town.anvil.mine(3)
    reads = reader(town, platform)
    assert follow(town, reads) == 1
    with platform.db.transaction() as conn:
        ledger_withdrawals.forget(conn, before)
        assert ledger_withdrawals.read_up_to(conn) == before
    assert platform.rows("select count(*) from chain_withdrawals") == [(0,)]
    assert follow(town, reads) == 0
    reads.start_over()
    assert follow(town, reads) == 1


def test_much_is_read_a_little_at_a_time_and_refusals_are_forgotten(
    town: Town, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = town.attest(Outcome.ORIGINAL, 0)
    payments.tip(town.client, town.fan, post, 7)
    payments.withdraw(town.client, town.poster)
    town.anvil.mine(100)
    asked: list[int] = []
    narrow = [3]
    real = town.client.logs_between

    def picky(first: int, last: int, **more: Any) -> Any:
        asked.append(last - first + 1)
        if asked[-1] > narrow[0]:
            raise RpcRefused("eth_getLogs", -32_005, "limit exceeded")
        return real(first, last, **more)

    monkeypatch.setattr(town.client, "logs_between", picky)
    reads = reader(town, platform, widest=8)
    assert follow(town, reads) == 0
    assert asked == [8, 4, 2, 4, 2], "no more of them at once"
    narrow[0] = 8
    found = steps = 0
    while platform.rows("select up_to_block from chain_withdrawals_read") != [
        (town.client.head().number - 2,)
    ]:
        found, steps = found + follow(town, reads), steps + 1
    assert found == 1
    assert asked[-3] == 8, "wide again"
    assert steps >= 3


def test_an_endpoint_that_lags_leaves_nothing_out(
    town: Town, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = town.attest(Outcome.ORIGINAL, 0)
    payments.tip(town.client, town.fan, post, 7)
    payments.withdraw(town.client, town.poster)
    town.anvil.mine(3)
    reads = reader(town, platform)
    with monkeypatch.context() as patch:
        final = town.client.finalized(town.client.head())
        patch.setattr(town.client, "find_header", lambda _: None)
        with pytest.raises(BlockUnknown):
            reads.follow(final)
        assert platform.rows("select up_to_block from chain_withdrawals_read") == []
    with monkeypatch.context() as patch:  # it has the block, and not its logs
        patch.setattr(town.client, "logs_between", lambda *_, **__: [])
        assert follow(town, reads) == 0
    town.anvil.mine(1)
    assert follow(town, reads) == 1
    town.anvil.mine(1)
    assert follow(town, reads) == 0, "read again, and counted once"
