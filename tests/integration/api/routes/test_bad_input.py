"""Hostile and broken input: a problem document with a stable code, and nothing half-stored."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient
from support.blobs import content_files
from support.files import FileServer
from support.photos import photo

from oracle.settings import Settings
from storage.database import Database

Post = Callable[..., dict[str, Any]]


def bomb() -> bytes:
    """A valid PNG header of 30 000 x 30 000 pixels, 2.7 GB when decoded, and a little of the
    data.
    """

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(90_001) * 20)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture
def stored(db: Database, settings: Settings) -> Callable[[], tuple[int, ...]]:
    """How much is stored: works, analyses, jobs, keys, blobs."""

    def count() -> tuple[int, ...]:
        with db.transaction() as conn:
            tables = ("works", "analyses", "procrastinate_jobs", "idempotency_keys", "creators")
            counts = [conn.execute(f"select count(*) from {table}").fetchone() for table in tables]
        return (*(int(c[0]) for c in counts if c), len(content_files(settings.data_dir / "blobs")))

    return count


REFUSED: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "empty": (lambda: b"", 422, "media_empty"),
    "text renamed to .jpg": (lambda: b"this is not a picture\n" * 50, 415, "media_unsupported"),
    "truncated": (lambda: photo("temple")[:20_000], 422, "media_corrupt"),
    "a few bytes of a jpeg": (lambda: photo("temple")[:20], 422, "media_corrupt"),
    "bomb": (bomb, 413, "media_too_large"),
    "more bytes than accepted": (
        lambda: photo("temple") + bytes(2_000_001),
        413,
        "upload_too_large",
    ),
    "far more bytes than accepted": (lambda: bytes(4_000_000), 413, "upload_too_large"),
    "sound without a sound": (
        lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(2000),
        422,
        "media_corrupt",
    ),
    "video without a frame": (
        lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(2000),
        422,
        "media_corrupt",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_picture_is_refused_and_nothing_is_kept(
    name: str, client: TestClient, stored: Callable[[], tuple[int, ...]]
) -> None:
    content, status, code = REFUSED[name]
    answer = client.post(
        "/upload",
        files={"file": ("photo.jpg", content(), "image/jpeg")},
        data={"creator": "mallory"},
        headers={"Idempotency-Key": "k"},
    )
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/problems/{code}"
    assert len(problem["detail"]) > 20
    assert stored() == (0,) * 6


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"media_type": "hologram"}, "unknown_media_type"),
        ({"media_type": "video"}, "media_type_mismatch"),
        ({"creator": "0x" + "12" * 19}, "invalid_creator"),
        # checksum broken
        ({"creator": "0xD8dA6BF26964aF9D7eEd9e03E53415D37aA96045"}, "invalid_address"),
        ({"creator": "two, words"}, "invalid_creator"),
        ({"creator": "0x" + "0" * 40}, "invalid_creator"),
    ],
)
def test_wrong_fields_are_refused(
    fields: dict[str, str], code: str, client: TestClient, stored: Callable[[], tuple[int, ...]]
) -> None:
    answer = client.post("/upload", files={"file": photo("cat")}, data=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert stored() == (0,) * 6


def test_no_file_at_all(client: TestClient) -> None:
    answer = client.post("/upload", data={"creator": "alice"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "file"


def unusual() -> dict[str, bytes]:
    cat = Image.open(io.BytesIO(photo("cat"))).convert("RGB")
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: shown rotated by 90 degrees
    grey16 = Image.frombytes(
        "I;16", cat.size, b"".join(v.to_bytes(2, "little") for v in bytes_times_257(cat))
    )
    frames = [cat, cat.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    return {
        "cmyk": saved(cat.convert("CMYK"), "JPEG", quality=90),
        "16-bit": saved(grey16, "PNG"),
        "exif-rotated": saved(
            cat.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=90, exif=turned
        ),
        "animated": saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100),
        "palette with transparency": saved(cat.convert("RGBA").quantize(64), "PNG"),
        "webp": saved(cat, "WEBP", quality=80),
        "wrong extension and announced type": saved(cat, "PNG"),
    }


def bytes_times_257(picture: Image.Image) -> list[int]:
    return [value * 257 for value in picture.convert("L").tobytes()]


@pytest.mark.parametrize("name", list(unusual()))
def test_unusual_but_readable_pictures_are_judged_like_any_other(name: str, post: Post) -> None:
    original = post(photo("cat"), "alice")
    copy = post(unusual()[name], "bob", name="photo.bmp")
    assert copy["verdict"] == "derivative", copy["explanation"]
    assert copy["original"]["work_id"] == original["work"]["id"]


@pytest.mark.parametrize("colour", [(128, 128, 128), (255, 255, 255), (10, 0, 0)])
def test_plain_pictures_match_nothing_and_say_so(colour: tuple[int, int, int], post: Post) -> None:
    post(saved(Image.new("RGB", (640, 480), colour), "PNG"), "alice")
    again = post(saved(Image.new("RGB", (641, 480), colour), "PNG"), "bob")
    assert (again["verdict"], again["reason"], again["redirect_bps"]) == (
        "undecided",
        "too_plain",
        0,
    )


def test_works_by_uri(
    client: TestClient, drain: Callable[[], None], file_server: FileServer
) -> None:
    url = file_server.put("/cat.jpg?X-Signature=secret", photo("cat"), "image/jpeg").split("?")[0]
    answer = client.post("/v1/works", json={"uri": url + "?X-Signature=secret", "creator": "alice"})
    drain()
    decided = client.get(answer.json()["links"]["self"]).json()
    assert decided["verdict"] == "original"
    assert decided["work"]["file_name"] == "cat.jpg"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("http://127.0.0.1:1/nobody-listens.jpg", 502, "uri_unreachable"),
        ("ftp://example.org/photo.jpg", 422, "uri_scheme_unsupported"),
        ("file:///etc/passwd", 422, "uri_scheme_unsupported"),
        ("not a uri", 422, "uri_invalid"),
        ("/missing.jpg", 422, "uri_not_found"),
        ("/big.jpg", 413, "uri_too_large"),
        ("/text.jpg", 415, "media_unsupported"),
    ],
)
def test_uris_that_lead_nowhere(
    path: str,
    status: int,
    code: str,
    client: TestClient,
    file_server: FileServer,
    stored: Callable[[], tuple[int, ...]],
) -> None:
    file_server.put("/big.jpg", bytes(3_000_000))
    file_server.put("/text.jpg", b"plain text, nothing else " * 20)
    uri = file_server.url(path) if path.startswith("/") else path
    answer = client.post("/v1/works", json={"uri": uri})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert stored() == (0,) * 6


def test_private_addresses_are_refused_unless_allowed(
    settings: Settings, db: Database, file_server: FileServer
) -> None:
    from oracle import app as app_module

    strict = settings.model_copy(
        update={"fetch": settings.fetch.model_copy(update={"allow_private": False})}
    )
    url = file_server.put("/cat.jpg", photo("cat"))
    with TestClient(app_module.create_app(strict)) as client:
        answer = client.post("/v1/works", json={"uri": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "uri_forbidden_address")
    assert file_server.requests == []


def test_unknown_things_are_not_found(client: TestClient) -> None:
    missing = "00000000-0000-0000-0000-000000000000"
    for path in (
        f"/v1/analyses/{missing}",
        f"/v1/works/{missing}",
        f"/v1/analyses/{missing}/evidence",
        f"/v1/analyses/{missing}/events",
        f"/v1/analyses/{missing}/receipt",
        "/nowhere",
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert client.get("/v1/analyses/not-a-uuid").json()["code"] == "invalid_request"


def test_a_database_that_goes_away_is_said_and_survived(
    settings: Settings, client: TestClient, stored: Callable[[], tuple[int, ...]]
) -> None:
    gone = settings.model_copy(update={"database_url": settings.database_url + "_gone"})  # type: ignore[operator]
    services = client.app.state.services  # type: ignore[attr-defined]

    away = Database(gone.database_url or "", timeout_s=0.5)
    before = services.intake._db
    services.intake._db = away
    away._pool.open()
    try:
        answer = client.post("/upload", files={"file": photo("cat")})
    finally:
        services.intake._db = before
        away.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"]
    assert stored() == (0,) * 6
    assert client.post("/upload", files={"file": photo("cat")}).status_code == 202


def test_before_the_policy_is_read_an_upload_is_asked_to_come_again(
    client: TestClient, db: Database, stored: Callable[[], tuple[int, ...]]
) -> None:
    with db.transaction() as conn:
        conn.execute("delete from policies")
    answer = client.post("/upload", files={"file": photo("cat")})
    assert (answer.status_code, answer.json()["code"]) == (503, "policy_unknown")
    assert stored() == (0,) * 6
