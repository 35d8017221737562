"""Honest scenes: everyday posts, viral ones, cross-posts, embeds, families, classes, fans and
friends.
"""

from dataclasses import dataclass

import numpy as np

from oracle.fraud.detectors.events import Kind
from support.economy.people import DAY_S, People
from support.economy.rows import Rows
from support.economy.texts import INSIDE, INSIDE_WEIGHTS, PEOPLES, zipf

HOUR_S = 3_600
CRAWLED = (0.002, 0.03)  # share of a post's views by honest crawlers and link previews
ACTIONS = {
    Kind.LIKE: 0.06,
    Kind.COMMENT: 0.01,
    Kind.SAVE: 0.015,
    Kind.SHARE: 0.01,
    Kind.FOLLOW: 0.006,
}
GIFTS = 0.0015
# Share of a day's views by hour (UTC of one region), and a day's weight from Monday to Sunday.
HOURS = np.array([3, 2, 1, 1, 1, 1, 2, 4, 4, 3, 3, 4, 5, 5, 4, 5, 6, 7, 8, 9, 9, 8, 6, 4], float)
DAYS = np.array([0.9, 0.9, 0.95, 0.95, 1.1, 1.3, 1.25])


@dataclass
class World:
    """What every scene writes into."""

    rng: np.random.Generator
    people: People
    rows: Rows
    post_creator: np.ndarray
    agents: list[str]
    referrers: list[str]
    crawlers: np.ndarray  # codes of honest crawlers
    outside: np.ndarray  # codes of well-known outside sources
    blogs: np.ndarray  # codes of small pages
    start_s: int
    public: int  # accounts that were there before the day: a crowd is drawn from them

    @property
    def end_s(self) -> int:
        return self.start_s + DAY_S

    def times(self, count: int, first_s: int, last_s: int) -> np.ndarray:
        """Times with the rhythm of the day between two moments."""
        hours = np.arange(first_s // HOUR_S, max(last_s // HOUR_S, first_s // HOUR_S + 1))
        weights = HOURS[hours % 24] * DAYS[(hours // 24 + 3) % 7]  # 1970-01-01 was a Thursday
        hour = self.rng.choice(hours, count, p=weights / weights.sum())
        return np.clip(hour * HOUR_S + self.rng.integers(0, HOUR_S, count), first_s, last_s - 1)

    def crowd(self, count: int) -> np.ndarray:
        """Accounts of whoever happens to watch."""
        return self.rng.integers(0, self.public, count)

    def sources(self, count: int, outside_share: float = 0.08) -> np.ndarray:
        inside = self.rng.choice(len(INSIDE), count, p=INSIDE_WEIGHTS)
        out = self.rng.choice(self.outside, count, p=zipf(len(self.outside)))
        return np.where(self.rng.random(count) < outside_share, out, inside)

    def view(
        self, post, account, at_s, *, watched: np.ndarray, video_s, referrer, **columns
    ) -> None:
        """Views, each on the account's own device or, in the evening, on the shared one."""
        account = np.asarray(account)
        own, tablet = self.people.device[account], self.people.tablet[account]
        shared = self.rng.random(len(account)) < 0.25
        device = columns.pop("device", np.where(shared, tablet, own))
        self.rows.add(
            Kind.VIEW,
            at_s,
            self.people,
            account,
            post=post,
            creator=self.post_creator[post],
            device=device,
            watch_s=np.clip(watched, 0.0, 1.0) * video_s,
            video_s=video_s,
            referrer=referrer,
            **columns,
        )


def watch_shares(world: World, appeal: np.ndarray) -> np.ndarray:
    """Share of the video each viewer watches, around each post's appeal in (0, 1)."""
    return world.rng.beta(np.maximum(appeal * 2.2, 0.05), np.maximum((1 - appeal) * 2.2, 0.05))


def everyday(world: World, views: int, popularity: np.ndarray) -> np.ndarray:
    """Ordinary traffic over all posts. Returns: (posts,) each post's appeal."""
    rng, posts = world.rng, len(world.post_creator)
    appeal = np.clip(rng.normal(0.42, 0.12, posts), 0.15, 0.85)
    length = rng.choice([15, 30, 60, 180, 600], posts, p=(0.3, 0.3, 0.2, 0.15, 0.05))
    post = rng.choice(posts, views, p=popularity / popularity.sum())
    at_s = world.times(views, world.start_s, world.end_s)
    account = world.crowd(views)
    anonymous = rng.random(views) < 0.02
    world.view(
        post,
        account,
        at_s,
        watched=watch_shares(world, appeal[post]),
        video_s=length[post],
        referrer=world.sources(views),
    )
    world.rows.blocks[-1]["account"] = np.where(anonymous, -1, account).astype(np.int32)
    crawled = rng.random(views) < rng.uniform(*CRAWLED, posts)[post]
    n = int(crawled.sum())
    world.rows.add(
        Kind.VIEW,
        at_s[crawled],
        world.people,
        np.full(n, -1),
        post=post[crawled],
        creator=world.post_creator[post[crawled]],
        agent=rng.choice(world.crawlers, n),
        video_s=length[post[crawled]],
    )
    react(world, post, account, at_s)
    return appeal


def react(
    world: World, post: np.ndarray, account: np.ndarray, at_s: np.ndarray, eagerness: float = 1.0
) -> None:
    """Likes, comments, saves, shares, follows and gifts of a part of the viewers."""
    for kind, rate in ACTIONS.items():
        chosen = world.rng.random(len(post)) < rate * eagerness
        world.rows.add(
            kind,
            at_s[chosen] + 5,
            world.people,
            account[chosen],
            post=-1 if kind is Kind.FOLLOW else post[chosen],
            creator=world.post_creator[post[chosen]],
        )
    chosen = world.rng.random(len(post)) < GIFTS * eagerness
    give(world, account[chosen], world.post_creator[post[chosen]], at_s[chosen], post[chosen])


def give(world: World, account, creator, at_s, post, value=None) -> None:
    """Gifts; people give round sums of very different size."""
    sums = np.array([50, 100, 200, 300, 500, 1_000, 2_000, 5_000])
    chances = np.array([0.3, 0.25, 0.15, 0.1, 0.1, 0.06, 0.03, 0.01])
    value = world.rng.choice(sums, len(at_s), p=chances) if value is None else value
    world.rows.add(Kind.GIFT, at_s, world.people, account, post=post, creator=creator, value=value)


def viral(world: World, post: int, size: int, *, clickbait: bool = False) -> None:
    """A post that takes off: many people at once, who watch, from everywhere, some of them new
    here.

    Clickbait takes off as well, but hardly anybody stays, and half of them signed up for it:
    honest, if not nice.
    """
    rng = world.rng
    start = world.start_s + int(rng.integers(0, 16)) * HOUR_S
    at_s = start + (rng.gamma(2.0, 1.2, size) * HOUR_S).astype(np.int64)
    at_s = np.minimum(at_s, world.end_s - 1)
    new = int(size * (rng.uniform(0.3, 0.55) if clickbait else rng.uniform(0.05, 0.3)))
    fresh = world.people.add(
        signed_up_s=at_s[:new] - rng.integers(30, 3_000, new),
        shape=rng.choice(14, new, p=zipf(14)),
        ip=world.people.new_ips(new),
        agent=rng.choice(PEOPLES, new),
        device=world.people.new_devices(new),
    )
    account = np.concatenate([fresh, world.crowd(size - new)])
    outside = rng.uniform(0.4, 0.9) if clickbait else rng.uniform(0.1, 0.5)
    appeal = np.full(size, rng.uniform(0.05, 0.14) if clickbait else rng.uniform(0.3, 0.7))
    world.view(
        np.full(size, post),
        account,
        at_s,
        watched=watch_shares(world, appeal),
        video_s=30.0,
        referrer=world.sources(size, outside),
    )
    react(world, np.full(size, post), account, at_s, eagerness=1.5)
    previews = int(size * rng.uniform(0.0, 0.05))
    world.rows.add(
        Kind.VIEW,
        at_s[:previews],
        world.people,
        np.full(previews, -1),
        post=post,
        creator=world.post_creator[post],
        agent=rng.choice(world.crawlers, previews),
        video_s=30.0,
    )


def cross_post(world: World, post: int, size: int, *, autoplay: bool) -> None:
    """One outside page sends nearly everybody.

    With autoplay most are gone before they noticed that it played.
    """
    rng = world.rng
    at_s = world.times(size, world.start_s, world.end_s)
    source = np.full(size, rng.choice(world.blogs))
    stray = rng.random(size) < 0.2
    referrer = np.where(stray, world.sources(size), source)
    appeal = np.where(stray, 0.4, rng.uniform(0.04, 0.12) if autoplay else rng.uniform(0.25, 0.5))
    account = world.crowd(size)
    world.view(
        np.full(size, post),
        account,
        at_s,
        watched=watch_shares(world, appeal),
        video_s=60.0,
        referrer=referrer,
    )
    react(world, np.full(size, post), account, at_s, eagerness=0.2 if autoplay else 0.8)


def school(world: World, post: int, pupils: int) -> None:
    """A class, or a whole school, signs up at one address, some on school tablets, and watches
    together.
    """
    rng, people = world.rng, world.people
    tablets = people.new_devices(max(1, pupils // 8))
    own = people.new_devices(pupils)
    start = world.start_s + int(rng.integers(8, 12)) * HOUR_S
    made = start + rng.integers(0, 2 * HOUR_S, pupils)
    account = people.add(
        signed_up_s=made,
        shape=rng.choice(3, pupils, p=(0.6, 0.3, 0.1)),
        ip=np.repeat(people.new_ips(1), pupils),
        agent=np.where(
            rng.random(pupils) < 0.4, rng.integers(0, PEOPLES), rng.choice(PEOPLES, pupils)
        ),
        device=np.where(rng.random(pupils) < 0.4, rng.choice(tablets, pupils), own),
    )
    world.rows.add(Kind.SIGN_UP, made, people, account)
    at_s = made + rng.integers(300, 3 * HOUR_S, pupils)
    world.view(
        np.full(pupils, post),
        account,
        at_s,
        watched=watch_shares(world, np.full(pupils, 0.6)),
        video_s=180.0,
        referrer=rng.choice([0, 2, 3], pupils),
    )
    # And then they look around, as everybody does.
    more = pupils * 6
    popular = rng.integers(0, len(world.post_creator), more)
    world.view(
        popular,
        rng.choice(account, more),
        start + rng.integers(HOUR_S, 8 * HOUR_S, more),
        watched=watch_shares(world, np.full(more, 0.4)),
        video_s=30.0,
        referrer=world.sources(more),
    )
    react(world, np.full(pupils, post), account, at_s)


def fan(world: World, creator: int, post: int) -> None:
    """One fan gives far more than others do."""
    count = int(world.rng.integers(1, 8))
    at_s = world.times(count, world.start_s, world.end_s)
    giver = np.repeat(world.crowd(1), count)
    give(
        world,
        giver,
        np.full(count, creator),
        at_s,
        np.full(count, post),
        world.rng.choice([5_000, 10_000], count),
    )


def friends(world: World, one: int, other: int) -> None:
    """Two creators who know each other give each other small presents."""
    for giver, receiver in ((one, other), (other, one)):
        count = int(world.rng.integers(1, 4))
        at_s = world.times(count, world.start_s, world.end_s)
        values = world.rng.choice([200, 500, 1_000, 2_000], count)
        give(
            world, np.full(count, giver), np.full(count, receiver), at_s, np.full(count, -1), values
        )


def charity(world: World, creator: int, post: int) -> None:
    """A stream for a good cause: dozens give for the first time, each what they like."""
    rng, count = world.rng, int(world.rng.integers(40, 150))
    at_s = world.start_s + 18 * HOUR_S + rng.integers(0, 3 * HOUR_S, count)
    new = rng.random(count) < 0.6
    account = world.crowd(count)
    fresh = world.people.add(
        signed_up_s=at_s[new] - 600,
        shape=rng.choice(14, int(new.sum())),
        ip=world.people.new_ips(int(new.sum())),
        agent=rng.choice(PEOPLES, int(new.sum())),
        device=world.people.new_devices(int(new.sum())),
    )
    account[new] = fresh
    give(world, account, np.full(count, creator), at_s, np.full(count, post))
