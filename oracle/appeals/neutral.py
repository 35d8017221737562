"""Who has a stake in a case does not decide it, by whatever way the decision comes in."""

from oracle.appeals.errors import ConflictOfInterest, NotYourCase
from oracle.notices.actors import is_person
from storage.cases import interests
from storage.database import Connection
from storage.works import creators

TIES = {
    "licence": "has a licence from a side of it, or gave it one",
    "case": "has a case of their own with a side of it",
    "money": "gets money for a side's post, or pays it some",
}


class Reviewer:
    """A person who decides, and the creators whose affairs are theirs too."""

    def __init__(self, conn: Connection, actor: str) -> None:
        self._conn = conn
        self.actor = actor
        kind, _, name = actor.partition(":")
        # A key may have the name of a creator whom it has nothing to do with.
        self._own = None if kind == "key" and name else creators.find_creator(conn, name or actor)
        self._declared = [one.creator_id for one in interests.list_declared(conn, actor)]

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
        if self._own in named:
            raise NotYourCase("Neither side of a case can decide it; another reviewer has to.")
        if not set(self._declared).isdisjoint(named):
            raise ConflictOfInterest(
                "You have a declared interest in a side of this case; another reviewer has to"
                " decide."
            )
        mine = [*self._declared, *([self._own] if self._own is not None else [])]
        tie = interests.find_tie(self._conn, mine, named) if mine and named else None
        if tie is not None:
            name, code = tie
            raise ConflictOfInterest(
                f"{name}, whose affairs are yours too, {TIES[code]}; another reviewer has to"
                " decide."
            )


def check_neutral(conn: Connection, actor: str, *sides: int | None) -> None:
    """Check that who decides a case has no stake in it; rules and machines have none.

    A name that was typed at the command line counts as the creator of that name, in any spelling.

    Raises: NotYourCase for a side of it, ConflictOfInterest.
    """
    if is_person(actor):
        Reviewer(conn, actor).check(*sides)
