"""The shipped copy descriptor: pinned, deterministic, and nearer to edited copies than to
anything else.
"""

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageOps
from support.sample_pictures import PHOTOGRAPHS, PLAIN_EDITS, photograph

from embeddings.errors import WeightsMismatch
from embeddings.image import descriptor as module
from embeddings.image.descriptor import (
    DIMENSIONS,
    GRAPH_FILE,
    GRAPH_SHA256,
    MODEL_ID,
    CopyDescriptor,
)

# What the first release stored under this model id, by photograph: an exported graph must stay
# comparable with it.
RELEASED = Path(__file__).parents[2] / "vectors" / "copy_descriptor.npz"


@pytest.fixture(scope="module")
def descriptor() -> CopyDescriptor:
    return CopyDescriptor()


def vectors(descriptor: CopyDescriptor, images: list) -> np.ndarray:  # type: ignore[type-arg]
    return descriptor.embed([np.asarray(image.convert("RGB")) for image in images])


def test_the_weights_are_the_pinned_ones_and_small() -> None:
    content = resources.files("embeddings.image").joinpath(GRAPH_FILE).read_bytes()
    assert hashlib.sha256(content).hexdigest() == GRAPH_SHA256
    assert len(content) <= 20_000_000


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module._graph.cache_clear()
    monkeypatch.setattr(module, "GRAPH_SHA256", "0" * 64)
    with pytest.raises(WeightsMismatch):
        CopyDescriptor()
    module._graph.cache_clear()


def test_unit_vectors_alone_and_in_a_batch(descriptor: CopyDescriptor) -> None:
    images = [photograph(name) for name in PHOTOGRAPHS[:4]]
    batch = vectors(descriptor, images)
    assert batch.shape == (4, DIMENSIONS) and batch.dtype == np.float32
    assert np.linalg.norm(batch, axis=1) == pytest.approx(1.0, abs=1e-4)
    singles = np.concatenate([vectors(descriptor, [image]) for image in images])
    assert np.abs(batch - singles).max() < 1e-4


def test_stored_vectors_stay_valid(descriptor: CopyDescriptor) -> None:
    assert MODEL_ID == "copy/efficientnet-lite0-gem/794c0cde7b64"
    with np.load(RELEASED) as released:
        found = vectors(descriptor, [photograph(name) for name in released.files])
        assert len(found) == 6
        assert np.abs(found - np.stack([released[name] for name in released.files])).max() < 1e-5


def test_edited_copies_are_nearest_to_their_original(descriptor: CopyDescriptor) -> None:
    originals = vectors(descriptor, [photograph(name) for name in PHOTOGRAPHS])
    for edit in (*PLAIN_EDITS.values(), ImageOps.mirror):
        copies = vectors(descriptor, [edit(photograph(name)) for name in PHOTOGRAPHS])
        assert ((copies @ originals.T).argmax(axis=1) == np.arange(len(PHOTOGRAPHS))).all(), edit
