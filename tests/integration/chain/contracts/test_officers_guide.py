"""The guide for officers, walked as it is written: each of its commands, on a real chain."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.town import DAY_S, Town, digest
from typer.testing import CliRunner

from oracle import cli, wiring
from oracle.chain.contracts import governance
from oracle.chain.contracts.governance import Role
from oracle.chain.core.reverts import ContractReverted
from oracle.chain.core.wire import hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.node.case_reader import CaseReader
from oracle.settings import Settings
from storage.chain import operations
from storage.database import Database

GUIDE = Path(__file__).parents[4] / "docs" / "officers.md"
LATER = {"two": 2 * DAY_S, "seven": 7 * DAY_S}


@pytest.fixture
def blocks(town: Town) -> Iterator[None]:
    """Blocks come by themselves, so that what is sent becomes final."""
    stop = threading.Event()

    def mine() -> None:
        while not stop.wait(0.1):
            town.anvil.mine()

    thread = threading.Thread(target=mine)
    thread.start()
    yield
    stop.set()
    thread.join()


def sections() -> dict[str, list[str]]:
    """The lines of the guide's console blocks, by heading."""
    found = re.findall(r"^## (.*?)$.*?```console\n(.*?)```", GUIDE.read_text(), re.M | re.S)
    return {title: block.splitlines() for title, block in found}


def test_the_guide_is_true(
    town: Town, blocks: None, database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = town.client
    people = {name: LocalSigner(os.urandom(32)) for name in ("second", "third", "fourth", "fifth")}
    people |= {"first": town.oracle, "new_arbiter": LocalSigner(os.urandom(32))}
    key, deployment = tmp_path / "key", tmp_path / "deployment.json"
    key.write_text(hexed(town.governor._account.key))
    deployment.write_text(client.deployment.to_json())
    for name, value in {
        "DATABASE_URL": database_dsn,
        "CHAIN_RPC_URL": town.anvil.url,
        "ORACLE_CHAIN__DEPLOYMENT": str(deployment),
        "ORACLE_DATA_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    values = {name.upper(): hexed(person.address) for name, person in people.items()}
    values |= dict.fromkeys(("ORACLE_ADMIN_KEY", "GUARDIAN_KEY", "ADMIN_KEY"), str(key))
    db = wiring.open_database(Settings())
    reader = CaseReader(db, client)

    def walk(title: str) -> None:
        for line in sections()[title]:
            if line.startswith("#"):
                town.wait(LATER[line.split()[1]] + 60)
                continue
            reader.follow(client.finalized(client.head()))
            if "$OPERATION" in line:
                values["OPERATION"] = waiting(db)
            command = re.sub(r"\$(\w+)", lambda name: values[name[1]], line)
            done = CliRunner().invoke(cli.app, command.split()[1:])
            assert done.exit_code == 0, (command, done.output, done.exception)

    word = digest("what they sign")

    def is_report(*names: str) -> bool:
        """Whether these signatures make a report now."""
        signed = sorted((people[name].address, people[name].sign_digest(word)) for name in names)
        epoch = governance.read_signers(client).epoch
        try:
            client.read(
                "OracleRegistry",
                client.deployment.oracle_registry,
                "requireQuorum",
                word,
                epoch,
                [signature for _, signature in signed],
            )
        except ContractReverted:
            return False
        return True

    assert is_report("first")
    walk("From one signer to two of three")
    assert is_report("first", "third") and not is_report("first")
    walk("A key is rotated")
    assert is_report("fourth", "second") and not is_report("first", "second")
    walk("A signer is lost")
    assert is_report("fourth", "fifth") and not is_report("fourth", "second")
    walk("A role changes hands")
    arbiter = people["new_arbiter"].address
    assert governance.delay_s(client, Role.ARBITER, arbiter) == 0, "the revocation was cancelled"
    walk("Something is wrong, and nobody knows what")
    assert not any(governance.read_paused(client).values())
    reader.follow(client.finalized(client.head()))
    with db.transaction() as conn:
        ended = [one.ended for one in operations.list_all(conn)]
    assert sorted(one or "waits" for one in ended) == ["cancelled", *["executed"] * 4]
    # Who has not the role is told before anything is sent.
    key.write_text(hexed(people["fifth"]._account.key))
    refused = CliRunner().invoke(cli.app, ["admin", "pause", "hub", "--key-file", str(key)])
    assert refused.exit_code == 1 and "guardian" in str(refused.exception)
    db.close()


def waiting(db: Database) -> str:
    """The id of the one announcement that waits."""
    with db.transaction() as conn:
        (found,) = [one.id for one in operations.list_all(conn) if one.ended is None]
    return found
