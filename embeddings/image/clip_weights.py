"""Where the CLIP weights come from: an explicit file, the hub's cache on this machine, or, when
asked, the hub.

Nothing here reaches for the network unless ``allow_download`` says so, and no weights are ever made
up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from embeddings.errors import ModelUnavailable, WeightsMismatch

ARCHITECTURE = "ViT-B-32"
TAG = "laion2b_s34b_b79k"
HUB_REPOSITORY = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
DOWNLOAD_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ClipWeights:
    """Which CLIP weights to use and where they may come from.

    path: a checkpoint file (.safetensors, .bin, .pt) that wins over cache and hub; sha256: hex,
    checked when given; cache_dir: of the hub client, its default when None; tag: what the model id
    calls the weights.
    """

    path: Path | None = None
    sha256: str | None = None
    cache_dir: Path | None = None
    allow_download: bool = False
    tag: str = TAG


@dataclass(frozen=True)
class ResolvedWeights:
    """A checked checkpoint file. model_id names architecture, training and the file's own hash."""

    path: Path
    sha256: str
    model_id: str


def resolve_clip(weights: ClipWeights) -> ResolvedWeights:
    """Find the checkpoint and check it.

    Raises: ModelUnavailable with what was looked for where; WeightsMismatch if the SHA-256 differs.
    """
    path = _find(weights)
    digest = sha256_of(path)
    if weights.sha256 and digest != weights.sha256.lower():
        raise WeightsMismatch(f"{path} has SHA-256 {digest}, expected {weights.sha256}.")
    return ResolvedWeights(path, digest, f"clip/{ARCHITECTURE}/{weights.tag}/{digest[:12]}")


def pull_clip(cache_dir: Path | None = None, sha256: str | None = None) -> ResolvedWeights:
    """Fetch the weights from the hub into its cache, so that later starts find them without a
    network.

    Raises: ModelUnavailable where the hub cannot be reached; WeightsMismatch.
    """
    return resolve_clip(ClipWeights(cache_dir=cache_dir, sha256=sha256, allow_download=True))


def _find(weights: ClipWeights) -> Path:
    if weights.path is not None:
        if not weights.path.is_file():
            raise ModelUnavailable(f"The CLIP weights file {weights.path} does not exist.")
        return weights.path
    cached = _cached(weights.cache_dir)
    if cached is not None:
        return cached
    if not weights.allow_download:
        raise ModelUnavailable(
            f"No CLIP weights: no file is configured and {HUB_REPOSITORY} is not in the local"
            " cache. Run `oracle models pull` where the hub can be reached, or configure a weights"
            " file."
        )
    return _download(weights.cache_dir)


def _cached(cache_dir: Path | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in HUB_FILES:
        found = try_to_load_from_cache(HUB_REPOSITORY, name, cache_dir=cache_dir)
        if isinstance(found, str):
            return Path(found)
    return None


def _download(cache_dir: Path | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(
                HUB_REPOSITORY, HUB_FILES[0], cache_dir=cache_dir, etag_timeout=DOWNLOAD_TIMEOUT_S
            )
        )
    except Exception as error:
        raise ModelUnavailable(
            f"The CLIP weights cannot be fetched from the hub ({type(error).__name__}: {error})."
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
