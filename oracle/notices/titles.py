"""What people call a post or an account."""

from storage.database import Connection
from storage.ledger.posts import find_title
from storage.works.works import Work


def name_of(conn: Connection, subject: str, post_id: bytes | None, creator: str) -> str:
    """A post's title in quotes, or the start of its id; an account by its name."""
    if subject == "creator" or post_id is None:
        return f"your account {creator}"
    title = (find_title(conn, post_id) or "").strip()
    return f'"{title}"' if title else f"post 0x{post_id.hex()[:12]}…"


def work_name(work: Work) -> str:
    """A work's file name; its id where the name is missing or blank, so that no notice fails for
    a name.
    """
    return (work.file_name or "").strip() or f"work {work.id}"
