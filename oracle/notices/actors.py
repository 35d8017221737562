"""Who did something, in the log and in decisions: creators and keys apart, whatever their names
are.
"""

RULES = "rules"  # what is automatic


def creator_actor(handle: str) -> str:
    """A creator who acts for itself."""
    return f"creator:{handle}"


def key_actor(name: str) -> str:
    """The holder of one of the platform's keys."""
    return f"key:{name}"


def shown(actor: str) -> str:
    """An actor for people."""
    kind, _, name = actor.partition(":")
    if kind == "creator" and name:
        return f"the creator {name}"
    if kind == "key" and name:
        return name
    return "the rules, automatically" if actor == RULES else actor
