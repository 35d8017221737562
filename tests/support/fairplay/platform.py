"""One week of a platform as columns: every scene adds the views of one post in its own way.

Made up from seeds. No scene knows the rules that judge it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracle.fraud.detectors.events import DAY_S, HOUR_S, Accounts, Events, Kind

START_S = 20_400 * DAY_S  # a Monday
WEEK_S = 7 * DAY_S
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/125.0.0.0 Mobile Safari/537.36"
)
TV = "Mozilla/5.0 (Web0S; Linux i686) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/38.0 Safari/537"
TABLET = "Mozilla/5.0 (iPad; CPU OS 15_8 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"
DESKTOP = f"{CHROME} Slack/4.38.125 Electron/30.1.2 Sonic Slack_SSB/4.38.125"
PHONES = (IPHONE, CHROME)
INSIDE = ("app://foryou", "app://follows", "")
MIXED = (*INSIDE, "www.google.com", "t.co/x", "www.reddit.com/r/x", "m.facebook.com")
COLUMNS = ("account", "device", "ip", "watch_s", "video_s", "value", "creator", "post")


@dataclass
class Week:
    """Rows under construction; codes are given out one after the other."""

    rng: np.random.Generator
    rows: list[dict[str, Any]] = field(default_factory=list)
    signed_up: dict[int, tuple[int, int, int, str]] = field(default_factory=dict)
    owners: list[int] = field(default_factory=list)  # account of each creator
    known: set[int] = field(default_factory=set)  # accounts that were here before
    codes: int = 0

    def new(self, count: int) -> np.ndarray:
        """Codes that nobody had so far, of accounts, devices or addresses."""
        self.codes += count
        return np.arange(self.codes - count, self.codes)

    def post(self) -> int:
        """A new creator with an account and one post; both have the same code."""
        self.owners.append(int(self.new(1)[0]))
        return len(self.owners) - 1

    def add(
        self,
        post: int,
        count: int,
        *,
        kind: Kind = Kind.VIEW,
        agents: tuple[str, ...] = PHONES,
        sources: tuple[str, ...] = MIXED,
        watched: tuple[float, float] = (0.3, 1.0),
        video_s: float = 60.0,
        hours: tuple[float, float] = (0, 168),
        account: Any = None,
        device: Any = None,
        ip: Any = None,
        value: int = 0,
    ) -> np.ndarray:
        """So many events, each by a person of her own unless told otherwise; -1: not told.

        Returns: their accounts.
        """
        rng = self.rng
        who = self.new(count) if account is None else np.broadcast_to(account, count)
        filled = {
            "account": who,
            "device": self.new(count) if device is None else np.broadcast_to(device, count),
            "ip": self.new(count) if ip is None else np.broadcast_to(ip, count),
            "watch_s": rng.uniform(*watched, count) * (video_s or 10.0),
            "video_s": np.full(count, video_s),
            "value": np.full(count, value),
            "creator": np.full(count, post),
            "post": np.full(count, post),
        }
        at_s = START_S + (rng.uniform(*hours, count) * HOUR_S).astype(np.int64)
        agent, source = rng.choice(list(agents), count), rng.choice(list(sources), count)
        for n in range(count):
            self.rows.append(
                {name: filled[name][n] for name in COLUMNS}
                | {"kind": kind, "at_s": at_s[n], "agent": agent[n], "referrer": source[n]}
            )
        return who

    def react(self, post: int, account: int, kinds: Iterable[Kind], at_s: int) -> None:
        """One person's reactions, some minutes after a view."""
        for n, kind in enumerate(kinds):
            filled = dict.fromkeys(COLUMNS, -1) | {"watch_s": 0, "video_s": 0, "value": 0}
            filled |= {"account": account, "creator": post, "post": post}
            self.rows.append(
                filled | {"kind": kind, "at_s": at_s + 60 * n, "agent": "", "referrer": ""}
            )

    def sign_up(self, accounts: Any, *, hour: float, ip: int, shape: int, agent: str) -> None:
        """Accounts that were made within an hour."""
        for account in np.asarray(accounts).tolist():
            at_s = START_S + int((hour + self.rng.random()) * HOUR_S)
            self.signed_up[account] = (at_s, ip, shape, agent)

    def events(self) -> Events:
        """Everything so far, in the order of time."""
        order = np.argsort([row["at_s"] for row in self.rows], kind="stable")
        rows = [self.rows[n] for n in order]
        agents = sorted({row["agent"] for row in rows} | {s[3] for s in self.signed_up.values()})
        sources = sorted({row["referrer"] for row in rows})
        agent_of = {text: code for code, text in enumerate(agents)}
        source_of = {text: code for code, text in enumerate(sources)}
        sign_up = np.zeros((self.codes, 4), np.int64) - 1
        sign_up[:, 0] = 0
        for account, (at_s, ip, shape, agent) in self.signed_up.items():
            sign_up[account] = at_s, ip, shape, agent_of[agent]
        first_seen = np.zeros(self.codes, np.int64)
        first_seen[list(self.known)] = START_S - 10 * DAY_S
        creator = np.full(self.codes, -1, np.int32)
        creator[self.owners] = np.arange(len(self.owners))

        def column(name: str, kind: type = np.int32) -> np.ndarray:
            return np.array([row[name] for row in rows], kind)

        return Events(
            kind=column("kind", np.int8),
            at_s=column("at_s", np.int64),
            **{name: column(name) for name in ("post", "creator", "account", "device", "ip")},
            agent=np.array([agent_of[row["agent"]] for row in rows], np.int32),
            referrer=np.array([source_of[row["referrer"]] for row in rows], np.int32),
            watch_s=column("watch_s", np.float32),
            video_s=column("video_s", np.float32),
            value=column("value", np.int64),
            post_creator=np.arange(len(self.owners), dtype=np.int32),
            accounts=Accounts(
                signed_up_s=sign_up[:, 0],
                shape=sign_up[:, 2].astype(np.int32),
                ip=sign_up[:, 1].astype(np.int32),
                agent=sign_up[:, 3].astype(np.int32),
                creator=creator,
                gifted_before=np.zeros(self.codes, bool),
                first_seen_s=first_seen,
            ),
            agents=agents,
            referrers=sources,
            creators=len(self.owners),
            start_s=START_S,
            end_s=START_S + WEEK_S,
        )
