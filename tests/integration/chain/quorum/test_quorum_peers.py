"""What other signers may do on the line: nothing they send or hold back keeps a signer from its
work.
"""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil
import pytest
from support.waiting import wait_for

from oracle.chain.core.ids import attestation_id
from oracle.chain.core.report import domain_separator
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.quorum.peers import PeerAway, Peers, PeerServer, QuorumSettings, seal
from oracle.chain.quorum.uploads import Introductions, UploadFacts, UploadSharing

CHAIN_ID, HUB = 31_337, bytes([5]) * 20
US, THEM, OTHER = (LocalSigner(bytes([index]) * 32) for index in (1, 2, 3))
OK = b"HTTP/1.1 200 OK\r\n"
NESTED = b"[" * 200_000
RESET = b"reset"  # a message that comes after its refusal takes that away


@contextmanager
def raw_server(answer: bytes, every_s: float = 0.05) -> Iterator[str]:
    """Sends the answer at once, then a byte now and then for as long as the other side stays."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            try:
                connection.sendall(answer)
                while not over.wait(every_s):
                    connection.sendall(b"x")
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def peers_at(*urls: str, **settings: Any) -> Iterator[Peers]:
    addresses = [signer.address for signer in (THEM, OTHER)]
    chosen = QuorumSettings(
        peers=dict(zip(addresses, urls, strict=False)), **{"timeout_s": 0.5} | settings
    )
    peers = Peers(chosen, US, CHAIN_ID, HUB, lambda: int(time.time()))
    yield peers
    peers.close()


@contextmanager
def honest_server(
    signer: LocalSigner, handle: Any = lambda *_: {"fine": True}, **settings: Any
) -> Iterator[str]:
    server = PeerServer(
        QuorumSettings(**settings), signer, CHAIN_ID, HUB, handle, lambda: int(time.time())
    )
    yield f"http://127.0.0.1:{server.port}"
    server.close()


DRIPS = {
    "in the status": b"HTTP/1.1 2",
    "in the headers": OK + b"X-Slow: ",
    "in the body": OK + b"Content-Length: 100000\r\n\r\n",
    "in a body without end": OK + b"\r\n",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_a_peer_that_drips_is_left_out_in_time(drip: bytes) -> None:
    with raw_server(drip) as slow, honest_server(OTHER) as fine, peers_at(slow, fine) as peers:
        # what is left over of the first time does not stand in the way of the second
        for _ in range(2):
            began = time.monotonic()
            assert peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}
            assert time.monotonic() - began < 4


@pytest.mark.timeout(60)
@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_media_that_drips_in_is_given_up(drip: bytes, tmp_path: Path) -> None:
    with raw_server(drip) as slow, peers_at(slow, media_start_s=0.5) as peers:
        began = time.monotonic()
        with pytest.raises(PeerAway, match="broke off"):
            peers.fetch_media(THEM.address, bytes(32), tmp_path / "media", 100_000)
        assert time.monotonic() - began < 4


def test_larger_media_may_take_longer(tmp_path: Path) -> None:
    """What would be too slow for a small file is not for one that announces more."""
    with raw_server(DRIPS["in the body"]) as slow, peers_at(slow, media_start_s=0.2) as peers:
        began = time.monotonic()
        with pytest.raises(PeerAway):
            peers.fetch_media(THEM.address, bytes(32), tmp_path / "media", 300 * 1024)
        assert time.monotonic() - began > 1.2


class Sharing:
    """Knows nothing and takes everything."""

    max_bytes = 1 << 40

    def knows(self, _facts: UploadFacts) -> bool:
        return False


@pytest.mark.timeout(60)
def test_closing_does_not_wait_for_media_that_drips_in() -> None:
    with raw_server(DRIPS["in the body"]) as slow, peers_at(slow) as peers:
        introductions = Introductions(cast(UploadSharing, Sharing()), peers, CHAIN_ID, HUB)
        for _ in range(3):
            # As much as would be waited for until tomorrow.
            facts = UploadFacts(
                os.urandom(32), bytes(32), 1 << 39, 1, "image", "image/jpeg", None, None
            )
            request_id = attestation_id(CHAIN_ID, HUB, facts.post_id, facts.sha256)
            introductions.introduce(THEM.address, request_id, facts.to_dict())
        time.sleep(0.3)  # under way
        began = time.monotonic()
        introductions.close()
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: %d\r\n\r\n" % len(NESTED) + NESTED,
        OK + b"Content-Length: 400000\r\n\r\n" + b"x" * 400_000,
        OK + b"Content-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}",
        b"no HTTP at all\r\n\r\n",
    ],
    ids=["nested", "too long", "no message", "elsewhere", "failed", "no HTTP"],
)
def test_an_answer_that_is_none_leaves_only_its_peer_out(answer: bytes) -> None:
    with raw_server(answer) as wrong, honest_server(OTHER) as fine, peers_at(wrong, fine) as peers:
        assert peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}


def test_a_connection_is_kept_for_the_next_message() -> None:
    seen = []

    def handle(sender: bytes, _body: dict[str, Any]) -> dict[str, Any] | BinaryIO:
        seen.append(connections_at(port))
        return {"sender": sender.hex()}

    with honest_server(THEM, handle) as url, peers_at(url) as peers:
        port = int(url.rpartition(":")[2])
        for _ in range(3):
            assert peers.ask({"kind": "observe"}) == {THEM.address: {"sender": US.address.hex()}}
    assert len(seen) == 3 and len(set.union(*seen)) == 1


def test_a_message_nested_without_end_is_refused_and_the_server_lives() -> None:
    domain = domain_separator(CHAIN_ID, HUB)
    with honest_server(OTHER) as url, peers_at("http://127.0.0.1:1", url) as peers:
        port = int(url.rpartition(":")[2])
        # An envelope that is nested, and one that is sound but holds what is.
        sealed = seal(THEM, domain, OTHER.address, int(time.time()), {})
        for body in (NESTED, json.dumps(sealed | {"body": NESTED.decode()}).encode()):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(
                    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
                assert line.recv(12) == b"HTTP/1.1 400"
        assert peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}


def knock(port: int, source: str, message: bytes = b"") -> socket.socket:
    """A connection from one of this machine's many addresses."""
    line = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))
    line.sendall(message)
    return line


def said(line: socket.socket, within_s: float = 30.0) -> bytes:
    """All that comes until the other side closes; nothing where it stays silent for so long, RESET
    where it said nothing.
    """
    line.settimeout(within_s)
    text = b""
    try:
        while chunk := line.recv(4096):
            text += chunk
    except TimeoutError:
        pass
    except ConnectionResetError:
        return text or RESET
    return text


def connections_at(port: int) -> set[int]:
    """The other ends' ports of what this process has accepted at that port and not closed yet."""
    found = psutil.Process().net_connections("tcp4")
    return {
        one.raddr.port
        for one in found
        if one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED
    }


@pytest.mark.timeout(120)
def test_a_flood_from_one_address_is_refused_and_the_others_are_served() -> None:
    with honest_server(OTHER, connections=12, connections_per_address=8) as url:
        port = int(url.rpartition(":")[2])
        flood = [knock(port, "127.0.0.2", b"POST / HTTP/1.1\r\nX-Slow: ") for _ in range(300)]
        try:
            answers = [said(line) for line in flood[8:]]
            # those that were first, and wait for a request that never ends
            assert len(connections_at(port)) == 8
            with knock(port, "127.0.0.2") as silent:
                told = said(silent)
            assert told.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 5\r\n" in told
            assert set(answers) <= {told, RESET}
            refusal = json.loads(told.partition(b"\r\n\r\n")[2])
            assert refusal["error"] == "too_many_connections" and "127.0.0.2" in refusal["detail"]
            with peers_at("http://127.0.0.1:1", url) as peers:  # it comes from 127.0.0.1
                assert peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}
        finally:
            for line in flood:
                line.close()
        wait_for(lambda: not connections_at(port))
        again = knock(port, "127.0.0.2", b"GET / HTTP/1.0\r\n\r\n")
        # taken, and told that only POST is understood
        assert said(again).startswith(b"HTTP/1.1 405 ")
        again.close()


@pytest.mark.timeout(120)
def test_there_is_a_limit_for_all_addresses_together() -> None:
    with honest_server(OTHER, connections=12, connections_per_address=8) as url:
        port = int(url.rpartition(":")[2])
        lines = [knock(port, f"127.0.0.{2 + n % 4}") for n in range(16)]
        wait_for(lambda: len(connections_at(port)) == 12)
        assert all(said(line).startswith(b"HTTP/1.1 503 ") for line in lines[12:])
        assert not any(said(line, within_s=0.1) for line in lines[:12])
        lines[0].close()
        wait_for(lambda: len(connections_at(port)) == 11)
        with peers_at("http://127.0.0.1:1", url) as peers:
            assert peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}
        for line in lines:
            line.close()
        wait_for(lambda: not connections_at(port))


@pytest.mark.timeout(60)
def test_connections_that_drip_and_bring_no_message_make_room_in_time() -> None:
    over = threading.Event()

    def drip(line: socket.socket) -> None:
        try:
            while not over.wait(0.1):
                line.sendall(b"x")
        except OSError:
            pass

    with (
        honest_server(OTHER, connections=4, connections_per_address=2, message_within_s=1.0) as url,
        peers_at("http://127.0.0.1:1", url) as peers,
    ):
        port = int(url.rpartition(":")[2])
        lines = [
            knock(port, f"127.0.0.{2 + n % 2}", b"POST / HTTP/1.1\r\nX-Slow: ") for n in range(4)
        ]
        threads = [threading.Thread(target=drip, args=(line,), daemon=True) for line in lines]
        for thread in threads:
            thread.start()
        assert peers.ask({"kind": "observe"}) == {}, "they hold every place"
        wait_for(
            lambda: peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}, timeout_s=10
        )
        over.set()
        for thread, line in zip(threads, lines, strict=True):
            thread.join()
            line.close()


@pytest.mark.timeout(60)
def test_whole_messages_of_rubbish_keep_no_connection() -> None:
    """They come before the patience is over, so that alone ends nothing."""
    rubbish = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    with (
        honest_server(
            OTHER, connections=2, connections_per_address=2, message_within_s=30.0
        ) as url,
        peers_at("http://127.0.0.1:1", url) as peers,
    ):
        port = int(url.rpartition(":")[2])
        lines = [knock(port, "127.0.0.2", rubbish) for _ in range(2)]
        for line in lines:
            answer = b""
            while piece := line.recv(4096):  # until the server ends it
                answer += piece
            assert b" 400 " in answer
            assert b"connection: close" in answer.lower()
        wait_for(
            lambda: peers.ask({"kind": "observe"}) == {OTHER.address: {"fine": True}}, timeout_s=5
        )
        for line in lines:
            line.close()


@pytest.mark.timeout(60)
def test_who_waits_for_a_slow_answer_is_not_cut_off() -> None:
    def slowly(*_: object) -> dict[str, Any]:
        time.sleep(2.0)
        return {"fine": True}

    with (
        honest_server(OTHER, slowly, message_within_s=0.5) as url,
        peers_at(url, url, timeout_s=3.0) as peers,
    ):
        assert peers.ask({"kind": "observe"})[OTHER.address] == {"fine": True}


def post(port: int, body: bytes) -> socket.socket:
    """A connection on which that was posted."""
    return knock(
        port,
        "127.0.0.2",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
    )


@pytest.mark.timeout(60)
def test_who_does_not_read_the_answer_is_cut_off() -> None:
    """A message is here, so that the limit on messages does not end it."""
    envelope = seal(
        THEM, domain_separator(CHAIN_ID, HUB), OTHER.address, int(time.time()), {"kind": "media"}
    )
    with honest_server(OTHER, lambda *_: BytesIO(bytes(1 << 26)), message_within_s=1.0) as url:
        port = int(url.rpartition(":")[2])
        with post(port, json.dumps(envelope).encode()) as line:
            wait_for(lambda: len(connections_at(port)) == 1)
            wait_for(lambda: not connections_at(port), timeout_s=10)
            assert len(said(line)) < 1 << 26


def test_a_message_that_is_too_long_is_refused_before_it_is_read() -> None:
    message = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (256 * 1024 + 1)
    with (
        honest_server(OTHER) as url,
        knock(int(url.rpartition(":")[2]), "127.0.0.2", message) as line,
    ):
        answer = said(line)
        assert answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in answer.lower()


def test_media_is_whole_or_not_taken(tmp_path: Path) -> None:
    media = os.urandom(3 << 20)
    with honest_server(THEM, lambda *_: BytesIO(media)) as url, peers_at(url) as peers:
        peers.fetch_media(
            THEM.address, hashlib.sha256(media).digest(), tmp_path / "media", len(media)
        )
        assert (tmp_path / "media").read_bytes() == media
        with pytest.raises(PeerAway, match="other bytes"):
            peers.fetch_media(THEM.address, bytes(32), tmp_path / "media", len(media))
        with pytest.raises(PeerAway, match="more than"):
            peers.fetch_media(
                THEM.address, hashlib.sha256(media).digest(), tmp_path / "media", len(media) - 1
            )
