"""What the API shows of its own work and of the queues'."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient
from support.photos import photo


@pytest.fixture(autouse=True)
def _at_once(client: TestClient) -> None:
    """Figures of now: they are kept for a second otherwise."""
    client.app.state.services.scrape._keep_s = 0.0  # type: ignore[attr-defined]


def figures(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
        for line in lines
        if not line.startswith("#")
    }


def test_an_upload_is_counted_on_its_whole_way(
    client: TestClient, drain: Callable[[], None]
) -> None:
    before = figures(client)
    client.post("/upload", files={"file": photo("cat")}, data={"creator": "alice"})
    waiting = figures(client)
    assert waiting['oracle_queue_jobs{queue="image",state="waiting"}'] == 1
    assert waiting['oracle_queue_oldest_seconds{queue="image"}'] > 0
    drain()
    after = figures(client)
    assert 'oracle_queue_jobs{queue="image",state="waiting"}' not in after

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert grown('oracle_verdicts_total{media_type="image",verdict="original"}') == 1
    assert grown('oracle_verdict_seconds_count{media_type="image"}') == 1
    assert grown('oracle_jobs_total{outcome="done",queue="image"}') == 1
    for stage in ("extract", "search", "verify", "conclude"):
        assert grown(f'oracle_stage_seconds_count{{media_type="image",stage="{stage}"}}') == 1
    assert grown('oracle_blob_seconds_count{operation="put"}') >= 1
    posted = 'oracle_http_request_seconds_count{method="POST",route="/v1/uploads",status="202"}'
    assert grown(posted) == 1


def test_what_strangers_invent_names_no_series(client: TestClient) -> None:
    client.request("BREW", "/a/path/of/my/own")
    text = client.get("/metrics").text
    assert "BREW" not in text
    assert "/a/path/of/my/own" not in text
    assert 'method="other",route="none"' in text
