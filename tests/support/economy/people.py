"""The people: accounts with their devices, addresses and sign-ups, in families, at schools and
alone.
"""

from dataclasses import dataclass

import numpy as np

from support.economy.texts import people_agents, zipf

DAY_S = 86_400
SHARE_IN_FAMILY = 0.3
FAMILY_SIZES = (2, 3, 4, 5, 6)
SHARE_ON_CARRIER = 0.35  # phones behind a carrier's shared address
CARRIER_ADDRESSES = 300
SIGNED_UP_LATELY = 0.04  # share of accounts made in the last two weeks
SHAPES = 14


@dataclass
class People:
    """Accounts as columns; grows when an attack makes accounts.

    Codes, and Unix times (0: long ago).
    """

    signed_up_s: np.ndarray
    shape: np.ndarray
    ip: np.ndarray
    agent: np.ndarray
    device: np.ndarray
    tablet: np.ndarray  # a device shared at home or at school, else the own one
    gifted_before: np.ndarray
    creator: np.ndarray
    devices: int
    ips: int

    def __len__(self) -> int:
        return len(self.signed_up_s)

    def add(self, *, signed_up_s, shape, ip, agent, device, gifted_before=None) -> np.ndarray:
        """Make accounts; the codes come back.

        Devices and addresses may be new: see `new_devices`, `new_ips`.
        """
        count = len(device)
        first = len(self)
        fill = {
            "signed_up_s": signed_up_s,
            "shape": shape,
            "ip": ip,
            "agent": agent,
            "device": device,
            "tablet": device,
            "gifted_before": np.zeros(count, bool) if gifted_before is None else gifted_before,
            "creator": np.full(count, -1),
        }
        for name, values in fill.items():
            column = getattr(self, name)
            setattr(
                self,
                name,
                np.concatenate([column, np.broadcast_to(values, count).astype(column.dtype)]),
            )
        return np.arange(first, first + count)

    def new_devices(self, count: int) -> np.ndarray:
        self.devices += count
        return np.arange(self.devices - count, self.devices)

    def new_ips(self, count: int) -> np.ndarray:
        self.ips += count
        return np.arange(self.ips - count, self.ips)


def make_people(rng: np.random.Generator, accounts: int, creators: int, start_s: int) -> People:
    """So many accounts; the first `creators` of them are the creators."""
    agents = len(people_agents())
    device = np.arange(accounts)
    tablet, ip = device.copy(), np.arange(accounts)
    # Families: neighbours by number live together, with one address and one shared tablet.
    at, in_families = 0, int(accounts * SHARE_IN_FAMILY)
    sizes = rng.choice(FAMILY_SIZES, size=in_families // 2, p=(0.35, 0.3, 0.2, 0.1, 0.05))
    starts = np.cumsum(np.concatenate([[0], sizes]))
    starts = starts[starts < in_families]
    home = np.searchsorted(starts, np.arange(in_families), side="right") - 1
    order = rng.permutation(accounts)[:in_families]
    at = accounts
    tablet[order] = at + home
    ip[order] = at + home
    on_carrier = rng.random(accounts) < SHARE_ON_CARRIER
    ip[on_carrier] = 2 * accounts + rng.choice(
        CARRIER_ADDRESSES, on_carrier.sum(), p=zipf(CARRIER_ADDRESSES, 0.6)
    )
    recent = rng.random(accounts) < SIGNED_UP_LATELY
    signed_up = np.where(recent, start_s - rng.integers(0, 14 * DAY_S, accounts), 0)
    creator = np.full(accounts, -1)
    creator[:creators] = np.arange(creators)
    signed_up[:creators] = 0
    return People(
        signed_up_s=signed_up.astype(np.int64),
        shape=rng.choice(SHAPES, accounts, p=zipf(SHAPES)),
        ip=ip,
        agent=rng.choice(agents, accounts, p=zipf(agents, 0.8)),
        device=device,
        tablet=tablet,
        gifted_before=rng.random(accounts) < 0.15,
        creator=creator,
        devices=2 * accounts,
        ips=2 * accounts + CARRIER_ADDRESSES,
    )
