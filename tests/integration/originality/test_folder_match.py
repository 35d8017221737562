"""Two folders against each other, and files against the registered works, by the production
path.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle import wiring
from oracle.jobs import Jobs
from oracle.originality import reanalysis
from oracle.originality.backfill import Backfill
from oracle.originality.folder_match import COLUMNS, files_below, write_rows
from oracle.settings import Settings
from storage.chain import kept_attestations, outbox
from storage.database import Database

Post = Callable[..., dict[str, Any]]


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_folders_are_matched_best_first_and_what_cannot_be_judged_is_named(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    references = put(
        tmp_path / "references",
        {"a/cat.jpg": photo("cat"), "coffee.jpg": photo("coffee"), "notes.txt": b"text " * 99},
    )
    queries = put(
        tmp_path / "queries",
        {
            "cat copy.jpg": edited(photo("cat"), "cropped"),
            "coffee copy.jpg": edited(photo("coffee"), "reencoded"),
            "rocket.jpg": photo("rocket"),
            "empty.jpg": b"",
            ".hidden.jpg": photo("cat"),
        },
    )
    told: list[tuple[str, int, int]] = []
    matcher = wiring.make_folder_matcher(settings, db)
    skipped = matcher.add_references(references, lambda *step: told.append(step))
    rows, unjudged = matcher.match(queries, lambda *step: told.append(step))
    assert [s.path.name for s in skipped] == ["notes.txt"]
    assert [s.path.name for s in unjudged] == ["empty.jpg"]
    proven = [(row.query, row.reference) for row in rows if row.score >= 0.95]
    assert proven == [("coffee copy.jpg", "coffee.jpg"), ("cat copy.jpg", "a/cat.jpg")]
    assert [row.score for row in rows] == sorted((row.score for row in rows), reverse=True)
    assert told[-1] == ("queries", 4, 4)

    write_rows(rows, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert [(line["query"], line["reference"]) for line in table[:2]] == proven
    assert float(table[0]["score"]) == pytest.approx(rows[0].score, abs=1e-6)


def test_a_check_shows_neighbours_and_keeps_nothing(
    post: Post, settings: Settings, db: Database, tmp_path: Path
) -> None:
    first = post(photo("temple"), "alice")
    before = counts(db)
    copy = put(tmp_path, {"copy.jpg": edited(photo("temple"), "captioned")}) / "copy.jpg"
    checked = wiring.make_folder_matcher(settings, db).check(copy)
    assert checked.extraction.insufficient_detail is None
    assert str(checked.matches[0].work.id) == first["work"]["id"]
    assert checked.matches[0].match.verified
    assert counts(db) == before


def counts(db: Database) -> list[int]:
    with db.transaction() as conn:
        tables = ("works", "analyses", "image_fingerprints", "outbox", "procrastinate_jobs")
        rows = [conn.execute(f"select count(*) from {table}").fetchone() for table in tables]
    return [int(row[0]) for row in rows if row]


def test_files_below_are_in_order(tmp_path: Path) -> None:
    put(tmp_path, {"b.jpg": b"1", "a/c.jpg": b"2", "a/.git/x": b"3"})
    assert [path.relative_to(tmp_path).as_posix() for path in files_below(tmp_path)] == [
        "a/c.jpg",
        "b.jpg",
    ]


def test_before_you_post_nothing_is_kept(client: TestClient, post: Post, db: Database) -> None:
    first = post(photo("temple"), "alice")
    before = counts(db)
    files = {"file": ("mine.jpg", edited(photo("temple"), "resized"))}
    checks = {
        creator: client.post("/v1/check", files=files, data={"creator": creator}).json()
        for creator in ("bob", "alice")
    }
    assert checks["bob"]["verdict"] == "derivative"
    assert checks["bob"]["neighbours"][0]["work_id"] == first["work"]["id"]
    assert checks["bob"]["redirect_bps"] > 0
    assert "pairs of different pictures" in checks["bob"]["certainty"]
    assert checks["alice"]["verdict"] == "self_duplicate"
    other = client.post("/v1/check", files={"file": ("cat.jpg", photo("cat"))}).json()
    assert (other["verdict"], other["reason"]) == ("original", "no_match")
    assert (
        client.post("/v1/check", files={"file": ("x.jpg", b"text")}).json()["code"]
        == "media_unsupported"
    )
    assert counts(db) == before


def test_a_folder_of_earlier_works_is_registered_once(
    settings: Settings, db: Database, drain: Callable[[], None], post: Post, tmp_path: Path
) -> None:
    folder = put(
        tmp_path / "old",
        {"a.jpg": photo("temple"), "b/c.jpg": photo("cat"), "notes.txt": b"not a picture"},
    )
    seen: list[tuple[str, int, int]] = []

    def progress(stage: str, done: int, total: int) -> None:
        seen.append((stage, done, total))

    intake = wiring.make_intake(
        db, wiring.open_blobs(settings.blobs), wiring.make_handlers(settings)
    )
    backfill = Backfill(db, intake)
    taken, refused = backfill.take_in(folder, "archive", progress)
    assert [one.path.name for one in refused] == ["notes.txt"]
    drain()
    assert backfill.wait(taken, progress) == {"original": 2}
    assert seen[-1] == ("judged", 2, 2)
    before = counts(db)
    assert backfill.take_in(folder, "archive", progress)[0] == taken
    assert counts(db) == before
    assert before[3] == 0, "historical content is not sent to the chain"
    assert post(edited(photo("cat"), "reencoded"), "bob")["verdict"] == "derivative"
    # The copy's attestation names the earlier work: now that one is needed there, too.
    with db.transaction() as conn:
        assert kept_attestations.count(conn) == 1
        named = conn.execute(
            "select count(*) from outbox copy join outbox original on copy.report ->>"
            " 'original_post_id' = original.report ->> 'post_id'"
        ).fetchone()
        assert named == (1,)
        assert kept_attestations.post(conn) == 1
        assert kept_attestations.post(conn) == 0
    assert counts(db)[3] == 3
    with db.transaction() as conn:  # the chain takes none of them any more
        conn.execute(
            "update outbox set status = 'refused', error_code = %s where analysis_id in (select id"
            " from analyses where source = 'index')",
            (outbox.POLICY_ENDED,),
        )
    jobs = Jobs(db.dsn)
    assert reanalysis.queue_out_of_policy(db, jobs) == 0, "the next policy is not known yet"
    with db.transaction() as conn:
        conn.execute(
            "insert into policies select 2, media_type, 9000, 5000 from policies where version = 1"
        )
    assert reanalysis.queue_out_of_policy(db, jobs) == 2
    assert reanalysis.queue_out_of_policy(db, jobs) == 0, "once"
    drain()
    with db.transaction() as conn:
        sent = conn.execute(
            "select o.status, o.report ->> 'config_version' from outbox o join analyses a on a.id"
            " = o.analysis_id where a.source = 'index'"
        ).fetchall()
        assert sent == [("pending", "2")] * 2
        assert kept_attestations.count(conn) == 0
