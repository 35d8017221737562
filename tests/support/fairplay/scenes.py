"""What happens to posts: honest weeks that look strange, attacks of enemies, cheats of creators.

Each function adds to one post. Attacks and cheats return what they cost in cents at cheap prices:
a request a hundredth of a cent, an account 5 cents, a gift what it is worth.
"""

from collections.abc import Callable

import numpy as np

from oracle.engagement.grading import PRIOR
from oracle.fraud.detectors.events import Kind
from support.fairplay.platform import CHROME, DESKTOP, INSIDE, IPHONE, TABLET, TV, Week

REQUEST, ACCOUNT = 0.01, 5.0
REACTIONS = (Kind.SAVE, Kind.COMMENT, Kind.SHARE, Kind.LIKE)
RATES = tuple(PRIOR[name][0] for name in ("saves", "comments", "shares", "likes"))
KNOWN = 0.6  # share of an everyday audience that was here before
ROBOTS = ("Twitterbot/1.0", "Slackbot-LinkExpanding 1.0", "facebookexternalhit/1.1")
NAMED = ("curl/8.5.0", "python-requests/2.32")
NOT_TOLD = -1
Scene = Callable[[Week, int], float]


def everyday(week: Week, post: int) -> float:
    week.add(post, int(np.clip(week.rng.lognormal(4.2, 0.9), 5, 900)))
    return 0.0


def _rush(week: Week, post: int, count: int, **about: object) -> np.ndarray:
    hour = week.rng.uniform(30, 150)
    return week.add(post, count, hours=(hour, hour + 1), **about)  # type: ignore[arg-type]


def _day(week: Week, post: int, count: int, **about: object) -> np.ndarray:
    start = 24.0 * week.rng.integers(0, 7)
    return week.add(post, count, hours=(start, start + 24), **about)  # type: ignore[arg-type]


def _newcomers(week: Week, post: int, count: int, agent: str, watched: tuple[float, float]) -> None:
    hour = float(week.rng.uniform(30, 150))
    who = week.add(post, count, hours=(hour, hour + 1), watched=watched, agents=(agent,))
    week.sign_up(who, hour=hour - 0.5, ip=NOT_TOLD, shape=int(week.rng.integers(3)), agent=agent)


def _lesson(week: Week, post: int, pupils: int, tablets: int) -> None:
    address, hour = int(week.new(1)[0]), float(week.rng.uniform(30, 150))
    machines = week.rng.choice(week.new(tablets), pupils)
    who = week.add(
        post, pupils, device=machines, ip=address, agents=(TABLET,), hours=(hour, hour + 2),
        watched=(0.8, 1.0),
    )  # fmt: skip
    week.sign_up(who, hour=hour - 0.5, ip=address, shape=1, agent=TABLET)


def _relay(week: Week, post: int) -> None:
    friends = [post, week.post(), week.post()]
    for n, giver in enumerate(friends):
        to = friends[(n + 1) % 3]
        week.add(to, 4, kind=Kind.GIFT, account=week.owners[giver], value=10_500)
        week.add(giver, 30, kind=Kind.GIFT, value=1_000)


HONEST: dict[str, Callable[[Week, int], object]] = {
    "plain": lambda *_: None,
    "app under its library's name": lambda w, p: _day(w, p, 300, agents=("okhttp/4.12.0", IPHONE)),
    "living room": lambda w, p: _day(w, p, 300, agents=(TV, "VLC/3.0"), watched=(0.8, 1.0)),
    "chat's desktop window": lambda w, p: _day(w, p, 200, agents=(DESKTOP,)),
    "television show": lambda w, p: _newcomers(w, p, 420, IPHONE, (0.4, 0.9)),
    "local radio": lambda w, p: _newcomers(w, p, 96, CHROME, (0.3, 1.0)),
    "school lesson": lambda w, p: _lesson(w, p, 66, 6),
    "esports café": lambda w, p: _lesson(w, p, 140, 13),
    "school gateway": lambda w, p: _day(
        w, p, 200, account=NOT_TOLD, device=NOT_TOLD, ip=int(w.new(1)[0]), agents=(TABLET,)
    ),
    "front page": lambda w, p: _rush(
        w, p, 700, watched=(0.08, 0.15), sources=("news.example/front",)
    ),
    "viral without referrers": lambda w, p: _rush(w, p, 600, sources=("",)),
    "previews": lambda w, p: _day(
        w, p, 150, agents=ROBOTS, account=NOT_TOLD, device=NOT_TOLD, watched=(0, 0.01)
    ),
    "other alphabets": lambda w, p: _day(
        w, p, 300, sources=("пример.рф/новости", "my_blog.tumblr.com", "10.0.4.7/wiki", "localhost")
    ),
    "pictures": lambda w, p: _day(w, p, 500, video_s=0, sources=("blog.example/x",)),
    "four-hour recording": lambda w, p: _rush(
        w, p, 400, video_s=14_400, watched=(0.01, 0.06), sources=("calendar.example",)
    ),
    "families": lambda w, p: _day(w, p, 400, device=np.repeat(w.new(100), 4)),
    "charity relay": _relay,
}


def audience(week: Week, rng: np.random.Generator, clubs: set[int]) -> None:
    """Let whoever is signed in react as people do, each kind for itself; a club's first forty fans,
    who were here before, do everything.

    With a generator of its own: the views of a week stay the same.
    """
    fans = dict.fromkeys(clubs, 40)
    for row in [row for row in week.rows if row["kind"] is Kind.VIEW and row["account"] >= 0]:
        post, account = int(row["post"]), int(row["account"])
        kinds = [kind for kind, p in zip(REACTIONS, RATES, strict=True) if rng.random() < p]
        if rng.random() < KNOWN and account not in week.signed_up:
            week.known.add(account)
            if fans.get(post):
                fans[post] -= 1
                kinds = list(REACTIONS)
        week.react(post, account, kinds, int(row["at_s"]) + 60)


def socks(week: Week, post: int, count: int, kinds: int) -> float:
    """New accounts that watch all and do so many things each."""
    first = len(week.rows)
    who = week.add(post, count, watched=(0.9, 1.0), sources=INSIDE)
    for n, account in enumerate(who.tolist()):
        does = [REACTIONS[(n + k) % len(REACTIONS)] for k in range(kinds)]
        week.react(post, account, does, int(week.rows[first + n]["at_s"]) + 60)
    return count * ACCOUNT


def _requests(week: Week, post: int, count: int, **about: object) -> float:
    start = float(week.rng.uniform(20, 140))
    default = {"account": NOT_TOLD, "agents": (CHROME,), "watched": (0, 0.01)}
    about = default | {"hours": (start, start + 3)} | about
    week.add(post, count, **about)  # type: ignore[arg-type]
    return count * REQUEST


def _farm(week: Week, post: int, accounts: int, devices: int) -> float:
    machines = week.rng.choice(week.new(devices), accounts)
    _day(week, post, accounts, device=machines, watched=(0.8, 1.0), sources=INSIDE)
    return accounts * ACCOUNT


def _made(week: Week, post: int, count: int) -> float:
    address, hour = int(week.new(1)[0]), float(week.rng.uniform(30, 150))
    who = week.add(post, count, ip=address, agents=(CHROME,), hours=(hour, hour + 3))
    week.sign_up(who, hour=hour - 2, ip=address, shape=4, agent=CHROME)
    return count * ACCOUNT


def _small_gifts(week: Week, post: int) -> float:
    who = week.add(post, 14, kind=Kind.GIFT, value=300, agents=(CHROME,))
    week.sign_up(who, hour=20, ip=int(week.new(1)[0]), shape=4, agent=CHROME)
    return 14 * (300 + ACCOUNT)


ATTACKS: dict[str, Scene] = {
    "300 by curl": lambda w, p: _requests(w, p, 300, agents=("curl/8.5.0",)),
    "90 by a tool from an exchange": lambda w, p: _requests(
        w, p, 90, agents=NAMED, sources=("hitleap.com",), ip=7
    ),
    "330 from an exchange": lambda w, p: _requests(w, p, 330, sources=("hitleap.com",)),
    "49 a day by curl": lambda w, p: _requests(w, p, 343, agents=("curl/8.5.0",), hours=(0, 168)),
    "1 100 that tell nothing": lambda w, p: _requests(w, p, 1_100, agents=("",), ip=NOT_TOLD),
    "3 000 from one address": lambda w, p: _requests(
        w, p, 3_000, ip=int(w.new(1)[0]), watched=(1, 1)
    ),
    "66 previews": lambda w, p: _requests(w, p, 66, agents=ROBOTS, device=NOT_TOLD),
    "a rented farm": lambda w, p: _farm(w, p, 300, 10),
    "120 accounts made in bulk": lambda w, p: _made(w, p, 120),
    "14 small gifts": _small_gifts,
}
CHEATS: dict[str, Scene] = {
    "curl on devices": lambda w, p: _requests(w, p, 400, agents=NAMED, watched=(1, 1)),
    "curl, 49 a day": lambda w, p: _requests(
        w, p, 343, agents=NAMED, watched=(1, 1), hours=(0, 168)
    ),
    "tools with accounts": lambda w, p: _requests(
        w, p, 400, agents=NAMED, watched=(1, 1), account=w.new(400)
    ) + 400 * ACCOUNT,
    "nothing told": lambda w, p: _requests(
        w, p, 1_100, agents=("",), watched=(0.9, 0.95), ip=NOT_TOLD
    ),
    "one address, 3 000 devices": lambda w, p: _requests(
        w, p, 3_000, ip=int(w.new(1)[0]), watched=(1, 1)
    ),
    "one browser that loses its cookie": lambda w, p: _requests(
        w, p, 300, ip=int(w.new(1)[0]), watched=(0.5, 1)
    ),
    "a traffic exchange": lambda w, p: _requests(
        w, p, 400, sources=("hitleap.com",), watched=(0.2, 0.4)
    ),
    "a farm of 300 accounts": lambda w, p: _farm(w, p, 300, 10),
    "a farm of 120 accounts": lambda w, p: _farm(w, p, 120, 10),
    "150 accounts made in bulk": lambda w, p: _made(w, p, 150),
    "40 accounts that do everything": lambda w, p: socks(w, p, 40, 4),
    "11 accounts that do everything": lambda w, p: socks(w, p, 11, 4),
    "40 accounts that do one thing each": lambda w, p: socks(w, p, 40, 1),
}  # fmt: skip
