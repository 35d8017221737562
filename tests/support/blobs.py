"""What a folder of blobs holds."""

from pathlib import Path

from oracle.tasks.blob_owner import OWNER_KEY


def content_files(folder: Path) -> list[Path]:
    """Every stored blob; the mark of the database that owns the store is none."""
    return [path for path in folder.rglob("*") if path.is_file() and path.name != OWNER_KEY]
