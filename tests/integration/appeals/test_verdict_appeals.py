"""Appeals against verdicts on pages: filed by whose work it is, decided by a reviewer, seen by
nobody else.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from integration.appeals.test_appeals import Quarrel, contested, quarrel
from starlette.testclient import TestClient

from oracle import app as app_module
from oracle.appeals.attachments import MAX_BYTES
from oracle.settings import Settings
from storage import api_keys
from storage.blobs import BlobStoreUnavailable, LocalBlobs

__all__ = ["quarrel"]  # the fixture
FORM = {"ground": "mine_and_earlier", "statement": "I have the <b>raw</b> file."}
Key = Callable[..., dict[str, str]]


@pytest.fixture
def client(quarrel: Quarrel, database_dsn: str, tmp_path: Path) -> Iterator[TestClient]:
    with quarrel.db.transaction() as conn:  # decided now, whenever this runs
        conn.execute("update analyses set decided_at = %s", (datetime.now(UTC),))
    settings = Settings(data_dir=tmp_path, database_url=database_dsn)
    with TestClient(app_module.create_app(settings), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def key(quarrel: Quarrel) -> Key:
    """Headers of a key with these scopes, for one creator or for the platform."""

    def issue(name: str, *scopes: str, creator_id: int | None = None) -> dict[str, str]:
        with quarrel.db.transaction() as conn:
            key = api_keys.issue(conn, name, scopes, creator_id=creator_id)
            return {"Authorization": f"Bearer {key}"}

    return issue


def test_whose_work_it_is_appeals_on_the_page_and_a_reviewer_decides_there(
    client: TestClient, quarrel: Quarrel, key: Key
) -> None:
    page = f"/analyses/{quarrel.analysis}"
    mine, owner = (
        key("bob", "read", creator_id=quarrel.poster),
        key("anna", "read", creator_id=quarrel.owner),
    )
    officer = key("maria", "fraud", "read")
    offer = "Appeal, free of charge"
    assert offer in client.get(page, headers=mine).text
    for headers in (owner, officer, {}):
        assert offer not in client.get(page, headers=headers).text
    assert client.post(f"{page}/appeal", data=FORM).status_code == 401
    assert client.post(f"{page}/appeal", data=FORM, headers=owner).json()["code"] == "not_your_case"
    by_cookie = {
        "Cookie": f"oracle_session={mine['Authorization'].split()[1]}",
        "Origin": "https://evil.example",
    }
    assert (
        client.post(f"{page}/appeal", data=FORM, headers=by_cookie).json()["code"] == "not_allowed"
    )

    filed = client.post(
        f"{page}/appeal", data=FORM, files={"file": ("raw.txt", b"raw")}, headers=mine
    )
    assert filed.status_code == 200 and "I have the &lt;b&gt;raw&lt;/b&gt; file." in filed.text
    assert "raw.txt" in filed.text and page in filed.text
    appeal = filed.url.path
    again = client.get(page, headers=mine).text
    assert offer not in again and appeal in again
    assert (
        appeal in client.get(page, headers=owner).text
        and appeal in client.get(page, headers=officer).text
    )
    assert appeal not in client.get(page).text, "a stranger learns nothing of it"
    assert client.post(f"{page}/appeal", data=FORM, headers=mine).status_code == 409

    assert appeal in client.get("/queue", headers=officer).text
    verdict = {"outcome": "granted", "convinced": "The raw file is older than the other."}
    assert client.post(f"{appeal}/decide", data=verdict, headers=mine).status_code == 403
    too_early = client.post(f"{appeal}/decide", data=verdict, headers=officer)
    assert too_early.json()["code"] == "step_not_possible", "the other side can still answer"
    answered = client.post(f"{appeal}/answer", data={"view": "No, mine is."}, headers=owner)
    assert answered.status_code == 200
    assert 'name="outcome"' in client.get(appeal, headers=officer).text
    assert 'name="outcome"' not in client.get(appeal, headers=owner).text
    decided = client.post(f"{appeal}/decide", data=verdict, headers=officer)
    assert decided.status_code == 200 and "The appeal was granted" in decided.text
    assert contested(quarrel) == 0
    assert offer not in client.get(page, headers=mine).text
    assert appeal not in client.get("/queue", headers=officer).text


def test_a_refused_appeal_can_be_made_once_more_and_decided_by_another(
    client: TestClient, quarrel: Quarrel, key: Key
) -> None:
    page = f"/analyses/{quarrel.analysis}"
    mine, owner = (
        key("bob", "read", creator_id=quarrel.poster),
        key("anna", "read", creator_id=quarrel.owner),
    )
    first, second = key("maria", "fraud", "read"), key("olga", "fraud", "read")
    for reviewers in ((first,), (first, second)):
        appeal = client.post(f"{page}/appeal", data=FORM, headers=mine).url.path
        client.post(f"{appeal}/answer", data={"view": "No."}, headers=owner)
        verdict = {"outcome": "refused", "convinced": "The picture was taken by Anna."}
        answers = [
            client.post(f"{appeal}/decide", data=verdict, headers=reviewer)
            for reviewer in reviewers
        ]
        assert "was not granted" in answers[-1].text
    assert answers[0].json()["code"] == "accuser_cannot_decide"
    text = client.get(page, headers=mine).text
    assert "Appeal, free of charge" not in text and appeal in text


def test_what_is_no_copy_offers_no_appeal(client: TestClient, quarrel: Quarrel, key: Key) -> None:
    with quarrel.db.transaction() as conn:
        conn.execute("update analyses set verdict = 'licensed', redirect_bps = 0")
    mine = key("bob", "read", creator_id=quarrel.poster)
    page = f"/analyses/{quarrel.analysis}"
    assert "Appeal, free of charge" not in client.get(page, headers=mine).text
    assert (
        client.post(f"{page}/appeal", data=FORM, headers=mine).json()["code"] == "nothing_to_appeal"
    )


def test_the_page_of_reviewers_shows_the_appeals_that_end_first(
    client: TestClient, quarrel: Quarrel, key: Key
) -> None:
    """However many were filed after them."""
    mine, officer = key("bob", "read", creator_id=quarrel.poster), key("maria", "fraud", "read")
    filed = client.post(f"/analyses/{quarrel.analysis}/appeal", data=FORM, headers=mine)
    with quarrel.db.transaction() as conn:
        conn.execute(
            "update appeals set filed_at = now() - interval '6 days', decide_by = now() + interval"
            " '1 day'"
        )
        conn.execute(
            "with others as (insert into analyses (id, source, post_id, media_type,"
            " policy_version, threshold_bps, base_redirect_bps, work_id, creator_id) select"
            " gen_random_uuid(), 'index', post_id, media_type, 1, 9500, 10000, work_id, creator_id"
            " from analyses, generate_series(1, 205) where id = %s returning id, creator_id)"
            " insert into appeals (id, kind, analysis_id, creator_id, ground, statement, filed_at,"
            " first_decider, decide_by) select gen_random_uuid(), 'originality', id, creator_id,"
            " 'other', 'x', now(), 'machine', now() + interval '7 days' from others",
            (quarrel.analysis,),
        )
    page = client.get("/queue", headers=officer).text
    assert page.count('href="/appeals/') == 50
    assert page.index('href="/appeals/') == page.index(f'href="{filed.url.path}"')


def test_an_appeal_stands_without_its_file_and_takes_it_later(
    client: TestClient, quarrel: Quarrel, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, owner = (
        key("bob", "read", creator_id=quarrel.poster),
        key("anna", "read", creator_id=quarrel.owner),
    )
    page = f"/analyses/{quarrel.analysis}"
    large = {"file": ("raw.bin", b"x" * (MAX_BYTES + 1))}
    refused = client.post(f"{page}/appeal", data=FORM, files=large, headers=mine)
    assert (refused.status_code, "Nothing was filed" in refused.text) == (413, True)
    assert "Appeal, free of charge" in client.get(page, headers=mine).text, (
        "nothing was filed indeed"
    )

    def away(*_: object) -> None:
        raise BlobStoreUnavailable

    raw = {"file": ("raw.txt", b"raw")}
    with monkeypatch.context() as patch:
        patch.setattr(LocalBlobs, "put", away)
        filed = client.post(f"{page}/appeal", data=FORM, files=raw, headers=mine)
    assert filed.status_code == 200 and "file could not be kept" in filed.text
    form = f'action="{filed.url.path}/file"'
    assert form in filed.text
    assert form not in client.get(filed.url.path, headers=key("maria", "fraud", "read")).text
    assert client.post(f"{filed.url.path}/file", files=raw).status_code == 401
    added = client.post(f"{filed.url.path}/file", files=raw, headers=mine)
    assert added.status_code == 200 and "raw.txt" in added.text
    assert form in client.get(filed.url.path, headers=owner).text, "the other side may as well"
