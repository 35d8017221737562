"""Erasing a work: nothing finds it any more, its bytes are gone, and what was decided stands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient
from support.blobs import content_files
from support.photos import edited, photo

from oracle.settings import Settings
from storage import api_keys
from storage.database import Database
from storage.works import creators

Post = Callable[..., dict[str, Any]]
OPERATOR = {"Authorization": "Bearer operator"}


def stored(settings: Settings) -> int:
    return len(content_files(Path(settings.data_dir) / "blobs"))


def test_an_erased_work_is_found_no_more(
    post: Post, client: TestClient, settings: Settings, db: Database
) -> None:
    first = post(photo("temple"), "alice")
    copy = post(edited(photo("temple"), "resized"), "bob")
    assert copy["verdict"] == "derivative"
    before = stored(settings)
    answer = client.delete(f"/v1/works/{first['work']['id']}", headers=OPERATOR)
    assert answer.status_code == 200 and answer.json()["media_deleted"]
    assert stored(settings) == before - 1
    shown = client.get(f"/v1/works/{first['work']['id']}").json()
    assert shown["erased_at"] == answer.json()["erased_at"] and shown["file_name"] is None
    assert client.get(f"/works/{first['work']['id']}/preview.jpg").status_code == 404
    # Found again is the copy that is left; what was decided about it stands.
    later = post(edited(photo("temple"), "reencoded"), "carol")
    assert [n["work_id"] for n in later["neighbours"] if n["verified"]] == [copy["work"]["id"]]
    assert client.get(copy["links"]["self"]).json()["verdict"] == "derivative"
    assert client.get(copy["links"]["page"]).status_code == 200
    again = client.delete(f"/v1/works/{first['work']['id']}", headers=OPERATOR)
    assert again.json()["erased_at"] == answer.json()["erased_at"]


def test_bytes_that_another_work_has_stay(
    post: Post, client: TestClient, settings: Settings
) -> None:
    first, second = post(photo("cat"), "alice"), post(photo("cat"), "bob")
    answer = client.delete(f"/v1/works/{first['work']['id']}", headers=OPERATOR)
    assert not answer.json()["media_deleted"]
    assert client.get(f"/works/{second['work']['id']}/preview.jpg").status_code == 200
    assert client.delete(f"/v1/works/{second['work']['id']}", headers=OPERATOR).json()[
        "media_deleted"
    ]
    assert stored(settings) == 0


def test_only_its_creator_or_governance_erases(
    post: Post, client: TestClient, db: Database
) -> None:
    mine = post(photo("cat"), "alice")["work"]["id"]
    with db.transaction() as conn:
        owners = {
            name: creators.ensure_creator(conn, name, name.encode().ljust(20, b"."), False).id
            for name in ("bob",)
        }
        alice = creators.find_creator(conn, "alice")
        secrets = {
            "alice": api_keys.issue(conn, "a", ["upload"], creator_id=alice),
            "bob": api_keys.issue(conn, "b", ["upload"], creator_id=owners["bob"]),
            "platform": api_keys.issue(conn, "p", ["upload", "read"]),
        }
    for name in ("bob", "platform"):
        refused = client.delete(
            f"/v1/works/{mine}", headers={"Authorization": f"Bearer {secrets[name]}"}
        )
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert client.delete(f"/v1/works/{mine}").status_code == 403
    done = client.delete(
        f"/v1/works/{mine}", headers={"Authorization": f"Bearer {secrets['alice']}"}
    )
    assert done.status_code == 200
