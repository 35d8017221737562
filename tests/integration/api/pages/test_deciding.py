"""The pages of those who decide, in a browser, on a real chain: each flow ends in a final block."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct
from playwright.sync_api import Browser, Page, expect
from support.anvil import AnvilNode
from support.browser_wallet import give_wallet
from support.cases import make_case
from support.contracts import Contracts
from support.court_site import aside, serve_courthouse
from support.courthouse import Courthouse, furnish, open_courthouse
from support.databases import cloned_database
from support.photos import edited, photo
from support.site import Site, browser, find_browser, look_over
from typer.testing import CliRunner

from oracle import cli
from oracle.appeals.errors import NotYourCase
from oracle.appeals.neutral import check_neutral
from oracle.chain.contracts import payments, verify
from oracle.chain.contracts.account import Account
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import hexed
from oracle.originality import recall_probe
from oracle.record_check import RecordBroken
from oracle.tasks import record
from storage import operator_alerts
from storage.cases import queue
from storage.embedded import EmbeddedPostgres
from storage.works import creators

WHY = "The raw file lies before me, and it is older."


@pytest.fixture(scope="module")
def house(
    anvil: AnvilNode,
    contracts: Contracts,
    postgres_server: EmbeddedPostgres,
    database_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Courthouse]:
    """One stack for all tests here: each has a post of its own, and time only goes on."""
    find_browser()
    with cloned_database(postgres_server.dsn, database_template) as dsn:
        opened = open_courthouse(contracts.town.again(), dsn, tmp_path_factory.mktemp("deciding"))
        furnish(opened)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site(house: Courthouse) -> Iterator[Site]:
    with serve_courthouse(house) as served:
        for name in ("alice", "bob", "maria", "olga"):
            served.keys[name] = house.key(name)["Authorization"].removeprefix("Bearer ")
        yield served


@pytest.fixture(scope="module")
def chromium(site: Site) -> Iterator[Browser]:
    with browser(find_browser()) as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.new_context() as context:
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
        assert errors == []


def bearer(site: Site, who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.keys[who]}"}


def standing(house: Courthouse, name: str) -> tuple[Outcome, PostStatus]:
    """How a post of the courthouse stands in the contract."""
    post_id = bytes.fromhex(house.posts[name]["work"]["post_id"][2:])
    result = verify.find_result(house.town.client, post_id)
    assert result is not None
    return result.outcome, result.status


def test_a_reviewer_decides_what_the_oracle_could_not(
    house: Courthouse, site: Site, page: Page
) -> None:
    held = house.held(house.posts["coffee copy"])
    assert held > 0
    site.sign_in(page, "maria")
    page.get_by_role("link", name="Review", exact=True).click()
    row = page.get_by_role("row").filter(has_text="undecided")
    expect(row).to_contain_text("unknown creator")
    expect(row).to_contain_text(f"${held // 100}")
    expect(row).to_contain_text("less than an hour")
    look_over(page, "queue")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is not decided yet")
    expect(page.get_by_role("main").get_by_role("img")).to_have_count(2)
    expect(page.get_by_role("table")).to_contain_text("bob")
    look_over(page, "review")
    # Nothing is chosen for them, and nothing is decided without a choice.
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page.get_by_label(re.compile("What convinced you")).fill(WHY)
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("button", name="Decide")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^It is no copy")).check()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("original")
    aside(house.rest)
    assert standing(house, "coffee copy")[0] is Outcome.ORIGINAL
    assert house.held(house.posts["coffee copy"]) == 0
    assert house.differences() == []


def test_the_creator_sees_the_same_and_adds_what_helps(
    house: Courthouse, site: Site, page: Page
) -> None:
    (review,) = house.platform.rows("select id from reviews where status = 'decided'")
    site.sign_in(page, "bob")
    page.goto(f"{site.url}/reviews/{review[0]}")
    expect(page.get_by_role("main")).to_contain_text(WHY)
    expect(page.get_by_role("main")).not_to_contain_text("Appeals granted")
    for who in ("alice",):  # another creator learns nothing of it
        answer = house.http.get(f"/v1/reviews/{review[0]}", headers=bearer(site, who))
        assert answer.status_code == 403


def test_a_stake_in_a_case_is_refused_on_the_page_and_by_the_api(
    house: Courthouse, site: Site, page: Page
) -> None:
    copy, mine = house.posts["cat copy"], house.posts["cat"]
    claim = house.do(
        "/v1/claims",
        bearer(site, "alice"),
        analysis_id=copy["analysis_id"],
        earlier_work_id=mine["work"]["id"],
        statement="It is my cat.",
    )["id"]
    aside(house.go_on, 3)
    house.do(f"/v1/appeals/{claim}/answer", bearer(site, "bob"), view="It is mine.")
    # Olga manages Zoe, and Zoe has a licence from Bob: the chain of interests is two links long.
    site.keys["zoe"] = house.platform.key("zoe", ["read", "fraud"], creator="zoe")
    site.sign_in(page, "olga")
    page.goto(f"{site.url}/queue?kind=claim")
    page.get_by_label("Creator", exact=True).fill("zoe")
    page.get_by_label("What the interest is").fill("I manage her.")
    page.get_by_role("button", name="Declare it").click()
    house.do("/v1/permissions", bearer(site, "operator"), owner="bob", licensee="zoe")
    page.goto(f"{site.url}/queue?kind=claim")
    expect(page.get_by_role("row").filter(has_text="claims")).to_contain_text("not yours: zoe")
    page.get_by_role("checkbox", name="only what I may decide").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing waits here.")).to_be_visible()
    page.goto(f"{site.url}/appeals/{claim}")
    expect(page.get_by_role("note")).to_contain_text("You cannot decide this: zoe")
    expect(page.get_by_role("button", name="Decide")).to_have_count(0)
    look_over(page, "claim")
    body = {"outcome": "granted", "convinced": WHY}
    for who, code in (("olga", "conflict_of_interest"), ("zoe", "conflict_of_interest")):
        answer = house.http.post(
            f"/v1/appeals/{claim}/decide", json=body, headers=bearer(site, who)
        )
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    with house.db.transaction() as conn:
        sides = [creators.find_creator(conn, name) for name in ("bob", "alice")]
        for name in ("BOB", "creator:alice"):  # as it is typed at the command line
            with pytest.raises(NotYourCase):
                check_neutral(conn, name, *sides)
    page.get_by_role("button", name="Sign out").click()
    site.sign_in(page, "maria")
    page.goto(f"{site.url}/appeals/{claim}")
    page.get_by_role("radio", name=re.compile("^The claim is right")).check()
    page.get_by_label(re.compile("What convinced you")).fill(WHY)
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The appeal was granted")
    aside(house.go_on, 3)
    house.wait(days=3, minutes=1)
    aside(house.rest)
    assert standing(house, "cat copy")[0] is Outcome.DERIVATIVE
    assert house.differences() == []


def test_an_alarm_is_answered_once(house: Courthouse, site: Site, page: Page) -> None:
    work = house.posts["temple"]["work"]["id"]
    with house.db.transaction() as conn:
        operator_alerts.report(
            conn, "reference_suspect", f"work {work}", "21 creators were called", house.now
        )
    site.sign_in(page, "maria")
    page.goto(f"{site.url}/queue?kind=alarm")
    page.get_by_role("row").filter(has_text="made copyists").get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text("by bob")
    look_over(page, "alarm")
    page.get_by_role("radio", name=re.compile("^It is what it seems")).check()
    page.get_by_label(re.compile("^Why")).fill("Alice painted it, and all of them took it.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("counts as any work")
    with house.db.transaction() as conn:
        assert queue.counts(conn)["alarm"] == 0
        assert operator_alerts.was_resolved(
            conn, "reference_suspect", f"work {work}", house.now.replace(year=2000)
        )
    again = house.http.post(
        f"/v1/alarms/{work}/answer",
        json={"outcome": "keep", "because": WHY},
        headers=bearer(site, "maria"),
    )
    assert (again.status_code, again.json()["code"]) == (409, "no_alarm")


def test_the_queue_is_paged_in_one_order_and_for_reviewers_alone(
    house: Courthouse, site: Site
) -> None:
    with house.db.transaction() as conn:
        case = make_case(conn, house.db, "carol")
        other = make_case(conn, house.db, "dave", bytes.fromhex("ab" * 32))
    alerts = {str(one.raise_alert(now=house.now)) for one in (case, other)}
    found, cursor = [], None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        part = house.get("/v1/queue", bearer(site, "maria"), **params)
        found += part["cases"]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert {one["id"] for one in found if one["kind"] == "alert"} == alerts
    assert len(found) == sum(part["waiting"].values())
    due = [one["decide_by"] or one["opened_at"] for one in found]
    assert due == sorted(due)
    (seen,) = [one for one in found if one["creator"] == "carol"]
    assert seen["amount_minor"] is None, "nothing is known of its pay"
    with house.db.transaction() as conn:
        carol = creators.find_creator(conn, "carol")
    own = house.platform.key("carol's", ["read", "fraud"], creator_id=carol)
    site.keys["carol"] = own
    for who, why in (("maria", ""), ("carol", "Nei")):
        mine = house.get("/v1/queue", bearer(site, who), kind="alert")["cases"]
        (one,) = [each for each in mine if each["creator"] == "carol"]
        assert (one["why_not_you"] or "")[:3] == why
    # Who is a creator learns of no other creator's cases.
    assert house.get("/v1/sides/Carol", bearer(site, "carol"))["creator"] == "carol"
    other = house.http.get("/v1/sides/bob", headers=bearer(site, "carol"))
    assert (other.status_code, other.json()["code"]) == (403, "not_allowed")
    assert house.get("/v1/sides/bob", bearer(site, "maria"))["creator"] == "bob"
    for path in ("/v1/queue", "/queue", "/v1/sides/bob", "/v1/interests"):
        assert house.http.get(path, headers=bearer(site, "bob")).status_code == 403
        assert house.http.get(path).status_code == 401


def sign_and_follow(house: Courthouse, page: Page) -> None:
    """Sign what the page shows with the browser's wallet, and watch it become final there."""
    expect(page.get_by_role("heading", level=1)).to_contain_text("To sign")
    page.get_by_role("button", name="Sign and send it with this browser’s wallet").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("To sign")
    aside(house.go_on, 2)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Done", timeout=20_000)


def test_creators_link_wallets_and_move_their_money(
    house: Courthouse, site: Site, page: Page, chromium: Browser
) -> None:
    client, owed = house.town.client, house.claimable("bob")
    assert owed > 0
    wallets = {"bob": house.town.poster, "alice": house.town.first}
    give_wallet(page, client, wallets["bob"])
    site.sign_in(page, "bob")
    page.get_by_role("link", name="Wallet", exact=True).click()
    expect(page.get_by_role("table")).to_contain_text("nobody yet")
    look_over(page, "wallet")
    page.get_by_role("button", name="Take it from this browser’s wallet").click()
    expect(page.get_by_label("Its address")).to_have_value(hexed(wallets["bob"].address))
    page.get_by_role("button", name="Write what it has to sign").click()
    page.get_by_role("button", name="Sign it with this browser’s wallet").click()
    expect(page.get_by_role("listitem").filter(has_text="for bob")).to_be_visible()
    # Alice has no wallet in her browser: she signs the text elsewhere.
    with chromium.new_context() as context:
        alice = context.new_page()
        site.sign_in(alice, "alice")
        alice.goto(f"{site.url}/wallets")
        alice.get_by_label("Its address").fill(hexed(wallets["alice"].address))
        alice.get_by_role("button", name="Write what it has to sign").click()
        text = alice.get_by_label(re.compile("^What your wallet signs")).input_value()
        signed = EthAccount.sign_message(
            encode_defunct(text=text), wallets["alice"]._account.key
        ).signature
        alice.get_by_label(re.compile("^Its signature")).fill(hexed(bytes(signed)))
        alice.get_by_role("button", name="Link this wallet").click()
        expect(alice.get_by_role("listitem").filter(has_text="for alice")).to_be_visible()
    aside(house.go_on, 4)
    house.wait(days=2, minutes=1)
    aside(house.go_on, 4)
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text="for bob")).to_contain_text("linked")
    page.get_by_role("button", name="Withdraw it").click()
    look_over(page, "transaction")
    sign_and_follow(house, page)
    assert house.claimable("bob") == 0
    # A tip, and a dispute that Alice answers by a hash of a transaction signed elsewhere.
    post = house.posts["temple"]["work"]["post_id"]
    page.goto(f"{site.url}/wallets")
    page.get_by_label("Post", exact=True).fill(post)
    page.get_by_label(re.compile("^How much")).fill("5000")
    page.get_by_role("button", name="Write the tip").click()
    expect(page.get_by_role("main")).to_contain_text("5000 wei")
    sign_and_follow(house, page)
    copy = house.posts["temple copy"]["work"]["post_id"]
    page.goto(f"{site.url}/wallets")
    page.get_by_text("Open a dispute about your post", exact=True).click()
    page.get_by_label("Your post").fill(copy)
    page.get_by_label("What you say").first.fill("I have the raw file.")
    page.get_by_role("button", name="(open a dispute about your post)").click()
    expect(page.get_by_role("blockquote")).to_have_text("I have the raw file.")
    sign_and_follow(house, page)
    number = int(
        client.read(
            "PoCDisputes", client.deployment.disputes, "openDisputeOf", bytes.fromhex(copy[2:])
        )
    )
    assert number > 0
    written = house.do(
        "/v1/transactions",
        bearer(site, "alice"),
        kind="answer_dispute",
        dispute_id=number,
        statement="It is mine.",
    )
    for who in ("bob", "carol"):  # it is Alice's alone
        assert (
            house.http.get(f"/transactions/{written['id']}", headers=bearer(site, who)).status_code
            == 403
        )
    sent = Account(client.web3, wallets["alice"]).send(
        bytes.fromhex(written["to"][2:]), bytes.fromhex(written["data"][2:])
    )
    with chromium.new_context() as context:
        alice = context.new_page()
        site.sign_in(alice, "alice")
        alice.goto(f"{site.url}/transactions/{written['id']}")
        alice.get_by_label("By which hash it was sent").fill(hexed(bytes(sent)))
        alice.get_by_role("button", name="Follow it").click()
        aside(house.go_on, 2)
        expect(alice.get_by_role("heading", level=1)).to_contain_text("Done", timeout=20_000)
    assert payments.read_dispute(client, number).answered
    # On chain are two hashes; both sides and who decides read the words.
    aside(house.go_on, 2)
    (appeal,) = [
        one
        for one in house.get("/v1/appeals", bearer(site, "bob"))["appeals"]
        if one["analysis_id"] == house.posts["temple copy"]["analysis_id"]
    ]
    assert (appeal["statement"], appeal["other_view"]) == ("I have the raw file.", "It is mine.")
    for who in ("bob", "alice", "maria"):
        seen = house.http.get(f"/appeals/{appeal['id']}", headers=bearer(site, who)).text
        assert "I have the raw file." in seen and "It is mine." in seen
    assert house.http.get(f"/appeals/{appeal['id']}", headers=bearer(site, "carol")).is_error


def test_governance_proposes_a_threshold_after_seeing_what_it_would_change(
    house: Courthouse, site: Site, page: Page
) -> None:
    client = house.town.client
    cropped = aside(house.post, edited(photo("cat"), "cropped"), "bob")
    assert (cropped["verdict"], cropped["similarity_bps"] < 9_999) == ("derivative", True)
    site.keys["gov"] = house.platform.key("gov", ["read", "govern"])
    give_wallet(page, client, house.town.governor)
    site.sign_in(page, "gov")
    page.get_by_role("link", name="Policies").click()
    expect(page.get_by_role("main")).to_contain_text("In force: version 1")
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    page.get_by_role("radio", name="Threshold of pictures").check()
    page.get_by_label("To, in percent").fill("99.99")
    page.get_by_role("button", name="See what it would change").click()
    result = page.get_by_role("region", name="Dry run")
    told = house.do("/v1/policy/dry-run", bearer(site, "gov"), threshold_bps={"image": 9_999})
    assert told["moves"] == {"derivative to original": 1}
    expect(result).to_contain_text(f"1 of {told['verdicts']} verdicts would be others")
    expect(result).to_contain_text("of 1 posts the pay is not known here")
    expect(result.get_by_role("row").filter(has_text="photo.jpg")).to_contain_text("original")
    look_over(page, "policies")
    half = house.do("/v1/policy/dry-run", bearer(site, "gov"), base_redirect_bps=5_000)
    assert half["changed"] == 0 and half["moved"] >= 2
    assert half["money_minor"] < 0, "less would have gone to Alice"
    assert half["largest"][0]["money_minor"] == half["money_minor"]
    nothing = house.do("/v1/policy/dry-run", bearer(site, "gov"), threshold_bps={"image": 9_500})
    assert (nothing["changed"], nothing["moved"], nothing["money_minor"]) == (0, 0, 0)
    page.get_by_role("button", name="Write the proposal, for the wallet to sign").click()
    expect(page.get_by_role("main")).to_contain_text(
        "schedule(PolicyRegistry.setThreshold(mediaType image, thresholdBps 9999), at the earliest"
    )
    sign_and_follow(house, page)
    page.goto(f"{site.url}/policies")
    waiting = page.get_by_role("listitem").filter(has_text="setThreshold(mediaType image")
    expect(waiting).to_contain_text("thresholdBps 9999")
    early = house.http.post(
        "/v1/oversight/transactions",
        json={
            "action": "execute",
            "operation": house.get("/v1/oversight", bearer(site, "gov"))["operations"][0]["id"],
        },
        headers=bearer(site, "gov"),
    )
    assert (early.status_code, early.json()["code"]) == (409, "not_ready")
    house.wait(days=2, minutes=1)
    page.reload()
    page.get_by_role("button", name="Carry it out").click()
    expect(page.get_by_role("main")).to_contain_text(
        "AccessManager.execute(PolicyRegistry.setThreshold(mediaType image, thresholdBps 9999))"
    )
    sign_and_follow(house, page)
    aside(house.go_on, 2)
    page.goto(f"{site.url}/policies")
    expect(page.get_by_role("main")).to_contain_text("In force: version 2")
    (image,) = [
        one for one in house.get("/v1/policy", bearer(site, "gov")) if one["media_type"] == "image"
    ]
    assert image["threshold_bps"] == 9_999
    # A guardian cancels what was announced.
    house.town.anvil.mine()
    page.goto(f"{site.url}/oversight")
    look_over(page, "oversight")
    stop = page.get_by_role("row").filter(has_text="token pool")
    stop.get_by_label("Wallet, where several may").fill(hexed(house.town.governor.address))
    page.get_by_role("button", name="Stop new business (token pool)").click()
    sign_and_follow(house, page)
    assert house.get("/v1/oversight", bearer(site, "gov"))["paused"]["token_pool"] is True
    for path in ("/policies/dry-run", "/policies/propose", "/oversight/transactions"):
        form = {"change": "image", "percent": "90", "action": "pause", "contract": "hub"}
        for who in ("bob", "maria"):
            answer = house.http.post(path, data=form, headers=bearer(site, who))
            assert answer.status_code == 403, (who, path)


def test_an_operator_sees_whether_the_oracle_can_be_trusted(
    house: Courthouse, site: Site, page: Page
) -> None:
    works = house.platform.rows("select count(*) from works")
    site.sign_in(page, "operator")
    page.get_by_role("link", name="Status").click()
    expect(page.get_by_role("row").filter(has_text="Recall probe")).to_contain_text("not run yet")
    page.get_by_role("button", name="Probe the index now").click(no_wait_after=True)
    probed = page.get_by_role("row").filter(has_text="Recall probe")
    expect(probed).to_contain_text("image: 8 of 8 planted near-copies found", timeout=120_000)
    expect(probed).to_contain_text("audio: 4 of 4 planted near-copies found")
    expect(probed).to_contain_text("video: 2 of 2 planted near-copies found")
    # Nobody's work ever meets a plant: none of them was ever there.
    assert house.platform.rows("select count(*) from works") == works
    for make, name in ((recall_probe.picture, "plant.png"), (recall_probe.sound, "plant.wav")):
        checked = house.http.post(
            "/v1/check", files={"file": (name, make(0)[0])}, headers=bearer(site, "bob")
        ).json()
        assert checked["verdict"] == "original" and checked["reason"] == "no_match"
    look_over(page, "status")
    fine = {item["name"]: item for item in house.get("/api/status")}
    assert fine["Public record"]["ok"] and fine["Ledger and contract"]["ok"]
    with house.db.transaction() as conn:
        conn.execute("update recall_probes set found = planted / 2")
        operator_alerts.report(conn, "reconciliation", "post 1", "They differ.", house.now)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("need you")
    for name in ("Recall probe", "Ledger and contract"):
        expect(page.get_by_role("row").filter(has_text=name)).to_contain_text("What to do:")
    page.goto(f"{site.url}/stuck_payments")
    page.get_by_text("Note what was done (post 1)").click()
    page.get_by_label("What was done, and where it can be found").fill("Booked by hand, ticket 7.")
    look_over(page, "matters")
    page.get_by_role("button", name="It is done").click()
    expect(page.get_by_text("post 1")).to_have_count(0)
    ((by, note),) = house.platform.rows(
        "select resolved_by, note from operator_alerts where subject = 'post 1'"
    )
    assert (by, note) == ("operator", "Booked by hand, ticket 7.")
    for who in ("bob", "maria"):
        for path in ("/status", "/api/status"):
            assert house.http.get(path, headers=bearer(site, who)).status_code == 403
        form = {"note": "It was nothing at all."}
        path = "/stuck_payments/matters/1/resolve"
        assert house.http.post(path, data=form, headers=bearer(site, who)).status_code == 403


def test_the_rules_of_grades_and_detectors_change_after_a_dry_run(
    house: Courthouse, site: Site, page: Page
) -> None:
    site.keys["graders"] = house.platform.key("graders", ["read", "govern"])
    with house.db.transaction() as conn:  # these grades were made by hand
        conn.execute("""update grades set facts = '{"qualified": {}}'""")
    site.sign_in(page, "graders")
    later = (house.now + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    for kind in ("grades", "detectors"):
        page.goto(f"{site.url}/rules/{kind}")
        look_over(page, f"rules of {kind}")
        written = page.get_by_label("The rules").input_value()
        page.get_by_label("The rules").fill("{}}")
        page.get_by_role("button", name=re.compile("^See what they would")).click()
        expect(page.get_by_role("main")).to_contain_text("Nothing was changed.")
        page.goto(f"{site.url}/rules/{kind}")
        page.get_by_role("button", name=re.compile("^See what they would")).click()
        result = page.get_by_role("region", name="Dry run")
        expect(result).to_be_visible()
        look_over(page, f"dry run of {kind}")
        result.get_by_label("In force from (UTC)").fill(later)
        result.get_by_label("Why; people read it").fill("Agreed on in May.")
        result.get_by_role("button", name="Put them in force from then on").click()
        expect(page).to_have_url(f"{site.url}/rules/{kind}")
        assert json.loads(page.get_by_label("The rules").input_value()) == json.loads(written)
    notes = house.platform.rows(
        "select note from grade_policies union all select note from fraud_thresholds"
    )
    assert [note for (note,) in notes].count("Agreed on in May.") == 2
    form = {"document": "{}", "note": "Agreed on in May.", "effective_from": later}
    for path in ("/rules/grades", "/rules/grades/dry-run", "/rules/detectors"):
        for who in ("bob", "maria"):
            answer = house.http.post(path, data=form, headers=bearer(site, who))
            assert answer.status_code == 403, (who, path)
    for who in ("bob", "maria"):
        assert house.http.get("/rules/grades", headers=bearer(site, who)).status_code == 403


def test_anybody_recomputes_how_often_it_was_wrong(
    house: Courthouse, site: Site, page: Page
) -> None:
    record.append_due(house.db)
    page.goto(f"{site.url}/figures")
    expect(page.get_by_role("main")).to_contain_text("n = 7")
    look_over(page, "figures")
    done = CliRunner().invoke(cli.app, ["figures", site.url])
    assert done.exit_code == 0, done.output
    assert "The oracle says the same." in done.output
    told = house.http.get("/v1/record/figures").json()
    assert told["media"]["image"]["works"] == 7
    assert told["media"]["image"]["missed"] == 1, "Alice's cat, by her claim"
    # Who changes a step is found out, whatever the figures say.
    with house.db.transaction() as conn:
        conn.execute("alter table fraud_audit disable trigger user")
        conn.execute("update fraud_audit set hash = decode(repeat('00', 32), 'hex') where seq = 2")
        conn.execute("alter table fraud_audit enable trigger user")
    broken = CliRunner().invoke(cli.app, ["figures", site.url])
    assert isinstance(broken.exception, RecordBroken)
