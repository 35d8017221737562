"""Who has a stake in a case does not decide it, by whatever way the decision comes in."""

from collections.abc import Iterable
from datetime import datetime

from oracle.appeals.errors import ConflictOfInterest, NotYourCase
from oracle.chain.core.ids import parse_account
from oracle.chain.errors import InvalidAddress
from oracle.notices.actors import is_person, label_of
from storage import api_keys
from storage.cases import interests
from storage.cases.interests import Interest
from storage.database import Connection
from storage.ledger import wallets
from storage.names import canonical
from storage.works import creators

TIES = {
    "licence": "has a licence from a side of it, or gave it one",
    "case": "has a case of their own with a side of it",
    "review": "waits for a decision about a likeness with a side of it",
    "money": "gets money for a side's post, or pays it some",
}


class Reviewer:
    """A person who decides, and the creators whose affairs are theirs too.

    The person is who it is by any spelling of the name, any key and any wallet of theirs.
    """

    def __init__(self, conn: Connection, actor: str) -> None:
        self._conn = conn
        self.actor = actor
        self._own, self._names = _person(conn, actor)
        declared = {one.creator_id for one in self.interests()}
        self._declared = declared | wallets.creators_behind(conn, declared)

    def interests(self) -> list[Interest]:
        """Return what this person declared, by whatever key, or was declared of them."""
        return interests.list_declared(self._conn, self._names)

    def had_a_part(self, actors: Iterable[str | None]) -> bool:
        """Tell whether one of those who decided before is this person, by whatever key."""
        known = [actor for actor in actors if actor is not None]
        return self.actor in known or any(
            is_person(actor) and canonical(label_of(actor)) in self._names for actor in known
        )

    def why_not(self, *sides: int | None) -> str | None:
        """Say why this person may not decide a case between these creators, None if they may."""
        try:
            self.check(*sides)
        except (NotYourCase, ConflictOfInterest) as exc:
            return str(exc)
        return None

    def check(self, *sides: int | None) -> None:
        """Check that this person has no stake in a case between these creators.

        Raises: NotYourCase for a side of it, ConflictOfInterest.
        """
        named = [side for side in sides if side is not None]
        if not self._own.isdisjoint(named):
            raise NotYourCase("Neither side of a case can decide it; another reviewer has to.")
        if not self._declared.isdisjoint(named):
            raise ConflictOfInterest(
                "You have a declared interest in a side of this case; another reviewer has to"
                " decide."
            )
        mine = [*self._declared, *self._own]
        tie = interests.find_tie(self._conn, mine, named) if mine and named else None
        if tie is not None:
            name, code = tie
            raise ConflictOfInterest(
                f"{name}, whose affairs are yours too, {TIES[code]}; another reviewer has to"
                " decide."
            )


def declare(
    conn: Connection, actor: str, creator_id: int, *, note: str, by: str, now: datetime
) -> None:
    """Note that the person behind an actor has a stake in a creator's affairs."""
    person = canonical(label_of(actor))
    interests.declare(conn, actor, person, creator_id, note=note, by=by, now=now)


def _person(conn: Connection, actor: str) -> tuple[set[int], set[str]]:
    """Return the creators that a person is, and the canonical names that they act under."""
    label = label_of(actor)
    names, own = {canonical(label)}, set[int]()
    # A key may have the name of a creator whom it has nothing to do with.
    if not actor.startswith("key:"):
        own |= {found for found in [creators.find_creator(conn, label)] if found is not None}
        try:
            wallet = parse_account(label)
        except InvalidAddress:
            wallet = None
        own |= set(wallets.owners_of(conn, wallet)) if wallet else set()
    known = 0
    while known != len(names) + len(own):
        known = len(names) + len(own)
        for key in api_keys.held_by(conn, names, own):
            names |= {canonical(key.name), key.person}
            own |= {key.creator_id} if key.creator_id is not None else set()
        own |= wallets.creators_behind(conn, own)
        for creator_id in tuple(own):
            names |= {canonical(one.handle) for one in creators.accounts_of(conn, creator_id)}
    return own, names


def check_neutral(conn: Connection, actor: str, *sides: int | None) -> None:
    """Check that who decides a case has no stake in it; rules and machines have none.

    A name that was typed at the command line counts as the creator of that name, in any spelling,
    and as the holder of the key of that name.

    Raises: NotYourCase for a side of it, ConflictOfInterest.
    """
    if is_person(actor):
        Reviewer(conn, actor).check(*sides)
