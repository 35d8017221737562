"""The demo is the main job: it fails if any step is not on the chain as told."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from oracle.demo import run_demo


@pytest.mark.timeout(300)
def test_the_whole_story_comes_true(tmp_path: Path) -> None:
    report = io.StringIO()
    assert run_demo(Console(file=report, width=120), tmp_path), report.getvalue()
    text = report.getvalue()
    assert "All 28 steps verified." in text
    assert "off: No CLIP weights" in text or "on, clip/" in text
