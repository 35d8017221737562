"""The sample platform has something true on every page."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from oracle import wiring
from oracle.api.pages import demo as demo_page
from oracle.demo import platform
from oracle.settings import Settings
from storage.database import Database


@pytest.fixture
def worker(drain: Callable[[], None]) -> Iterator[None]:
    """A worker that takes what is queued until the test is over."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            drain()
            stop.wait(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.usefixtures("worker")
def test_the_sample_has_everything_that_the_pages_show(
    client: TestClient, settings: Settings, db: Database
) -> None:
    assert "Fill it with the sample" in client.get("/").text
    now = datetime.now(UTC)
    blobs = wiring.open_store(settings, db)
    platform.fill(db, wiring.make_intake(db, blobs, wiring.make_handlers(settings)), now)

    views: dict[str, Any] = {
        name: client.get(f"/api/creators/{name}").json() for name in ("lena", "marco", "zoe")
    }
    for view in views.values():
        totals = view["totals"]
        assert totals["earned"] > 0
        assert totals["earned"] + totals["redirected_to_me"] == (
            totals["available"] + totals["held"] + totals["redirected_away"]
        )
    assert sum(1 for week in views["lena"]["weeks"] if week["base"]) >= 9, "weeks of pay"
    assert views["lena"]["followers"] == platform.FOLLOWERS["lena"]
    verdicts = {
        post["title"]: post["verdict"]
        for name in views
        for post in client.get(f"/api/creators/{name}/posts").json()["posts"]
    }
    assert len(verdicts) == len(platform.PIECES)
    assert verdicts[platform.LICENSED] == "licensed"
    assert verdicts[platform.LOST] == "derivative"
    assert [copy["title"] for copy in views["lena"]["copies"]].count(platform.LOST) == 1
    operator = {"Authorization": "Bearer operator"}
    appeals = client.get("/v1/appeals", headers=operator).json()["appeals"]
    assert sorted(appeal["outcome"] for appeal in appeals) == ["granted", "refused"]
    (alert,) = client.get("/api/fraud_alerts", headers=operator).json()["alerts"]
    assert alert["status"] == "notified" and views["zoe"]["freezes"]

    page = client.get("/").text
    assert "Fill it with the sample" not in page, "it is not empty any more"
    assert all(f'href="/creators/{name}"' in page for name in views), "it says where to look"
    refused = client.post("/demo", data={"sample": "platform"}, follow_redirects=False)
    assert (refused.status_code, demo_page.is_filling()) == (409, False)
