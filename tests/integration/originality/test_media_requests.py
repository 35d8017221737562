"""Contracts ask about sounds and videos by URI: fetched, judged across media, and answered by a
report.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from support import clips, sounds
from support.files import FileServer

from oracle import wiring
from oracle.chain.core.ids import escrow_account
from oracle.settings import Settings
from storage.blobs import open_blobs
from storage.chain.requests import RequestSeen
from storage.database import Database
from storage.works import analyses
from storage.works.analyses import Analysis


def test_a_song_a_film_with_it_and_a_still_of_that(
    settings: Settings,
    db: Database,
    drain: Callable[[], None],
    file_server: FileServer,
    tmp_path: Path,
) -> None:
    song = sounds.tune(7, 12.0)
    film = clips.montage(("coffee.png", "astronaut.png"), 6, seed=5)
    with_sound = clips.encode(
        tmp_path / "film.mp4", film, sound=(song, sounds.RATE_HZ)
    ).read_bytes()
    own_sound = clips.encode(
        tmp_path / "own.mp4", film, sound=(sounds.tune(8, 12.0), sounds.RATE_HZ)
    ).read_bytes()

    def ask(creator: str, media_type: str, name: str, content: bytes) -> Analysis:
        now = datetime.now(UTC)
        request = RequestSeen(
            request_id=uuid4().bytes * 2,
            seq=1,
            requester=bytes(20),
            post_id=uuid4().bytes * 2,
            creator=escrow_account(creator),
            content_hash=bytes(32),
            media_type=media_type,
            uri=file_server.put(f"/{name}", content),
            config_version=1,
            deadline=now + timedelta(days=1),
            tx_hash=bytes(32),
            log_index=0,
            block_number=1,
            block_hash=bytes(32),
            block_time=now,
        )
        intake = wiring.make_intake(db, open_blobs(settings.blobs), {})
        with db.transaction() as conn:
            intake.accept_request(conn, request)
        drain()
        with db.transaction() as conn:
            found = analyses.find_by_request(conn, request.request_id)
            assert found is not None
            return analyses.get(conn, found)

    wav = sounds.encoded(song)
    assert ask("alice", "audio", "song.wav", wav).verdict == "original"
    judged = ask("bob", "video", "film.mp4", with_sound)
    assert (judged.verdict, judged.reason) == ("derivative", "sound_of_earlier")
    assert (
        judged.redirect_bps is not None
        and 0 < judged.redirect_bps <= settings.matching.sound_ceiling_bps
    )
    # Bob's pictures are his own: whoever takes them copies Bob, and the song is not in that film.
    copied = ask("carol", "video", "own.mp4", own_sound)
    assert (copied.verdict, copied.reason) == ("derivative", "copy_of_earlier")
    still = ask("dave", "image", "still.png", clips.as_png(film[30]))
    assert (still.verdict, still.reason) == ("derivative", "copy_of_earlier")
    wrong = ask("erin", "audio", "film-as-sound.mp4", with_sound)
    assert (wrong.status, wrong.error_code) == ("failed", "media_type_mismatch")
