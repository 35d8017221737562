"""A receipt: one decision, its basis, and the transaction that recorded it, signed together. Pure.

The report and its signatures bind the verdict to the evidence hash, the models, the index and the
policy version. The issuer's signature binds that report to its transaction and block. Anyone can
check it with this file's functions, without a network.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.core.report import PoCReport, digest, domain_separator
from oracle.chain.core.wire import blob, hexed
from oracle.chain.errors import InvalidReport, SigningFailed
from oracle.chain.keys.signer import Signer, recover

FORMAT = "creativity-oracle/receipt/1"
TYPE_HASH = keccak(
    text="DecisionReceipt(bytes32 reportDigest,bytes32 txHash,uint64 blockNumber,bytes32 blockHash)"
)
FIELDS = {
    "format",
    "chain_id",
    "hub",
    "report",
    "signatures",
    "tx_hash",
    "block_number",
    "block_hash",
    "issuer",
    "issuer_signature",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReceipt:
    """A receipt. Hashes have 32 bytes, accounts 20, signatures 65; signatures ascend by signer."""

    chain_id: int
    hub: bytes
    report: PoCReport
    signatures: tuple[bytes, ...]
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    issuer: bytes
    issuer_signature: bytes

    def to_json(self) -> str:
        """Return the form that is handed out: one JSON object, keys sorted."""
        document = {
            "format": FORMAT,
            "chain_id": self.chain_id,
            "hub": hexed(self.hub),
            "report": self.report.to_dict(),
            "signatures": [hexed(signature) for signature in self.signatures],
            "tx_hash": hexed(self.tx_hash),
            "block_number": self.block_number,
            "block_hash": hexed(self.block_hash),
            "issuer": hexed(self.issuer),
            "issuer_signature": hexed(self.issuer_signature),
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "DecisionReceipt":
        """Parse `to_json`'s form. Raises: InvalidReport if this is no receipt of this format."""
        try:
            document: dict[str, Any] = json.loads(text)
            if set(document) != FIELDS or document["format"] != FORMAT:
                raise InvalidReport(f"This is no receipt of the format {FORMAT}.")
            return cls(
                chain_id=int(document["chain_id"]),
                hub=blob(document["hub"]),
                report=PoCReport.from_dict(document["report"]),
                signatures=tuple(blob(signature) for signature in document["signatures"]),
                tx_hash=blob(document["tx_hash"]),
                block_number=int(document["block_number"]),
                block_hash=blob(document["block_hash"]),
                issuer=blob(document["issuer"]),
                issuer_signature=blob(document["issuer_signature"]),
            )
        except InvalidReport:
            raise
        except Exception as exc:  # a file from a client can be wrong in any way
            raise InvalidReport(f"This is no receipt: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check, in words."""

    name: str
    ok: bool
    detail: str


def receipt_digest(
    report_digest: bytes,
    chain_id: int,
    hub: bytes,
    tx_hash: bytes,
    block_number: int,
    block_hash: bytes,
) -> bytes:
    """Return what the issuer signs (32 bytes): EIP-712 in the domain of the hub."""
    body = encode(
        ["bytes32", "bytes32", "bytes32", "uint64", "bytes32"],
        [TYPE_HASH, report_digest, tx_hash, block_number, block_hash],
    )
    return keccak(b"\x19\x01" + domain_separator(chain_id, hub) + keccak(body))


def issue(
    issuer: Signer,
    *,
    chain_id: int,
    hub: bytes,
    report: PoCReport,
    signatures: Sequence[bytes],
    tx_hash: bytes,
    block_number: int,
    block_hash: bytes,
) -> DecisionReceipt:
    """Sign a receipt for a report whose transaction is final. Raises: SigningFailed."""
    to_sign = receipt_digest(
        digest(report, chain_id, hub), chain_id, hub, tx_hash, block_number, block_hash
    )
    return DecisionReceipt(
        chain_id=chain_id,
        hub=hub,
        report=report,
        signatures=tuple(signatures),
        tx_hash=tx_hash,
        block_number=block_number,
        block_hash=block_hash,
        issuer=issuer.address,
        issuer_signature=issuer.sign_digest(to_sign),
    )


def check_offline(receipt: DecisionReceipt, evidence: bytes | None = None) -> list[Check]:
    """Do every check that needs no network; evidence, if given, must match the stored SHA-256."""
    report_digest = digest(receipt.report, receipt.chain_id, receipt.hub)
    signers = [_signer(report_digest, signature) for signature in receipt.signatures]
    recovered = [signer for signer in signers if signer is not None]
    checks = [
        Check(
            "signatures",
            bool(signers) and len(recovered) == len(signers),
            f"The report is signed by {', '.join(map(hexed, recovered)) or 'nobody'}.",
        ),
        Check(
            "order",
            recovered == sorted(set(recovered)),
            "The signers are different and in the order the contract asks for.",
        ),
    ]
    to_sign = receipt_digest(
        report_digest,
        receipt.chain_id,
        receipt.hub,
        receipt.tx_hash,
        receipt.block_number,
        receipt.block_hash,
    )
    issued = _signer(to_sign, receipt.issuer_signature) == receipt.issuer
    checks.append(
        Check(
            "issuer",
            issued and receipt.issuer in recovered,
            f"{hexed(receipt.issuer)} signed report and transaction as one.",
        )
    )
    if evidence is not None:
        evidence_sha256 = hashlib.sha256(evidence).digest()
        checks.append(
            Check(
                "evidence",
                evidence_sha256 == receipt.report.evidence_hash,
                f"The evidence has the SHA-256 {evidence_sha256.hex()}.",
            )
        )
    return checks


def _signer(signed: bytes, signature: bytes) -> bytes | None:
    try:
        return recover(signed, signature)
    except SigningFailed:
        return None
