"""Fetching from servers that behave and servers that do not."""

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import trustme
from support.anvil import free_port
from support.files import FileServer, new_file_server
from support.gcs import emulator_client, running_gcs

from oracle.fetch import (
    Fetched,
    Fetcher,
    FetchError,
    UriForbiddenAddress,
    UriInvalid,
    UriNotFound,
    UriRefused,
    UriSchemeUnsupported,
    UriTimeout,
    UriTooLarge,
    UriUnreachable,
    network,
)
from storage.blobs import BlobStoreUnavailable

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).digest()
BLOB_ID = "A" * 43


def to_loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(max_bytes=len(CONTENT), timeout_s=5.0, allow_private=True)


def fails(
    fetcher: Fetcher, uri: str, into: Path, error: type[FetchError], match: str | None = None
) -> None:
    """Assert that the fetch raises exactly this error and leaves no file."""
    with pytest.raises(error, match=match) as raised:
        fetcher.fetch(uri, into)
    assert raised.type is error
    assert not into.exists()


def test_a_file_comes_whole_with_size_and_digest(
    fetcher: Fetcher, file_server: FileServer, into: Path
) -> None:
    assert fetcher.fetch(file_server.put("/a.jpg", CONTENT), into) == Fetched(DIGEST, len(CONTENT))
    assert into.read_bytes() == CONTENT


def test_a_redirect_is_followed(fetcher: Fetcher, file_server: FileServer, into: Path) -> None:
    file_server.put("/real", CONTENT)
    file_server.put_redirect("/relative", "/real")
    assert (
        fetcher.fetch(
            file_server.put_redirect("/absolute", file_server.url("/relative"), 308), into
        ).sha256
        == DIGEST
    )


def test_redirects_have_an_end(fetcher: Fetcher, file_server: FileServer, into: Path) -> None:
    fails(
        fetcher,
        file_server.put_redirect("/round", "/round"),
        into,
        UriRefused,
        "redirects more than 5 times",
    )
    assert len(file_server.requests) == 6


def test_too_large_is_refused_by_its_announcement(
    fetcher: Fetcher, file_server: FileServer, into: Path
) -> None:
    fails(fetcher, file_server.put("/big", CONTENT + b"!"), into, UriTooLarge, "256001 bytes")


def test_too_large_is_refused_without_announcement(
    fetcher: Fetcher, file_server: FileServer, into: Path
) -> None:
    fails(fetcher, file_server.put_without_length("/big", CONTENT * 50), into, UriTooLarge)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, UriNotFound),
        (410, UriNotFound),
        (401, UriRefused),
        (403, UriRefused),
        (451, UriRefused),
        (206, UriRefused),
        (429, UriUnreachable),
        (500, UriUnreachable),
        (503, UriUnreachable),
    ],
)
def test_a_status_in_words(
    fetcher: Fetcher, file_server: FileServer, into: Path, status: int, error: type[FetchError]
) -> None:
    fails(fetcher, file_server.put_status("/no", status), into, error)


def test_retrying_helps_against_what_passes(fetcher: Fetcher) -> None:
    assert {UriUnreachable.retryable, UriTimeout.retryable} == {True}
    others = (
        UriInvalid,
        UriSchemeUnsupported,
        UriForbiddenAddress,
        UriNotFound,
        UriRefused,
        UriTooLarge,
    )
    assert {error.retryable for error in others} == {False}
    assert len({error.code for error in (*others, UriUnreachable, UriTimeout)}) == 8


def test_a_connection_that_breaks_off_is_not_a_whole_file(
    fetcher: Fetcher, file_server: FileServer, into: Path
) -> None:
    fails(fetcher, file_server.put_cut_short("/cut", CONTENT[:5000], 9000), into, UriUnreachable)


@pytest.mark.parametrize("begins", [False, True])
def test_a_server_may_take_long_to_answer_but_not_within_its_answer(
    file_server: FileServer, into: Path, monkeypatch: pytest.MonkeyPatch, begins: bool
) -> None:
    """Of a server that falls silent in the middle nothing more is expected."""
    monkeypatch.setattr(network, "MAX_SILENCE_S", 0.5)
    given_up = threading.Event()

    def slowly(request: BaseHTTPRequestHandler) -> None:
        if begins:
            request.send_response(200)
            request.end_headers()
            request.wfile.flush()
            given_up.wait(30)
        else:
            given_up.wait(1.0)
            request.send_response(200)
            request.end_headers()
        request.wfile.write(CONTENT)

    file_server.answers["/slow"] = slowly
    fetcher = Fetcher(max_bytes=len(CONTENT), timeout_s=60.0, allow_private=True)
    if begins:
        fails(fetcher, file_server.url("/slow"), into, UriTimeout)
        given_up.set()
    else:
        assert fetcher.fetch(file_server.url("/slow"), into).size_bytes == len(CONTENT)


def test_a_server_that_drips_runs_out_of_time(file_server: FileServer, into: Path) -> None:
    fetcher = Fetcher(max_bytes=1000, timeout_s=0.5, allow_private=True)
    for uri in (
        file_server.put_drip("/body", 100, 0.05),
        file_server.put_header_drip("/header", 100, 0.05),
    ):
        began = time.monotonic()
        fails(fetcher, uri, into, UriTimeout)
        assert time.monotonic() - began < 3


def test_a_body_compressed_unasked_is_refused(
    fetcher: Fetcher, file_server: FileServer, into: Path
) -> None:
    fails(
        fetcher,
        file_server.put_compressed("/bomb", bytes(10_000_000)),
        into,
        UriRefused,
        "compressed",
    )


def test_a_server_that_says_nothing_runs_out_of_time(into: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fetcher = Fetcher(max_bytes=1000, timeout_s=0.5, allow_private=True)
        fails(fetcher, f"http://127.0.0.1:{silent.getsockname()[1]}/x", into, UriTimeout)


def test_a_server_that_is_away_is_unreachable(fetcher: Fetcher, into: Path) -> None:
    fails(fetcher, f"http://127.0.0.1:{free_port()}/x", into, UriUnreachable)
    fails(fetcher, "http://no-such-host.invalid/x", into, UriUnreachable, "cannot be resolved")


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("", UriSchemeUnsupported),
        ("photo.jpg", UriSchemeUnsupported),
        ("file:///etc/passwd", UriSchemeUnsupported),
        ("ftp://example.com/a", UriSchemeUnsupported),
        ("data:image/png;base64,AAAA", UriSchemeUnsupported),
        ("ipfs://abc", UriSchemeUnsupported),
        ("walrus://" + BLOB_ID, UriSchemeUnsupported),  # none configured
        ("http://", UriInvalid),
        ("http:///path", UriInvalid),
        ("http://user:secret@example.com/a", UriInvalid),
        ("http://example.com:99999/a", UriInvalid),
        ("http://[::1/a", UriInvalid),
        ("http://example.com/a b", UriInvalid),
        ("http://example.com/a\r\nHost: evil", UriInvalid),
        ("http://example.com/" + "a" * 2048, UriInvalid),
        ("gs://bucket", UriInvalid),
        ("gs:///object", UriInvalid),
        ("gs://UPPER/object", UriInvalid),
    ],
)
def test_what_is_no_uri_of_media_never_reaches_the_network(
    into: Path, uri: str, error: type[FetchError]
) -> None:
    def must_not_resolve(host: str, _port: int) -> list[str]:
        raise AssertionError(f"{host} was looked up")

    fails(Fetcher(max_bytes=1, resolver=must_not_resolve), uri, into, error)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ],
)
def test_every_spelling_of_loopback_is_forbidden(
    file_server: FileServer, into: Path, host: str
) -> None:
    fails(Fetcher(max_bytes=1000), f"http://{host}:{file_server.port}/x", into, UriForbiddenAddress)
    assert file_server.requests == []


def test_a_redirect_into_the_private_network_is_forbidden(
    file_server: FileServer, into: Path
) -> None:
    asked = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return {"media.example": ["127.0.0.1"], "internal.example": ["169.254.169.254"]}[host]

    file_server.put_redirect("/x", "http://internal.example/latest/meta-data")
    fetcher = Fetcher(max_bytes=1000, allow_private=True, resolver=resolver)
    fails(fetcher, f"http://media.example:{file_server.port}/x", into, UriForbiddenAddress)
    assert asked == ["media.example", "internal.example"]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "gs://bucket/object", "ftp://example.com/"]
)
def test_a_redirect_to_another_scheme_is_refused(
    fetcher: Fetcher, file_server: FileServer, into: Path, location: str
) -> None:
    fails(fetcher, file_server.put_redirect("/x", location), into, UriSchemeUnsupported)


def test_a_name_is_resolved_once(file_server: FileServer, into: Path) -> None:
    answers = iter([["127.0.0.1"], ["10.9.8.7"]])  # a name server that changes its mind
    file_server.put("/x", CONTENT)
    fetcher = Fetcher(
        max_bytes=len(CONTENT), allow_private=True, resolver=lambda _host, _port: next(answers)
    )
    fetcher.fetch(f"http://media.example:{file_server.port}/x", into)
    assert next(answers) == ["10.9.8.7"]


def test_the_server_is_asked_in_the_name_of_the_host(file_server: FileServer, into: Path) -> None:
    file_server.put("/x?size=1", CONTENT)
    fetcher = Fetcher(max_bytes=len(CONTENT), allow_private=True, resolver=to_loopback)
    fetcher.fetch(f"http://media.example:{file_server.port}/x?size=1#part", into)
    [(path, headers)] = file_server.requests
    assert path == "/x?size=1"
    assert headers["Host"] == f"media.example:{file_server.port}"
    assert "Cookie" not in headers and "Authorization" not in headers


def test_the_next_address_is_tried_when_one_does_not_answer(
    file_server: FileServer, into: Path
) -> None:
    file_server.put("/x", CONTENT)
    fetcher = Fetcher(
        max_bytes=len(CONTENT),
        allow_private=True,
        resolver=lambda _h, _p: ["127.0.0.2", "127.0.0.1"],
    )
    assert fetcher.fetch(f"http://media.example:{file_server.port}/x", into).sha256 == DIGEST


@pytest.fixture
def tls_server() -> Iterator[tuple[FileServer, ssl.SSLContext]]:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("media.example").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    server = new_file_server(tls=server_side)
    server.start()
    yield server, client_side
    server.stop()


def test_https_is_verified_by_the_name_and_not_by_the_address(
    tls_server: tuple[FileServer, ssl.SSLContext], into: Path
) -> None:
    server, tls = tls_server
    server.put("/x", CONTENT)
    fetcher = Fetcher(max_bytes=len(CONTENT), allow_private=True, resolver=to_loopback, tls=tls)
    assert fetcher.fetch(f"https://media.example:{server.port}/x", into).sha256 == DIGEST
    into.unlink()
    fails(
        fetcher, f"https://other.example:{server.port}/x", into, UriUnreachable, "(?i)certificate"
    )


def test_https_with_an_unknown_authority_is_not_trusted(
    tls_server: tuple[FileServer, ssl.SSLContext], into: Path
) -> None:
    server, _ = tls_server
    server.put("/x", CONTENT)
    fetcher = Fetcher(max_bytes=len(CONTENT), allow_private=True, resolver=to_loopback)
    fails(
        fetcher, f"https://media.example:{server.port}/x", into, UriUnreachable, "(?i)certificate"
    )
    assert server.requests == []


def test_a_walrus_blob_comes_from_the_aggregator(file_server: FileServer, into: Path) -> None:
    file_server.put(f"/v1/blobs/{BLOB_ID}", CONTENT)
    # Not allow_private: the aggregator is the operator's own choice.
    fetcher = Fetcher(max_bytes=len(CONTENT), walrus_aggregator=file_server.url("/"))
    assert fetcher.fetch(f"walrus://{BLOB_ID}", into).sha256 == DIGEST
    into.unlink()
    fails(fetcher, "walrus://" + "B" * 43, into, UriUnreachable, "yet")
    fails(fetcher, "walrus://../../admin", into, UriInvalid)


def test_an_aggregator_may_not_redirect_into_the_private_network(
    file_server: FileServer, into: Path
) -> None:
    file_server.put("/secret", CONTENT)
    file_server.put_redirect(f"/v1/blobs/{BLOB_ID}", file_server.url("/secret"))
    fetcher = Fetcher(max_bytes=len(CONTENT), walrus_aggregator=file_server.url(""))
    fails(fetcher, f"walrus://{BLOB_ID}", into, UriForbiddenAddress)


def test_an_object_of_a_bucket(tmp_path: Path, into: Path) -> None:
    with running_gcs(tmp_path / "gcs.log") as url:
        client = emulator_client(url)
        bucket = client.create_bucket("media")
        bucket.blob("films/a b.mp4").upload_from_string(CONTENT)
        fetcher = Fetcher(max_bytes=len(CONTENT), gcs=lambda: client)
        assert fetcher.fetch("gs://media/films/a%20b.mp4", into).sha256 == DIGEST
        into.unlink()
        fails(fetcher, "gs://media/films/none", into, UriNotFound)
        fails(
            Fetcher(max_bytes=10, gcs=lambda: client),
            "gs://media/films/a%20b.mp4",
            into,
            UriTooLarge,
        )


def test_a_bucket_that_cannot_be_reached(into: Path) -> None:
    def no_client() -> None:
        raise BlobStoreUnavailable("nothing there")

    fails(
        Fetcher(max_bytes=10, gcs=no_client), "gs://media/x", into, UriUnreachable, "nothing there"
    )
