"""How many files pass an upload on from the route to the storage, by a profile of a real one."""

from starlette.testclient import TestClient
from support.photos import edited, photo
from support.spine import profiled

from oracle import app as app_module
from oracle import wiring
from oracle.jobs import run_worker
from oracle.settings import Settings
from storage.database import Database


def test_thirteen_files_pass_an_upload_on(settings: Settings, db: Database) -> None:
    originality = wiring.make_originality(settings, db, wiring.make_handlers(settings))
    with profiled() as profile, TestClient(app_module.create_app(settings)) as client:
        profile.clear()  # the start of the server is no part of an upload
        for creator, content in (
            ("alice", photo("temple")),
            ("bob", edited(photo("temple"), "cropped")),
        ):
            answer = client.post(
                "/upload", files={"file": ("photo.jpg", content)}, data={"creator": creator}
            )
            run_worker(db.dsn, originality.analyse, settings.worker, wait=False)
        spine, touched = profile.spine, sorted(profile.touched)
    with db.transaction() as conn:
        verdicts = conn.execute("select verdict from analyses order by created_at").fetchall()
    assert answer.status_code == 202 and verdicts == [("original",), ("derivative",)]
    print(
        f"{len(spine)} of {len(touched)} files pass an upload on:",
        *spine,
        "All:",
        *touched,
        sep="\n  ",
    )
    assert spine == [
        "oracle/api/access.py",  # who asks
        "oracle/api/boundary.py",  # what may come in
        "oracle/api/routes/analyses.py",  # the answer
        "oracle/api/routes/uploads.py",
        "oracle/jobs.py",
        "oracle/measured_blobs.py",  # the media store, whose time is counted
        "oracle/media/image.py",
        "oracle/originality/admission.py",  # whether there is room
        "oracle/originality/analysis.py",
        "oracle/originality/intake.py",
        "oracle/originality/judge.py",
        "oracle/originality/naming.py",  # whose it is
        "oracle/originality/rejudge.py",  # whom its verdict changes
    ]
