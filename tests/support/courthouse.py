"""A whole oracle in one process, on a real chain: what people do comes by HTTP, and time is the
chain's, which tests move.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from oracle import app as app_module
from oracle import wiring
from oracle.chain.contracts import payments
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.wire import hexed
from oracle.jobs import run_worker
from oracle.payouts.onchain import PayoutAsset
from oracle.settings import Settings
from oracle.tasks.blob_owner import OWNER_KEY
from oracle.tasks.reconciliation import Reconciler
from storage import api_keys
from storage.database import Database
from storage.works import creators, policies
from support.anvil import AnvilNode
from support.photos import edited, photo
from support.platform import Platform
from support.town import Town
from support.waiting import wait_for

FINALITY = 4
UNITS = 1_000
CENTS = 10_000
OPERATOR = {"Authorization": "Bearer operator"}
View = dict[str, Any]


@dataclass
class Courthouse:
    """API, worker, node and scheduler over one database and one chain."""

    town: Town
    settings: Settings
    db: Database
    http: TestClient
    close_all: Callable[[], None]
    posts: dict[str, View] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.platform = Platform(self.db)
        self.originality = wiring.make_originality(
            self.settings, self.db, wiring.make_handlers(self.settings)
        )
        self.node = wiring.make_node(self.settings, self.db)
        self.scheduler = wiring.make_scheduler(self.settings, self.db)
        assert self.scheduler._cases is not None
        self.scheduler._cases._deadlines_every_s = 0  # rounds come faster than the clock's seconds

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.town.now(), UTC)

    def close(self) -> None:
        """Give every lock and connection back."""
        self.node.close()
        stop = threading.Event()
        stop.set()
        self.scheduler.run(stop)
        self.close_all()

    def go_on(self, rounds: int = 5) -> None:
        """Let everything that happens by itself happen, each call to its final block."""
        for _ in range(rounds):
            with self.db.transaction() as conn:  # the pauses between two tries
                for table in ("rulings", "chain_calls", "ledger_payouts", "outbox"):
                    conn.execute(f"update {table} set next_try_at = '-infinity'")
            assert self.node.step() and self.scheduler.round(self.now)
            run_worker(self.db.dsn, self.originality.analyse, self.settings.worker, wait=False)
            self.town.anvil.mine(FINALITY)
        assert self.node.step()

    def rest(self, most: int = 12) -> None:
        """Let it go on until nothing is on its way any more, and everybody was told."""
        waiting = (
            "select (select count(*) from chain_calls where status <> 'final') + (select count(*)"
            " from verdict_changes where told_at is null) + (select count(*) from rulings where"
            " status = 'decided')"
        )
        for _ in range(most):
            self.go_on(2)
            if self.platform.rows(waiting) == [(0,)]:
                return
        raise AssertionError("something is still on its way")

    def wait(self, **span: float) -> None:
        """Time passes."""
        self.town.wait(int(timedelta(**span).total_seconds()))

    # What people do

    def key(self, name: str) -> dict[str, str]:
        """A creator's key, or a reviewer's where nobody of that name has posted."""
        with self.db.transaction() as conn:
            number = creators.find_creator(conn, name)
            scopes = ["upload", "read"] if number else ["read", "fraud"]
            secret = api_keys.issue(conn, name, scopes, creator_id=number)
        return {"Authorization": f"Bearer {secret}"}

    def post(self, content: bytes, creator: str | None) -> View:
        """Upload a picture, and have it judged."""
        answer = self.http.post(
            "/upload",
            files={"file": ("photo.jpg", content)},
            data={"creator": creator} if creator else {},
            headers=OPERATOR,
        )
        assert answer.status_code in (200, 202), answer.text
        run_worker(self.db.dsn, self.originality.analyse, self.settings.worker, wait=False)
        judged: View = self.get(answer.json()["links"]["self"])
        return judged

    def get(self, path: str, headers: dict[str, str] = OPERATOR, **params: Any) -> Any:
        answer = self.http.get(path, headers=headers, params=params)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def do(self, path: str, headers: dict[str, str], **body: Any) -> View:
        answer = self.http.post(path, json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        done: View = answer.json()
        return done

    def earns(self, view: View) -> None:
        """The platform says what a post earned two weeks ago; its grade is final."""
        post_id = view["work"]["post_id"]
        self.platform.grade(bytes.fromhex(post_id[2:]), "C")
        week = (self.now - timedelta(weeks=2)).date().isoformat()
        line = {"post_id": post_id, "week": week, "base_minor": CENTS}
        told = self.do("/api/earnings", OPERATOR, earnings=[line])
        assert told["new"] == 1, told

    # What can be read

    def inbox(self, creator: str, kind: str, part: str = "body") -> list[Any]:
        """A part of a creator's notices of a kind, the newest first."""
        found = self.get("/v1/messages", creator=creator)["messages"]
        return [message[part] for message in found if message["kind"] == kind]

    def money(self, creator: str) -> tuple[int, int]:
        """Cents that a creator may take out, and that wait: as the ledger has it."""
        totals = self.get(f"/api/creators/{creator}")["totals"]
        return int(totals["available"]), int(totals["held"])

    def claimable(self, creator: str) -> int:
        """Cents that the contract lets a creator's account take out."""
        return payments.claimable(self.town.client, escrow_account(creator)) // UNITS

    def held(self, view: View) -> int:
        """Cents that wait in the contract for a verdict."""
        post_id = bytes.fromhex(view["work"]["post_id"][2:])
        return payments.contested(self.town.client, post_id) // UNITS

    def differences(self) -> list[str]:
        """In what ledger and contract differ."""
        reconciler = Reconciler(self.db, self.town.client, PayoutAsset(units_per_cent=UNITS))
        found = [f"{each.subject}: {each.detail}" for each in reconciler.run(self.now)]
        assert self.http.get("/readyz").json()["checks"]["reconciliation"]["ok"] is not bool(found)
        return found


def open_courthouse(town: Town, dsn: str, folder: Path) -> Courthouse:
    """Open the oracle over a database."""
    deployment = folder / "deployment.json"
    deployment.write_text(town.client.deployment.to_json())
    roles = {
        "key": town.oracle,
        "fraud_officer_key": town.officer,
        "arbiter_key": town.arbiter,
        "second_arbiter_key": town.second,
        "registrar_key": town.registrar,
        "claimant_key": town.claimant,
        "paymaster_key": town.officer,
    }
    settings = Settings(
        data_dir=folder,
        database_url=dsn,
        chain_rpc_url=town.anvil.url,
        chain={
            "deployment": deployment,
            "confirmations": 0,
            **{name: hexed(signer._account.key) for name, signer in roles.items()},
        },
        pay={"units_per_cent": UNITS},
        limits={"upload_bytes": 2_000_000, "pixels": 20_000_000},
        http={"wait_s": 0, "admin_token": "operator", "keys_required": True},
    )
    db = wiring.open_database(settings)
    http = TestClient(app_module.create_app(settings), raise_server_exceptions=False)
    http.__enter__()

    def close() -> None:
        http.__exit__(None, None, None)
        db.close()

    return Courthouse(town, settings, db, http, close)


def furnish(house: Courthouse) -> None:
    """Bob posts a copy of Alice's temple, one of her cat that the index misses, and one of a
    picture whose creator nobody named. The first and the last have earned; all is on chain.
    """

    def is_bound() -> bool:
        house.node.step()
        house.town.anvil.mine(FINALITY)
        with house.db.transaction() as conn:
            return policies.find_binding(conn) is not None and policies.last_final(conn) > 0

    wait_for(is_bound)
    posts = house.posts
    posts["temple"] = house.post(photo("temple"), "alice")
    posts["cat"] = house.post(photo("cat"), "alice")
    posts["coffee"] = house.post(photo("coffee"), None)
    house.go_on(2)  # what came first is first in the contract, too
    posts["temple copy"] = house.post(edited(photo("temple"), "resized"), "bob")
    posts["coffee copy"] = house.post(edited(photo("coffee"), "resized"), "bob")
    with house.db.transaction() as conn:  # out of the index's sight
        for table in ("image_fingerprints", "embeddings"):
            conn.execute(f"update {table} set registration = registration + 1000000")
    posts["cat copy"] = house.post(edited(photo("cat"), "resized"), "bob")
    with house.db.transaction() as conn:
        for table in ("image_fingerprints", "embeddings"):
            conn.execute(
                f"update {table} set registration = registration - 1000000 where registration >"
                " 1000000"
            )
    payments.fund_vault(house.town.client, house.town.fan, 10**12)
    for name in ("temple copy", "coffee copy"):
        house.earns(posts[name])
    house.go_on(4)


@contextmanager
def copied(house: Courthouse, dsn: str, folder: Path, anvil: AnvilNode) -> Iterator[Courthouse]:
    """The same oracle over a copy of its database; what happens here has not happened after."""
    shutil.copytree(house.settings.data_dir, folder, dirs_exist_ok=True)
    for owner in folder.rglob(OWNER_KEY):
        owner.unlink()
    with anvil.rolled_back():
        copy = open_courthouse(house.town.again(), dsn, folder)
        copy.posts = dict(house.posts)
        yield copy
        copy.close()
