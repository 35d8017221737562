"""Every page in a real browser: no serious finding of axe, nothing wider than a phone, no error of
a script, and the flows by hand or by keyboard.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from support.databases import cloned_database
from support.photos import photo
from support.site import Site, browser, find_browser, serve

from storage.embedded import EmbeddedPostgres

WIDTHS = (360, 1280)
WEIGHT = 300_000  # bytes of a page without media
# (who looks, where): a key of Site.paths, or a path.
PAGES = (
    (None, "/"),
    (None, "/check"),
    (None, "/sign-in"),
    (None, "/guides"),
    (None, "/no-such-page"),
    (None, "/creators/maya"),
    ("maya", "/"),
    ("maya", "/creators/maya"),
    ("maya", "/creators/tom"),
    ("maya", "/profiles/tom"),
    ("maya", "post"),
    ("maya", "original"),
    ("maya", "licence of original"),
    ("maya", "licence of song"),
    ("maya", "claim for original"),
    ("tom", "song copy"),
    (None, "/confirm-email/code"),
    ("tom", "copy"),
    ("tom", "/messages"),
    ("tom", "/cases"),
    ("tom", "/licences"),
    ("tom", "/settings"),
    (None, "certificate"),
    ("alice", "/cases"),
    ("alice", "alert"),
    ("alice", "/messages"),
    ("reviewer", "/queue"),
    ("reviewer", "alert"),
    ("operator", "/stuck_payments"),
    ("operator", "/keys"),
)
STATUS = {  # of the others it is 200
    (None, "/no-such-page"): 404,
    (None, "/creators/maya"): 401,  # who has not signed in is asked to
    ("maya", "/creators/tom"): 404,  # another's money
}


@pytest.fixture(scope="module")
def site(
    postgres_server: EmbeddedPostgres,
    database_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The served application; nothing is started where no browser could show it."""
    find_browser()
    with (
        cloned_database(postgres_server.dsn, database_template) as dsn,
        serve(dsn, tmp_path_factory.mktemp("site")) as served,
    ):
        yield served


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Browser]:
    with browser(find_browser()) as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page in a context of its own; an error of a script, or a thing that the policy of the page
    refuses, fails the test.
    """
    with chromium.new_context() as context:
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on(
            "console",
            lambda said: errors.append(said.text) if "Security Policy" in said.text else None,
        )
        yield opened
        assert errors == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("who", "where"), PAGES)
def test_a_page_is_accessible_and_fits(
    site: Site, page: Page, who: str | None, where: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    if who:
        site.sign_in(page, who)
    answer = page.goto(site.url + site.paths.get(where, where))
    assert answer is not None
    assert answer.status == STATUS.get((who, where), 200)
    if shots := os.environ.get("SCREENSHOTS"):
        page.screenshot(
            path=f"{shots}/{where.strip('/').replace('/', '-') or 'home'}-{who}-{width}.png",
            full_page=True,
        )
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"{overflow} pixels wider than the window"
    found = Axe().run(page).response["violations"]
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    weight = page.evaluate(
        "performance.getEntries().filter(e => e.initiatorType !== 'img' && e.decodedBodySize)"
        ".reduce((sum, e) => sum + e.decodedBodySize, 0)"
    )
    assert 0 < weight < WEIGHT


def test_a_creator_checks_a_file_and_posts_it(site: Site, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(photo("cat", quality=70))
    site.sign_in(page, "tom")
    page.get_by_role("link", name="Before you post").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_text("derivative", exact=True)).to_be_visible(timeout=60_000)
    expect(result).to_contain_text("If maya licenses it to you, nothing is redirected")
    page.get_by_role("link", name="Post it now").click()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Post it").click()
    page.wait_for_url(re.compile("/analyses/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Being judged…")


@pytest.mark.parametrize("path", ["/", "/check"])
def test_an_answer_of_a_proxy_is_told(site: Site, page: Page, tmp_path: Path, path: str) -> None:
    file = tmp_path / "cat.jpg"
    file.write_bytes(photo("cat", quality=70))
    site.sign_in(page, "tom")
    page.route(
        lambda url: url.split("?")[0].endswith(("/upload", "/check")),
        lambda route: (
            route.fulfill(status=502, content_type="text/html", body="<h1>Bad gateway</h1>")
            if route.request.method == "POST"
            else route.continue_()
        ),
    )
    page.goto(site.url + path)
    page.locator("input[type=file]").set_input_files(file)
    page.locator("form[data-upload] button").click()
    expect(page.locator("form[data-upload] .state")).to_contain_text("(status 502)")


def test_an_operator_makes_a_key_and_its_holder_signs_in(site: Site, page: Page) -> None:
    site.sign_in(page, "operator")
    page.get_by_role("link", name="Keys").click()
    page.get_by_label("Who holds it").fill("zoe")
    page.get_by_role("checkbox", name=re.compile("^read")).check()
    page.get_by_label(re.compile("For one creator alone")).fill("zoe")
    page.get_by_role("button", name="Make the key").click()
    key = page.get_by_role("status").locator("code").inner_text()
    page.get_by_role("button", name="Sign out").click()
    site.keys["zoe"] = key
    site.sign_in(page, "zoe")
    expect(page.get_by_role("heading", level=1)).to_have_text("zoe")


def test_a_creator_grants_a_licence_and_ends_it(site: Site, page: Page) -> None:
    site.sign_in(page, "maya")
    page.get_by_role("link", name="original.jpg").click()
    page.get_by_role("link", name="Grant a licence").click()
    page.get_by_label("To which creator").fill("tom")
    page.get_by_role("button", name="Grant the licence").click()
    expect(page.get_by_role("table")).to_contain_text("original.jpg")
    page.get_by_role("button", name="End the licence of tom").click()
    expect(page.get_by_role("table")).to_contain_text("ended")


def test_who_is_not_signed_in_comes_back_to_where_they_went(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/creators/maya")
    expect(page.get_by_role("heading", level=1)).to_have_text("Key required")
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Key").fill(site.keys["maya"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/creators/maya")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_evidence_is_laid_over_and_its_key_points_are_drawn(site: Site, page: Page) -> None:
    site.sign_in(page, "tom")
    page.goto(site.url + site.paths["copy"])
    over = page.locator(".laid .over")
    expect(over).to_have_css("transform", re.compile("^matrix"))
    page.get_by_label("Earlier picture over this one").fill("80")
    expect(over).to_have_css("opacity", "0.8")
    page.get_by_label("Show the difference").check()
    expect(over).to_have_css("mix-blend-mode", "difference")
    page.get_by_role("button", name="Show key points that both have").click()
    drawn = page.get_by_role("img", name=re.compile("lines between the same points"))
    expect(drawn).to_be_visible(timeout=60_000)
    assert drawn.locator("line").count() > 10
    expect(page.locator(".chain")).to_contain_text("redirect")


def test_two_players_keep_together(site: Site, page: Page) -> None:
    """The copy begins 6 s into the earlier tune."""
    site.sign_in(page, "tom")
    page.goto(site.url + site.paths["song copy"])
    here, there = page.locator("[data-players] audio").all()
    page.locator("[data-spans]").first.click()
    begun = here.evaluate("player => player.currentTime")
    page.get_by_role("button", name="Play both from the match").click()
    page.wait_for_function(
        "start => document.querySelector('[data-players] audio').currentTime > start + 0.5",
        arg=begun,
    )
    times = [player.evaluate("player => player.currentTime") for player in (here, there)]
    assert abs(times[1] - times[0] - 6.0) < 0.6, times
    here.evaluate("player => { player.currentTime = 8 }")
    page.wait_for_function(
        "() => Math.abs(document.querySelectorAll('[data-players] audio')[1].currentTime - 14) < 1"
    )
    here.evaluate("player => player.pause()")
    page.wait_for_function("() => document.querySelectorAll('[data-players] audio')[1].paused")


def test_a_creator_chooses_the_language(site: Site, page: Page) -> None:
    site.sign_in(page, "alice")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.goto(site.url + site.paths["alert"])
    expect(page.get_by_role("main")).to_contain_text("CE")


def test_an_appeal_by_keyboard_alone(site: Site, page: Page) -> None:
    site.sign_in(page, "tom")
    page.goto(site.url + site.paths["copy"])
    _tab_to(page, "SELECT")
    page.keyboard.press("ArrowDown")
    _tab_to(page, "TEXTAREA")
    page.keyboard.type("I took this picture on the same day, from the other side of the room.")
    _tab_to(page, "BUTTON")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/appeals/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("The appeal is being decided")
    page.get_by_role("link", name="Cases").click()
    expect(page.get_by_role("main")).to_contain_text("you")


def test_the_reference_of_the_api_needs_no_network(site: Site, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site.url}/docs")
    listed = page.get_by_text("/v1/analyses/{analysis_id}", exact=True)
    expect(listed).to_be_visible(timeout=60_000)
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)


def _tab_to(page: Page, tag: str) -> None:
    """Press the tabulator until an element of that kind in the page's main part has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(
            "tag => document.activeElement.tagName === tag"
            " && document.activeElement.closest('main') !== null",
            tag,
        ):
            return
    raise AssertionError(f"no {tag} is reached by keyboard")
