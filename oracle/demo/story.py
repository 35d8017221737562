"""Steps of the demo; each is compared with what the contracts hold."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from oracle.chain.contracts import verify
from oracle.chain.core.receipt import DecisionReceipt, check_offline
from oracle.chain.core.report import Outcome, commitment
from oracle.chain.node.receipt_check import check_on_chain
from oracle.demo.stage import Stage
from oracle.rules.decision import redirect_bps

STEP_TIMEOUT_S = 60.0
OUTCOMES = {
    "original": Outcome.ORIGINAL,
    "derivative": Outcome.DERIVATIVE,
    "self_duplicate": Outcome.SELF_DUPLICATE,
    "licensed": Outcome.LICENSED,
    "undecided": Outcome.NEEDS_REVIEW,
}


class StepFailed(Exception):
    """A step of the demo did not turn out as stated."""


@dataclass
class Story:
    """Acts on a running oracle, and collects the report."""

    console: Console
    stage: Stage
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def post(
        self, picture: bytes, name: str, creator: str | None, **headers: str
    ) -> dict[str, Any]:
        """Upload as `curl -F file=@… -F creator=…` does, and wait until it is final on chain."""
        fields = {"creator": creator} if creator else {}
        answer = self.stage.api.post(
            "/upload", files={"file": (name, picture)}, data=fields, headers=headers
        )
        if answer.status_code not in (200, 202):
            raise StepFailed(f"the upload was refused: {answer.text}")
        return self.settle(answer.json()["links"]["self"])

    def settle(self, link: str) -> dict[str, Any]:
        """Wait until the attestation of an analysis is final."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while time.monotonic() < deadline:
            view: dict[str, Any] = self.stage.api.get(link).json()
            if view["status"] == "failed" or (view["attestation"] or {}).get("status") in (
                "final",
                "refused",
            ):
                return view
            time.sleep(0.2)
        raise StepFailed(
            f"not final after {STEP_TIMEOUT_S:.0f} s: {view['status']}, {view['attestation']}"
        )

    def wait(self, problem: str, holds: Callable[[], bool]) -> None:
        """Wait until something holds that the oracle does by itself. Raises: StepFailed."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while not holds():
            self.check(problem, time.monotonic() < deadline)
            time.sleep(0.5)

    def check(self, problem: str, holds: bool) -> None:
        if not holds:
            raise StepFailed(problem)

    def verify_on_chain(
        self, title: str, view: dict[str, Any], verdict: str, *, original: str | None = None
    ) -> None:
        """Compare what the API said with what the contracts hold, and report the step.

        Args:
            original: The account of the creator who must be credited, 0x-hex.
        """
        self.check(
            f"verdict is {view['verdict']}, not {verdict}: {view['explanation']}",
            view["verdict"] == verdict,
        )
        attestation = view["attestation"]
        self.check(f"attestation is {attestation}", attestation["status"] == "final")
        post_id, tx = _bytes(view["work"]["post_id"]), _bytes(attestation["transaction"])
        fulfilment = verify.find_fulfilment(self.stage.chain, tx, _bytes(attestation["request_id"]))
        self.check(
            f"transaction {attestation['transaction']} does not hold the outcome: {fulfilment}",
            fulfilment is not None and fulfilment.final and fulfilment.outcome is OUTCOMES[verdict],
        )
        result = verify.find_result(self.stage.chain, post_id)
        report = fulfilment.report if fulfilment else None
        if result is None or report is None:
            raise StepFailed("the PostRegistry holds no result for the post")
        evidence = self.stage.api.get(view["links"]["evidence"]).content
        redirect = verify.read_redirect(self.stage.chain, post_id)
        expected = (
            redirect_bps(view["similarity_bps"], 9_500, 10_000) if verdict == "derivative" else 0
        )
        facts = {
            "outcome": result.outcome is OUTCOMES[verdict],
            "similarity": result.similarity_bps == view["similarity_bps"],
            "redirect": redirect.redirect_bps
            == result.redirect_bps
            == view["redirect_bps"]
            == expected,
            "beneficiary": original is None or result.original_creator == _bytes(original),
            "badge": verify.has_badge(self.stage.chain, post_id) == (verdict == "original"),
            "content hash": report.content_hash.hex() == view["work"]["sha256"],
            "evidence hash": report.evidence_hash == hashlib.sha256(evidence).digest(),
            "commitment": result.commitment == commitment(report),
            "creator": result.creator == _bytes(view["work"]["account"]),
        }
        wrong = [name for name, holds in facts.items() if not holds]
        self.check(f"API and chain disagree on {', '.join(wrong)}: {view}, {result}", not wrong)
        self.check_receipt(view, evidence)
        share = (
            f"{view['redirect_percent']:g} % → {view['original']['creator']}" if expected else "–"
        )
        similarity = f"{view['similarity']:.4f} {view['similarity_tier']}"
        transaction = f"{attestation['transaction'][:10]}… block {attestation['block_number']}"
        self.note(
            title, verdict, similarity, "badge" if verdict == "original" else share, transaction
        )

    def check_receipt(self, view: dict[str, Any], evidence: bytes) -> None:
        """Check the signed receipt as a third party would: offline with evidence, then on chain."""
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


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
