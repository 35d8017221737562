"""A certificate and its badge, for everybody: what is in force, and nobody's name."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle.jobs import Jobs
from oracle.originality import rejudge
from storage.database import Database
from storage.works import analyses
from storage.works.analyses import Newest

Post = Callable[..., dict[str, Any]]
ORIGINAL = "Original, verified on chain"


def test_a_certificate_follows_the_verdict_in_force(
    post: Post, client: TestClient, db: Database
) -> None:
    made = post(photo("cat"), "maya")
    path = f"/certificates/{made['work']['post_id']}"
    assert "the contract has not been told yet" in client.get(path).text
    assert ORIGINAL not in client.get(f"{path}/badge.svg").text
    with db.transaction() as conn:
        conn.execute("update outbox set status = 'final', block_number = 7")
    page = client.get(path)
    assert "counts as original, and the contract says so" in page.text
    assert "maya" not in page.text
    assert page.headers["cache-control"] == "no-cache"
    badge = client.get(f"{path}/badge.svg")
    assert badge.headers["content-type"] == "image/svg+xml"
    assert ORIGINAL in badge.text
    assert f'href="{path}"' in client.get(made["links"]["page"]).text


def test_a_re_analysis_that_goes_nowhere_leaves_the_certificate(
    post: Post, client: TestClient, db: Database, drain: Callable[[], None]
) -> None:
    made = post(photo("cat"), "maya")
    first = UUID(made["analysis_id"])
    with db.transaction() as conn:
        conn.execute("update outbox set status = 'final', block_number = 7")
        rejudge.queue(conn, Jobs(db.dsn), [Newest(first, "decided")])
    drain()
    with db.transaction() as conn:
        assert analyses.find_newest(conn, analyses.get(conn, first).post_id) != first
    page = client.get(f"/certificates/{made['work']['post_id']}")
    assert "counts as original, and the contract says so" in page.text


def test_a_copy_has_none_and_an_unknown_post_is_not_found(post: Post, client: TestClient) -> None:
    post(photo("cat"), "maya")
    copy = post(edited(photo("cat"), "cropped"), "tom")
    path = f"/certificates/{copy['work']['post_id']}"
    assert "No certificate in force" in client.get(path).text
    assert "No certificate in force" in client.get(f"{path}/badge.svg").text
    assert client.get(f"/certificates/0x{'ab' * 32}").status_code == 404
