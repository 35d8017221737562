"""The whole story with sample pictures; every step is read back from the chain."""

import hashlib
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from oracle.chain import consumer, verify
from oracle.chain.deploy import connect, deploy_example_consumer
from oracle.chain.devnet.keys import KeyRing
from oracle.chain.ids import escrow_account
from oracle.chain.receipt import DecisionReceipt, check_offline
from oracle.chain.receipt_check import check_on_chain
from oracle.chain.report import MediaType, Outcome
from oracle.chain.rpc import Endpoint
from oracle.chain.signer import LocalSigner
from oracle.chain.wire import address_bytes
from oracle.decision import redirect_bps
from oracle.demo.pictures import sample_pictures
from oracle.demo.stage import Stage, running_oracle, serving

STEP_TIMEOUT_S = 60.0
OUTCOMES = {"original": Outcome.ORIGINAL, "derivative": Outcome.DERIVATIVE, "self_duplicate": Outcome.SELF_DUPLICATE,
            "licensed": Outcome.LICENSED, "undecided": Outcome.NEEDS_REVIEW}  # fmt: skip


class StepFailed(Exception):
    """A step of the story did not come true."""


@dataclass
class Story:
    """What happens on a stage, and the report of it."""

    console: Console
    stage: Stage
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def post(self, picture: bytes, name: str, creator: str | None, **headers: str) -> dict[str, Any]:
        """Upload a picture as `curl -F file=@... -F creator=...` does, and wait until it is final on chain."""
        fields = {"creator": creator} if creator else {}
        answer = self.stage.api.post("/upload", files={"file": (name, picture)}, data=fields, headers=headers)
        if answer.status_code not in (200, 202):
            raise StepFailed(f"the upload was refused: {answer.text}")
        return self.settle(answer.json()["links"]["self"])

    def settle(self, link: str) -> dict[str, Any]:
        """Wait until the attestation of an analysis is final."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while time.monotonic() < deadline:
            view: dict[str, Any] = self.stage.api.get(link).json()
            if view["status"] == "failed" or (view["attestation"] or {}).get("status") in ("final", "refused"):
                return view
            time.sleep(0.2)
        raise StepFailed(f"not final after {STEP_TIMEOUT_S:.0f} s: {view['status']}, {view['attestation']}")

    def check(self, what: str, held: bool) -> None:
        if not held:
            raise StepFailed(what)

    def verify_on_chain(self, title: str, view: dict[str, Any], verdict: str, *, original: str | None = None) -> None:
        """Compare what the API said with what the contracts hold, and note the step.

        Args: original: the account of the creator who must be credited, 0x-hex.
        """
        self.check(f"verdict is {view['verdict']}, not {verdict}: {view['explanation']}", view["verdict"] == verdict)
        attestation = view["attestation"]
        self.check(f"attestation is {attestation}", attestation["status"] == "final")
        post_id, tx = _bytes(view["work"]["post_id"]), _bytes(attestation["transaction"])
        found = verify.find_fulfilment(self.stage.chain, tx, _bytes(attestation["request_id"]))
        assert_found = found is not None and found.final and found.outcome is OUTCOMES[verdict]
        self.check(f"transaction {attestation['transaction']} does not hold the outcome: {found}", assert_found)
        result = verify.find_result(self.stage.chain, post_id)
        if result is None:
            raise StepFailed("the PostRegistry holds no result for the post")
        evidence = self.stage.api.get(view["links"]["evidence"]).content
        redirect = verify.read_redirect(self.stage.chain, post_id)
        expected = redirect_bps(view["similarity_bps"], 9_500, 10_000) if verdict == "derivative" else 0
        facts = {
            "outcome": result.outcome is OUTCOMES[verdict],
            "similarity": result.similarity_bps == view["similarity_bps"],
            "redirect": redirect.redirect_bps == result.redirect_bps == view["redirect_bps"] == expected,
            "beneficiary": original is None or result.original_creator == _bytes(original),
            "badge": verify.has_badge(self.stage.chain, post_id) == (verdict == "original"),
            "content hash": result.content_hash.hex() == view["work"]["sha256"],
            "evidence hash": result.evidence_hash == hashlib.sha256(evidence).digest(),
            "creator": result.creator == _bytes(view["work"]["account"]),
        }
        wrong = [name for name, held in facts.items() if not held]
        self.check(f"API and chain disagree on {', '.join(wrong)}: {view}, {result}", not wrong)
        self.check_receipt(view, evidence)
        share = f"{view['redirect_percent']:g} % → {view['original']['creator']}" if expected else "–"
        similarity = f"{view['similarity']:.4f} {view['similarity_tier']}"
        transaction = f"{attestation['transaction'][:10]}… block {attestation['block_number']}"
        self.note(title, verdict, similarity, "badge" if verdict == "original" else share, transaction)

    def check_receipt(self, view: dict[str, Any], evidence: bytes) -> None:
        """Check the signed receipt as a stranger would: offline with the evidence, then on chain."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while (answer := self.stage.api.get(view["links"]["receipt"])).status_code == 404:
            self.check("no receipt was issued", time.monotonic() < deadline)
            time.sleep(0.2)
        receipt = DecisionReceipt.from_json(answer.text)
        checks = [*check_offline(receipt, evidence), *check_on_chain(self.stage.chain, receipt)]
        wrong = [check for check in checks if not check.ok]
        self.check(f"the receipt does not hold: {wrong}", not wrong)

    def note(self, *cells: str) -> None:
        self.rows.append(cells)
        self.console.print(f"  [green]verified[/] {cells[0]}: [bold]{cells[1]}[/]")


def tell(console: Console, keep: Path | None = None) -> bool:
    """Run the demo. Returns: whether every step came true and was verified."""
    pictures = sample_pictures()
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="oracle-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        console.print("[bold]Starting[/] database, chain, contracts, API, worker and node …")
        began = time.monotonic()
        story = Story(console, stack.enter_context(running_oracle(folder)))
        console.print(f"Ready after {time.monotonic() - began:.1f} s; hub {story.stage.chain.deployment.hub}.\n")
        try:
            _clients(story, pictures)
            _contract(story, pictures, folder)
            _bad_input(story, pictures)
        except StepFailed as exc:
            console.print(f"[bold red]Not true:[/] {exc}", soft_wrap=True)
            return False
        report(console, story)
    return True


def _clients(story: Story, pictures: dict[str, bytes]) -> None:
    """Creators post pictures."""
    alice = "0x" + escrow_account("alice").hex()
    first = story.post(pictures["temple"], "temple.jpg", "alice", **{"Idempotency-Key": "demo-1"})
    story.verify_on_chain("Alice posts a photograph", first, "original")
    again = story.post(pictures["temple"], "temple.jpg", "alice", **{"Idempotency-Key": "demo-1"})
    story.check("the same idempotency key made a second analysis", again["analysis_id"] == first["analysis_id"])
    story.note("Alice's client sends it again", "first answer", "", "", "nothing new on chain")
    for title, name in (
        ("Bob posts it re-encoded and smaller", "temple, smaller"),
        ("Carol posts it cropped", "temple, cropped"),
        ("Dave posts it recoloured", "temple, recoloured"),
    ):
        copy = story.post(pictures[name], f"{name}.jpg", title.split()[0].lower())
        story.verify_on_chain(title, copy, "derivative", original=alice)
        story.check("another work is credited", copy["original"]["work_id"] == first["work"]["id"])
    story.verify_on_chain(
        "Alice posts her own again", story.post(pictures["temple, smaller"], "mine.jpg", "alice"), "self_duplicate"
    )
    story.stage.api.post("/v1/permissions", json={"owner": "alice", "licensee": "erin"}).raise_for_status()
    licensed = story.post(pictures["temple, cropped"], "remix.jpg", "erin")
    story.verify_on_chain("Erin posts it with Alice's permission", licensed, "licensed")
    story.verify_on_chain("Bob posts another photograph", story.post(pictures["flower"], "f.jpg", "bob"), "original")
    story.verify_on_chain("Somebody posts without a name", story.post(pictures["cat"], "c.jpg", None), "original")
    copy = story.post(pictures["cat, smaller"], "c2.jpg", None)
    story.verify_on_chain("Somebody posts a copy of that", copy, "undecided")
    story.verify_on_chain("Bob posts a grey rectangle", story.post(pictures["plain"], "p.png", "bob"), "undecided")


def _contract(story: Story, pictures: dict[str, bytes], folder: Path) -> None:
    """A contract asks for a picture behind a URI, and is called back."""
    account = KeyRing(folder / "chain" / "keys.json").account("example-consumer")
    Endpoint(story.stage.rpc_url).request("anvil_setBalance", account.address, hex(10**18))
    w3 = connect(story.stage.rpc_url)
    address = deploy_example_consumer(w3, account, story.stage.chain.deployment.hub)
    with serving({"copy.jpg": pictures["temple, recoloured"], "new.jpg": pictures["rocket"]}) as url:
        for title, name, outcome in (
            ("A contract asks about a copy", "copy.jpg", Outcome.DERIVATIVE),
            ("A contract asks about a new picture", "new.jpg", Outcome.ORIGINAL),
            ("A contract names a dead link", "gone.jpg", Outcome.FAILED),
        ):
            post_id = hashlib.sha256(name.encode()).digest()
            request_id = consumer.request_verification(
                story.stage.chain, LocalSigner(account.key), address_bytes(address), post_id=post_id,
                media_type=MediaType.IMAGE, creator=address_bytes(account.address), uri=f"{url}/{name}",
            )  # fmt: skip
            _wait_for_callback(story, title, address_bytes(address), post_id, request_id, outcome)


def _wait_for_callback(
    story: Story, title: str, contract: bytes, post_id: bytes, request_id: bytes, outcome: Outcome
) -> None:
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while verify.read_request(story.stage.chain, request_id).status is not verify.RequestStatus.FULFILLED:
        story.check(f"{title}: no answer after {STEP_TIMEOUT_S:.0f} s", time.monotonic() < deadline)
        time.sleep(0.2)
    record = verify.read_request(story.stage.chain, request_id)
    received = consumer.received_result(story.stage.chain, contract, post_id)
    story.check(f"{title}: the hub recorded {record}", record.outcome is outcome)
    story.check(f"{title}: the contract received {received}", received["outcome"] == outcome)
    story.check(f"{title}: the callback failed", record.callback_status == 1)
    verdict = outcome.name.lower()
    redirect = verify.read_redirect(story.stage.chain, post_id)
    share = f"{redirect.redirect_bps / 100:g} % → alice" if redirect.redirect_bps else "–"
    if outcome is Outcome.DERIVATIVE:
        story.check("another creator is credited", redirect.beneficiary == escrow_account("alice"))
    story.note(title, verdict, f"{received['similarityBps'] / 10_000:.4f}", share, "called back")


def _bad_input(story: Story, pictures: dict[str, bytes]) -> None:
    """What is no picture is refused, and nothing is kept of it."""
    for title, content, code in (
        ("A text named photo.jpg", b"not a picture at all\n" * 40, "media_unsupported"),
        ("Half a photograph", pictures["temple"][: len(pictures["temple"]) // 2], "media_corrupt"),
    ):
        answer = story.stage.api.post("/upload", files={"file": ("photo.jpg", content)}, data={"creator": "mallory"})
        story.check(f"{title} was answered with {answer.text}", answer.json().get("code") == code)
        story.note(title, "refused", "", "", code)


def report(console: Console, story: Story) -> None:
    """Print the story as a table."""
    table = Table(title="What happened, as read back from the chain", title_justify="left", header_style="bold")
    for heading in ("Step", "Outcome", "Similarity", "Redirect", "Recorded"):
        table.add_column(heading)
    for row in story.rows:
        table.add_row(*row)
    console.print()
    console.print(table)
    ready = story.stage.api.get("/readyz").json()
    for name, channel in ready["channels"].items():
        state = f"on, {channel['model']}" if channel["on"] else f"off: {channel['reason']}"
        console.print(f"Channel {name}: {state}", soft_wrap=True)
    console.print(f"[bold green]All {len(story.rows)} steps verified.[/]")


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
