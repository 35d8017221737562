"""Names of posts, accounts and works in notices."""

from storage.database import Connection
from storage.ledger.posts import find_title
from storage.works.works import Work


def name_of(conn: Connection, subject: str, post_id: bytes | None, creator: str) -> str:
    """Return a post's title in quotes, or that it has none; for an account its name."""
    if subject == "creator" or post_id is None:
        return f"your account {creator}"
    title = (find_title(conn, post_id) or "").strip()
    return f'"{title}"' if title else "a post without a title"


def work_name(work: Work) -> str:
    """Return a work's title or file name; no notice lacks a name."""
    return (work.title or work.file_name or "").strip() or f"{work.media_type} without a title"
