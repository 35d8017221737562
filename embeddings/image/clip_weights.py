"""Where CLIP comes from: a checkpoint (a file, or the hub), and the graphs exported from it once.

A folder holds everything: `<sha256 of the checkpoint>/` with the checkpoint that was fetched,
`fp32.onnx` and `int8.onnx`, and `pulled`, which names the checkpoint that is used where no file is
configured. Nothing here reaches for the network but `pull_clip`, and no weights are ever made up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from embeddings.errors import ModelUnavailable, WeightsMismatch

ARCHITECTURE = "ViT-B-32"
TAG = "laion2b_s34b_b79k"
HUB_REPOSITORY = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
PULLED_FILE = "pulled"
LOCK_FILE = "lock"
EXPORT_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "open_clip",
    "onnx",
    "onnxscript",
    "huggingface_hub",
    "filelock",
)
NO_PACKAGES = (
    "CLIP's packages are not installed: pip install 'creativity-oracle[clip]' (`make"
    " setup` does it)."
)

Precision = Literal["fp32", "int8"]
# Told the stage ("fetching", "exporting"), how much is done, and of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class ClipWeights:
    """Which CLIP weights to use and where they may come from.

    folder: keeps what is fetched and exported; path: a checkpoint file (.safetensors, .bin, .pt)
    that wins over what was pulled; sha256: hex, of the checkpoint, checked when given; cache_dir:
    of the hub client, its default when None; precision: which graph is run, int8 under a model id
    of its own; tag: what the model id calls the weights.
    """

    folder: Path
    path: Path | None = None
    sha256: str | None = None
    cache_dir: Path | None = None
    precision: Precision = "fp32"
    tag: str = TAG


@dataclass(frozen=True)
class ResolvedWeights:
    """Checked weights. model_id names architecture, training and the checkpoint's own hash.

    checkpoint: None where only the exported graphs are left; graph: made at first use where it is
    not there yet.
    """

    checkpoint: Path | None
    sha256: str
    precision: Precision
    model_id: str
    folder: Path

    @property
    def graphs(self) -> Path:
        """The folder of the exported graphs."""
        return self.folder / self.sha256

    @property
    def graph(self) -> Path:
        """The graph that is run."""
        return self.graphs / f"{self.precision}.onnx"


def resolve_clip(weights: ClipWeights) -> ResolvedWeights:
    """Find the weights on this machine and check them.

    Raises: ModelUnavailable with what was looked for where; WeightsMismatch if the SHA-256 differs.
    """
    checkpoint, digest = _find(weights)
    if weights.sha256 and digest != weights.sha256.lower():
        raise WeightsMismatch(f"The CLIP weights have SHA-256 {digest}, expected {weights.sha256}.")
    suffix = "" if weights.precision == "fp32" else f"/{weights.precision}"
    model_id = f"clip/{ARCHITECTURE}/{weights.tag}/{digest[:12]}{suffix}"
    resolved = ResolvedWeights(checkpoint, digest, weights.precision, model_id, weights.folder)
    if not resolved.graph.is_file():
        if checkpoint is None:
            raise ModelUnavailable(
                f"{resolved.graph} is missing; run `oracle models pull` once more."
            )
        if not can_export():
            raise ModelUnavailable(
                f"The CLIP weights {checkpoint} cannot be exported. {NO_PACKAGES}"
            )
    return resolved


def pull_clip(
    weights: ClipWeights, *, endpoint: str | None = None, progress: Progress = lambda *_: None
) -> ResolvedWeights:
    """Fetch the weights from the hub and export them; what is there already is left as it is.

    Later starts need no network, and none of the extra's packages. What a broken download left is
    gone on with.

    Args: endpoint: of the hub; HF_ENDPOINT or the public one where None.
    Raises: ModelUnavailable where packages are missing or the hub cannot be reached;
        WeightsMismatch.
    """
    if not can_export():
        return resolve_clip(weights)  # exported elsewhere, or it says what is missing
    from filelock import FileLock

    from embeddings.image.clip_download import fetch_checkpoint
    from embeddings.image.clip_torch import export_once

    weights.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(weights.folder / LOCK_FILE):
        if weights.path is None and not (weights.folder / PULLED_FILE).is_file():
            cached = _cached(weights.cache_dir)
            if cached is None:
                digest = fetch_checkpoint(
                    weights.folder,
                    HUB_REPOSITORY,
                    HUB_FILES[0],
                    expected=weights.sha256,
                    endpoint=endpoint,
                    progress=progress,
                )
            else:
                digest = _link(cached, weights)
        else:
            digest = resolve_clip(weights).sha256
        resolved = ResolvedWeights(
            weights.path or checkpoint_in(weights.folder / digest),
            digest,
            weights.precision,
            "",
            weights.folder,
        )
        export_once(resolved, progress)
        if weights.path is None:  # from now on, and not before, other processes take it
            draft = weights.folder / f"{PULLED_FILE}.new"
            draft.write_text(digest)
            draft.replace(weights.folder / PULLED_FILE)
    return resolve_clip(weights)


def stamp_of(weights: ClipWeights) -> float | None:
    """When weights were last pulled into the folder; None if never. Cheap enough to ask often."""
    try:
        return (weights.folder / PULLED_FILE).stat().st_mtime
    except FileNotFoundError:
        return None


def can_export() -> bool:
    """Whether the packages of the extra `clip` are installed; none of them is imported for that."""
    return all(find_spec(name) is not None for name in EXPORT_PACKAGES)


def checkpoint_in(folder: Path) -> Path | None:
    """The checkpoint of a folder of graphs, if it is there."""
    return next((folder / name for name in HUB_FILES if (folder / name).is_file()), None)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find(weights: ClipWeights) -> tuple[Path | None, str]:
    """The checkpoint, if it is at hand, and its SHA-256."""
    if weights.path is not None:
        if not weights.path.is_file():
            raise ModelUnavailable(f"The CLIP weights file {weights.path} does not exist.")
        return weights.path, sha256_of(weights.path)
    pulled = weights.folder / PULLED_FILE
    if pulled.is_file():
        digest = pulled.read_text().strip()
        return checkpoint_in(weights.folder / digest), digest
    cached = _cached(weights.cache_dir)
    if cached is not None:
        return cached, sha256_of(cached)
    if not can_export():
        raise ModelUnavailable(NO_PACKAGES)
    raise ModelUnavailable(
        f"No CLIP weights: no file is configured, none was pulled into {weights.folder}, and"
        f" {HUB_REPOSITORY} is not in the hub's cache on this machine. Run `oracle models pull`"
        " where the hub can be reached, or configure a weights file."
    )


def _cached(cache_dir: Path | None) -> Path | None:
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    for name in HUB_FILES:
        found = try_to_load_from_cache(HUB_REPOSITORY, name, cache_dir=cache_dir)
        if isinstance(found, str):
            return Path(found)
    return None


def _link(cached: Path, weights: ClipWeights) -> str:
    """Name a checkpoint of the hub's cache in our folder. Raises: WeightsMismatch."""
    digest = sha256_of(cached)
    if weights.sha256 and digest != weights.sha256.lower():
        raise WeightsMismatch(f"{cached} has SHA-256 {digest}, expected {weights.sha256}.")
    link = weights.folder / digest / cached.name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    # the blob itself, which is named by its content and never rewritten
    link.symlink_to(cached.resolve())
    return digest
