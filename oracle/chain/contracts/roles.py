"""Who holds which role over the contracts, and how long what they do can be seen coming."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

DAY_S = 86_400


@dataclass(frozen=True)
class Delays:
    """How long before it takes effect everybody can see what is decided, in seconds."""

    governance_s: int = 2 * DAY_S
    # also of the administrator, who could otherwise give away every other role
    upgrade_s: int = 7 * DAY_S
    link_s: int = 2 * DAY_S  # of a creator's account to a wallet


@dataclass(frozen=True)
class Officers:
    """Who gets which role (addresses).

    One account may hold several; who freezes cannot also decide an alert.
    """

    governor: str
    guardian: str
    oracle_admin: str
    arbiter: str
    fraud_officer: str
    upgrader: str
    paymaster: str
    second_arbiter: str = ""  # rules where the arbiter has ruled before; empty: the governor
    # completes links of accounts to wallets that signers attested; empty: the governor
    registrar: str = ""

    def holders(self) -> tuple[str, ...]:
        """The accounts in the order of `RoleTable.Officers`."""
        named = [getattr(self, role.name) for role in fields(self)]
        return tuple(account or self.governor for account in named)

    @classmethod
    def all_of(cls, account: str) -> Officers:
        """One account in every role."""
        return cls(*[account] * len(fields(cls)))

    @classmethod
    def each(cls, address_of: Callable[[str], str]) -> Officers:
        """A holder for each role, by its name here: `arbiter`, `fraud_officer`, ….

        So that no single key can accuse and decide, or raise a threshold and stop the veto against
        it.
        """
        return cls(**{role.name: address_of(role.name) for role in fields(cls)})
