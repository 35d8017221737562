"""Uploads under a quorum: whoever took one in introduces it to the others, which fetch the media
and judge it.
"""

import tempfile
import threading
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import UUID

import structlog

from oracle.chain.core.ids import attestation_id
from oracle.chain.core.wire import blob, hexed
from oracle.chain.errors import ChainError, InvalidReport
from oracle.chain.quorum.peers import Body, PeerAway, Peers

log = structlog.get_logger(__name__)

FETCHES_AT_ONCE = 2
MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What one signer tells the others of an upload.

    The bytes themselves are proven by their hash.
    """

    post_id: bytes
    sha256: bytes
    size_bytes: int
    config_version: int
    media_type: str
    mime: str
    creator: str | None
    file_name: str | None

    def to_dict(self) -> Body:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: hexed(value) if isinstance(value, bytes) else value
            for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "UploadFacts":
        """Raises: InvalidReport for anything that is not exactly an introduction."""
        try:
            return cls(
                post_id=_hash(data["post_id"]),
                sha256=_hash(data["sha256"]),
                size_bytes=_count(data["size_bytes"]),
                config_version=_count(data["config_version"]),
                media_type=_text(data["media_type"]),
                mime=_text(data["mime"]),
                creator=None if data["creator"] is None else _text(data["creator"]),
                file_name=None if data["file_name"] is None else _text(data["file_name"]),
            )
        except (ChainError, KeyError, TypeError, ValueError) as exc:  # a stranger wrote it
            raise InvalidReport(f"This is no introduction: {exc}") from exc


class UploadSharing(Protocol):
    """What the signer needs of the oracle around it to share uploads."""

    max_bytes: int

    def facts_of(self, analysis_id: UUID) -> UploadFacts | None:
        """What to tell the others of an upload of ours; None once its media was erased."""

    def knows(self, facts: UploadFacts) -> bool:
        """Whether that upload was taken in before."""

    def open_media(self, sha256: bytes) -> BinaryIO | None:
        """The bytes of a registered work; None for what is not ours to give."""

    def take_in(self, facts: UploadFacts, path: Path) -> None:
        """Register the work and have it judged. Raises: what intake raises."""


class Introductions:
    """Fetches the media of introduced uploads in the background; an introduction may be made any
    number of times.
    """

    def __init__(self, sharing: UploadSharing, peers: Peers, chain_id: int, hub: bytes) -> None:
        self._sharing = sharing
        self._peers = peers
        self._chain_id = chain_id
        self._hub = hub
        self._pool = ThreadPoolExecutor(FETCHES_AT_ONCE, thread_name_prefix="introduced")
        self._under_way: set[bytes] = set()
        self._lock = threading.Lock()

    def introduce(self, sender: bytes, request_id: bytes, body: Body) -> None:
        """Take notice of an upload that another signer speaks about. Raises: InvalidReport."""
        facts = UploadFacts.from_dict(body)
        if attestation_id(self._chain_id, self._hub, facts.post_id, facts.sha256) != request_id:
            raise InvalidReport("The introduction is not of the upload it is sent with.")
        if facts.size_bytes > self._sharing.max_bytes:
            raise InvalidReport(
                f"The upload has {facts.size_bytes} bytes, more than this signer takes."
            )
        with self._lock:
            if request_id in self._under_way:
                return
            self._under_way.add(request_id)
        self._pool.submit(self._fetch, sender, request_id, facts)

    def close(self) -> None:
        """Forget what is under way; whoever introduced it does so again.

        Peers are not asked any more.
        """
        self._peers.cancel()  # or a slow one would be waited for
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fetch(self, sender: bytes, request_id: bytes, facts: UploadFacts) -> None:
        bound = log.bind(peer=hexed(sender), post_id=facts.post_id.hex())
        try:
            if self._sharing.knows(facts):
                return
            with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
                path = Path(folder) / "media"
                self._peers.fetch_media(sender, facts.sha256, path, facts.size_bytes)
                self._sharing.take_in(facts, path)
            bound.info("upload.introduced")
        except PeerAway as exc:
            bound.warning("upload.not_fetched", error=str(exc))
        # a stranger's bytes: the signer goes on, and the introduction will be repeated
        except Exception:
            bound.exception("upload.introduction_failed")
        finally:
            with self._lock:
                self._under_way.discard(request_id)


def _hash(value: object) -> bytes:
    found = blob(value)
    if len(found) != 32:
        raise ValueError(f"{value!r} is no hash")
    return found


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no count")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise ValueError("a text is missing or too long")
    if not all(map(_is_writable, value)):
        raise ValueError("a text holds control characters")
    return value


def _is_writable(char: str) -> bool:
    """Whether every log and database takes it: no control character, no half of a surrogate
    pair.
    """
    return unicodedata.category(char) not in ("Cc", "Cs")


def shareable_name(name: str | None) -> str | None:
    """A file name as others take it in, None if nothing of it is left."""
    return "".join(filter(_is_writable, name or ""))[:MAX_TEXT] or None
