"""How signers talk: signed envelopes over HTTP, each for one recipient and one moment."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from oracle.chain.core.report import domain_separator
from oracle.chain.core.wire import blob, hexed
from oracle.chain.errors import ChainError, InvalidReport, SigningFailed
from oracle.chain.keys.signer import Signer, recover
from oracle.chain.quorum.client import Line
from oracle.chain.quorum.server import BoundedServer

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 256 * 1024
FRESH_S = 60
COPY_BYTES = 1 << 20
# Connecting, asking, and what the other node has to look up before it answers.
SILENCES_PER_ANSWER = 3
SLOWEST_MEDIA_BYTES_PER_S = 256 * 1024
SILENT_FOR_S = 30.0  # a peer that opens a connection and says nothing
TYPE_HASH = keccak(text="PeerMessage(address recipient,uint64 sentAt,bytes32 bodyHash)")

Body = dict[str, Any]
# Takes the sender (20 bytes, proven) and the message, returns the answer: a message, or bytes to be
# streamed.
Handler = Callable[[bytes, Body], "Body | BinaryIO"]


class PeerAway(ChainError):
    """The other signer did not give what was asked for; it is asked again."""

    code = "peer_away"
    retryable = True


@dataclass(frozen=True)
class QuorumSettings:
    """The other signers, and how much patience there is with them.

    Args:
        peers: Base URL of each other signer, by its address (20 bytes).
        listen: Host and port to be reached at; port 0 takes a free one.
        tolerance_bps: How far a report may be from one's own similarity.
        turn_s: How long each signer has to transmit before the next one does.
        timeout_s: How long a peer may be silent; a whole answer may take three times as long.
        media_start_s: What fetching media may take beyond its size at 256 KiB/s.
        connections: How many this signer takes at once, and how many of them from one address. A
            peer needs up to three; several may be behind one address.
        message_within_s: A connection on which no whole message comes for so long is closed.
    """

    peers: dict[bytes, str] = field(default_factory=dict)
    listen: tuple[str, int] = ("127.0.0.1", 0)
    tolerance_bps: int = 50
    turn_s: float = 5.0
    timeout_s: float = 3.0
    media_start_s: float = 30.0
    validity_s: int = 1_800
    connections: int = 128
    connections_per_address: int = 32
    message_within_s: float = SILENT_FOR_S


def seal(signer: Signer, domain: bytes, recipient: bytes, sent_at: int, body: Body) -> Body:
    """An envelope that only `recipient` accepts, for a minute."""
    text = json.dumps(body, sort_keys=True)
    return {
        "sender": hexed(signer.address),
        "sent_at": sent_at,
        "body": text,
        "signature": hexed(signer.sign_digest(_digest(domain, recipient, sent_at, text))),
    }


def open_envelope(envelope: Body, domain: bytes, recipient: bytes, now: int) -> tuple[bytes, Body]:
    """The proven sender and the message.

    Raises: InvalidReport for a forged, stale or misdirected envelope.
    """
    try:
        sender, sent_at, text = (
            blob(envelope["sender"]),
            int(envelope["sent_at"]),
            str(envelope["body"]),
        )
        signer = recover(_digest(domain, recipient, sent_at, text), blob(envelope["signature"]))
        body = json.loads(text)
    except (ChainError, KeyError, ValueError, TypeError, RecursionError) as exc:
        raise InvalidReport(f"This is no envelope: {type(exc).__name__}") from exc
    if signer != sender:
        raise InvalidReport("The envelope is not signed by its sender, or not for us.")
    if abs(now - sent_at) > FRESH_S:
        raise InvalidReport("The envelope is too old, or a clock is wrong.")
    if not isinstance(body, dict):
        raise InvalidReport("The envelope holds no message.")
    return sender, body


def _digest(domain: bytes, recipient: bytes, sent_at: int, text: str) -> bytes:
    types = ["bytes32", "address", "uint64", "bytes32"]
    body = encode(types, [TYPE_HASH, hexed(recipient), sent_at, keccak(text=text)])
    return keccak(b"\x19\x01" + domain + keccak(body))


class Peers:
    """Asks the other signers, all at once; who is down or talks nonsense is left out."""

    def __init__(
        self,
        settings: QuorumSettings,
        signer: Signer,
        chain_id: int,
        hub: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._domain = domain_separator(chain_id, hub)
        self._clock = clock
        self._line = Line(settings.timeout_s)
        self._pool = ThreadPoolExecutor(
            max_workers=max(1, len(settings.peers)), thread_name_prefix="peer"
        )

    def ask(self, body: Body) -> dict[bytes, Body]:
        """The answers to one message, by the peer's address."""
        futures = {
            peer: self._pool.submit(self._ask_one, peer, url, body)
            for peer, url in self._settings.peers.items()
        }
        answers = {peer: future.result() for peer, future in futures.items()}
        return {peer: answer for peer, answer in answers.items() if answer is not None}

    def fetch_media(self, peer: bytes, sha256: bytes, path: Path, size_bytes: int) -> None:
        """Write the media of that hash to `path`.

        Raises: PeerAway, also for other bytes than those asked for.
        """
        url = dict(self._settings.peers.items()).get(peer)
        if url is None:
            raise PeerAway(f"{hexed(peer)} is no peer of ours.")
        digest, size = hashlib.sha256(), 0
        try:
            asked = self._sealed(peer, {"kind": "media", "sha256": hexed(sha256)})
            within_s = self._settings.media_start_s + size_bytes / SLOWEST_MEDIA_BYTES_PER_S
            with self._line.post(url, asked, within_s) as response, path.open("wb") as out:
                if response.status != 200:
                    raise PeerAway(
                        f"{hexed(peer)} does not give the media (status {response.status})."
                    )
                for chunk in response.iter_stream():
                    size += len(chunk)
                    if size > size_bytes:
                        raise PeerAway(
                            f"{hexed(peer)} sends more than the {size_bytes} bytes it announced."
                        )
                    digest.update(chunk)
                    out.write(chunk)
        except (SigningFailed, OSError) as exc:
            raise PeerAway(f"{hexed(peer)} broke off: {exc}") from exc
        if digest.digest() != sha256:
            raise PeerAway(f"{hexed(peer)} sent other bytes than those asked for.")

    def hang_up(self) -> None:
        """End what is under way within moments, media included, and begin nothing any more."""
        self._line.hang_up()

    def close(self) -> None:
        self._line.hang_up()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._line.close()

    def _sealed(self, peer: bytes, body: Body) -> bytes:
        return json.dumps(seal(self._signer, self._domain, peer, self._clock(), body)).encode()

    def _ask_one(self, peer: bytes, url: str, body: Body) -> Body | None:
        try:
            within_s = SILENCES_PER_ANSWER * self._settings.timeout_s
            with self._line.post(url, self._sealed(peer, body), within_s) as response:
                answer = json.loads(_bounded(response.iter_stream()))
            return answer if isinstance(answer, dict) and response.status == 200 else None
        except (OSError, ValueError, RecursionError, SigningFailed) as exc:
            log.info("peer.no_answer", peer=hexed(peer), error=type(exc).__name__)
            return None


class PeerServer:
    """Answers the other signers on a thread of its own."""

    def __init__(
        self,
        settings: QuorumSettings,
        signer: Signer,
        chain_id: int,
        hub: bytes,
        handle: Handler,
        clock: Callable[[], int],
    ) -> None:
        domain = domain_separator(chain_id, hub)

        class PeerHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # signers talk often: one connection for many messages
            timeout = SILENT_FOR_S

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 < length <= MAX_BODY_BYTES:
                    self.close_connection = True  # the body is not read
                    self.send_error(413)
                    return
                data = self.rfile.read(length)
                server.heard(self.connection)
                try:
                    self._reply(*self._answer(data))
                finally:
                    server.waits(self.connection)

            def _reply(self, status: int, answer: Body | BinaryIO) -> None:
                if not isinstance(answer, dict):
                    self._stream(answer)
                    return
                data = json.dumps(answer).encode()
                self.send_response(status)
                # rubbish is a whole message, too: nobody keeps a connection by it
                if status != 200:
                    self.send_header("Connection", "close")  # sets close_connection as well
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def _stream(self, source: BinaryIO) -> None:
                with source:
                    size = source.seek(0, os.SEEK_END)
                    source.seek(0)
                    self.send_response(200)
                    self.send_header("Content-Type", "application/octet-stream")
                    self.send_header("Content-Length", str(size))
                    self.end_headers()
                    shutil.copyfileobj(source, self.wfile, COPY_BYTES)

            def _answer(self, data: bytes) -> tuple[int, Body | BinaryIO]:
                try:
                    envelope = json.loads(data)
                    sender, body = open_envelope(envelope, domain, signer.address, clock())
                    return 200, handle(sender, body)
                except (
                    InvalidReport,
                    ValueError,
                    TypeError,
                    KeyError,
                    AttributeError,
                    RecursionError,
                ) as exc:
                    return 400, {"error": "invalid_message", "detail": str(exc)}
                except Exception as exc:  # whatever a stranger sends, the server stays up
                    log.exception("peer.message_failed")
                    return 503, {"error": getattr(exc, "code", "internal_error")}

            def log_message(self, *_: object) -> None:
                pass  # structlog has said what matters

        self._server = server = BoundedServer(
            settings.listen,
            PeerHandler,
            most=settings.connections,
            most_of_one=settings.connections_per_address,
            message_within_s=settings.message_within_s,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, daemon=True, name="peer-server"
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bounded(chunks: Any) -> bytes:
    data = b""
    for chunk in chunks:
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise ValueError("The answer is too long.")
    return data
