"""What an operator sees of a node at work."""

from integration.chain.chain_world import World
from prometheus_client import CollectorRegistry, generate_latest

from oracle.chain.core.report import Outcome
from oracle.chain.node.metrics import NodeCollector
from storage.database import Database


def scrape(db: Database) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(NodeCollector(db))
    lines = generate_latest(registry).decode().splitlines()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in lines
        if not line.startswith("#")
    }


def test_a_fresh_database_has_metrics_too(world: World) -> None:
    seen = scrape(world.db)
    assert seen["oracle_node_database_up"] == 1
    assert seen['oracle_outbox_decisions{status="final"}'] == 0


def test_metrics_follow_the_work(world: World) -> None:
    world.request()
    world.attest()
    world.attest(outcome=Outcome.DERIVATIVE, similarity_bps=9_900)
    world.drive(world.node())
    seen = scrape(world.db)
    assert seen['oracle_outbox_decisions{status="final"}'] == 2
    assert seen['oracle_outbox_decisions{status="refused"}'] == 1
    assert seen['oracle_inbox_requests{state="accepted"}'] == 1
    assert seen["oracle_tx_next_nonce"] == 2
    assert seen["oracle_tx_sends"] == 2
    assert seen["oracle_node_lag_blocks"] == 0
    assert 0 < seen["oracle_node_balance_wei"] < 10**20
    assert (
        seen[
            f'oracle_endpoint_standing{{endpoint="{world.client.endpoint.name}",standing="alive"}}'
        ]
        == 1
    )
    assert seen["oracle_node_finality_latched"] == 0


def test_a_database_that_is_away_is_a_metric_and_no_crash() -> None:
    assert scrape(Database("host=127.0.0.1 port=1 dbname=none")) == {"oracle_node_database_up": 0}
