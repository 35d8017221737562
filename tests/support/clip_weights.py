"""CLIP weights in place of the published ones: the real architecture, numbers from a seed."""

from pathlib import Path


def save_generated_weights(path: Path) -> Path:
    """Write a ViT-B-32 checkpoint as the hub has it (.safetensors, 605 MB). Returns: the path."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(7)
    save_file(
        open_clip.create_model("ViT-B-32", pretrained=None, load_weights=False).state_dict(), path
    )
    return path
