"""The contract learns what a post is, where a correction or a dispute needs it, from its report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from support.platform import Platform
from support.quarrels import SIMILARITY_BPS, ChainQuarrel, court_app, make_quarrel
from support.town import DAY_S, Town, digest
from typer.testing import CliRunner

from oracle.appeals.rulings import Found, decide_work
from oracle.chain.contracts import payments, rulings
from oracle.chain.contracts.consumer import transact
from oracle.chain.contracts.rulings import Finding
from oracle.chain.core.abis import contract
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import Outcome
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import address_bytes, hexed
from oracle.chain.rpc.client import REQUESTED
from oracle.cli import app


@pytest.fixture
def missed(town: Town, platform: Platform) -> ChainQuarrel:
    """Bob's post is on chain as an original, attested and not shown; he has a wallet."""
    quarrel = make_quarrel(town, platform, accused=False, wallet=town.poster.address)
    assert quarrel.result().content_hash is None
    return quarrel


@pytest.fixture
def client(missed: ChainQuarrel, database_dsn: str, tmp_path: Path) -> Iterator[TestClient]:
    with court_app(missed, database_dsn, tmp_path) as made:
        yield made


def correct(missed: ChainQuarrel) -> None:
    """People here find Bob's post to be a copy of Anna's."""
    found = Found(
        verdict="derivative",
        similarity_bps=SIMILARITY_BPS,
        original_post_id=missed.original_post,
        original_account=escrow_account("anna"),
    )
    with missed.platform.db.transaction() as conn:
        decide_work(
            conn,
            missed.post,
            found,
            reason="The same grain.",
            decided_by="maria",
            now=missed.now,
            analysis_id=missed.analysis,
        )


def name_three_signers(town: Town) -> None:
    """Two of them decide, so that there is somebody else to take a second look."""
    manager = address_bytes(town.client.deployment.access_manager)
    registry = town.client.deployment.oracle_registry
    signers = sorted(hexed(one.address) for one in (town.oracle, town.first, town.fan))
    data = contract("OracleRegistry").call_data("setSigners", signers, 2, 0)
    schedule = contract("AccessManager").call_data("schedule", registry, data, 0)
    transact(town.client, town.governor, manager, schedule)
    town.wait(3 * DAY_S)
    execute = contract("AccessManager").call_data("execute", registry, data)
    transact(town.client, town.governor, manager, execute)


def shows(platform: Platform) -> list[tuple[str, str]]:
    return platform.rows("select sender, status from chain_calls where key like 'show %'")


def test_a_corrected_original_is_disputed_with_a_second_look(missed: ChainQuarrel) -> None:
    town, platform = missed.town, missed.platform
    correct(missed)
    missed.drive(3)
    assert shows(platform) == [("arbiter", "final")]
    order = platform.rows(
        "select split_part(c.key, ' ', 1), t.nonce from chain_calls c join chain_transactions t on"
        " t.id = c.transaction_id order by t.nonce"
    )
    assert [name for name, _ in order] == ["show", "ruling"], "shown first, by the same account"
    assert missed.result().content_hash is not None

    name_three_signers(town)
    missed.drive(4)
    assert missed.result().outcome is Outcome.DERIVATIVE
    assert len(shows(platform)) == 1

    before = town.client.head().number
    dispute = payments.open_dispute(town.client, town.poster, missed.post, digest("raw file"))
    assert payments.read_dispute(town.client, dispute).review_until > town.now()
    (asked,) = town.client.logs_between(
        before + 1,
        town.client.head().number,
        topics=[hexed(town.client.hub_abi.topic(REQUESTED))],
        address=town.client.deployment.hub,
    )
    request = town.client.hub_abi.event(REQUESTED, asked.topics, asked.data)
    assert request["contentHash"] == missed.result().content_hash
    assert request["minSignatures"] == 3


def test_what_others_correct_is_shown_before_it_is_carried_out(missed: ChainQuarrel) -> None:
    finding = Finding(
        Outcome.DERIVATIVE,
        SIMILARITY_BPS,
        digest("by hand"),
        escrow_account("anna"),
        missed.original_post,
    )
    town = missed.town
    payments.make(town.client, town.arbiter, rulings.propose(missed.post, finding))
    missed.drive(3)
    assert shows(missed.platform) == [("oracle", "final")]
    assert missed.result().content_hash is not None
    town.wait(3 * DAY_S)
    missed.drive(3)
    assert missed.result().outcome is Outcome.DERIVATIVE


def test_a_show_that_came_to_nothing_is_wanted_again_and_stops_no_correction(
    missed: ChainQuarrel, client: TestClient
) -> None:
    """As after a reorg, in which the post was not there for a moment."""
    assert client.post(f"/v1/analyses/{missed.analysis}/report").json()["asked"] == "wanted"
    missed.platform.rows(
        "update chain_calls set status = 'reverted', error_code = 'NotTheStandingReport' where key"
        " like 'show %' returning id"
    )
    correct(missed)
    missed.drive(3)
    assert shows(missed.platform) == [("oracle", "final")]
    assert missed.result().content_hash is not None
    assert missed.platform.rows("select correction_id is not null from rulings") == [(True,)]


def test_anybody_gets_the_report_and_whoever_uploads_has_it_shown(
    missed: ChainQuarrel, client: TestClient
) -> None:
    route = f"/v1/analyses/{missed.analysis}/report"
    view = client.get(route).json()
    assert (view["shown"], view["asked"]) == (False, None)
    assert view["report"]["post_id"] == hexed(missed.post)
    assert not shows(missed.platform), "reading asks for nothing"
    asked = client.post(route)
    assert (asked.status_code, asked.json()["asked"]) == (202, "wanted")
    assert client.post(route).json()["asked"] == "wanted"
    missed.drive(2)
    assert shows(missed.platform) == [("oracle", "final")]
    assert hexed(missed.result().content_hash or b"") == view["report"]["content_hash"]
    after = client.post(route).json()
    assert (after["shown"], after["asked"]) == (True, "final")
    assert len(shows(missed.platform)) == 1


def test_anybody_may_send_the_call_themselves(missed: ChainQuarrel, client: TestClient) -> None:
    """Bob may ask for another analysis of his post from then on."""
    town, view = missed.town, client.get(f"/v1/analyses/{missed.analysis}/report").json()
    content = bytes.fromhex(view["report"]["content_hash"][2:])
    nobody = hexed(bytes(20))
    again = (missed.post, content, 1, hexed(town.poster.address), nobody, 0, 0, "", bytes(32))
    data = town.client.hub_abi.call_data("requestVerification", again)
    with pytest.raises(ContractReverted) as refused:
        transact(town.client, town.poster, town.client.hub, data)
    assert refused.value.revert.name == "ReportNotShown"

    call = bytes.fromhex(view["data"][2:])
    transact(town.client, town.fan, address_bytes(view["to"]), call)
    assert missed.result().content_hash == content
    transact(town.client, town.poster, town.client.hub, data)


def test_without_a_result_on_chain_there_is_nothing_to_show(
    missed: ChainQuarrel, client: TestClient
) -> None:
    missed.platform.rows(
        "update analyses set post_id = sha256('elsewhere') where id = %s returning id",
        missed.analysis,
    )
    answer = client.post(f"/v1/analyses/{missed.analysis}/report")
    assert answer.status_code == 404
    assert "no result on chain" in answer.json()["detail"]
    assert not shows(missed.platform)


def test_the_command_has_it_shown(
    missed: ChainQuarrel, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAIN_RPC_URL", missed.town.anvil.url)
    monkeypatch.setenv("ORACLE_CHAIN__DEPLOYMENT", str(tmp_path / "deployment.json"))
    monkeypatch.setenv("ORACLE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", missed.platform.db.dsn)
    runner = CliRunner()
    done = runner.invoke(app, ["show-report", str(missed.analysis)], catch_exceptions=False)
    assert done.exit_code == 0 and "the node sends it" in done.output, done.output
    assert shows(missed.platform) == [("oracle", "wanted")]
    missed.drive(2)
    done = runner.invoke(app, ["show-report", str(missed.analysis)], catch_exceptions=False)
    assert "It is on chain." in done.output
