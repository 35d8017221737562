"""Facts of the posts and creators that alerts concern, for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class PostFacts:
    """A post with its stored views and its grade."""

    post_id: bytes
    title: str | None
    media_type: str
    published_at: datetime
    views: int
    grade: str | None


@dataclass(frozen=True, kw_only=True)
class CreatorFacts:
    """A creator, the largest audience that the platform stated, and the number of alerts."""

    id: int
    handle: str
    since: datetime
    posts: int
    followers: int
    alerts: int
    alerts_reversed: int


# Views are all that are stored of a post, counted or not.
_POSTS = """
select p.post_id, p.title, p.media_type, p.published_at, g.grade,
    (select count(*) from engagement_events e
        where e.post_id = p.post_id and e.kind = 'view') as views
from posts p left join grades g using (post_id) where p.post_id = any(%s)
"""


def posts(conn: Connection, post_ids: Sequence[bytes]) -> dict[bytes, PostFacts]:
    """Return facts by post id."""
    with conn.cursor(row_factory=class_row(PostFacts)) as cursor:
        rows = cursor.execute(_POSTS, (list(post_ids),)).fetchall()
    return {bytes(facts.post_id): facts for facts in rows}


# Followers are the largest audience that the platform stated for any post.
_CREATORS = """
select c.id, c.handle, c.created_at as since,
    (select count(*) from posts p where p.creator_id = c.id) as posts,
    (select coalesce(max(audience), 0) from posts p where p.creator_id = c.id) as followers,
    (select count(*) from fraud_alerts a where a.creator_id = c.id) as alerts,
    (select count(*) from fraud_alerts a
        where a.creator_id = c.id and a.status = 'reversed') as alerts_reversed
from creators c where c.id = any(%s)
"""


def creators(conn: Connection, creator_ids: Sequence[int]) -> dict[int, CreatorFacts]:
    """Return facts by creator."""
    with conn.cursor(row_factory=class_row(CreatorFacts)) as cursor:
        rows = cursor.execute(_CREATORS, (list(creator_ids),)).fetchall()
    return {facts.id: facts for facts in rows}
