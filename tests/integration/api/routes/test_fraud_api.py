"""The fraud API over HTTP: who sees and does what, pages included."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from support.blobs import content_files
from support.cases import NOW, POST, Case, signal
from support.economy import Economy
from support.platform import Platform

from oracle.api import pages, problems
from oracle.api.conventions import Conventions
from oracle.api.routes import appeals, fraud
from oracle.settings import Settings
from storage import api_keys
from storage.blobs.local import LocalBlobs
from storage.database import Database
from storage.errors import NameTaken

REASON = {"reason_code": "looked_at_it", "reason": "I compared the devices with the school's list."}


@pytest.fixture
def client(db: Database, database_dsn: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(data_dir=tmp_path, database_url=database_dsn, fetch={"allow_private": True})
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Conventions)
    for router in (fraud.router, appeals.router, *pages.ROUTERS):
        app.include_router(router)
    app.state.services = SimpleNamespace(
        settings=settings, db=db, blobs=LocalBlobs(tmp_path / "blobs")
    )
    with TestClient(app, raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def key(db: Database, case: Case):
    """Headers of a key with these scopes, for one creator or for the platform."""

    def issue(
        *scopes: str, creator_id: int | None = None, name: str | None = None
    ) -> dict[str, str]:
        with db.transaction() as conn:
            secret = api_keys.issue(conn, name or f"key {uuid4()}", scopes, creator_id=creator_id)
        return {"Authorization": f"Bearer {secret}"}

    return issue


def test_reviewers_see_all_alerts_and_creators_their_own(
    client: TestClient, case: Case, key
) -> None:
    alert_id = case.raise_alert()
    other = Platform(case.db).creator("mallory")
    mine, theirs = key("read", creator_id=case.creator_id), key("read", creator_id=other)
    officer = key("fraud", "read")
    assert client.get("/api/fraud_alerts").status_code == 401
    assert [a["id"] for a in client.get("/api/fraud_alerts", headers=officer).json()["alerts"]] == [
        str(alert_id)
    ]
    assert [a["id"] for a in client.get("/api/fraud_alerts", headers=mine).json()["alerts"]] == [
        str(alert_id)
    ]
    assert client.get("/api/fraud_alerts", headers=theirs).json()["alerts"] == []
    refused = client.get(f"/api/fraud_alerts/{alert_id}", headers=theirs)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_case")
    shown = client.get(f"/api/fraud_alerts/{alert_id}", headers=mine).json()
    assert shown["post"]["title"] == "alice's film"
    assert shown["profile"] | {"since": ""} == {
        "handle": "alice",
        "since": "",
        "posts": 1,
        "followers": 0,
        "alerts": 1,
        "alerts_reversed": 0,
    }
    assert [s["step"] for s in shown["history"]] == ["open", "freeze", "notify"]


def test_the_page_of_an_alert_shows_what_is_usual_where_that_is_known(
    client: TestClient, case: Case, key
) -> None:
    """Not so for reactions in step, gifts to oneself, and a platform's first days."""
    unknown = signal("lockstep")
    for name in ("usual_low", "usual_high"):
        del unknown["facts"][name]
    young = signal("referrers", usual_low=0.0, usual_high=0.0)
    alert_id = case.raise_alert(signals=[signal(), unknown, young])
    page = client.get(f"/fraud_alerts/{alert_id}", headers=key("fraud", "read"))
    assert page.status_code == 200
    assert page.text.count("Red: 87.5 % here.") == 3
    assert page.text.count("Green: what is usual, 0.2 to 3.1 %.") == 1


def test_only_reviewers_decide(client: TestClient, case: Case, key) -> None:
    alert_id = case.raise_alert()
    body = {"decision": "reversed", **REASON}
    for scopes in (("read",), ("read", "govern", "upload")):
        answer = client.post(
            f"/api/fraud_alerts/{alert_id}/resolve", json=body, headers=key(*scopes)
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert client.post("/api/detect_fraud", headers=key("read")).status_code == 403
    own = key("fraud", creator_id=case.creator_id)  # a reviewer who is the creator
    assert (
        client.post(f"/api/fraud_alerts/{alert_id}/resolve", json=body, headers=own).status_code
        == 403
    )
    done = client.post(
        f"/api/fraud_alerts/{alert_id}/resolve", json=body, headers=key("fraud", name="maria")
    )
    assert (done.json()["status"], done.json()["decided_by"]) == ("reversed", "key:maria")
    again = client.post(f"/api/fraud_alerts/{alert_id}/resolve", json=body, headers=key("fraud"))
    assert again.json()["code"] == "step_not_possible"
    opened = client.post(
        f"/api/fraud_alerts/{alert_id}/reopen", json=REASON, headers=key("fraud", name="olga")
    )
    assert (opened.json()["status"], opened.json()["round"]) == ("open", 2)
    frozen = client.post(
        f"/api/fraud_alerts/{alert_id}/freeze", json=REASON, headers=key("fraud", name="otto")
    )
    assert frozen.json()["status"] == "notified"


def test_the_form_offers_no_longer_hold_than_its_step_allows(
    client: TestClient, case: Case, key
) -> None:
    alert_id = case.raise_alert()
    page = f"/fraud_alerts/{alert_id}"
    reviewer = key("fraud", "read", name="maria")
    assert 'name="days" type="number" min="1" max="180"' in client.get(page, headers=reviewer).text
    client.post(
        f"/api{page}/resolve", json={"decision": "reversed", **REASON}, headers=key("fraud")
    )
    client.post(f"/api{page}/reopen", json=REASON, headers=key("fraud"))
    assert 'name="days" type="number" min="1" max="30"' in client.get(page, headers=reviewer).text
    form = {"step": "freeze", "reason": REASON["reason"]}
    late = client.post(f"{page}/decide", data={**form, "days": "31"}, headers=reviewer)
    assert late.json()["code"] == "invalid_end_date"
    done = client.post(
        f"{page}/decide", data={**form, "days": "30"}, headers=reviewer, follow_redirects=False
    )
    assert done.status_code == 303


def test_pages_of_a_list_hold_every_alert_once(client: TestClient, case: Case, key) -> None:
    platform = Platform(case.db)
    for number in range(5):
        creator = platform.creator(f"c{number}")
        Case(case.db, creator, platform.post(creator)).raise_alert()
    officer, seen, cursor = key("fraud", "read"), [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/fraud_alerts", params=query, headers=officer).json()
        seen += [a["id"] for a in page["alerts"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert (
        client.get("/api/fraud_alerts", params={"cursor": "x"}, headers=officer).json()["code"]
        == "invalid_cursor"
    )


def test_a_creator_appeals_on_the_page_and_a_reviewer_grants_it(
    client: TestClient, case: Case, key
) -> None:
    alert_id = case.raise_alert()
    mine = key("read", creator_id=case.creator_id)
    page = client.get(f"/fraud_alerts/{alert_id}", headers=mine)
    assert page.status_code == 200
    for said in (
        "waits",
        "It is not taken away",
        "Appeal, free of charge",
        "700 of 800 views",
        "0.2 to 3.1",
        'href="/messages/',
    ):
        assert said in page.text
    form = {"ground": "real_people", "statement": "They are <b>my</b> pupils."}
    file = {"file": ("list.txt", b"names")}
    by_cookie = {
        "Cookie": f"oracle_session={mine['Authorization'].split()[1]}",
        "Origin": "https://evil.example",
    }
    foreign = client.post(f"/fraud_alerts/{alert_id}/appeal", data=form, headers=by_cookie)
    assert foreign.json()["code"] == "not_allowed"
    filed = client.post(f"/fraud_alerts/{alert_id}/appeal", data=form, files=file, headers=mine)
    assert filed.status_code == 200, filed.text
    assert "They are &lt;b&gt;my&lt;/b&gt; pupils." in filed.text
    appeal_id = filed.url.path.rsplit("/", 1)[1]
    view = client.get(f"/v1/appeals/{appeal_id}", headers=mine).json()
    assert (view["status"], view["attachments"][0]["file_name"]) == ("open", "list.txt")
    link = f"/v1/appeals/{appeal_id}/attachments/{view['attachments'][0]['number']}"
    got = client.get(link, headers=mine)
    assert (got.content, got.headers["content-disposition"]) == (b"names", "attachment")
    body = {"decision": "reversed", **REASON}
    assert (
        client.post(
            f"/api/fraud_alerts/{alert_id}/resolve", json=body, headers=key("fraud")
        ).status_code
        == 200
    )
    assert client.get(f"/v1/appeals/{appeal_id}", headers=mine).json()["outcome"] == "granted"
    messages = client.get("/v1/messages", headers=mine).json()["messages"]
    assert {m["kind"] for m in messages} == {
        "payout_hold",
        "appeal_received",
        "hold_ended",
        "appeal_result",
    }
    notice = client.get(messages[0]["link"], headers=mine)
    assert messages[0]["subject"].split(":")[0] in notice.text.replace("&#39;", "'").replace(
        "&#34;", '"'
    )


def test_an_outsider_reads_neither_appeal_nor_letters(client: TestClient, case: Case, key) -> None:
    alert_id = case.raise_alert()
    mine, other = (
        key("read", creator_id=case.creator_id),
        key("read", creator_id=Platform(case.db).creator("eve")),
    )
    filed = client.post(
        f"/api/fraud_alerts/{alert_id}/appeal",
        json={"ground": "real_people", "statement": "x"},
        headers=mine,
    )
    assert filed.status_code == 201
    message = client.get("/v1/messages", headers=mine).json()["messages"][0]["link"]
    for path in (
        filed.json()["link"],
        message,
        f"/fraud_alerts/{alert_id}",
        f"/appeals/{filed.json()['appeal_id']}",
    ):
        assert client.get(path, headers=other).status_code == 403
        assert client.get(path).status_code == 401
    body = {"ground": "real_people", "statement": "x", "creator": "alice"}
    assert (
        client.post(f"/api/fraud_alerts/{alert_id}/appeal", json=body, headers=other).status_code
        == 403
    )


def test_a_pass_over_http_finds_the_day_and_shows_one_post_if_asked(
    client, economy: Economy, day, key
) -> None:
    end = economy.events.end_s
    officer = key("fraud")
    asked = {"end": datetime.fromtimestamp(end, UTC).isoformat()}
    first = client.post("/api/detect_fraud", json=asked, headers=officer)
    assert first.status_code == 200, first.text
    report = first.json()
    assert report["events"] == len(economy.events)
    assert len(report["alerts"]) == len(report["findings"]) > 5
    frozen = next(f for f in report["findings"] if f["post_id"])
    only = client.post(
        "/api/detect_fraud", json=asked | {"post_id": frozen["post_id"]}, headers=officer
    ).json()
    assert [f["post_id"] for f in only["findings"]] == [frozen["post_id"]]


@pytest.mark.parametrize(
    "end", ["2026-11-20T12:30:00Z", "2026-11-20T12:00:00.5Z", "2199-01-01T00:00:00Z"]
)
def test_a_pass_looks_at_full_hours_that_have_begun(client: TestClient, key, end: str) -> None:
    refused = client.post("/api/detect_fraud", json={"end": end}, headers=key("fraud"))
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


def test_who_asks_for_a_pass_does_not_decide_what_it_holds(
    client, economy: Economy, day, key
) -> None:
    olga = key("fraud", "read", name="olga")
    asked = {"end": datetime.fromtimestamp(economy.events.end_s, UTC).isoformat()}
    raised = client.post("/api/detect_fraud", json=asked, headers=olga).json()["alerts"]
    body = {"decision": "reversed", **REASON}
    refused = client.post(f"/api/fraud_alerts/{raised[0]}/resolve", json=body, headers=olga)
    assert refused.json()["code"] == "accuser_cannot_decide"
    assert (
        client.post(
            f"/api/fraud_alerts/{raised[0]}/resolve", json=body, headers=key("fraud")
        ).status_code
        == 200
    )


def test_nobody_of_the_platform_uses_up_a_creators_appeal(
    client: TestClient, case: Case, key
) -> None:
    alert_id = case.raise_alert()
    body = {"ground": "other", "statement": "x", "creator": "alice"}
    form = {"ground": "other", "statement": "x"}
    for staff in (key("fraud", "read"), key("admin")):
        refused = client.post(f"/api/fraud_alerts/{alert_id}/appeal", json=body, headers=staff)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
        assert (
            client.post(f"/fraud_alerts/{alert_id}/appeal", data=form, headers=staff).status_code
            == 403
        )
        assert (
            "Appeal, free of charge"
            not in client.get(f"/fraud_alerts/{alert_id}", headers=staff).text
        )
        verdict = client.post(
            "/v1/appeals", json=body | {"analysis_id": str(uuid4())}, headers=staff
        )
        assert verdict.status_code == 403
        assert (
            client.post(
                f"/v1/appeals/{uuid4()}/answer", json={"view": "x"}, headers=staff
            ).status_code
            == 403
        )
    mine = key("read", creator_id=case.creator_id)
    assert (
        client.post(f"/api/fraud_alerts/{alert_id}/appeal", json=body, headers=mine).status_code
        == 201
    )


def test_thresholds_are_versions_and_wrong_ones_are_refused(client: TestClient, key) -> None:
    governor, officer = key("govern", name="gov"), key("fraud")
    first = client.get("/api/fraud_thresholds", headers=officer).json()
    assert (first["version"], first["limits"]["addresses"]["min_views"]) == (1, 300)
    changed = {"limits": {"addresses": {"min_views": 500}}, "note": "Fewer alerts in the holidays."}
    assert client.put("/api/fraud_thresholds", json=changed, headers=officer).status_code == 403
    second = client.put("/api/fraud_thresholds", json=changed, headers=governor).json()
    assert (
        second["version"],
        second["limits"]["addresses"]["min_views"],
        second["created_by"],
    ) == (2, 500, "gov")
    for limits in (
        {"addresses": {"min_zz": 1}},
        {"unheard_of": {}},
        {"user_agents": {"min_share": 1.5}},
        {"combine": {"freeze_score": 0.09}},
        {"combine": {"freeze_days": 31}},
        {"bulk_accounts": {"lookback_days": 61}},
    ):
        refused = client.put(
            "/api/fraud_thresholds", json=changed | {"limits": limits}, headers=governor
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_thresholds")
    past = client.put(
        "/api/fraud_thresholds",
        json=changed | {"effective_from": "2026-01-01T00:00Z"},
        headers=governor,
    )
    assert (past.status_code, past.json()["code"]) == (422, "invalid_request")
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    third = client.put(
        "/api/fraud_thresholds", json=changed | {"effective_from": later}, headers=governor
    ).json()
    assert third["version"] == 3
    # the third is to come
    assert client.get("/api/fraud_thresholds", headers=officer).json()["version"] == 2


def test_a_creators_name_and_a_keys_name_are_not_the_same_actor(
    client: TestClient, case: Case, key
) -> None:
    alert_id = case.raise_alert()
    mine, namesake = key("read", creator_id=case.creator_id), key("fraud", "read", name="alice")
    body = {"ground": "other", "statement": "x"}
    assert (
        client.post(f"/api/fraud_alerts/{alert_id}/appeal", json=body, headers=mine).status_code
        == 201
    )
    done = client.post(
        f"/api/fraud_alerts/{alert_id}/resolve",
        json={"decision": "reversed", **REASON},
        headers=namesake,
    ).json()
    assert [s["actor"] for s in done["history"][3:5]] == ["creator:alice", "key:alice"]
    assert done["decided_by"] == "key:alice"
    for name in ("rules", "Operator", " anonymous"):
        with pytest.raises(NameTaken):
            key("fraud", name=name)


def test_a_file_of_an_appeal_is_small_and_a_refused_one_leaves_nothing(
    client: TestClient, case: Case, key, tmp_path: Path
) -> None:
    alert_id, mine = case.raise_alert(), key("read", creator_id=case.creator_id)
    filed = client.post(
        f"/api/fraud_alerts/{alert_id}/appeal",
        json={"ground": "other", "statement": "x"},
        headers=mine,
    )
    link = f"{filed.json()['link']}/attachments"

    def kept() -> int:
        return len(content_files(tmp_path / "blobs"))

    large = client.post(link, files={"file": ("a", bytes(20 * 2**20 + 1))}, headers=mine)
    assert (large.json()["code"], kept()) == ("upload_too_large", 0)
    for number in range(10):
        assert (
            client.post(link, files={"file": ("a", b"%d" % number)}, headers=mine).status_code
            == 201
        )
    full = client.post(link, files={"file": ("a", b"eleven")}, headers=mine)
    assert (full.json()["code"], kept()) == ("too_many_attachments", 10)
    # it is there already
    assert client.post(link, files={"file": ("a", b"0")}, headers=mine).status_code == 201


def test_the_log_over_http(client: TestClient, case: Case, key) -> None:
    case.raise_alert(now=NOW)
    assert client.get("/api/fraud_audit/check", headers=key("fraud")).json()["intact"] is True
    head = client.get("/api/fraud_audit/check", headers=key("fraud")).json()
    kept = {"seq": head["head_seq"], "hash": head["head"]}
    assert (
        client.get("/api/fraud_audit/check", params=kept, headers=key("fraud")).json()["intact"]
        is True
    )
    lost = client.get(
        "/api/fraud_audit/check", params=kept | {"seq": 99}, headers=key("fraud")
    ).json()
    assert (lost["intact"], lost["broken_at"]) == (False, head["head_seq"] + 1)
    assert POST.hex() in client.get("/api/fraud_alerts", headers=key("fraud", "read")).text


def test_reviewers_work_through_the_queue_on_pages(client: TestClient, case: Case, key) -> None:
    alert_id = case.raise_alert(action="watch")
    olga, maria = key("fraud", "read", name="olga"), key("fraud", "read", name="maria")
    mine = key("read", creator_id=case.creator_id)
    assert client.get("/fraud_alerts", headers=mine).status_code == 403
    queue = client.get("/fraud_alerts", headers=olga).text
    assert str(alert_id) in queue
    assert "views by programs" in queue
    form = {"step": "freeze", "reason": "I looked at the addresses.", "days": "5"}
    assert (
        client.post(f"/fraud_alerts/{alert_id}/decide", data=form, headers=mine).status_code == 403
    )
    held = client.post(f"/fraud_alerts/{alert_id}/decide", data=form, headers=olga)
    assert "olga held this money and cannot decide it" in held.text
    form = {"step": "reverse", "reason": "These are pupils of a school."}
    assert (
        client.post(f"/fraud_alerts/{alert_id}/decide", data=form, headers=olga).status_code == 403
    )
    freed = client.post(f"/fraud_alerts/{alert_id}/decide", data=form, headers=maria)
    assert "Nothing of" in freed.text
    assert "1 (100 %)" in client.get("/fraud_alerts", headers=maria).text
    inbox = client.get("/messages", headers=mine).text
    assert inbox.count("(new)") == 2
    assert "Decide" not in client.get(f"/fraud_alerts/{alert_id}", headers=mine).text
