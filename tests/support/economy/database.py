"""The made-up economy in a real database: the same day of events, by name, through COPY."""

from datetime import UTC, datetime

import numpy as np

from oracle.engagement.agents import program_of
from oracle.engagement.referrers import Source, source_of
from storage.database import Connection
from storage.engagement import events as engagement
from storage.names import canonical, skeletons
from support.economy.economy import Economy

KINDS = np.array(["view", "like", "comment", "save", "share", "follow", "gift", "sign_up", "login"])
COPY = (
    "copy engagement_events (event_id, at, kind, post_id, creator_id, account, device, ip_hash,"
    " agent_id, referrer_id, watch_ms, length_ms, value_minor) from stdin"
)
SHAPES = (
    "a",
    "a0",
    "a.a",
    "a_a",
    "a.a0",
    "a-a",
    "0a",
    "a0a",
    "_a",
    "a__a",
    "a.0",
    "a-0",
    "@a",
    "a0a0",
)


def post_id_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


def account_name(number: int, shape: int, creators: int) -> str:
    """A name of that shape; the first accounts are the creators themselves."""
    if number < creators:
        return creator_name(number)
    letters = "".join(chr(97 + int(digit)) for digit in str(number))
    pattern = SHAPES[shape] if shape < len(SHAPES) else "a0" + "-a0" * (shape - len(SHAPES) + 1)
    return pattern.replace("a", letters, 1).replace("0", str(number))


def creator_name(number: int) -> str:
    return f"creator{number}"


def store(conn: Connection, economy: Economy) -> dict[int, int]:
    """Write creators, posts and events.

    Returns: creators.id by code.
    """
    events = economy.events
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy creators (handle, name_key, skeletons, account, has_wallet) from stdin"
        ) as copy,
    ):
        for number in range(events.creators):
            name, account = creator_name(number), (10**6 + number).to_bytes(20, "big")
            copy.write_row((name, canonical(name), skeletons(name), account, True))
    rows = conn.execute("select handle, id from creators where handle like 'creator%'").fetchall()
    ids = {int(handle.removeprefix("creator")): int(number) for handle, number in rows}
    start = datetime.fromtimestamp(events.start_s, UTC)
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy posts (post_id, creator_id, media_type, title, published_at) from stdin"
        ) as copy,
    ):
        for post, creator in enumerate(events.post_creator.tolist()):
            copy.write_row((post_id_of(post), ids[creator], "video", f"Video {post}", start))
    programs = [program_of(agent) for agent in events.agents]
    agents = _texts(conn, "engagement_agents", "user_agent", "program", events.agents, programs)
    outside = [source_of(text) is Source.OUTSIDE for text in events.referrers]
    referrers = _texts(
        conn, "engagement_referrers", "referrer", "outside", events.referrers, outside
    )
    engagement.make_partitions(conn, {start.date()})
    _copy_events(conn, economy, ids, agents, referrers)
    _copy_sign_ups(conn, economy, agents)
    return ids


def _copy_events(
    conn: Connection, economy: Economy, ids: dict[int, int], agents: list, referrers: list
) -> None:
    events = economy.events
    shapes = events.accounts.shape.tolist()
    names = [account_name(n, shape, events.creators) for n, shape in enumerate(shapes)]
    columns = (
        events.kind,
        events.at_s,
        events.post,
        events.creator,
        events.account,
        events.device,
        events.ip,
        events.agent,
        events.referrer,
        (events.watch_s * 1000).astype(np.int64),
        (events.video_s * 1000).astype(np.int64),
        events.value,
    )
    numbers = np.random.default_rng(economy.seed).integers(
        0, 256, (len(events), 16), dtype=np.uint8
    )
    with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for unique, (
            kind,
            at,
            post,
            creator,
            account,
            device,
            ip,
            agent,
            referrer,
            watch,
            video,
            value,
        ) in zip(numbers, rows, strict=True):
            viewed = kind == 0
            copy.write_row(
                (
                    unique.tobytes().hex(),
                    datetime.fromtimestamp(at, UTC),
                    str(KINDS[kind]),
                    post_id_of(post) if post >= 0 else None,
                    ids[creator] if creator >= 0 else None,
                    names[account] if account >= 0 else None,
                    f"d{device}" if device >= 0 else None,
                    ip.to_bytes(8, "big") if ip >= 0 else None,
                    agents[agent] if agent >= 0 else None,
                    referrers[referrer],
                    watch if viewed else None,
                    (video or None) if viewed else None,
                    value or None,
                )
            )


def _copy_sign_ups(conn: Connection, economy: Economy, agents: list) -> None:
    events = economy.events
    accounts = events.accounts
    recent = np.flatnonzero(accounts.signed_up_s > 0)
    with (
        conn.cursor() as cursor,
        cursor.copy(
            "copy fraud_sign_ups (account, signed_up_at, shape, ip_hash, agent_id) from stdin"
        ) as copy,
    ):
        for number in recent.tolist():
            name = account_name(number, int(accounts.shape[number]), events.creators)
            copy.write_row(
                (
                    name,
                    datetime.fromtimestamp(int(accounts.signed_up_s[number]), UTC),
                    f"shape{accounts.shape[number]}",
                    int(accounts.ip[number]).to_bytes(8, "big"),
                    agents[int(accounts.agent[number])],
                )
            )
    with (
        conn.cursor() as cursor,
        cursor.copy("copy fraud_givers (account, first_gift_at) from stdin") as copy,
    ):
        before = datetime.fromtimestamp(events.start_s - 10 * 86_400, UTC)
        for number in np.flatnonzero(accounts.gifted_before).tolist():
            copy.write_row(
                (account_name(number, int(accounts.shape[number]), events.creators), before)
            )


def _texts(conn: Connection, table: str, column: str, more: str, texts, values) -> list[int | None]:
    with conn.cursor() as cursor:
        cursor.executemany(
            f"insert into {table} ({column}, {more}) values (%s, %s) on conflict do nothing",
            [(text, value) for text, value in zip(texts, values, strict=True) if text],
        )
    found = dict(conn.execute(f"select {column}, id from {table}").fetchall())
    return [found.get(text) for text in texts]
