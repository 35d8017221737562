"""Step 2 of training: the upper half of the network and the projection, over the kept feature maps.

    python tests/benchmarks/image/train_descriptor.py MAPS.npy WEIGHTS.pth OUT_DIR [MINUTES] [SEED]

Writes plain.npz (GeM features of the untouched network, centred and cut to 512 by PCA), whitened
(the same, whitened) and trained weights; prints for each how often an edited view finds its own
picture first among the validation ones, which the training never saw. Loss: InfoNCE at a low
temperature between two edited views of one picture, over the batch and a queue of recent
descriptors, plus the Kozachenko-Leonenko entropy of SSCD, which spreads the descriptors so that one
cosine means the same everywhere.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from descriptor_model import DIMENSIONS, CopyDescriptor, backbone_from_checkpoint
from safetensors.torch import save_file
from torch import Tensor

VALIDATION = 200
BATCH, QUEUE, TEMPERATURE, ENTROPY = 192, 3072, 0.07, 0.1
LEARNING_RATE, STEPS = 3e-5, 1500
SHRINKAGE, POWER = 0.3, 0.3


def recall(vectors: np.ndarray) -> tuple[float, float]:
    """(recall at 1, micro-AP) of edited views 1.. against the pictures themselves (view 0); vectors
    (n, views, d).
    """
    references, queries = vectors[:, 0], vectors[:, 1:].reshape(-1, vectors.shape[-1])
    cosine = queries @ references.T
    owner = np.repeat(np.arange(len(references)), vectors.shape[1] - 1)
    order = np.argsort(-cosine.reshape(-1))
    right = (owner[:, None] == np.arange(len(references))[None]).reshape(-1)[order]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float((cosine.argmax(axis=1) == owner).mean()), float(
        (precision * right).sum() / right.sum()
    )


@torch.inference_mode()
def pooled(model: CopyDescriptor, maps: np.ndarray) -> np.ndarray:
    flat = maps.reshape(-1, *maps.shape[2:])
    parts = [
        model.pooled(torch.from_numpy(flat[i : i + 256].astype(np.float32))).numpy()
        for i in range(0, len(flat), 256)
    ]
    return np.concatenate(parts).reshape(*maps.shape[:2], -1)


def whitening(features: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """(512, 1280) matrix and its bias: PCA, each direction divided by its spread to the given
    power.
    """
    flat = features.reshape(-1, features.shape[-1]).astype(np.float64)
    mean = flat.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((flat - mean).T))
    keep = np.argsort(-values)[:DIMENSIONS]
    matrix = (vectors[:, keep] / np.maximum(values[keep], values.max() * 1e-6) ** (power / 2)).T
    scale = 1.0 / np.linalg.norm((flat[:2000] - mean) @ matrix.T, axis=1).mean()
    return matrix * scale, -(matrix * scale) @ mean


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def loss_of(
    a: Tensor, b: Tensor, queue: Tensor, owners: Tensor, queue_owners: Tensor
) -> tuple[Tensor, Tensor]:
    pool, pool_owners = torch.cat([b, queue]), torch.cat([owners, queue_owners])
    logits = a @ pool.T / TEMPERATURE
    same = owners[:, None] == pool_owners[None]
    # its own partner is the target, not to be hidden
    same[:, : len(b)] &= ~torch.eye(len(b), dtype=torch.bool)
    logits = logits.masked_fill(same, -1e4)
    contrast = torch.nn.functional.cross_entropy(logits, torch.arange(len(a)))
    distance = torch.cdist(a, pool.detach())
    nearest = distance.masked_fill(owners[:, None] == pool_owners[None], 9.0).min(dim=1).values
    return contrast, -torch.log(nearest.clamp(min=1e-3)).mean()


def main(maps_path: Path, weights: Path, out: Path, minutes: int = 20, seed: int = 5) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    maps = np.load(maps_path, mmap_mode=None)
    validation, training = maps[:VALIDATION], maps[VALIDATION:]
    model = CopyDescriptor().eval()
    model.backbone = backbone_from_checkpoint(weights)
    kept = out / "pooled.npz"
    if not kept.is_file():
        np.savez(kept, features=pooled(model, training), held=pooled(model, validation))
    features, held = np.load(kept)["features"], np.load(kept)["held"]
    print("plain 1280", recall(unit(held)), flush=True)
    for name, power in (("pca", 0.0), ("half-whitened", 0.5), ("whitened", 1.0)):
        matrix, bias = whitening(features[:, :4], power)
        print(name, recall(unit(held @ matrix.T + bias)), flush=True)
        if name == "whitened":
            model.projection.weight.data = torch.from_numpy(
                np.ascontiguousarray(matrix, np.float32)
            )
            model.projection.bias.data = torch.from_numpy(bias.astype(np.float32))
            save_file(model.state_dict(), out / "whitened.safetensors")
    for name, make in {
        "discriminant": discriminant,
        "learned": lambda f: learned(f, held, minutes, seed),
    }.items():
        matrix, bias = make(features)
        at_one, micro = recall(unit(held @ matrix.T + bias))
        print(name, (at_one, micro), flush=True)
        model.projection.weight.data = torch.from_numpy(np.ascontiguousarray(matrix, np.float32))
        model.projection.bias.data = torch.from_numpy(bias.astype(np.float32))
        save_file(model.state_dict(), out / f"{name}.safetensors")


def discriminant(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whitening learned from pairs, in closed form: first make the spread within the views of one
    picture round, then keep the directions in which different pictures differ. Source: Mikolajczyk
    and Matas, ICCV 2007; Radenovic 2019.
    """
    mean = features.mean(axis=(0, 1)).astype(np.float64)
    centred = features.astype(np.float64) - mean
    own = (centred - centred.mean(axis=1, keepdims=True)).reshape(-1, centred.shape[-1])
    within = own.T @ own / len(own)
    values, vectors = np.linalg.eigh(
        within + np.trace(within) / len(within) * SHRINKAGE * np.eye(len(within))
    )
    rounded = vectors / np.sqrt(values)
    means = centred.mean(axis=1) @ rounded
    values, vectors = np.linalg.eigh(means.T @ means / len(means))
    keep = np.argsort(-values)[:DIMENSIONS]
    matrix = (rounded @ (vectors[:, keep] / np.sqrt(np.maximum(values[keep], 1e-9)) ** POWER)).T
    scale = (
        1.0
        / np.linalg.norm(centred.reshape(-1, centred.shape[-1])[:2000] @ matrix.T, axis=1).mean()
    )
    return matrix * scale, -(matrix * scale) @ mean


def learned(
    features: np.ndarray, held: np.ndarray, minutes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The projection by gradient descent: a square layer after the discriminant one, started at
    the identity.
    """
    rng = np.random.default_rng(seed)
    matrix, bias = discriminant(features)
    start_points = torch.from_numpy((features @ matrix.T + bias).astype(np.float32))
    held_points = held @ matrix.T + bias
    layer = torch.nn.Linear(DIMENSIONS, DIMENSIONS)
    torch.nn.init.eye_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    queue, queue_owners = torch.zeros(0, DIMENSIONS), torch.zeros(0, dtype=torch.long)
    best, kept, begin = recall(unit(held_points))[1], (matrix, bias), time.monotonic()
    for step in range(STEPS):
        if time.monotonic() - begin > minutes * 60:
            break
        chosen = rng.choice(len(features), BATCH, replace=False)
        views = np.stack([rng.choice(features.shape[1], 2, replace=False) for _ in range(BATCH)])
        if step % 2:
            views[:, 0] = 0  # half of the time against the picture itself, as in a search
        points = torch.cat([start_points[chosen, views[:, 0]], start_points[chosen, views[:, 1]]])
        vectors, owners = (
            torch.nn.functional.normalize(layer(points), dim=1),
            torch.from_numpy(chosen),
        )
        a, b = vectors[:BATCH], vectors[BATCH:]
        contrast, entropy = loss_of(a, b, queue, owners, queue_owners)
        back, back_entropy = loss_of(b, a, queue, owners, queue_owners)
        loss = (contrast + back) / 2 + ENTROPY * (entropy + back_entropy) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        queue = torch.cat([vectors.detach(), queue])[:QUEUE]
        queue_owners = torch.cat([owners, owners, queue_owners])[:QUEUE]
        if step % 50 == 49:
            square, shift = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            at_one, micro = recall(unit(held_points @ square.T + shift))
            print(
                f"step {step + 1} contrast {contrast.item():.3f} recall {at_one:.4f} micro-AP"
                f" {micro:.4f}",
                flush=True,
            )
            if micro > best:
                best, kept = micro, (square @ matrix, square @ bias + shift)
    return kept


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        *(int(value) for value in sys.argv[4:]),
    )
