"""Temporary files: folders of our own, and those that a killed process left behind."""

import re
import shutil
import tempfile
import time
from pathlib import Path

import structlog

# Those of one file; the embedded database and whole runs have longer names.
NAME = re.compile(r"oracle-(sound-)?[a-z0-9_]{8}")
LEFT_AFTER_S = 6 * 3600.0  # nothing of ours takes so long
log = structlog.get_logger()


def sweep(older_than_s: float = LEFT_AFTER_S) -> int:
    """Remove the temporary folders that nobody uses any more. Returns: how many."""
    swept = 0
    for folder in Path(tempfile.gettempdir()).glob("oracle-*"):
        try:
            ours = NAME.fullmatch(folder.name) is not None and folder.is_dir()
            left = ours and time.time() - folder.stat().st_mtime > older_than_s
        except OSError:
            continue
        if left:
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    if swept:
        log.info("temporary.swept", folders=swept)
    return swept
