"""Five attacks at three strengths.

Each states what it leaves behind, so that a miss can be understood.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from oracle.fraud.detectors.events import Kind
from support.economy.honest import HOUR_S, World, give, watch_shares
from support.economy.texts import EXCHANGES, IMPOSSIBLE, PEOPLES, TOOLS


class AttackKind(StrEnum):
    """What is bought, named after the signal that it may raise."""

    USER_AGENTS = "user_agents"
    REFERRERS = "referrers"
    BULK_ACCOUNTS = "bulk_accounts"
    SHARED_DEVICES = "shared_devices"
    GIFTING = "gifting"


class Strength(StrEnum):
    """How much is bought, relative to what the post earns honestly."""

    WEAK = "weak"
    MEDIUM = "medium"
    STRONG = "strong"


TIMES = {Strength.WEAK: 0.25, Strength.MEDIUM: 1.0, Strength.STRONG: 4.0}
FEWEST = {Strength.WEAK: 60, Strength.MEDIUM: 300, Strength.STRONG: 1_200}
# How a weak attacker hides and a strong one does not care.
ODD_AGENTS = {Strength.WEAK: 0.6, Strength.MEDIUM: 0.85, Strength.STRONG: 0.95}
PER_DEVICE = {Strength.WEAK: 8, Strength.MEDIUM: 25, Strength.STRONG: 60}
SIGN_UP_HOURS = {Strength.WEAK: 24, Strength.MEDIUM: 5, Strength.STRONG: 2}
SELLERS = 30  # each names its accounts in its own way
GIVERS = {Strength.WEAK: 8, Strength.MEDIUM: 30, Strength.STRONG: 80}


@dataclass(frozen=True)
class Attack:
    """What was done, to check the detectors against. A subject is a post, for gifting a creator."""

    kind: AttackKind
    strength: Strength
    post: int
    creator: int
    start_s: int
    second_trait: str | None  # what else the sellers' equipment leaves behind
    accomplices: tuple[int, ...] = ()  # creators who are in it, too


def attack(
    world: World,
    kind: AttackKind,
    strength: Strength,
    post: int,
    honest: int,
    *,
    pure: bool,
    size: int | None = None,
) -> Attack:
    """Buy traffic for a post.

    Args:
        honest: views the post has without it.
        size: Views to buy, for gifting no matter; by the strength if not given.
        pure: The attack leaves no second trait. Else its equipment is shared with another trade, as
            farms do: odd programs, crowded devices or accounts made in bulk, whatever the kind is
            not itself.
    """
    rng = world.rng
    start = world.start_s + int(rng.integers(0, 18)) * HOUR_S
    creator = int(world.post_creator[post])
    if kind is AttackKind.GIFTING:
        return _gifts(world, strength, post, creator, start)
    size = size or max(FEWEST[strength], int(honest * TIMES[strength]))
    second = None
    if not pure:
        others = [k for k in ("user_agents", "shared_devices", "bulk_accounts") if k != kind.value]
        second = str(rng.choice(others))
    traits = {kind.value, second}
    account, device = _accounts(world, size, start, strength, traits)
    hours = 5.0
    at_s = np.minimum(start + (rng.random(size) * hours * HOUR_S).astype(np.int64), world.end_s - 1)
    agent = world.people.agent[account]
    if "user_agents" in traits:
        odd = np.array([world.agents.index(text) for text in TOOLS + IMPOSSIBLE])
        agent = np.where(rng.random(size) < ODD_AGENTS[strength], rng.choice(odd, size), agent)
    referrer = world.sources(size)
    if kind is AttackKind.REFERRERS:
        listed = np.array([world.referrers.index(text) for text in EXCHANGES])
        # Half of them come through an exchange that is listed, half through one page that nobody
        # knows yet.
        through = np.where(rng.random() < 0.5, rng.choice(listed, size), rng.choice(world.blogs))
        referrer = np.where(rng.random(size) < 0.9, through, referrer)
    appeal = np.full(size, rng.uniform(0.03, 0.09))
    world.view(
        np.full(size, post),
        account,
        at_s,
        watched=watch_shares(world, appeal),
        video_s=30.0,
        referrer=referrer,
        agent=agent,
        device=device,
    )
    likes = rng.random(size) < 0.1
    world.rows.add(
        Kind.LIKE,
        at_s[likes] + 2,
        world.people,
        account[likes],
        post=post,
        creator=creator,
        agent=agent[likes],
        device=device[likes],
    )
    return Attack(kind, strength, post, creator, start, second)


def _accounts(
    world: World, size: int, start: int, strength: Strength, traits: set
) -> tuple[np.ndarray, np.ndarray]:
    """Who watches and on what: hijacked accounts of real people, accounts made for it, or a
    farm's.
    """
    rng, people = world.rng, world.people
    count = max(1, size * 2 // 3)
    if "bulk_accounts" in traits:
        made = start - rng.integers(0, SIGN_UP_HOURS[strength] * HOUR_S, count)
        farm = max(1, count // PER_DEVICE[strength]) if "shared_devices" in traits else count
        # Weak ones take an address for every third account, strong ones hide nothing.
        spread = {Strength.WEAK: count // 3, Strength.MEDIUM: 6, Strength.STRONG: 1}[strength]
        made_by = people.add(
            signed_up_s=made,
            shape=np.full(count, 13 + rng.integers(0, SELLERS)),
            ip=rng.choice(people.new_ips(max(1, spread)), count),
            agent=np.full(count, rng.integers(0, PEOPLES)),
            device=rng.choice(people.new_devices(farm), count),
        )
        world.rows.add(Kind.SIGN_UP, made, people, made_by)
        account = rng.choice(made_by, size)
        return account, people.device[account]
    account = rng.choice(world.crowd(count), size)
    if "shared_devices" in traits:
        phones = people.new_devices(max(2, count // PER_DEVICE[strength]))
        names = np.unique(account)
        phone_of = dict(zip(names.tolist(), rng.choice(phones, len(names)).tolist(), strict=True))
        return account, np.array([phone_of[a] for a in account.tolist()])
    return account, people.device[account]


def _gifts(world: World, strength: Strength, post: int, creator: int, start: int) -> Attack:
    """Two ways: friends pass the same money round, or new accounts on a few phones give what
    they were handed.
    """
    rng, people, givers = world.rng, world.people, GIVERS[strength]
    if rng.random() < 0.5:
        ring = [creator, *rng.choice(world.post_creator, 2 + givers // 20, replace=False).tolist()]
        sums = {Strength.WEAK: 4_000, Strength.MEDIUM: 15_000, Strength.STRONG: 60_000}[strength]
        for lap in range(3):
            for step, giver in enumerate(ring):
                receiver = ring[(step + 1) % len(ring)]
                at_s = np.array([min(start + (lap * len(ring) + step) * 900, world.end_s - 1)])
                give(
                    world,
                    np.array([giver]),
                    np.array([receiver]),
                    at_s,
                    np.array([-1]),
                    np.array([sums]),
                )
        return Attack(AttackKind.GIFTING, strength, post, creator, start, "circle", tuple(ring))
    phones = people.new_devices(max(1, givers // 15))
    account = people.add(
        signed_up_s=start - rng.integers(0, 30 * HOUR_S, givers),
        shape=np.full(givers, 13 + rng.integers(0, SELLERS)),
        ip=rng.choice(people.new_ips(3), givers),
        agent=np.full(givers, rng.integers(0, PEOPLES)),
        device=rng.choice(phones, givers),
    )
    at_s = np.minimum(start + rng.integers(0, 4 * HOUR_S, givers), world.end_s - 1)
    value = np.full(
        givers, {Strength.WEAK: 1_000, Strength.MEDIUM: 2_000, Strength.STRONG: 5_000}[strength]
    )
    give(world, account, np.full(givers, creator), at_s, np.full(givers, post), value)
    return Attack(AttackKind.GIFTING, strength, post, creator, start, "first_timers")
