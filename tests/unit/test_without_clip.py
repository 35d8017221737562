"""A plain installation, without the extra `clip`: all imports work, pictures are fingerprinted."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import importlib, pkgutil, sys
from pathlib import Path

EXTRA = ("torch", "torchvision", "timm", "open_clip")
EXTRA += ("onnx", "onnxscript", "huggingface_hub", "filelock")
for name in EXTRA:
    sys.modules[name] = None  # as if it were not installed: neither imported nor found

import oracle, embeddings, storage

modules = []
for package in (oracle, embeddings, storage):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        # Programs, and what alembic runs: they act when they are imported.
        if not module.name.endswith("__main__") and ".migrations." not in module.name:
            importlib.import_module(module.name)
            modules.append(module.name)
assert len(modules) > 150, modules
assert "embeddings.image.clip_torch" in modules

from support.sample_pictures import as_picture, photograph
from embeddings.image.analyzer import ImageAnalyzer
from embeddings.image.clip_weights import ClipWeights

folder = Path(sys.argv[1])
analyzer = ImageAnalyzer.load(clip=ClipWeights(folder=folder, cache_dir=folder))
made = analyzer.fingerprint(as_picture(photograph("coffee.png")))
assert list(made.embeddings) == [analyzer.channels["copy"].model_id]
again = analyzer.fingerprint(as_picture(photograph("coffee.png").resize((300, 200))))
assert analyzer.verify(again, made.proxy).verified
assert not analyzer.channels["clip"].on
print(analyzer.channels["clip"].reason)
assert not [name for name in EXTRA if sys.modules[name] is not None]
"""


def test_everything_is_imported_and_a_picture_is_fingerprinted_without_torch(
    tmp_path: Path,
) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "creativity-oracle[clip]" in ran.stdout
