"""The dashboard says the same on pages, in JSON and as CSV, and nobody reads another's money."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import anyio
import pytest
from starlette.testclient import TestClient
from support.photos import photo
from support.platform import Platform, watching

from oracle.api.routes import creators
from oracle.payouts import payments
from storage.database import Database

NOW = datetime.now(UTC)


@pytest.fixture
def town(platform: Platform) -> dict[str, Any]:
    """Maya copied Tom once (60 %, still disputable), owns an original that is frozen, and waits
    for a third's grade.
    """
    maya, tom = platform.creator("maya"), platform.creator("tom")
    long_ago = NOW - timedelta(days=20)
    posts = {
        name: platform.post(maya, title=title, published=at)
        for name, title, at in (
            ("copy", "=cmd|' /C calc'!A0", long_ago),
            ("frozen", "<b>Bold</b> title", long_ago + timedelta(days=1)),
            ("young", None, NOW - timedelta(days=1)),
        )
    }
    for post in posts.values():
        platform.happen(*watching(post, 3, share=0.9, at=NOW - timedelta(days=1)))
        platform.earns(post, 10_000, at=NOW)
    platform.happen(*watching(posts["copy"], 5, at=long_ago))
    platform.terms(
        posts["copy"], "derivative", 6_000, tom, final_at=NOW + timedelta(days=2), now=NOW
    )
    platform.terms(posts["frozen"], final_at=NOW, now=NOW)
    with platform.db.transaction() as conn:
        payments.freeze(
            conn,
            UUID(int=4),
            now=NOW - timedelta(hours=1),
            until=NOW + timedelta(days=9),
            post_id=posts["frozen"],
        )
    platform.tick(NOW)
    return {"maya": maya, "tom": tom, **posts}


def test_who_was_copied_sees_what_waits_and_what_came(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    (copy,) = client.get("/api/creators/tom").json()["copies"]
    assert (copy["copier"], copy["redirect_bps"]) == ("maya", 6_000)
    assert (copy["paid"], copy["waiting"]) == (0, 6_000)
    platform.tick(NOW + timedelta(days=3))
    (copy,) = client.get("/api/creators/tom").json()["copies"]
    assert (copy["paid"], copy["waiting"]) == (6_000, 0)
    page = client.get("/creators/tom").text
    assert "Copies of your work" in page and "You earned <strong>$60.00</strong> since " in page
    assert client.get("/api/creators/maya").json()["copies"] == []


def test_posts_are_found_by_title_and_verdict(client: TestClient, town: dict[str, Any]) -> None:
    def titles(**wanted: str) -> list[str | None]:
        listed = client.get("/api/creators/maya/posts", params=wanted).json()["posts"]
        return [post["title"] for post in listed]

    assert titles(title="BOLD") == ["<b>Bold</b> title"]
    assert titles(verdict="derivative") == ["=cmd|' /C calc'!A0"]
    assert titles(title="bold", verdict="derivative") == titles(title="%") == []
    for order in ("earned", "views"):
        assert titles(order=order)[0] == "=cmd|' /C calc'!A0"
    table = client.get("/api/creators/maya/posts.csv", params={"verdict": "derivative"})
    (row,) = csv.DictReader(io.StringIO(table.text))
    assert (row["title"], row["yours"], row["held"]) == ("'=cmd|' /C calc'!A0", "40.00", "60.00")
    page = client.get("/creators/maya?title=bold&verdict=").text
    assert "&lt;b&gt;Bold" in page and "calc" not in page
    assert "No post fits." in client.get("/creators/maya?title=nothing").text


def test_every_order_has_its_pages(client: TestClient, town: dict[str, Any]) -> None:
    for order in ("newest", "earned", "views", "grade"):
        seen, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            params = {"order": order, "limit": 1} | more
            page = client.get("/api/creators/maya/posts", params=params).json()
            seen += [post["post_id"] for post in page["posts"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert sorted(seen) == sorted(
            "0x" + town[name].hex() for name in ("copy", "frozen", "young")
        )


def test_what_is_new_since_the_last_visit(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    mine = {"Authorization": f"Bearer {platform.key('tom', ['read'], creator_id=town['tom'])}"}

    def page() -> str:
        return client.get("/creators/tom", headers=mine).text

    assert "Since your last visit" not in page(), "the first one"
    with platform.db.transaction() as conn:
        conn.execute("update dashboard_visits set seen_at = seen_at - interval '1 hour'")
    assert "Nothing changed." in page()
    platform.tick(NOW + timedelta(days=3))
    assert "$60.00 came in" in page(), "looking again at once is the same visit"
    assert "Since your last visit" not in client.get("/creators/tom").text, "nobody else's"


def test_followers_are_as_last_said_and_absent_where_never(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    assert client.get("/api/creators/maya").json()["followers"] is None
    assert "followers" not in client.get("/creators/maya").text
    with platform.db.transaction() as conn:
        conn.execute("update posts set audience = 900 where post_id = %s", (town["copy"],))
        conn.execute("update posts set audience = 120 where post_id = %s", (town["frozen"],))
    view = client.get("/api/creators/maya").json()
    assert view["followers"] == 120, "the latest, not the largest"
    assert "120 followers on" in client.get("/creators/maya").text


def test_the_numbers_add_up_and_every_post_adds_up(
    client: TestClient, town: dict[str, Any]
) -> None:
    view = client.get("/api/creators/maya").json()
    totals = view["totals"]
    assert (totals["earned"], totals["available"], totals["contested"], totals["frozen"]) == (
        20_000,
        4_000,
        6_000,
        10_000,
    )
    assert totals["earned"] + totals["redirected_to_me"] == (
        totals["available"] + totals["held"] + totals["redirected_away"]
    )
    assert sum(week["held"] for week in view["weeks"]) == totals["held"]
    assert (view["expected"], view["posts"], len(view["freezes"])) == (10_000, 3, 1)
    posts = client.get("/api/creators/maya/posts").json()["posts"]
    assert [post["title"] for post in posts] == [None, "<b>Bold</b> title", "=cmd|' /C calc'!A0"]
    for post in posts:
        money = post["money"]
        assert money["base"] + money["bonus"] == (
            money["net"] + money["contested"] + money["frozen"] + money["redirected_away"]
        )
    assert sum(post["money"]["net"] for post in posts) == totals["available"]


def test_what_the_contract_has_not_paid_is_said(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    assert client.get("/api/creators/maya").json()["stuck_on_chain"] == 0
    with platform.db.transaction() as conn:
        conn.execute(
            "update ledger_payouts set error = 'JudgedOtherwise' where transaction_id ="
            " (select id from ledger_transactions where post_id = %s)",
            (town["copy"],),
        )
    assert client.get("/api/creators/maya").json()["stuck_on_chain"] == 10_000
    assert client.get("/api/creators/tom").json()["stuck_on_chain"] == 0
    assert (
        "$100.00 of what your posts earned is owed and not on chain yet"
        in client.get("/creators/maya").text
    )


def test_a_slow_reader_of_a_statement_keeps_no_connection(
    database_dsn: str, town: dict[str, Any]
) -> None:
    db = Database(database_dsn, max_size=1, timeout_s=2)
    db.open()
    caller = SimpleNamespace(may_see=lambda _: True)
    response = creators.get_statement(SimpleNamespace(db=db), caller, "maya")  # type: ignore[arg-type]

    async def first_chunk() -> bytes:
        chunk = await anext(aiter(response.body_iterator))
        with db.transaction() as conn:  # the only connection is free while the rest is downloaded
            conn.execute("select 1")
        return bytes(chunk)  # type: ignore[arg-type]

    try:
        assert anyio.run(first_chunk).startswith(b"transaction,")
    finally:
        db.close()


def test_a_post_shows_what_its_grade_and_money_were_made_of(
    client: TestClient, town: dict[str, Any]
) -> None:
    post = client.get(f"/api/creators/maya/posts/0x{town['copy'].hex()}").json()
    grading = post["grading"]
    assert (grading["grade"], grading["status"], grading["cohort"]) == ("C", "final", None)
    assert grading["score_bps"] == sum(p["contribution_bps"] for p in grading["contributions"])
    assert (grading["prior_bps"], grading["people"], grading["people_needed"]) == (10_000, 5, 50)
    assert post["raw"]["views"] == 5
    assert [(b["entry"], b["bucket"], b["amount"]) for b in post["booked"]] == [
        ("base", "available", 10_000),
        ("contest", "available", -6_000),
        ("contest", "contested", 6_000),
    ]
    assert (
        "60 % = $60.00 waits for the end of the time to dispute, then goes to tom, and $40.00 is"
        " yours."
    ) in (post["booked"][0]["explanation"])
    held = client.get(f"/api/creators/maya/posts/0x{town['frozen'].hex()}").json()
    assert [freeze["alert_id"] for freeze in held["freezes"]] == [str(UUID(int=4))]
    assert post["freezes"] == []
    young = client.get(f"/api/creators/maya/posts/0x{town['young'].hex()}").json()
    assert [(week["base"], week["bonus"], week["net"]) for week in young["expected"]] == [
        (10_000, 0, 10_000)
    ]
    assert young["grade_status"] == "provisional"


def test_the_statement_sums_to_the_balances_and_is_no_formula(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    answer = client.get("/api/creators/maya/statement.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["bucket"]] = sums.get(row["bucket"], Decimal(0)) + Decimal(row["amount"])
    totals = platform.totals(town["maya"])
    assert sums == {
        "available": Decimal(totals.available) / 100,
        "contested": Decimal(totals.contested) / 100,
        "frozen": Decimal(totals.frozen) / 100,
    }
    assert {row["title"][:2] for row in rows} == {"'=", "<b"}
    one = client.get(f"/api/creators/maya/statement.csv?post_id=0x{town['frozen'].hex()}").text
    assert len(one.splitlines()) == 4
    later = client.get(
        "/api/creators/maya/statement.csv", params={"since": (NOW + timedelta(days=1)).isoformat()}
    )
    assert len(later.text.splitlines()) == 1


def test_the_other_side_of_a_redirect_reads_in_its_own_words(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    platform.tick(NOW + timedelta(days=3))
    assert client.get("/api/creators/tom").json()["totals"]["redirected_to_me"] == 6_000
    ((line,),) = [csv.reader(client.get("/api/creators/tom/statement.csv").text.splitlines()[1:])]
    assert line[4:7] == ["redirect", "available", "60.00"]
    assert line[-2:] == [
        "maya",
        "60 % of what maya's post earned goes to you: it is a copy of your earlier work.",
    ]


def test_pages_show_the_same_numbers_and_escape_what_people_write(
    client: TestClient, town: dict[str, Any]
) -> None:
    page = client.get("/creators/maya").text
    for shown in (
        "$200.00",
        "$40.00",
        "$160.00",
        "&lt;b&gt;Bold&lt;/b&gt; title",
        "60 % to tom",
        "on hold",
    ):
        assert shown in page
    assert "<b>Bold" not in page
    post = client.get(f"/creators/maya/posts/0x{town['copy'].hex()}").text
    for shown in (
        "$100.00",
        "$60.00",
        "Grade C",
        "of what is usual is assumed",
        "no grade is better than C",
        "How much of it people watched",
    ):
        assert shown in post
    assert client.get("/static/creator.css").headers["content-type"].startswith("text/css")
    empty = client.get("/creators/tom").text
    assert "Nothing was paid yet" in empty
    assert "No posts yet" in empty


def test_an_upload_is_on_the_dashboard_with_its_picture(
    client: TestClient, platform: Platform
) -> None:
    sent = client.post(
        "/upload?wait_s=0", files={"file": ("cat.jpg", photo("cat"))}, data={"creator": "alice"}
    )
    assert sent.status_code == 202, sent.text
    page = client.get("/creators/alice").text
    for shown in (
        "cat.jpg",
        f"/works/{sent.json()['work']['id']}/preview.jpg",
        "not looked at yet",
        "nobody has watched",
    ):
        assert shown in page
    assert client.get("/creators/alice/posts/" + sent.json()["work"]["post_id"]).status_code == 200


def test_pages_of_posts_follow_each_other(client: TestClient, platform: Platform) -> None:
    creator = platform.creator("busy")
    same = NOW - timedelta(days=3)
    # one moment: the id decides
    ids = ["0x" + platform.post(creator, published=same).hex() for _ in range(5)]
    ids += ["0x" + platform.post(creator, published=same - timedelta(days=1)).hex()]
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        page = client.get(
            "/api/creators/busy/posts", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        seen += [post["post_id"] for post in page.json()["posts"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == [*sorted(ids[:5], reverse=True), ids[5]]
    for bad in ("x", "MjAyNg==", "AAAA"):
        answer = client.get("/api/creators/busy/posts", params={"cursor": bad})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


def test_nobody_reads_anothers_money(
    client: TestClient, town: dict[str, Any], platform: Platform
) -> None:
    tom = {"Authorization": f"Bearer {platform.key('tom', ['read'], creator_id=town['tom'])}"}
    copy = "0x" + town["copy"].hex()
    for path in ("", "/posts", f"/posts/{copy}", "/statement.csv"):
        assert client.get(f"/api/creators/tom{path}", headers=tom).status_code == (
            404 if copy in path else 200
        )
        refused = client.get(f"/api/creators/maya{path}", headers=tom)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert client.get("/creators/maya", headers=tom).status_code == 404
    assert client.get(f"/creators/tom/posts/{copy}", headers=tom).status_code == 404
    assert client.get("/api/creators/nobody").status_code == 404
