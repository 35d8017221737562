"""What people call a post or an account."""

from storage.database import Connection


def name_of(conn: Connection, subject: str, post_id: bytes | None, creator: str) -> str:
    """A post's title in quotes, or the start of its id; an account by its name."""
    if subject == "creator" or post_id is None:
        return f"your account {creator}"
    row = conn.execute("select title from posts where post_id = %s", (post_id,)).fetchone()
    title = row[0] if row else None
    return f'"{title}"' if title else f"post 0x{post_id.hex()[:12]}…"
