"""The codes of appeals and decisions in words."""

from oracle.notices.actors import display_name

GROUNDS = {
    "mine_and_earlier": "it is mine and earlier",
    "licensed": "I have a licence or a permission",
    "public_domain": "public domain or a shared free source",
    "commentary": "commentary, parody or quotation",
    "wrong_match": "it matched the wrong thing",
    "not_my_traffic": "I did not cause this traffic",
    "real_people": "these are real people",
    "other": "another reason",
}

FRAUD_GROUNDS = ("not_my_traffic", "real_people", "other")

ORIGINALITY_GROUNDS = (
    "mine_and_earlier",
    "licensed",
    "public_domain",
    "commentary",
    "wrong_match",
    "other",
)

STEPS = {
    "open": "was raised",
    "blocked": "no hold: the notice about it could not be written",
    "freeze": "the money waits",
    "notify": "the creator was told",
    "appeal": "was appealed",
    "answer": "the other side answered",
    "attach": "a file was added",
    "uphold": "the hold was confirmed",
    "reverse": "was dismissed, the money is free",
    "expire": "ended, the money is free",
    "reopen": "is looked at again",
    "decide": "the appeal was decided",
}

OUTCOMES = {
    "granted": "granted",
    "refused": "not granted",
    "lapsed": "granted, since nobody decided in time",
    # Without a decision in time held money is released; a verdict stays.
    "verdict_lapsed": "not decided in time; the first decision stays",
}


def who(actor: str) -> str:
    """Put an actor into words."""
    return display_name(actor)


def step(name: str) -> str:
    """Put a step into words."""
    return STEPS.get(name, name)


def outcome_of(kind: str, outcome: str) -> str:
    """Put the outcome of an appeal of a kind (fraud, originality) into words."""
    return OUTCOMES["verdict_lapsed" if (kind, outcome) == ("originality", "lapsed") else outcome]
