"""The pages in a real browser: the application served with something on every one of them."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from oracle import app as app_module
from oracle import wiring
from oracle.jobs import run_worker
from oracle.settings import Settings
from storage.works import creators, policies
from storage.works.policies import BoundDeployment, Policy
from support.cases import make_case
from support.photos import edited, photo
from support.platform import Platform, watching
from support.sounds import encoded, part, tune

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NOW = datetime.now(UTC)


def find_browser() -> str:
    """The path of a browser of the Chromium family; skips where there is none, but not in CI."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    message = "no Chromium: install it (apt install chromium) to see the pages in a browser"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """A headless browser of the machine's own."""
    with sync_playwright() as playwright:
        # Containers give no user namespaces to a sandbox of Chromium's.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@dataclass
class Site:
    """A served application, and the keys of who may see what."""

    url: str
    platform: Platform
    keys: dict[str, str]
    paths: dict[str, str] = field(default_factory=dict)

    def sign_in(self, page: Page, who: str) -> None:
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("Key").fill(self.keys[who])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)


def look_over(page: Page, name: str) -> None:
    """Check a page as a person of any kind sees it: no serious finding of axe, and on a phone
    nothing wider than it. With SCREENSHOTS it is saved there under this name.
    """
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        if shots := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{shots}/{name}-{width}.png", full_page=True)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{name}: {overflow} pixels wider than the window"
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in Axe().run(page).response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == [], name


@contextmanager
def serve(dsn: str, folder: Path) -> Iterator[Site]:
    """Serve the application, with works, money, a hold and an appeal to be seen."""
    settings = Settings(
        data_dir=folder,
        database_url=dsn,
        http={"wait_s": 0, "admin_token": "operator", "keys_required": True},
    )
    db = wiring.open_database(settings)
    with db.transaction() as conn:
        policies.bind(conn, BoundDeployment(31_337, b"\x11" * 20, {"hub": "0x" + "11" * 20}))
        for media_type in ("image", "video", "audio"):
            policies.record(conn, Policy(1, media_type, 9_500, 10_000))
    server = uvicorn.Server(
        uvicorn.Config(app_module.create_app(settings), port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    platform = Platform(db)
    site = Site(url, platform, {"operator": "operator"})
    try:
        _fill(site, settings)
        yield site
    finally:
        server.should_exit = True
        thread.join()
        db.close()


def _fill(site: Site, settings: Settings) -> None:
    platform = site.platform
    for name in ("maya", "tom"):
        site.keys[name] = platform.key(name, ["upload", "read"], creator=name)
    site.keys["reviewer"] = platform.key("reviewer", ["read", "fraud"])
    _post_works(site, settings)
    with platform.db.transaction() as conn:
        tom, maya = (creators.ensure_creator(conn, name, b"", True).id for name in ("tom", "maya"))
        case = make_case(conn, platform.db, "alice")
    long_ago = NOW - timedelta(days=20)
    post = platform.post(maya, title="A film of <b>boats</b>", published=long_ago)
    platform.happen(*watching(post, 40, share=0.9, saves=4, at=long_ago))
    platform.earns(post, 10_000, at=NOW)
    platform.terms(post, "derivative", 6_000, tom, final_at=NOW + timedelta(days=2), now=NOW)
    platform.tick(NOW)
    alert = case.raise_alert(now=NOW)
    site.keys["alice"] = platform.key("alice", ["read"], creator_id=case.creator_id)
    site.paths |= {
        "post": f"/creators/maya/posts/0x{post.hex()}",
        "alert": f"/fraud_alerts/{alert}",
    }


def _post_works(site: Site, settings: Settings) -> None:
    """Maya posts a photograph and a tune; Tom posts copies of them, which are judged so."""
    original = wiring.make_originality(settings, site.platform.db, wiring.make_handlers(settings))
    song = tune(7, 24.0)
    works = {
        "song": ("maya", encoded(song)),
        "song copy": ("tom", encoded(part(song, 6.0, 14.0))),
        "original": ("maya", photo("cat")),
        "copy": ("tom", edited(photo("cat"), "cropped")),
    }
    for name, (who, content) in works.items():
        answer = httpx2.post(
            f"{site.url}/upload",
            files={"file": (f"{name}.jpg", content)},
            headers={"Authorization": f"Bearer {site.keys[who]}"},
            timeout=60,  # a decoder starts first
        )
        site.paths[name] = answer.json()["links"]["page"]
        site.paths |= {
            f"licence of {name}": f"/licences?work={answer.json()['work']['id']}",
            f"claim for {name}": f"/claim?work={answer.json()['work']['id']}",
        }
        site.paths["certificate"] = f"/certificates/{answer.json()['work']['post_id']}"
        run_worker(site.platform.db.dsn, original.analyse, settings.worker, wait=False)
