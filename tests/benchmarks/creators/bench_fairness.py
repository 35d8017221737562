"""Fair play on a simulated platform: who is held wrongly, whom an enemy can hurt, what a cheat
keeps, and what a grade costs to fake. Rules without a database, on one core. From the root:

    PYTHONPATH=. .venv/bin/python tests/benchmarks/creators/bench_fairness.py --weeks 28

Every platform is a week of some 400 honest creators in seventeen niches, of whom one in ten is
attacked, and one cheat of each kind. Audiences react at the rates that the prior states; a fifth of
the plain posts has a club of forty fans who do everything. The detectors look at each day and at
the week. Money: the platform pays $2 for 1 000 views that count, and what is held waits, all of it
counted as lost. Viewers are counted as `storage.engagement.counts` does.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from support.fairplay.platform import START_S, Week
from support.fairplay.scenes import (
    ACCOUNT,
    ATTACKS,
    CHEATS,
    HONEST,
    RATES,
    REACTIONS,
    audience,
    everyday,
)

from oracle.engagement import grading
from oracle.engagement.agents import program_of
from oracle.engagement.grading import Counts, GradePolicy
from oracle.fraud.detectors import detection
from oracle.fraud.detectors.combine import Action, Finding
from oracle.fraud.detectors.events import DAY_S, Events, Kind
from oracle.fraud.detectors.signals import SubjectKind
from oracle.fraud.detectors.thresholds import Thresholds
from oracle.rules.payout import Grade
from storage.engagement.counts import PER_ADDRESS

SEED = 2_026
CENTS_PER_VIEW = 0.2
HONEST_EACH = 400
ATTACKED = 10  # one in so many


@dataclass
class Tally:
    """What was seen of one kind."""

    weeks: int = 0
    alerts: int = 0
    holds: int = 0
    held: float = 0.0
    earned: float = 0.0
    lost_views: int = 0
    cost: float = 0.0
    bought: int = 0
    kept: int = 0
    unseen: int = 0  # kept where not even an alert was raised
    worst: float = field(default=0.0)


def look(events: Events) -> list[Finding]:
    """Findings of each day and of the week."""
    found = detection.detect(events, Thresholds())
    for day in range(7):
        start = START_S + day * DAY_S
        inside = (events.at_s >= start) & (events.at_s < start + DAY_S)
        part = replace(events.where(inside), start_s=start, end_s=start + DAY_S)
        for finding in detection.detect(part, Thresholds()):
            rows = np.flatnonzero(inside)
            signals = tuple(replace(s, events=rows[s.events]) for s in finding.signals)
            found.append(replace(finding, signals=signals))
    return found


def left_out(events: Events, findings: Iterable[Finding]) -> np.ndarray:
    """(n,) which rows do not count: programs that say so, and what is doubtful."""
    programs = np.array([program_of(agent) is not None for agent in events.agents])
    out = (events.account < 0) & programs[events.agent]
    for finding in findings:
        if finding.subject.kind is SubjectKind.POST:
            for signal in finding.signals:
                if signal.doubtful:
                    out[signal.events] = True
    return out


def people(events: Events, counts: np.ndarray) -> np.ndarray:
    """(n,) the views that stand for a viewer, one each, as the SQL counts them."""
    stands = np.zeros(len(events), bool)
    seen: set[tuple[int, int, int]] = set()
    per_address: Counter[tuple[int, int, int]] = Counter()
    watched = np.minimum(events.watch_s / np.where(events.video_s > 0, events.video_s, 10), 1)
    long = events.watch_s >= np.minimum(5, np.where(events.video_s > 0, events.video_s, 10) / 2)
    for row in np.flatnonzero(counts & (events.kind == Kind.VIEW) & long & (watched > 0)).tolist():
        post, account, device, ip = (
            int(getattr(events, name)[row]) for name in ("post", "account", "device", "ip")
        )
        key = (post, 0, account) if account >= 0 else (post, 1, device)
        if account < 0 and device < 0:
            key = (post, 2, row)
            if ip < 0:
                continue
        if key in seen:
            continue
        if account < 0 and ip >= 0:
            place = (post, ip, int(events.at_s[row]) // DAY_S)
            per_address[place] += 1
            if per_address[place] > PER_ADDRESS:
                continue
        seen.add(key)
        stands[row] = True
    return stands


def one_platform(seed: int, tallies: dict[str, dict[str, Tally]]) -> None:
    """Simulate a week and judge it."""
    week = Week(np.random.default_rng((SEED, seed)))
    about: dict[int, tuple[str, str, float]] = {}  # post -> what it is
    clubs: set[int] = set()
    own: dict[int, range] = {}  # post -> rows of what was done to it
    niches, attacks = list(HONEST), list(ATTACKS)
    for number in range(HONEST_EACH):
        post = week.post()
        everyday(week, post)
        niche = niches[number % len(niches)]
        HONEST[niche](week, post)
        about[post] = ("honest", niche, 0.0)
        if niche == "plain" and number % 5 == 0:
            clubs.add(post)
        if number % ATTACKED == seed % ATTACKED:
            name = attacks[(number // ATTACKED + seed) % len(attacks)]
            first = len(week.rows)
            cost = ATTACKS[name](week, post)
            about[post], own[post] = ("attack", name, cost), range(first, len(week.rows))
    audience(week, np.random.default_rng((SEED, seed, 1)), clubs)
    for name, cheat in CHEATS.items():
        post = week.post()
        week.add(post, 20)
        first = len(week.rows)
        about[post] = ("cheat", name, cheat(week, post))
        own[post] = range(first, len(week.rows))
    bought = np.zeros(len(week.rows), bool)
    for rows in own.values():
        bought[rows.start : rows.stop] = True
    bought = bought[np.argsort([row["at_s"] for row in week.rows], kind="stable")]
    events = week.events()
    findings = look(events)
    out = left_out(events, findings)
    plain, stands = people(events, np.ones(len(events), bool)), people(events, ~out)
    of_post: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        of_post[finding.subject.number].append(finding)
    for post, (kind, name, cost) in about.items():
        mine = (events.post == post) & (events.kind == Kind.VIEW)
        held = any(f.action is Action.FREEZE for f in of_post[post])
        tally = tallies[kind].setdefault(name, Tally())
        earned = CENTS_PER_VIEW * int((stands & mine).sum())
        real = int((plain & mine & ~bought & ~_robots(events)).sum())
        lost = max(real - int((stands & mine & ~bought).sum()), 0)
        tally.weeks += 1
        tally.alerts += bool(of_post[post])
        tally.holds += held
        tally.earned += earned
        harm = held_cents(events, findings, post, earned) + CENTS_PER_VIEW * lost
        tally.held += harm - CENTS_PER_VIEW * lost
        tally.lost_views += lost
        tally.cost += cost
        tally.worst = max(tally.worst, harm / cost if cost else 0.0)
        tally.bought += int((mine & bought).sum())
        kept = int((stands & mine & bought).sum())
        tally.kept += kept
        tally.unseen += 0 if of_post[post] else kept


def held_cents(events: Events, findings: list[Finding], post: int, earned: float) -> float:
    """What waits: the part of the doubtful views, of what the post earns."""
    rows = [
        signal.events
        for f in findings
        if f.action is Action.FREEZE and f.subject.number == post
        for signal in f.signals
        if f.subject.kind is SubjectKind.POST
    ]
    if not rows:
        return 0.0
    views = max(int(((events.post == post) & (events.kind == Kind.VIEW)).sum()), 1)
    return earned * len(np.unique(np.concatenate(rows))) / views


def _robots(events: Events) -> np.ndarray:
    programs = np.array([program_of(agent) is not None for agent in events.agents])
    return (events.account < 0) & programs[events.agent]


POLICY = GradePolicy(
    version=1,
    weights_bps={
        "watch": 3_500, "saves": 2_000, "comments": 2_000, "shares": 1_500, "likes": 1_000
    },
    cutoffs_bps={"A": 8_000, "B": 6_500, "C": 5_000, "D": 3_500},
)  # fmt: skip
FIELDS = ("saves", "comments", "shares", "likes")  # in the order of REACTIONS
# What bought accounts do: how many things each, of how many kinds, and whether they are new.
PLANS = {"everything": (4, 4, True), "one thing each": (1, 3, True), "aged": (4, 4, False)}


def price_of_a_grade() -> None:
    """How many bought accounts lift an ordinary post to an A, beside what the bonus is worth."""
    rng = np.random.default_rng(SEED)
    cohort = []
    for creator in range(300):
        n = int(np.clip(rng.lognormal(5, 1), 30, 5_000))
        rates = {
            s: beta.rvs(m * k, (1 - m) * k, random_state=rng) for s, (m, k) in grading.PRIOR.items()
        }
        cohort.append((("all",), creator, _counts(n, rates)))
    known = grading.baselines(cohort, POLICY)
    print(
        "\n| people a week | base pay | bonus of an A | do everything | one thing each |"
        " everything, aged three days | cheapest | pays from, for 1 000 views |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for n in (10, 50, 100, 300, 1_000, 3_000, 10_000, 100_000):
        need = {plan: accounts_needed(n, known, *how) for plan, how in PLANS.items()}
        socks = min(found for found in need.values() if found)
        base, cost = CENTS_PER_VIEW * (n + socks), socks * ACCOUNT
        cells = " | ".join(str(found or "seen") for found in need.values())
        print(
            f"| {n} | ${base / 100:.2f} | ${base / 500:.2f} | {cells} | ${cost / 100:.2f}, {socks}"
            f" min watched | ${50 * cost / (n + socks):.0f} |"
        )


def accounts_needed(
    n: int, known: dict[str, grading.Baseline], things: int, of: int, new: bool
) -> int | None:
    """Return how many accounts lift a post of n people to an A, None where it is seen instead."""
    middle = {s: beta.median(m * k, (1 - m) * k) for s, (m, k) in grading.PRIOR.items()}
    honest = _counts(n, middle)
    for socks in range(1, 40_000, max(1, n // 200)):
        done = [sum((i + k) % of == at for i in range(socks) for k in range(things))
                for at in range(4)]  # fmt: skip
        more = {
            name: getattr(honest, name) + count for name, count in zip(FIELDS, done, strict=True)
        }
        more |= {name: getattr(honest, name) + socks for name in ("views", "audience", "timed")}
        bought = replace(honest, **more, watched_bps=honest.watched_bps + socks * 10_000)
        is_a = grading.score(bought, ("all",), known, POLICY, -1).grade is Grade.A
        if is_a and not is_seen(n, socks, things, of, new=new):
            return socks
        if is_a and socks > 2 * n + 100:
            return None
    return None


def is_seen(n: int, socks: int, things: int, of: int, *, new: bool) -> bool:
    """Tell whether the detectors leave these accounts out, beside n people who were here before."""
    rng, week = np.random.default_rng((SEED, n, socks)), Week(np.random.default_rng(SEED))
    post = week.post()
    for who, do in ((week.new(n), None), (week.new(socks), things)):
        for i, account in enumerate(who.tolist()):
            if do is None or not new:
                week.known.add(account)
            kinds = (
                [kind for kind, p in zip(REACTIONS, RATES, strict=True) if rng.random() < p]
                if do is None
                else [REACTIONS[(i + k) % of] for k in range(do)]
            )
            week.react(post, account, kinds, START_S + DAY_S)
    return any(signal.doubtful for signal in detection.signals(week.events(), Thresholds()))


def _counts(n: int, rates: dict[str, float]) -> Counts:
    return Counts(
        views=n,
        audience=n,
        timed=n,
        watched_bps=int(n * 10_000 * rates["watch"]),
        **{s: round(n * rates[s]) for s in ("saves", "comments", "shares", "likes")},
    )


def report(tallies: dict[str, dict[str, Tally]]) -> None:
    """Print the tables."""
    honest = list(tallies["honest"].values())
    weeks, holds = sum(t.weeks for t in honest), sum(t.holds for t in honest)
    upper = float(beta.ppf(0.95, holds + 1, weeks - holds)) if holds < weeks else 1.0
    print(
        f"\nHonest creator-weeks: {weeks}. Held: {holds}, {1000 * holds / weeks:.2f} in 1 000 (at"
        f" most {1000 * upper:.2f} with 95 %). Held money: {_share(honest, 'held', 'earned')} of"
        f" what they earned. Real viewers that do not count: {sum(t.lost_views for t in honest)}."
    )
    print("\n| honest niche | weeks | alerts | holds | real viewers lost |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, t in tallies["honest"].items():
        print(f"| {name} | {t.weeks} | {t.alerts} | {t.holds} | {t.lost_views} |")
    print("\n| attack | victims | held | victim loses | attacker pays | worst loss per cent paid |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, t in sorted(tallies["attack"].items()):
        loss = t.held + CENTS_PER_VIEW * t.lost_views
        print(
            f"| {name} | {t.weeks} | {t.holds} | ${loss / 100 / t.weeks:.3f} |"
            f" ${t.cost / 100 / t.weeks:.3f} | {t.worst:.2f} |"
        )
    print(
        "\n| cheat | weeks | alerts | views bought | kept | after a review | pays for itself |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    )
    for name, t in tallies["cheat"].items():
        kept, reviewed = (100 * n / max(t.bought, 1) for n in (t.kept, t.unseen))
        pays = "yes" if CENTS_PER_VIEW * t.kept > t.cost else "no"
        print(
            f"| {name} | {t.weeks} | {t.alerts} | {t.bought} | {kept:.1f} % | {reviewed:.1f} % |"
            f" {pays} |"
        )
    cheats = tallies["cheat"].values()
    print(
        f"\nKept of all that was bought: {_share(cheats, 'kept', 'bought')}; after a person looked"
        f" at the alerts {_share(cheats, 'unseen', 'bought')}."
    )


def _share(found: Iterable[Tally], part: str, whole: str) -> str:
    found = list(found)
    total = sum(getattr(t, whole) for t in found)
    return f"{100 * sum(getattr(t, part) for t in found) / max(total, 1):.2f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=28, help="platforms of 400 honest creators")
    options = parser.parse_args()
    began = time.monotonic()
    tallies: dict[str, dict[str, Tally]] = {"honest": {}, "attack": {}, "cheat": {}}
    for seed in range(options.weeks):
        one_platform(seed, tallies)
    report(tallies)
    price_of_a_grade()
    print(f"\n{options.weeks} platforms, seed {SEED}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
