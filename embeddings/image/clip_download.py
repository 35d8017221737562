"""A checkpoint from the hub, in as many tries as it takes: what is here is kept, and checked once
it is whole.

huggingface_hub says what the file is; it is fetched here because that library starts anew after a
kill.
"""

from __future__ import annotations

import re
from io import FileIO
from pathlib import Path

import httpx2

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image.clip_weights import Progress, sha256_of

METADATA_TIMEOUT_S = 10.0
SILENCE_S = 30.0
MAX_FAILURES = 5  # in a row, without a byte between them
SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch_checkpoint(
    folder: Path,
    repository: str,
    name: str,
    *,
    expected: str | None,
    endpoint: str | None,
    progress: Progress,
) -> str:
    """Fetch a file of the hub to `folder/<its SHA-256>/<name>`. Returns: the SHA-256, hex.

    Args: expected: the SHA-256 that it must have; the one that the hub names where None.
    Raises: ModelUnavailable where the hub does not answer or does not give all of it (call again to
        go on); WeightsMismatch if what came is another file.
    """
    from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

    url = hf_hub_url(repository, name, endpoint=endpoint)
    try:
        facts = get_hf_file_metadata(url, timeout=METADATA_TIMEOUT_S)
        digest = (expected or facts.etag or "").lower()
        if not SHA256.fullmatch(digest) or facts.size is None:
            raise ModelUnavailable(
                f"{url} does not say which SHA-256 and size {name} has; set ORACLE_CLIP__SHA256."
            )
        token = get_token()
        part = folder / f"{digest}.part"
        _fetch_rest(
            url, part, facts.size, {"Authorization": f"Bearer {token}"} if token else {}, progress
        )
    except (httpx2.HTTPError, OSError) as error:
        raise ModelUnavailable(
            f"The CLIP weights cannot be fetched from the hub ({type(error).__name__}: {error})."
        ) from error
    found = sha256_of(part)
    if found != digest:
        part.unlink()
        raise WeightsMismatch(
            f"{url} gave a file with SHA-256 {found}, expected {digest}; it was thrown away."
        )
    target = folder / digest / name
    target.parent.mkdir(exist_ok=True)
    part.replace(target)
    return digest


def _fetch_rest(
    url: str, part: Path, size_bytes: int, headers: dict[str, str], progress: Progress
) -> None:
    """Append to a file until it is whole. Raises: httpx2.HTTPError, OSError."""
    failures = 0
    with part.open("ab", buffering=0) as file:  # a kill loses nothing of what came
        while (have := file.tell()) < size_bytes:
            progress("fetching", have, size_bytes)
            try:
                _append(url, file, size_bytes, headers, progress)
            except httpx2.TransportError:
                failures = failures + 1 if file.tell() == have else 0
                if failures >= MAX_FAILURES:
                    raise
    progress("fetching", size_bytes, size_bytes)


def _append(
    url: str, file: FileIO, size_bytes: int, headers: dict[str, str], progress: Progress
) -> None:
    have = file.tell()
    ranged = {**headers, "Accept-Encoding": "identity", "Range": f"bytes={have}-"}
    with httpx2.stream(
        "GET", url, headers=ranged, follow_redirects=True, timeout=SILENCE_S
    ) as answer:
        answer.raise_for_status()
        if answer.status_code != httpx2.codes.PARTIAL_CONTENT:
            file.seek(0)
            file.truncate()  # it sends all of it again
        # as it comes: a piece of a fixed size would be lost where it breaks off
        for chunk in answer.iter_raw():
            file.write(chunk)
            if file.tell() > size_bytes:
                raise OSError(f"more than the {size_bytes} bytes that were announced")
            progress("fetching", file.tell(), size_bytes)
    if file.tell() == have:
        raise httpx2.RemoteProtocolError("an answer without a byte")
