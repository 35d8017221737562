"""The CLIP channel on its real code path: real architecture, generated weights saved to a file (the
id says so), exported and run as published ones are.
"""

import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.clip_weights import save_generated_weights
from support.sample_pictures import as_picture, photograph

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.clip import ClipEncoder, preprocess
from embeddings.image.clip_weights import ClipWeights, pull_clip, resolve_clip

pytest.importorskip("open_clip", reason="set up without the extra `clip`")

PICTURES = [np.asarray(photograph(name)) for name in ("coffee.png", "chelsea.png", "astronaut.png")]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> ClipWeights:
    folder = tmp_path_factory.mktemp("clip")
    path = save_generated_weights(folder / "generated.safetensors")
    return ClipWeights(folder=folder / "models", path=path, tag="generated-for-tests")


@pytest.fixture(scope="module")
def encoder(generated: ClipWeights) -> ClipEncoder:
    return ClipEncoder(resolve_clip(generated))


@pytest.fixture(scope="module")
def theirs(generated: ClipWeights) -> np.ndarray[Any, Any]:
    """What open_clip itself makes of the pictures: its transform, its network, its
    normalisation.
    """
    import open_clip
    import torch

    model, _, transform = open_clip.create_model_and_transforms(
        "ViT-B-32", pretrained=str(generated.path)
    )
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(pixels)) for pixels in PICTURES])
        vectors: np.ndarray[Any, Any] = model.eval().encode_image(batch, normalize=True).numpy()
    return vectors


def test_embeddings_are_unit_vectors_under_an_id_that_names_the_weights(
    generated: ClipWeights,
) -> None:
    analyzer = ImageAnalyzer.load(clip=generated)
    state = analyzer.channels["clip"]
    assert state.on and "generated-for-tests" in state.model_id and state.dimensions == 512
    vector = analyzer.fingerprint(as_picture(photograph("coffee.png"))).embeddings[state.model_id]
    assert vector.shape == (512,) and vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert analyzer.model_digest != ImageAnalyzer.load(clip=None).model_digest


def test_a_batch_equals_one_by_one_and_the_models_own_forward(
    encoder: ClipEncoder, theirs: np.ndarray[Any, Any]
) -> None:
    batch = encoder.embed(PICTURES)
    singles = np.concatenate([encoder.embed([picture]) for picture in PICTURES])
    assert np.abs(batch - singles).max() < 1e-5
    assert np.abs(batch - theirs).max() < 1e-5


def test_the_graph_is_exported_once_and_needs_no_checkpoint_then(
    generated: ClipWeights, encoder: ClipEncoder
) -> None:
    resolved = resolve_clip(generated)
    wanted = encoder.embed(PICTURES[:1])
    before = resolved.graph.stat().st_mtime_ns
    alone = ClipEncoder(replace(resolved, checkpoint=None))
    assert np.array_equal(alone.embed(PICTURES[:1]), wanted)
    assert pull_clip(generated).model_id == resolved.model_id
    assert resolved.graph.stat().st_mtime_ns == before


def test_int8_is_smaller_and_near_and_has_an_id_of_its_own(
    generated: ClipWeights, encoder: ClipEncoder, theirs: np.ndarray[Any, Any]
) -> None:
    encoder.embed(PICTURES[:1])
    small = resolve_clip(replace(generated, precision="int8"))
    assert small.model_id == f"{encoder.model_id}/int8"
    assert small.graph.stat().st_size < 0.3 * resolve_clip(generated).graph.stat().st_size
    vectors = ClipEncoder(small).embed(PICTURES)
    assert (vectors * theirs).sum(axis=1).min() > 0.99
    assert np.abs(vectors - theirs).max() > 1e-5


def test_a_graph_of_other_weights_is_refused(
    generated: ClipWeights, encoder: ClipEncoder, tmp_path: Path
) -> None:
    encoder.embed(PICTURES[:1])
    resolved = resolve_clip(generated)
    other = replace(resolved, checkpoint=None, sha256="ab" * 32, folder=tmp_path)
    other.graphs.mkdir()
    shutil.copy(resolved.graph, other.graph)
    with pytest.raises(ModelUnavailable, match="exported from other weights"):
        ClipEncoder(other).embed(PICTURES[:1])
    other.graph.write_bytes(b"cut short")
    with pytest.raises(ModelUnavailable, match="not a graph"):
        ClipEncoder(other).embed(PICTURES[:1])


def test_graphs_say_nothing_of_the_machine_that_exported_them(
    generated: ClipWeights, encoder: ClipEncoder
) -> None:
    import onnx

    encoder.embed(PICTURES[:1])
    graph = onnx.load(resolve_clip(generated).graph).graph
    assert not any(node.doc_string or node.metadata_props for node in graph.node)


@pytest.mark.parametrize(
    "size", [(640, 427), (300, 900), (224, 224), (100, 50), (225, 224), (333, 777)]
)
def test_preprocessing_is_open_clips_own(size: tuple[int, int]) -> None:
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
    from open_clip.transform import image_transform

    image = photograph("coffee.png").resize(size)
    theirs = image_transform(224, is_train=False)(image).numpy().transpose(1, 2, 0)
    ours = (preprocess(np.asarray(image)) / 255.0 - OPENAI_DATASET_MEAN) / OPENAI_DATASET_STD
    assert np.abs(ours - theirs).max() < 1e-5


def test_the_wrong_weights_are_a_fault_not_a_silent_off(generated: ClipWeights) -> None:
    with pytest.raises(WeightsMismatch):
        ImageAnalyzer.load(clip=replace(generated, sha256="0" * 64))


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match="not a ViT-B-32 checkpoint"):
        ClipEncoder(resolve_clip(ClipWeights(folder=tmp_path, path=path))).embed(
            [np.zeros((64, 64, 3), np.uint8)]
        )


def test_without_weights_the_channel_is_off_with_a_reason(tmp_path: Path) -> None:
    state = ImageAnalyzer.load(clip=ClipWeights(folder=tmp_path, cache_dir=tmp_path)).channels[
        "clip"
    ]
    assert not state.on and "oracle models pull" in state.reason
    missing = ClipWeights(folder=tmp_path, path=tmp_path / "missing.bin")
    state = ImageAnalyzer.load(clip=missing).channels["clip"]
    assert not state.on and "missing.bin" in state.reason


def test_pull_without_a_network_says_why(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens: connections are refused
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ModelUnavailable, match="cannot be fetched from the hub"):
            pull_clip(ClipWeights(folder=tmp_path, cache_dir=tmp_path), endpoint=endpoint)


def test_torch_runs_it_where_cuda_is_and_only_there(
    generated: ClipWeights, encoder: ClipEncoder
) -> None:
    import torch

    from embeddings.image.clip_torch import cuda_runner

    assert generated.path is not None
    run = cuda_runner(generated.path)
    assert (run is not None) == torch.cuda.is_available()
    if run is not None:
        inputs = np.stack([preprocess(pixels) for pixels in PICTURES])
        assert np.abs(run(inputs) - encoder._on_cpu()(inputs)).max() < 1e-4
