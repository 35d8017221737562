"""The thresholds of all detectors.

A set has a version, and an alert stores the version it was raised under.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from oracle.errors import OracleError


class InvalidThresholds(OracleError):
    """A threshold is missing, unknown or out of its range."""

    code = "invalid_thresholds"


# A number outside is a mistake: it would make the detectors blind, or hold all creators' money.
RANGES: dict[str, tuple[float, float]] = {
    "combine.alert_score": (0.05, 1.0),
    "combine.freeze_score": (0.1, 1.0),
    "combine.freeze_days": (1, 30),  # no contract holds money longer without a review
    "bulk_accounts.lookback_days": (1, 60),  # as long as sign-ups are kept
    "bulk_accounts.window_h": (1, 168),
    "gifting.first_timer_age_h": (1, 60 * 24),
    "shared_devices.household": (1, 10_000),
}


@dataclass(frozen=True, slots=True)
class UserAgentLimits:
    """Views by programs that say so themselves."""

    min_views: int = 50
    min_share: float = 0.15
    min_watch: float = 0.10  # share of the video watched, for a person whose app is a library


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferrerLimits:
    """Views that traffic exchanges sent, by visitors who did not stay or are not signed in."""

    min_views: int = 80
    min_share: float = 0.15
    min_watch: float = 0.10  # share of the video watched, for a visitor who stays


@dataclass(frozen=True, slots=True)
class AddressLimits:
    """Views of one address without any account. A school has fewer, a mobile network more."""

    min_views: int = 300
    min_share: float = 0.3


@dataclass(frozen=True, slots=True)
class UnknownLimits:
    """Views of which nothing is told, where it is told of others."""

    min_views: int = 300
    min_share: float = 0.6
    min_others: int = 50  # views of other posts of which most are told, so that silence is a sign


@dataclass(frozen=True, slots=True)
class LockstepLimits:
    """Accounts that did several kinds of reaction, among those that reacted."""

    min_accounts: int = 12
    min_share: float = 0.7
    new_days: int = 3  # an account that did nothing so long before it reacted is new
    kinds_of_new: int = 2
    kinds: int = 3  # of those that are known
    known_accounts: int = 30  # so many of which are worth a look


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAccountLimits:
    """Accounts that were created together and act together."""

    window_h: int = 6
    lookback_days: int = 14
    min_group: int = 40
    times_usual: float = 6.0
    min_accounts: int = 40
    min_share: float = 0.12
    min_lockstep: float = 0.15  # share of a group's active accounts that went to the same post


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedDeviceLimits:
    """Many accounts on few devices."""

    # accounts on one device that are unsuspicious: families, a shared classroom tablet
    household: int = 10
    crowd_on_post: int = 4  # accounts that one such device brought to the same post
    min_accounts: int = 50
    min_share: float = 0.15
    certain_accounts: int = 200
    certain_share: float = 0.6
    certain_per_device: float = 25.0  # a café's machine has a score of players on a day


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftingLimits:
    """Money that returns to its givers, or that comes from first-time givers.

    Values in minor units.
    """

    edge_floor: int = 2_000
    min_circle: int = 20_000
    min_circle_share: float = 0.5
    largest_circle: int = 60  # members; larger ones are communities that give to each other
    min_first_timers: int = 12
    first_timer_share: float = 0.6
    same_value_share: float = 0.5
    first_timer_age_h: int = 96
    value_z: float = 1.25


@dataclass(frozen=True, slots=True)
class CombineLimits:
    """When signals raise an alert, and when an alert holds money."""

    alert_score: float = 0.12
    freeze_score: float = 0.15
    freeze_days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """One version of all thresholds."""

    user_agents: UserAgentLimits = field(default_factory=UserAgentLimits)
    referrers: ReferrerLimits = field(default_factory=ReferrerLimits)
    addresses: AddressLimits = field(default_factory=AddressLimits)
    unknown: UnknownLimits = field(default_factory=UnknownLimits)
    bulk_accounts: BulkAccountLimits = field(default_factory=BulkAccountLimits)
    shared_devices: SharedDeviceLimits = field(default_factory=SharedDeviceLimits)
    lockstep: LockstepLimits = field(default_factory=LockstepLimits)
    gifting: GiftingLimits = field(default_factory=GiftingLimits)
    combine: CombineLimits = field(default_factory=CombineLimits)

    def to_json(self) -> dict[str, dict[str, float]]:
        """Return all numbers by group and name."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Thresholds":
        """Read what `to_json` wrote; absent names have their default.

        Raises: InvalidThresholds for an unknown name, a value that is no number, or one out of
            range.
        """
        groups = {f.name: f.default_factory for f in fields(cls)}
        unknown = set(document) - set(groups)
        if unknown:
            raise InvalidThresholds(f"There are no thresholds named {', '.join(sorted(unknown))}.")
        values: dict[str, Any] = {}
        for name, kind in groups.items():
            given = dict(document.get(name, {}))
            values[name] = _group(name, kind, given)  # type: ignore[arg-type]
        return cls(**values)


def _group(name: str, kind: type, values: dict[str, Any]) -> Any:
    known: dict[str, Any] = {f.name: f.default for f in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise InvalidThresholds(f"There is no threshold {name}.{key}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**9:
            raise InvalidThresholds(
                f"{name}.{key} must be a number from 0 to 1 000 000 000, not {value!r}."
            )
        if key.endswith("share") and value > 1:
            raise InvalidThresholds(f"{name}.{key} is a share: it cannot be {value}.")
        if isinstance(known[key], int) and not isinstance(value, int):
            raise InvalidThresholds(f"{name}.{key} must be a whole number, not {value!r}.")
        low, high = RANGES.get(f"{name}.{key}", (0, 10**9))
        if not low <= value <= high:
            raise InvalidThresholds(f"{name}.{key} must be from {low} to {high}, not {value}.")
    return kind(**values)
