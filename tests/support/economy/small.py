"""A few events made by hand, for tests in which every number can be worked out by eye."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracle.fraud.detectors.events import DAY_S, Accounts, Events, Kind

START_S = 20_000 * DAY_S
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/17.1 Mobile/15E148 Safari/604.1"
)


@dataclass
class Scene:
    """Rows added one group after the other; `events` makes the columns."""

    posts: int = 3
    creators: int = 3
    accounts: int = 2_000
    rows: list[dict[str, Any]] = field(default_factory=list)
    signed_up: dict[int, dict[str, int]] = field(default_factory=dict)
    agents: list[str] = field(default_factory=lambda: [PHONE])
    referrers: list[str] = field(default_factory=lambda: [""])

    def views(
        self,
        post: int,
        accounts: Any,
        *,
        watched: float = 0.5,
        agent: str = PHONE,
        referrer: str = "",
        device: Any = None,
        at_s: Any = None,
    ) -> "Scene":
        """One view by each of these accounts, spread evenly over the day unless times are given."""
        accounts = list(accounts)
        for place, account in enumerate(accounts):
            self.rows.append(
                {
                    "kind": Kind.VIEW,
                    "post": post,
                    "creator": post % self.creators,
                    "account": account,
                    "device": account if device is None else device(account),
                    "agent": _code(self.agents, agent),
                    "referrer": _code(self.referrers, referrer),
                    "watch_s": 100 * watched,
                    "video_s": 100,
                    "at_s": START_S
                    + (place * DAY_S // len(accounts) if at_s is None else at_s(place)),
                }
            )
        return self

    def gift(
        self, account: int, creator: int, value: int, *, device: int | None = None, at_s: int = 0
    ) -> "Scene":
        self.rows.append(
            {
                "kind": Kind.GIFT,
                "creator": creator,
                "account": account,
                "value": value,
                "at_s": START_S + at_s,
                "device": account if device is None else device,
            }
        )
        return self

    def sign_up(
        self, account: int, *, hours_ago: float, shape: int = 0, ip: int = 0, agent: int = 0
    ) -> "Scene":
        made = int(START_S + DAY_S - hours_ago * 3_600)
        self.signed_up[account] = {"signed_up_s": made, "shape": shape, "ip": ip, "agent": agent}
        return self

    def events(self, **more: Any) -> Events:
        blank = {
            "kind": 0,
            "at_s": START_S,
            "post": -1,
            "creator": -1,
            "account": -1,
            "device": -1,
            "ip": -1,
            "agent": 0,
            "referrer": 0,
            "watch_s": 0,
            "video_s": 0,
            "value": 0,
        }
        types = {
            "kind": np.int8,
            "at_s": np.int64,
            "watch_s": np.float32,
            "video_s": np.float32,
            "value": np.int64,
        }
        columns = {
            name: np.array([{**blank, **row}[name] for row in self.rows], types.get(name, np.int32))
            for name in blank
        }

        def column(name: str, missing: int) -> np.ndarray:
            return np.array(
                [self.signed_up.get(n, {}).get(name, missing) for n in range(self.accounts)]
            )

        owner = np.full(self.accounts, -1, np.int32)
        owner[: self.creators] = np.arange(self.creators)
        accounts = Accounts(
            signed_up_s=column("signed_up_s", 0).astype(np.int64),
            shape=column("shape", -1).astype(np.int32),
            ip=column("ip", -1).astype(np.int32),
            agent=column("agent", -1).astype(np.int32),
            creator=owner,
            gifted_before=more.pop("gifted_before", np.zeros(self.accounts, bool)),
            first_seen_s=more.pop("first_seen_s", np.zeros(self.accounts, np.int64)),
        )
        return Events(
            **columns,
            post_creator=np.arange(self.posts, dtype=np.int32) % self.creators,
            accounts=accounts,
            agents=self.agents,
            referrers=self.referrers,
            creators=self.creators,
            start_s=START_S,
            end_s=START_S + DAY_S,
        )


def _code(table: list[str], text: str) -> int:
    if text not in table:
        table.append(text)
    return table.index(text)
