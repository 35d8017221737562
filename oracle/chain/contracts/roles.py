"""Who holds which role over the contracts, and how long what they do can be seen coming."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from oracle.chain.errors import ChainError

DAY_S = 86_400
# Of Hardhat, Anvil and Ganache: on these nothing is worth anything.
DEVELOPMENT_CHAINS = frozenset({1_337, 31_337})
ARBITERS = ("arbiter", "second_arbiter")


class SharedRoles(ChainError):
    """One key would hold roles that are there to check each other; nothing was deployed."""

    code = "shared_roles"


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
    # on whose word copies are claimed without a bond, for creators without a wallet; empty: nobody
    claimant: str = ""

    def holders(self) -> tuple[str, ...]:
        """The accounts in the order of `RoleTable.Officers`, which has no claimant."""
        named = [getattr(self, role.name) for role in fields(self) if role.name != "claimant"]
        return tuple(account or self.governor for account in named)

    def require_separate(self, signers: Sequence[str]) -> None:
        """Refuse holders of two roles that are there to check each other.

        Raises: SharedRoles.
        """
        second, registrar = self.second_arbiter or self.governor, self.registrar or self.governor
        claimant = self.claimant.lower()
        if self.arbiter.lower() == second.lower():
            raise SharedRoles(
                f"{self.arbiter} would be both arbiters. Who ruled never rules on the appeal, so"
                " that every appeal would be lost with its bond. Name another account with"
                " --officer second_arbiter=ADDRESS."
            )
        if registrar.lower() in {signer.lower() for signer in signers}:
            raise SharedRoles(
                f"{registrar} would be signer and registrar: its one key could link a wallet of"
                " its own to every creator's account. Name another account with --officer"
                " registrar=ADDRESS."
            )
        if claimant and claimant in (self.arbiter.lower(), second.lower()):
            raise SharedRoles(
                f"{self.claimant} would claim copies and decide about them. Name another account"
                " with --officer claimant=ADDRESS."
            )

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
