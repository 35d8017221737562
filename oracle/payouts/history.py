"""A creator's history as a signed document: posts, verdicts, grades and bonuses, to take along.

Another installation checks it against the issuers that it trusts, and shows it as theirs: it
decides nothing there.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oracle import currency
from oracle.chain.errors import SigningFailed
from oracle.chain.keys.signer import LocalSigner, Signer, account_from_file, recover
from oracle.errors import NotAllowed, OracleError
from storage import histories
from storage.database import Connection
from storage.works import creators

FORMAT = "creativity-oracle/creator-history/1"


class InvalidHistory(OracleError):
    """This is no signed history of a creator. Nothing was imported."""

    code = "invalid_history"


@dataclass(frozen=True)
class History:
    """A history whose signature holds."""

    document: Mapping[str, Any]
    issuer: bytes
    digest: bytes
    issued_at: datetime
    accounts: tuple[bytes, ...]


def signer_of(data_dir: Path, key: str | None) -> Signer:
    """Return what histories are signed with: the key that is set, or one made here once.

    Raises: SigningFailed.
    """
    if key is not None:
        try:
            return LocalSigner(key)
        except Exception as exc:  # none of the kinds' messages may reach a log
            raise SigningFailed("ORACLE_HISTORY__KEY is not 32 bytes of hex.") from exc
    file = data_dir / "history.key"
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(os.urandom(32).hex())
    except FileExistsError:
        pass
    return LocalSigner(bytes(account_from_file(file).key))


def issue(conn: Connection, creator_id: int, signer: Signer, now: datetime) -> dict[str, Any]:
    """Sign what is known of a creator now."""
    document = {
        "format": FORMAT,
        "issuer": "0x" + signer.address.hex(),
        "issued_at": now.astimezone(UTC).isoformat(),
        "creator": creators.get_creator(conn, creator_id).handle,
        "accounts": ["0x" + row.account.hex() for row in creators.accounts_of(conn, creator_id)],
        "currency": currency.code(),
        "posts": [
            {
                name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
                for name, value in post.items()
            }
            for post in histories.posts_of(conn, creator_id)
        ],
    }
    return document | {"signature": "0x" + signer.sign_digest(digest_of(document)).hex()}


def verify(signed: Mapping[str, Any], trusted: Collection[bytes]) -> History:
    """Check a signed history. Args: trusted: issuers that are believed, 20 bytes each.

    Raises: InvalidHistory, NotAllowed for an issuer that nobody here trusts.
    """
    try:
        document = {name: value for name, value in signed.items() if name != "signature"}
        if document["format"] != FORMAT:
            raise InvalidHistory(f"This is no history of the format {FORMAT}.")
        issuer = _bytes(document["issuer"])
        digest = digest_of(document)
        issued_at = datetime.fromisoformat(document["issued_at"])
        accounts = tuple(_bytes(account) for account in document["accounts"])
        if recover(digest, _bytes(signed["signature"])) != issuer or issued_at.tzinfo is None:
            raise InvalidHistory("The signature is not the issuer's: it was changed, or forged.")
        if not isinstance(document["posts"], list) or not isinstance(document["creator"], str):
            raise InvalidHistory
    except (KeyError, TypeError, ValueError, AttributeError, SigningFailed) as exc:
        raise InvalidHistory from exc
    if issuer not in trusted:
        raise NotAllowed(
            f"The operator trusts no installation 0x{issuer.hex()} (ORACLE_HISTORY__TRUSTED)."
            " Nothing was imported."
        )
    return History(document, issuer, digest, issued_at, accounts)


def import_for(conn: Connection, creator_id: int, history: History, by: str) -> bool:
    """Keep a history of elsewhere. Returns: False where it is here already."""
    return histories.add(
        conn,
        creator_id,
        issuer=history.issuer,
        issued_at=history.issued_at,
        digest=history.digest,
        document=history.document,
        by=by,
    )


def digest_of(document: Mapping[str, Any]) -> bytes:
    """Return what is signed: SHA-256 of format and canonical JSON."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(FORMAT.encode() + b"\0" + text.encode()).digest()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
