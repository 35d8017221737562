"""Actors in the log and in decisions; a prefix tells creators from keys of the same name."""

RULES = "rules"  # automatic steps
MACHINE = "the oracle's automatic decision"
REANALYSIS = "the oracle's re-analysis"
CONTRACT = "contract"  # whoever may decide there; or its case follows
AUTOMATIC = frozenset({RULES, MACHINE, REANALYSIS})  # of those no person

# As a sentence says it: "… decided this", "by …".
NAMES = {
    RULES: "an automatic rule",
    "oracle": "the oracle",
    MACHINE: "the oracle",
    REANALYSIS: "the oracle",
    CONTRACT: "an arbiter at the contract",
}


def creator_actor(handle: str) -> str:
    """Return the actor for a creator who acts for itself."""
    return f"creator:{handle}"


def key_actor(name: str) -> str:
    """Return the actor for the holder of one of the platform's keys."""
    return f"key:{name}"


def label_of(actor: str) -> str:
    """Return an actor's name without what kind of actor it is."""
    kind, _, name = actor.partition(":")
    return name if kind in ("key", "creator") and name else actor


def is_person(actor: str) -> bool:
    """Whether a person here decided, and no rule, machine or contract."""
    return actor not in AUTOMATIC and actor.split(" ")[0] != CONTRACT


def display_name(actor: str) -> str:
    """Put an actor into words."""
    kind, _, name = actor.partition(":")
    if kind == "creator" and name:
        return f"the creator {name}"
    if kind == "key" and name:
        return name
    return NAMES.get(actor.split(" ")[0] if kind.startswith(CONTRACT) else actor, actor)
