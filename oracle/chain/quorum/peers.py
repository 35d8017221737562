"""How signers talk: signed envelopes over HTTP, each for one recipient and one moment."""

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import structlog
from anyio import to_thread
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from oracle.chain.core.report import domain_separator
from oracle.chain.core.wire import blob, hexed
from oracle.chain.errors import ChainError, InvalidReport, SigningFailed
from oracle.chain.keys.signer import Signer, recover
from oracle.chain.quorum.client import PeerClient
from oracle.chain.quorum.server import BoundedServer, ConnectionLimits

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
        self._client = PeerClient(settings.timeout_s)

    def ask(self, body: Body) -> dict[bytes, Body]:
        """The answers to one message, by the peer's address."""

        async def ask_all() -> list[tuple[bytes, Body | None]]:
            peers = self._settings.peers.items()
            return await asyncio.gather(*(self._ask_one(peer, url, body) for peer, url in peers))

        try:
            answers = self._client.run(ask_all)
        except OSError:
            return {}  # we are closing
        return {peer: answer for peer, answer in answers if answer is not None}

    def fetch_media(self, peer: bytes, sha256: bytes, path: Path, size_bytes: int) -> None:
        """Write the media of that hash to `path`.

        Raises: PeerAway, also for other bytes than those asked for.
        """
        url = dict(self._settings.peers.items()).get(peer)
        if url is None:
            raise PeerAway(f"{hexed(peer)} is no peer of ours.")
        digest = hashlib.sha256()

        async def fetch() -> None:
            size = 0
            asked = await self._sealed(peer, {"kind": "media", "sha256": hexed(sha256)})
            within_s = self._settings.media_start_s + size_bytes / SLOWEST_MEDIA_BYTES_PER_S
            async with self._client.post(url, asked, within_s) as response:
                if response.status_code != 200:
                    raise PeerAway(
                        f"{hexed(peer)} does not give the media (status {response.status_code})."
                    )
                with path.open("wb") as out:
                    async for chunk in response.aiter_raw():
                        size += len(chunk)
                        if size > size_bytes:
                            raise PeerAway(
                                f"{hexed(peer)} sends more than the {size_bytes} bytes it"
                                " announced."
                            )
                        digest.update(chunk)
                        out.write(chunk)

        try:
            self._client.run(fetch)
        except (SigningFailed, OSError) as exc:
            raise PeerAway(f"{hexed(peer)} broke off: {exc}") from exc
        if digest.digest() != sha256:
            raise PeerAway(f"{hexed(peer)} sent other bytes than those asked for.")

    def cancel(self) -> None:
        """End what is under way at once, media included, and begin nothing any more."""
        self._client.cancel()

    def close(self) -> None:
        self._client.close()

    async def _sealed(self, peer: bytes, body: Body) -> bytes:
        # On a thread: the key may be behind a network.
        sealed = await to_thread.run_sync(
            seal, self._signer, self._domain, peer, self._clock(), body
        )
        return json.dumps(sealed).encode()

    async def _ask_one(self, peer: bytes, url: str, body: Body) -> tuple[bytes, Body | None]:
        try:
            sealed = await self._sealed(peer, body)
            async with self._client.post(
                url, sealed, SILENCES_PER_ANSWER * self._settings.timeout_s
            ) as response:
                answer = json.loads(await _bounded(response.aiter_raw()))
            return peer, answer if isinstance(
                answer, dict
            ) and response.status_code == 200 else None
        except (OSError, ValueError, RecursionError, SigningFailed) as exc:
            log.info("peer.no_answer", peer=hexed(peer), error=type(exc).__name__)
            return peer, None


class PeerServer(BoundedServer):
    """Answers the other signers."""

    def __init__(
        self,
        settings: QuorumSettings,
        signer: Signer,
        chain_id: int,
        hub: bytes,
        handle: Handler,
        clock: Callable[[], int],
    ) -> None:
        def answer(envelope: bytes) -> Body | BinaryIO:
            return handle(
                *open_envelope(
                    json.loads(envelope), domain_separator(chain_id, hub), signer.address, clock()
                )
            )

        limits = ConnectionLimits(
            settings.connections, settings.connections_per_address, settings.message_within_s
        )
        super().__init__(peer_app(answer), settings.listen, limits)


def peer_app(answer: Callable[[bytes], "Body | BinaryIO"]) -> FastAPI:
    """The one route of a signer: an envelope is posted, and answered with a message or with
    media.
    """
    app = FastAPI(openapi_url=None, max_body_size=MAX_BODY_BYTES)

    async def envelope(request: Request) -> bytes:
        return await request.body()

    @app.post("/{path:path}")
    def take(data: Annotated[bytes, Depends(envelope)]) -> Response:
        try:
            answered = answer(data)
        except (
            InvalidReport,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ) as exc:
            return _json(400, {"error": "invalid_message", "detail": str(exc)})
        except Exception as exc:  # whatever a stranger sends, the server stays up
            log.exception("peer.message_failed")
            return _json(503, {"error": getattr(exc, "code", "internal_error")})
        return _json(200, answered) if isinstance(answered, dict) else _media(answered)

    @app.exception_handler(ClientDisconnect)
    def gone(_request: Request, _exc: ClientDisconnect) -> Response:
        return Response()  # that nobody reads

    return app


def _json(status: int, answer: Body) -> Response:
    return Response(json.dumps(answer), status, media_type="application/json")


def _media(source: BinaryIO) -> Response:
    size = source.seek(0, os.SEEK_END)
    source.seek(0)

    def chunks() -> Iterator[bytes]:
        with source:
            while chunk := source.read(COPY_BYTES):
                yield chunk

    return StreamingResponse(
        chunks(), headers={"Content-Length": str(size)}, media_type="application/octet-stream"
    )


async def _bounded(chunks: AsyncIterable[bytes]) -> bytes:
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise ValueError("The answer is too long.")
    return bytes(data)
