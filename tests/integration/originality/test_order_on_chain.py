"""Who was first, on the real stack: Postgres, Anvil, the chain node, and a worker as a process.

Each story is told once here and in short, and in the campaign twenty times (`ORACLE_ROUNDS`) and
at its full length: none may end wrong.
"""

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from support.anvil import AnvilNode
from support.contracts import Contracts, Hub
from support.files import FileServer
from support.waiting import wait_for

from oracle import wiring
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import MediaType
from oracle.chain.core.wire import hexed
from oracle.chain.node.node import ChainNode
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.originality.intake import Intake, Upload
from oracle.settings import Settings, WorkerSettings
from storage.blobs import open_blobs
from storage.database import Database
from storage.works import policies

NOBODY = "0x" + "00" * 20
PATIENCE_S = 900.0  # a busy machine takes a minute for a start, and ten seconds for each decision
CONTESTED = ("undecided", "contested")
ROUNDS = int(os.environ.get("ORACLE_ROUNDS", "20"))  # of each story in the campaign


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long the stories take.

    Attributes:
        away_s: How long the worker is away; thief_s: after which a thief comes meanwhile.
        slow_s: After which a slow server answers; waited_s: how long later works wait for it.
        stalled_s: After how long a silence of its worker a job is another one's.
    """

    away_s: float
    thief_s: float
    slow_s: float
    waited_s: float
    stalled_s: float


SHIPPED = WorkerSettings()
SHORT = Lengths(away_s=2.1, thief_s=1.1, slow_s=4.0, waited_s=1.0, stalled_s=2.0)
FULL = Lengths(
    away_s=120.0,
    thief_s=38.0,
    slow_s=60.0,
    waited_s=SHIPPED.slow_media_wait_s,
    stalled_s=SHIPPED.stalled_after_s,
)

# Callers of one account at once would be given one nonce.
SENDING = threading.Lock()


@dataclass
class Stack:
    """An oracle with its node running, and a worker that can be away."""

    anvil: AnvilNode
    client: ChainClient
    db: Database
    intake: Intake
    files: FileServer
    folder: Path
    env: dict[str, str]
    asker: str
    lengths: Lengths
    worker: "subprocess.Popen[bytes] | None" = None
    names: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    seed: int = 0

    def start_worker(self) -> None:
        self.worker = subprocess.Popen([sys.executable, "-m", "oracle", "worker"], env=self.env)

    def stop_worker(self) -> None:
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
            self.worker = None

    def picture(self) -> bytes:
        """A picture that no story had before, as a JPEG file."""
        self.seed += 1
        small = np.random.default_rng(self.seed).integers(0, 255, (18, 24, 3), np.uint8)
        return jpeg(Image.fromarray(small).resize((480, 360), Image.Resampling.BICUBIC), 92)

    def upload(self, creator: str, content: bytes) -> None:
        path = self.folder / f"{self.seed}-{creator}"
        path.write_bytes(content)
        digest = sha256(content).digest()
        upload = Upload(path=path, sha256=digest, size_bytes=len(content), creator=creator)
        self.names[creator] = ("analysis", self.intake.submit(upload).bytes)

    def call(self, function: str, *arguments: Any, tip_gwei: int = 2) -> str:
        """Send a transaction of the asker's to the hub, and do not wait. Returns: its hash."""
        fee = self.client.hub_read("feeFor", 0) if function == "requestVerification" else 0
        data = self.client.hub_abi.call_data(function, *arguments)
        with SENDING:
            sent = self.anvil.call(
                "eth_sendTransaction",
                {
                    "from": self.asker,
                    "to": self.client.deployment.hub,
                    "data": hexed(data),
                    "value": hex(fee),
                    "gas": hex(1_000_000),
                    "maxFeePerGas": hex((tip_gwei + 1_000) * 10**9),
                    "maxPriorityFeePerGas": hex(tip_gwei * 10**9),
                },
            )
        return str(sent)

    def ask(
        self,
        creator: str,
        uri: str,
        content: bytes | None = None,
        *,
        salt: bytes = bytes(32),
        tip_gwei: int = 2,
    ) -> str:
        """Have a contract's side ask for a picture. Without content its hash is not named."""
        name = sha256(f"{self.seed}{creator}".encode()).digest()
        account = escrow_account(f"{creator}{self.seed}")
        request = (
            name,
            sha256(content).digest() if content else bytes(32),
            int(MediaType.IMAGE),
            hexed(account),
            NOBODY,
            0,
            0,
            uri,
            salt,
        )
        self.names[creator] = ("account", account)
        return self.call("requestVerification", request, tip_gwei=tip_gwei)

    def commit(self, creator: str, content: bytes, salt: bytes) -> None:
        account = hexed(escrow_account(f"{creator}{self.seed}"))
        digest = sha256(content).digest()
        self.call("commit", self.client.hub_read("commitmentOf", self.asker, account, digest, salt))

    def verdict(self, creator: str) -> tuple[str, str]:
        """The newest decision on what a creator of this story brought."""
        kind, key = self.names[creator]
        with self.db.transaction() as conn:
            row = conn.execute(
                "select verdict, reason from analyses a where status = 'decided' and work_id ="
                " (select work_id from analyses f left join creators c on c.id = f.creator_id"
                " where work_id is not null and case when %(kind)s = 'analysis' then f.id ="
                " %(id)s else c.account = %(account)s end limit 1) order by decided_at desc, id"
                " limit 1",
                {
                    "kind": kind,
                    "id": UUID(bytes=key) if kind == "analysis" else None,
                    "account": key,
                },
            ).fetchone()
        return (str(row[0]), str(row[1])) if row else ("none", "none")

    def wait_until_asked(self, path: str) -> None:
        """Wait until a file's server is asked for it."""
        wait_for(
            lambda: any(asked == path for asked, _ in self.files.requests), timeout_s=PATIENCE_S
        )

    def rest(self) -> None:
        """Wait until everything that was asked is read and decided, and judged again."""
        requests = int(self.client.hub_read("requestCount"))

        def resting() -> bool:
            with self.db.transaction() as conn:
                row = conn.execute(
                    "select (select count(*) from inbox), count(*) filter (where status in"
                    " ('queued', 'running')), count(*) filter (where status = 'failed') from"
                    " analyses"
                ).fetchone()
            assert row is not None and row[2] == 0
            return bool(row[0] >= requests and row[1] == 0)

        wait_for(resting, timeout_s=PATIENCE_S)


def jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def again(content: bytes, quality: int) -> bytes:
    """The same picture in other bytes."""
    with Image.open(io.BytesIO(content)) as picture:
        return jpeg(picture.convert("RGB"), quality)


@pytest.fixture
def lengths() -> Lengths:
    return SHORT


@pytest.fixture
def stack(
    anvil: AnvilNode,
    contracts: Contracts,
    rolled_back: None,
    database_dsn: str,
    file_server: FileServer,
    tmp_path: Path,
    lengths: Lengths,
) -> Iterator[Stack]:
    hub: Hub = contracts.hub
    settings = Settings(data_dir=tmp_path, database_url=database_dsn, fetch={"allow_private": True})
    db = wiring.open_database(settings)
    client = ChainClient(Endpoint(anvil.url), hub.deployment)
    intake = wiring.make_intake(db, open_blobs(settings.blobs), wiring.make_handlers(settings))
    node = ChainNode(
        db,
        ChainClient(Endpoint(anvil.url), hub.deployment),
        hub.signers[0],
        on_request=intake.accept_request,
        confirmations=0,
        poll_interval_s=0.1,
    )
    stop = threading.Event()
    running = threading.Thread(target=node.run, args=(stop,))
    running.start()
    env = os.environ | {
        "DATABASE_URL": database_dsn,
        "ORACLE_DATA_DIR": str(tmp_path),
        "ORACLE_FETCH__ALLOW_PRIVATE": "true",
        "ORACLE_WORKER__SLOW_MEDIA_WAIT_S": str(lengths.waited_s),
        "ORACLE_WORKER__STALLED_AFTER_S": str(lengths.stalled_s),
        "ORACLE_WORKER__HEARTBEAT_S": "0.5",
    }
    asker = anvil.account(5).address
    stack = Stack(anvil, client, db, intake, file_server, tmp_path, env, asker, lengths)

    def known() -> bool:
        with db.transaction() as conn:
            return policies.find_binding(conn) is not None and policies.last_final(conn) > 0

    wait_for(known)
    stack.start_worker()
    yield stack
    stack.stop_worker()
    anvil.set_automine(True)
    stop.set()
    running.join()
    db.close()


def race(stack: Stack, copies: list[bytes], *, one_a_block: bool) -> dict[str, tuple[str, str]]:
    """Bring every other of these pictures by a request, the rest by uploads, all at once.

    Returns: the verdicts by creator, after all came to rest. One that is original was first.
    """
    moments: dict[str, tuple[float, float]] = {}
    turn = threading.Lock()

    def post(number: int) -> None:
        creator, began = f"c{number}", time.time()
        stack.upload(creator, copies[number])
        moments[creator] = (began, time.time())

    def ask(number: int) -> None:
        uri = stack.files.put(f"/{stack.seed}/{number}.jpg", copies[number])
        if one_a_block:
            with turn:
                stack.anvil.receipt(stack.ask(f"c{number}", uri, copies[number]))
        else:
            stack.ask(f"c{number}", uri, copies[number])
        moments[f"c{number}"] = (time.time() - 1, time.time() + 1)  # blocks have whole seconds

    with ThreadPoolExecutor(len(copies)) as pool:
        list(pool.map(lambda number: (post if number % 2 else ask)(number), range(len(copies))))
    stack.rest()
    verdicts = {creator: stack.verdict(creator) for creator in moments}
    for creator, (verdict, _) in verdicts.items():
        if verdict == "original":
            assert moments[creator][0] <= min(until for _, until in moments.values())
    return verdicts


def sixteen_at_once(stack: Stack) -> None:
    """Each in bytes of its own: one is original, and all others are copies of it."""
    content = stack.picture()
    copies = [content, *(again(content, quality) for quality in range(60, 90, 2))]
    verdicts = list(race(stack, copies, one_a_block=True).values())
    assert [verdict for verdict, _ in verdicts].count("original") == 1, verdicts
    assert verdicts.count(("derivative", "copy_of_earlier")) == 15, verdicts


def sixteen_of_the_same_bytes(stack: Stack) -> None:
    """An upload that is first is original. Where requests are, nobody knows which: all wait."""
    content = stack.picture()
    verdicts = list(race(stack, [content] * 16, one_a_block=False).values())
    originals = [verdict for verdict, _ in verdicts].count("original")
    assert verdicts.count(CONTESTED) == 16 or (
        originals == 1 and verdicts.count(("derivative", "copy_of_earlier")) == 15
    ), verdicts


def worker_away(stack: Stack) -> None:
    """A thief uploads another file of a requested picture while no worker runs."""
    stack.stop_worker()
    away = time.monotonic()
    contents = {named: stack.picture() for named in (True, False)}
    for named, content in contents.items():
        uri = stack.files.put(f"/{stack.seed}{named}.jpg", content)
        stack.ask(f"victim{named}", uri, content if named else None)
    time.sleep(stack.lengths.thief_s)
    for named, content in contents.items():
        stack.upload(f"thief{named}", again(content, 60))
    time.sleep(max(0.0, away + stack.lengths.away_s - time.monotonic()))
    stack.start_worker()
    stack.rest()
    for named in (True, False):
        assert stack.verdict(f"victim{named}")[0] == "original"
        assert stack.verdict(f"thief{named}") == ("derivative", "copy_of_earlier")


def mempool_copier(stack: Stack) -> None:
    """The copier reads a pending request and pays more; who committed before is first all the
    same, and where nobody did nobody is accused.
    """
    salt = sha256(str(stack.seed).encode()).digest()
    for committed in (True, False):
        content = stack.picture()
        uri = stack.files.put(f"/{stack.seed}.jpg", content)
        if committed:
            stack.commit(f"victim{committed}", content, salt)
        stack.anvil.set_automine(False)
        stack.ask(
            f"victim{committed}", uri, content, salt=salt if committed else bytes(32), tip_gwei=1
        )
        stack.asker, own = stack.anvil.account(6).address, stack.asker
        stack.ask(f"copier{committed}", uri, content, tip_gwei=90)
        stack.asker = own
        stack.anvil.mine()
        stack.anvil.set_automine(True)
    stack.rest()
    assert stack.verdict("victimTrue")[0] == "original"
    assert stack.verdict("copierTrue") == ("derivative", "copy_of_earlier")
    assert stack.verdict("victimFalse") == stack.verdict("copierFalse") == CONTESTED


def squatter(stack: Stack) -> None:
    """A place is taken for what is not there, and filled with what a creator posts later."""
    content = stack.picture()
    path = f"/{stack.seed}.jpg"
    stack.ask("squatter", stack.files.put_status(path, 503))
    stack.wait_until_asked(path)
    stack.upload("victim", again(content, 90))
    stack.files.put(path, content)
    stack.rest()
    assert stack.verdict("victim")[0] == "original"
    assert stack.verdict("squatter") == ("derivative", "copy_of_earlier")


def staller(stack: Stack) -> None:
    """A server keeps us waiting until there is something that it can deliver."""
    content, posted = stack.picture(), threading.Event()

    def late(request: BaseHTTPRequestHandler) -> None:
        posted.wait(PATIENCE_S)
        request.send_response(200)
        request.end_headers()
        request.wfile.write(again(content, 60))

    path = f"/{stack.seed}.jpg"
    stack.files.answers[path] = late
    stack.ask("staller", stack.files.url(path))
    stack.wait_until_asked(path)
    stack.upload("victim", content)
    posted.set()
    stack.rest()
    assert stack.verdict("victim") == stack.verdict("staller") == CONTESTED


def slow_server(stack: Stack) -> None:
    """Media comes after later works have stopped waiting for it."""
    content, innocent = stack.picture(), stack.picture()

    def slowly(request: BaseHTTPRequestHandler) -> None:
        time.sleep(stack.lengths.slow_s)
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    path = f"/{stack.seed}.jpg"
    stack.files.answers[path] = slowly
    stack.ask("victim", stack.files.url(path), content)
    stack.wait_until_asked(path)
    stack.upload("thief", again(content, 60))
    stack.upload("innocent", innocent)
    wait_for(lambda: stack.verdict("innocent")[0] == "original", timeout_s=PATIENCE_S)
    stack.rest()
    assert stack.verdict("victim")[0] == "original"
    assert stack.verdict("thief") == ("derivative", "copy_of_earlier")


STORIES = [
    sixteen_at_once,
    sixteen_of_the_same_bytes,
    worker_away,
    mempool_copier,
    squatter,
    staller,
    slow_server,
]


@pytest.mark.timeout(1_800)
def test_who_was_first_cannot_be_stolen(stack: Stack) -> None:
    for story in STORIES:
        story(stack)


@pytest.mark.campaign
@pytest.mark.parametrize("lengths", [FULL], ids=["full"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_again_and_again_nothing_wrong(stack: Stack, story: Callable[[Stack], None]) -> None:
    for done in range(ROUNDS):
        story(stack)
        print(f"{done + 1} of {ROUNDS} right", flush=True)
