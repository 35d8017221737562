"""The CLIP channel on its real code path: real architecture, generated weights saved to a file (the
id says so).
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.sample_pictures import as_picture, photograph

from embeddings.errors import ModelUnavailable, WeightsMismatch
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.clip import ClipEncoder, preprocess
from embeddings.image.clip_weights import ClipWeights, pull_clip, resolve_clip


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> ClipWeights:
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("clip") / "generated.safetensors"
    save_file(
        open_clip.create_model("ViT-B-32", pretrained=None, load_weights=False).state_dict(), path
    )
    return ClipWeights(path=path, tag="generated-for-tests")


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


def test_a_batch_equals_one_by_one_and_the_models_own_forward(generated: ClipWeights) -> None:
    import open_clip
    import torch

    encoder = ClipEncoder(resolve_clip(generated))
    pictures = [
        np.asarray(photograph(name)) for name in ("coffee.png", "chelsea.png", "astronaut.png")
    ]
    batch = encoder.embed(pictures)
    singles = np.concatenate([encoder.embed([picture]) for picture in pictures])
    assert np.abs(batch - singles).max() < 1e-5
    model, _, transform = open_clip.create_model_and_transforms(
        "ViT-B-32", pretrained=str(generated.path)
    )
    with torch.inference_mode():
        theirs = model.eval().encode_image(
            torch.stack([transform(Image.fromarray(p)) for p in pictures]), normalize=True
        )
    assert (batch * theirs.numpy()).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize(
    "size", [(640, 427), (300, 900), (224, 224), (100, 50), (225, 224), (333, 777)]
)
def test_preprocessing_is_open_clips_own(size: tuple[int, int]) -> None:
    from open_clip.transform import image_transform

    image = photograph("coffee.png").resize(size)
    theirs = image_transform(224, is_train=False)(image).numpy()
    assert np.abs(preprocess(np.asarray(image)) - theirs).max() < 0.02


def test_the_wrong_weights_are_a_fault_not_a_silent_off(generated: ClipWeights) -> None:
    with pytest.raises(WeightsMismatch):
        ImageAnalyzer.load(clip=ClipWeights(path=generated.path, sha256="0" * 64))


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelUnavailable, match="not a ViT-B-32 checkpoint"):
        ClipEncoder(resolve_clip(ClipWeights(path=path))).embed([np.zeros((64, 64, 3), np.uint8)])


def test_without_weights_the_channel_is_off_with_a_reason(tmp_path: Path) -> None:
    state = ImageAnalyzer.load(clip=ClipWeights(cache_dir=tmp_path)).channels["clip"]
    assert not state.on and "oracle models pull" in state.reason
    state = ImageAnalyzer.load(clip=ClipWeights(path=tmp_path / "missing.bin")).channels["clip"]
    assert not state.on and "missing.bin" in state.reason


def test_pull_without_a_network_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> str:
        raise ConnectionError("no route to the hub")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(ModelUnavailable, match="no route to the hub"):
        pull_clip(cache_dir=tmp_path)
