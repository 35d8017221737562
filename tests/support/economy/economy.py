"""One day of the economy: honest scenes first, attacks among them, and what is true about each
post.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from oracle.fraud.detectors.events import Events
from support.economy import honest
from support.economy.attacks import Attack, AttackKind, Strength, attack
from support.economy.honest import World
from support.economy.people import DAY_S, make_people
from support.economy.rows import Rows
from support.economy.texts import (
    CRAWLERS,
    EXCHANGES,
    IMPOSSIBLE,
    INSIDE,
    OUTSIDE,
    TOOLS,
    blogs,
    people_agents,
)

MONDAY_S = 1_761_523_200  # 2025-10-27 00:00 UTC


@dataclass(frozen=True)
class Plan:
    """How large the day is and what happens on it."""

    seed: int
    creators: int = 2_000
    views: int = 100_000
    viral: int = 10
    cross_posts: int = 10
    autoplay: int = 3
    schools: int = 4
    whole_schools: int = 1
    fans: int = 20
    friends: int = 20
    charities: int = 2
    attacks: int = 2  # of each kind and strength
    pure: float = 0.0  # share of attacks that leave no second trait
    attack_views: int | None = None  # each attack buys so many; by its strength if not given
    clickbait: int = 0
    weekday: int = 2


@dataclass(frozen=True)
class Economy:
    """The events of a day, and the truth about them."""

    events: Events
    attacks: tuple[Attack, ...]
    viral_posts: frozenset[int]
    scenes: Mapping[str, frozenset[int]]  # posts of the honest scenes that look strange
    seed: int = 0

    @property
    def honest_creators(self) -> np.ndarray:
        """Codes of the creators nobody bought anything for."""
        guilty = [creator for a in self.attacks for creator in (a.creator, *a.accomplices)]
        return np.setdiff1d(np.arange(self.events.creators), guilty)


def make_economy(plan: Plan) -> Economy:
    """The day of a plan; the same plan gives the same day."""
    rng = np.random.default_rng(plan.seed)
    start = MONDAY_S + plan.weekday * DAY_S
    posts_each = rng.integers(1, 4, plan.creators)
    post_creator = np.repeat(np.arange(plan.creators), posts_each)
    size = rng.lognormal(0.0, 1.6, plan.creators)
    popularity = (
        size[post_creator] * rng.lognormal(0.0, 0.5, len(post_creator)) / posts_each[post_creator]
    )
    agents = [*people_agents(), *CRAWLERS, *TOOLS, *IMPOSSIBLE]
    pages = blogs(400)
    referrers = [*INSIDE, *OUTSIDE, *pages, *EXCHANGES]
    public = max(plan.views // 5, plan.creators + 1_000)
    world = World(
        rng=rng,
        people=make_people(rng, public, plan.creators, start),
        public=public,
        rows=Rows(),
        post_creator=post_creator,
        agents=agents,
        referrers=referrers,
        crawlers=np.array([agents.index(text) for text in CRAWLERS]),
        outside=np.array([referrers.index(text) for text in OUTSIDE]),
        blogs=np.array([referrers.index(text) for text in pages]),
        start_s=start,
    )
    honest.everyday(world, plan.views, popularity)
    expected = plan.views * popularity / popularity.sum()
    chosen = iter(rng.permutation(plan.creators).tolist())
    first_post = np.concatenate([[0], np.cumsum(posts_each)[:-1]])

    def pick() -> int:
        return int(first_post[next(chosen)])

    viral = [pick() for _ in range(plan.viral)]
    for post in viral:
        honest.viral(world, post, int(rng.uniform(600, 2_500)))
    scenes = _strange_but_honest(world, plan, pick)
    attacks = []
    for kind in AttackKind:
        for strength in Strength:
            for _ in range(plan.attacks):
                post = pick()
                pure = bool(rng.random() < plan.pure)
                attacks.append(
                    attack(
                        world,
                        kind,
                        strength,
                        post,
                        int(expected[post]),
                        pure=pure,
                        size=plan.attack_views,
                    )
                )
    events = world.rows.events(
        world.people, post_creator, agents, referrers, plan.creators, (world.start_s, world.end_s)
    )
    return Economy(events, tuple(attacks), frozenset(viral), scenes, plan.seed)


def _strange_but_honest(world: World, plan: Plan, pick) -> dict[str, frozenset[int]]:
    rng = world.rng
    scenes: dict[str, frozenset[int]] = {}
    for name, count, autoplay in (
        ("cross_post", plan.cross_posts, False),
        ("autoplay", plan.autoplay, True),
    ):
        found = [pick() for _ in range(count)]
        for post in found:
            honest.cross_post(world, post, int(rng.uniform(300, 1_500)), autoplay=autoplay)
        scenes[name] = frozenset(found)
    for name, count, pupils in (
        ("class", plan.schools, (15, 32)),
        ("school", plan.whole_schools, (200, 600)),
    ):
        found = [pick() for _ in range(count)]
        for post in found:
            honest.school(world, post, int(rng.integers(*pupils)))
        scenes[name] = frozenset(found)
    for name, count, scene in (
        ("fan", plan.fans, honest.fan),
        ("charity", plan.charities, honest.charity),
    ):
        found = [pick() for _ in range(count)]
        for post in found:
            scene(world, int(world.post_creator[post]), post)
        scenes[name] = frozenset(found)
    found = [pick() for _ in range(plan.clickbait)]
    for post in found:
        honest.viral(world, post, int(rng.uniform(600, 2_500)), clickbait=True)
    scenes["clickbait"] = frozenset(found)
    pairs = [(pick(), pick()) for _ in range(plan.friends)]
    for one, other in pairs:
        honest.friends(world, int(world.post_creator[one]), int(world.post_creator[other]))
    scenes["friends"] = frozenset(post for pair in pairs for post in pair)
    return scenes
