"""The parties of a case: its creator, the other side, and reviewers; what each may see and do."""

from oracle.api.access import Caller
from oracle.appeals.errors import NotYourCase
from oracle.errors import KeyRequired, NotAllowed
from oracle.notices.actors import creator_actor, key_actor
from oracle.originality.naming import find_creator
from storage.database import Connection
from storage.errors import NotFound
from storage.names import canonical
from storage.works.works import Work


def actor_of(caller: Caller) -> str:
    """Return the actor for the log and for who may decide; all keys of a creator are one actor."""
    if caller.creator is not None:
        return creator_actor(caller.creator)
    return caller.name if caller.key_id is None else key_actor(caller.name)


def acting_creator(conn: Connection, caller: Caller, named: str | None) -> int:
    """Return the creator a caller acts for: the key's own, or the named one for staff keys.

    Raises: KeyRequired without a key, NotAllowed, NotFound.
    """
    if caller.creator_id is not None:
        return check_own(caller, named)
    if not caller.may("fraud"):
        raise KeyRequired
    if named is None:
        raise NotAllowed("This key acts for everybody: name the creator.")
    creator_id = find_creator(conn, named)
    if creator_id is None:
        raise NotFound(f"There is no creator {named}.")
    return creator_id


def own_creator(caller: Caller, named: str | None) -> int:
    """Return the creator whose own key this is.

    Only that key files an appeal or answers one. Each can be done once, and no staff member, least
    of all the one who held the money, may use it up.
    Raises: KeyRequired without a key, NotAllowed.
    """
    if caller.creator_id is None:
        if caller.key_id is None and not caller.may("fraud"):
            raise KeyRequired
        raise NotAllowed(
            "Only the creator's own key appeals and answers; no other key does so for them."
        )
    return check_own(caller, named)


def check_own_key(caller: Caller) -> None:
    """Check that no platform signed the creator in who asks for this. Raises: NotAllowed."""
    if caller.by_link:
        raise NotAllowed(
            "Signed in by a platform's link you read, post, appeal and answer. Wallets, licences,"
            " the webhook and erasing works take the creator's own key. Nothing was changed."
        )


def check_own(caller: Caller, named: str | None) -> int:
    """Return the creator of a creator's key, who may be named in any spelling. Raises:
    NotAllowed.
    """
    assert caller.creator is not None
    assert caller.creator_id is not None
    if named is not None and canonical(named) != canonical(caller.creator):
        raise NotAllowed(
            f"The key {caller.name!r} acts for {caller.creator} only, not for {named}."
        )
    return caller.creator_id


def check_side(caller: Caller, *creator_ids: int | None) -> None:
    """Check that a caller is one of these creators or a reviewer.

    Raises: KeyRequired, NotYourCase.
    """
    if caller.creator_id is not None and caller.creator_id in creator_ids:
        return
    if caller.creator_id is None and not caller.may("fraud"):
        raise KeyRequired
    if caller.creator_id is not None:
        raise NotYourCase


def unerased(work: Work) -> Work:
    """Return the work if it was not erased. Raises: NotFound."""
    if work.erased_at is not None:
        raise NotFound(
            f"The work {work.id} was erased on {work.erased_at:%Y-%m-%d}; its media is gone."
        )
    return work
