"""The parts of the demo: creators, contracts, payments, bad input."""

import hashlib
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from oracle.chain.contracts import consumer, verify
from oracle.chain.contracts.deploy import connect, deploy_example_consumer
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.report import MediaType, Outcome
from oracle.chain.core.wire import address_bytes
from oracle.chain.devnet.keys import KeyRing
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.endpoint import Endpoint
from oracle.demo.money import show_payments
from oracle.demo.moving import show_moving_media
from oracle.demo.pictures import sample_pictures
from oracle.demo.stage import ADMIN_TOKEN, differences, running_oracle, serving
from oracle.demo.story import STEP_TIMEOUT_S, StepFailed, Story


def run_demo(console: Console, keep: Path | None = None) -> bool:
    """Run the demo. Returns: whether every step came true and was verified."""
    pictures = sample_pictures()
    with ExitStack() as stack:
        folder = keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="oracle-demo-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        console.print("[bold]Starting[/] database, chain, contracts, API, worker and node …")
        began = time.monotonic()
        story = Story(console, stack.enter_context(running_oracle(folder)))
        console.print(
            f"Ready after {time.monotonic() - began:.1f} s; hub"
            f" {story.stage.chain.deployment.hub}.\n"
        )
        try:
            original, copy = _show_clients(story, pictures)
            _show_contract(story, pictures, folder)
            show_moving_media(story, pictures)
            show_payments(story, original, copy)
            _show_bad_input(story, pictures)
            differing = differences(story.stage)
            story.check(f"ledger and contract disagree: {differing}", not differing)
        except StepFailed as exc:
            console.print(f"[bold red]Not true:[/] {exc}", soft_wrap=True)
            return False
        report(console, story)
    return True


def _show_clients(
    story: Story, pictures: dict[str, bytes]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let creators post pictures.

    Returns: the original, and a cropped copy of it, as the API shows them.
    """
    alice = "0x" + escrow_account("alice").hex()
    first = story.post(pictures["temple"], "temple.jpg", "alice", **{"Idempotency-Key": "demo-1"})
    story.verify_on_chain("Alice posts a photograph", first, "original")
    repeated = story.post(
        pictures["temple"], "temple.jpg", "alice", **{"Idempotency-Key": "demo-1"}
    )
    story.check(
        "the same idempotency key made a second analysis",
        repeated["analysis_id"] == first["analysis_id"],
    )
    story.note("Alice's client sends it again", "first answer", "", "", "nothing new on chain")
    copies = {}
    for title, name in (
        ("Bob posts it re-encoded and smaller", "temple, smaller"),
        ("Carol posts it cropped", "temple, cropped"),
        ("Dave posts it recoloured", "temple, recoloured"),
    ):
        copy = story.post(pictures[name], f"{name}.jpg", title.split()[0].lower())
        story.verify_on_chain(title, copy, "derivative", original=alice)
        story.check("another work is credited", copy["original"]["work_id"] == first["work"]["id"])
        copies[name] = copy
    story.verify_on_chain(
        "Alice posts her own again",
        story.post(pictures["temple, smaller"], "mine.jpg", "alice"),
        "self_duplicate",
    )
    licence = {"owner": "alice", "licensee": "erin"}
    operator = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    story.stage.api.post("/v1/permissions", json=licence, headers=operator).raise_for_status()
    licensed = story.post(pictures["temple, cropped"], "remix.jpg", "erin")
    story.verify_on_chain("Erin posts it with Alice's permission", licensed, "licensed")
    story.verify_on_chain(
        "Bob posts another photograph", story.post(pictures["flower"], "f.jpg", "bob"), "original"
    )
    story.verify_on_chain(
        "Somebody posts without a name", story.post(pictures["cat"], "c.jpg", None), "original"
    )
    copy = story.post(pictures["cat, smaller"], "c2.jpg", None)
    story.verify_on_chain("Somebody posts a copy of that", copy, "undecided")
    story.verify_on_chain(
        "Bob posts a grey rectangle", story.post(pictures["plain"], "p.png", "bob"), "undecided"
    )
    return first, copies["temple, cropped"]


def _show_contract(story: Story, pictures: dict[str, bytes], folder: Path) -> None:
    """Let a contract ask for a picture behind a URI, and check that it is called back."""
    account = KeyRing(folder / "chain" / "keys.json").account("example-consumer")
    Endpoint(story.stage.rpc_url).request("anvil_setBalance", account.address, hex(10**18))
    w3 = connect(story.stage.rpc_url)
    address = deploy_example_consumer(w3, account, story.stage.chain.deployment.hub)
    with serving(
        {"copy.jpg": pictures["temple, recoloured"], "new.jpg": pictures["rocket"]}
    ) as url:
        for title, name, outcome in (
            ("A contract asks about a copy", "copy.jpg", Outcome.DERIVATIVE),
            ("A contract asks about a new picture", "new.jpg", Outcome.ORIGINAL),
            ("A contract names a dead link", "gone.jpg", Outcome.FAILED),
        ):
            known_as = hashlib.sha256(name.encode()).digest()
            request_id = consumer.request_verification(
                story.stage.chain,
                LocalSigner(account.key),
                address_bytes(address),
                name=known_as,
                media_type=MediaType.IMAGE,
                creator=address_bytes(account.address),
                uri=f"{url}/{name}",
            )
            asker = address_bytes(account.address)
            post_id = consumer.post_id_of(
                story.stage.chain, address_bytes(address), asker, known_as
            )
            _wait_for_callback(story, title, address_bytes(address), post_id, request_id, outcome)


def _wait_for_callback(
    story: Story, title: str, contract: bytes, post_id: bytes, request_id: bytes, outcome: Outcome
) -> None:
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while (
        verify.read_request(story.stage.chain, request_id).status
        is not verify.RequestStatus.FULFILLED
    ):
        story.check(f"{title}: no answer after {STEP_TIMEOUT_S:.0f} s", time.monotonic() < deadline)
        time.sleep(0.2)
    record = verify.read_request(story.stage.chain, request_id)
    received = consumer.received_result(story.stage.chain, contract, post_id)
    story.check(f"{title}: the hub recorded {record}", record.outcome is outcome)
    story.check(f"{title}: the contract received {received}", received["outcome"] == outcome)
    story.check(f"{title}: the callback failed", record.callback_status == 1)
    verdict = outcome.name.lower()
    share = "–"
    if outcome is Outcome.DERIVATIVE:
        redirect = verify.read_redirect(story.stage.chain, post_id)
        share = f"{redirect.redirect_bps / 100:g} % → alice" if redirect.redirect_bps else "–"
        story.check("another creator is credited", redirect.beneficiary == escrow_account("alice"))
    story.note(title, verdict, f"{received['similarityBps'] / 10_000:.4f}", share, "called back")


def _show_bad_input(story: Story, pictures: dict[str, bytes]) -> None:
    """Upload files that are no pictures, and check that they are refused."""
    for title, content, code in (
        ("A text named photo.jpg", b"not a picture at all\n" * 40, "media_unsupported"),
        (
            "A tenth of a photograph",
            pictures["temple"][: len(pictures["temple"]) // 10],
            "media_corrupt",
        ),
    ):
        answer = story.stage.api.post(
            "/upload", files={"file": ("photo.jpg", content)}, data={"creator": "mallory"}
        )
        story.check(f"{title} was answered with {answer.text}", answer.json().get("code") == code)
        story.note(title, "refused", "", "", code)


def report(console: Console, story: Story) -> None:
    """Print the story as a table."""
    table = Table(
        title="What happened, as read back from the chain",
        title_justify="left",
        header_style="bold",
    )
    for heading in ("Step", "Outcome", "Similarity", "Redirect", "Recorded"):
        table.add_column(heading)
    for row in story.rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    ready = story.stage.api.get("/readyz").json()
    for media_type, channels in ready["channels"].items():
        for name, channel in channels.items():
            state = f"on, {channel['model']}" if channel["on"] else f"off: {channel['reason']}"
            console.print(f"Channel {media_type}/{name}: {state}", soft_wrap=True)
    console.print(f"[bold green]All {len(story.rows)} steps verified.[/]")
