"""An upload under a quorum: one signer took it in, the others hear of it, fetch its media and
judge it themselves.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from integration.chain.chain_world import draft_of, wait_for
from integration.chain.quorum_world import KEYS, Quorum
from support.anvil import AnvilNode
from support.contracts import Contracts
from support.databases import cloned_database

from embeddings.errors import UnsupportedMedia
from embeddings.sniff import MEDIA_TYPES
from oracle.chain.core.ids import attestation_id
from oracle.chain.errors import InvalidReport
from oracle.chain.quorum.peers import PeerAway, Peers, QuorumSettings
from oracle.chain.quorum.uploads import UploadFacts, shareable_name
from oracle.errors import MediaTypeMismatch
from oracle.jobs import Jobs
from oracle.originality.intake import Intake, Upload
from oracle.originality.peer_uploads import UploadExchange
from storage.blobs import open_blobs
from storage.chain import outbox
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.works import analyses, policies, works
from storage.works.policies import Policy

# told from its first bytes; nobody here looks further
CONTENT = b"\xff\xd8\xff\xe0" + os.urandom(300_000)


class Station:
    """One member's side of the upload exchange, on files and a database of its own."""

    def __init__(self, db: Database, folder: Path, max_bytes: int = 1_000_000) -> None:
        blobs = open_blobs(folder.as_uri())
        self.db = db
        self.intake = Intake(db, blobs, Jobs(db.dsn), {})
        self.exchange = UploadExchange(db, blobs, self.intake, max_bytes)
        with db.transaction() as conn:
            for media_type in MEDIA_TYPES:
                policies.record(conn, Policy(1, media_type, 9_500, 10_000))

    def queued(self) -> list[UUID]:
        with self.db.transaction() as conn:
            return [
                row[0] for row in conn.execute("select id from analyses where status = 'queued'")
            ]

    def decide(self, quorum: Quorum, analysis_id: UUID, similarity_bps: int) -> bytes:
        """Do what a worker would: conclude, and queue the report."""
        client = quorum.members[0].world.client
        with self.db.transaction() as conn:
            analysis = analyses.get(conn, analysis_id)
            assert analysis.work_id is not None
            work = works.get_work(conn, analysis.work_id)
            request_id = attestation_id(client.chain_id, client.hub, work.post_id, work.sha256)
            draft = draft_of(
                request_id, work.post_id, content_hash=work.sha256, similarity_bps=similarity_bps
            )
            outbox.add(
                conn,
                analysis_id=analysis_id,
                kind="attest",
                request_id=request_id,
                report=draft.to_dict(),
            )
            conn.execute("update analyses set status = 'decided' where id = %s", (analysis_id,))
        return request_id


@pytest.fixture
def four(
    anvil: AnvilNode,
    contracts: Contracts,
    rolled_back: None,
    postgres_server: EmbeddedPostgres,
    database_template: str,
    tmp_path: Path,
) -> Iterator[tuple[Quorum, list[Station]]]:
    with ExitStack() as stack:
        databases = []
        for _ in KEYS:
            db = Database(
                stack.enter_context(cloned_database(postgres_server.dsn, database_template)),
                max_size=6,
            )
            db.open()
            stack.callback(db.close)
            databases.append(db)
        stations = [Station(db, tmp_path / str(index)) for index, db in enumerate(databases)]
        nodes = Quorum(anvil, databases, contracts.quorum)
        nodes.sharings = [station.exchange for station in stations]
        yield nodes, stations
        nodes.close()


def take_in(station: Station, path: Path) -> UUID:
    path.write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).digest()
    upload = Upload(
        path=path, sha256=sha256, size_bytes=len(CONTENT), file_name="photo.jpg", creator="alice"
    )
    station.intake.accept_introduced(upload, os.urandom(32), "image", "image/jpeg", 1)
    return station.queued()[0]


def test_an_upload_is_judged_by_all_and_signed_by_a_quorum(
    four: tuple[Quorum, list[Station]], tmp_path: Path
) -> None:
    nodes, stations = four
    request_id = stations[0].decide(nodes, take_in(stations[0], tmp_path / "upload"), 1_000)
    nodes.start(0, 1, 2, 3)
    deadline = time.monotonic() + 30
    # the others have not heard of it yet
    while any(not station.queued() for station in stations[1:]):
        nodes.step()
        assert time.monotonic() < deadline
    for station, similarity in zip(stations[1:], (1_010, 1_020, 1_030), strict=True):
        (heard,) = station.queued()
        with station.db.transaction() as conn:
            work = works.get_work(conn, analyses.get(conn, heard).work_id or heard)
        assert (work.creator, work.file_name, work.size_bytes) == (
            "alice",
            "photo.jpg",
            len(CONTENT),
        )
        media = station.exchange.open_media(work.sha256)
        assert media is not None
        with media:
            assert media.read() == CONTENT
        station.decide(nodes, heard, similarity)
    nodes.drive([request_id])
    signed = [row for member in nodes.members for row in member.world.outbox() if row.signatures]
    assert {len(row.signatures or ()) for row in signed} == {3}


def test_an_introduction_is_taken_once(four: tuple[Quorum, list[Station]], tmp_path: Path) -> None:
    nodes, stations = four
    stations[0].decide(nodes, take_in(stations[0], tmp_path / "upload"), 1_000)
    nodes.start(0, 1)
    for _ in range(6):
        nodes.step()
        time.sleep(0.2)
    wait_for(lambda: len(stations[1].queued()) == 1)
    with stations[1].db.transaction() as conn:
        assert conn.execute("select count(*) from works").fetchone() == (1,)


def test_media_that_is_not_what_was_announced_is_dropped(
    four: tuple[Quorum, list[Station]], tmp_path: Path
) -> None:
    nodes, stations = four
    take_in(stations[0], tmp_path / "upload")
    nodes.start(0)
    world = nodes.members[1].world
    settings = QuorumSettings(
        peers={nodes.signers[0].address: nodes.urls[nodes.signers[0].address]}
    )
    peers = Peers(
        settings,
        nodes.signers[1],
        world.client.chain_id,
        world.client.hub,
        lambda: int(time.time()),
    )
    sha256 = hashlib.sha256(CONTENT).digest()
    peers.fetch_media(nodes.signers[0].address, sha256, tmp_path / "got", len(CONTENT))
    assert (tmp_path / "got").read_bytes() == CONTENT
    with pytest.raises(PeerAway, match="more than"):
        peers.fetch_media(nodes.signers[0].address, sha256, tmp_path / "got", 1_000)
    with pytest.raises(PeerAway, match="does not give"):
        peers.fetch_media(nodes.signers[0].address, os.urandom(32), tmp_path / "got", 1_000)
    with pytest.raises(PeerAway, match="no peer"):
        peers.fetch_media(nodes.signers[2].address, sha256, tmp_path / "got", 1_000)
    peers.close()


@pytest.fixture
def station(database_dsn: str, tmp_path: Path) -> Iterator[Station]:
    db = Database(database_dsn, max_size=2)
    db.open()
    yield Station(db, tmp_path / "blobs")
    db.close()


PAGE = b"<!doctype html><script>alert(1)</script>"


@pytest.mark.parametrize(
    ("content", "media_type", "mime", "refused"),
    [
        (PAGE, "image", "text/html", UnsupportedMedia),  # browsers would be served a page
        (CONTENT, "image", "text/html", MediaTypeMismatch),
        (CONTENT, "image", "image/png", MediaTypeMismatch),
        (CONTENT, "video", "image/jpeg", MediaTypeMismatch),  # judged by the wrong rules
        (CONTENT, "image", "image/jpeg", None),
    ],
)
def test_a_peer_is_not_believed_what_media_is(
    station: Station,
    tmp_path: Path,
    content: bytes,
    media_type: str,
    mime: str,
    refused: type[Exception] | None,
) -> None:
    path = tmp_path / "media"
    path.write_bytes(content)
    facts = UploadFacts(
        os.urandom(32),
        hashlib.sha256(content).digest(),
        len(content),
        1,
        media_type,
        mime,
        None,
        None,
    )
    if refused is None:
        station.exchange.take_in(facts, path)
    else:
        with pytest.raises(refused):
            station.exchange.take_in(facts, path)
    assert len(station.queued()) == (1 if refused is None else 0)
    assert station.exchange.knows(facts) == (refused is None)


def test_an_erased_upload_is_not_introduced(station: Station, tmp_path: Path) -> None:
    analysis_id = take_in(station, tmp_path / "upload")
    assert station.exchange.facts_of(analysis_id) is not None
    with station.db.transaction() as conn:
        work_id = analyses.get(conn, analysis_id).work_id
        assert work_id is not None
        works.erase(conn, work_id)
    assert station.exchange.facts_of(analysis_id) is None


def test_a_name_that_others_would_refuse_is_introduced_without_what_they_refuse(
    station: Station, tmp_path: Path
) -> None:
    analysis_id = take_in(station, tmp_path / "upload")
    with station.db.transaction() as conn:
        conn.execute("update works set file_name = %s", ("a\tb\x1b.jpg",))
    facts = station.exchange.facts_of(analysis_id)
    assert facts is not None and UploadFacts.from_dict(facts.to_dict()).file_name == "ab.jpg"
    assert shareable_name("\x00\n") is shareable_name(None) is None
    assert shareable_name("Foto – 写真 👩‍🎨.jpg") == "Foto – 写真 👩‍🎨.jpg"


FACTS = UploadFacts(bytes(32), bytes(32), 5, 1, "image", "image/jpeg", "alice", None).to_dict()


@pytest.mark.parametrize(
    "change",
    [
        {"post_id": "0x00"},
        {"sha256": None},
        {"size_bytes": -1},
        {"size_bytes": True},
        {"config_version": "1"},
        {"media_type": None},
        {"creator": 5},
        {"file_name": "x" * 256},
        {"mime": ""},
        {"file_name": "a\x00b"},
        {"file_name": "a\nb"},
        {"creator": "a\x7f"},
        {"mime": "image/png\r\n"},
        {"file_name": "\ud800"},
    ],
)
def test_what_is_no_introduction_is_refused(change: dict[str, Any]) -> None:
    assert UploadFacts.from_dict(FACTS).to_dict() == FACTS
    with pytest.raises(InvalidReport):
        UploadFacts.from_dict(FACTS | change)
