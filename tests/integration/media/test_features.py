"""Features of references: kept with the work, and made up for where a work lacks them."""

from pathlib import Path

import numpy as np
import pytest
from support.photos import edited, photo

from oracle import wiring
from oracle.media.handler import Query
from oracle.media.image import ImageHandler
from oracle.originality.folder_match import FolderMatcher
from oracle.settings import Settings
from storage.database import Database


@pytest.fixture
def matcher(settings: Settings, db: Database, tmp_path: Path) -> FolderMatcher:
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / "cat.jpg").write_bytes(photo("cat"))
    matcher = wiring.make_folder_matcher(settings, db)
    assert not matcher.add_references(tmp_path / "references", lambda *_: None)
    return matcher


def kept(db: Database) -> list[bytes]:
    with db.transaction() as conn:
        return [bytes(row[0]) for row in conn.execute("select packed from image_features")]


@pytest.mark.parametrize(
    "lacking", ["update image_features set packed = ''", "delete from image_features"]
)
def test_what_a_work_lacks_is_kept_when_it_is_verified(
    matcher: FolderMatcher, settings: Settings, db: Database, tmp_path: Path, lacking: str
) -> None:
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(edited(photo("cat"), "cropped"))
    stored = kept(db)
    assert len(stored) == 1 and len(stored[0]) > 10_000
    before = matcher.check(copy).matches[0].match
    with db.transaction() as conn:
        conn.execute(lacking)
    # A handler of its own, which remembers nothing.
    handler = wiring.make_handlers(settings)["image"]
    assert isinstance(handler, ImageHandler)
    extraction = handler.extract(copy)
    with db.transaction() as conn:
        candidates = handler.search(conn, extraction, Query(np.random.bytes(32)))
    (_, match), *_ = handler.verify(db, extraction, candidates)
    assert match.verified and match.as_json() == before.as_json()
    assert kept(db) == stored
