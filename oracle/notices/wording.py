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
    "copies_mine": "it copies my earlier work",
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
    "review": "what was undecided was decided",
    "quarantine": "a work was quarantined",
    "release": "a work was released from quarantine",
    "keep_reference": "a work was found to be what it seems",
}

OUTCOMES = {
    "granted": "granted",
    "refused": "not granted",
    "lapsed": "granted, since nobody decided in time",
    # Without a decision in time held money is released; a verdict stays.
    "verdict_lapsed": "not decided in time; the first decision stays",
}


# By the reason why it could not be decided.
WOULD_HELP = {
    "unknown_creator": "a licence or another proof that you may use the earlier work, or who made"
    " it",
    "erased_source": "a licence or another proof that you may use the work, or that you made it",
    "part_not_judged": "the file with that track alone, or without it",
    "copy_of_copy": "a licence, or a proof of what you took and from where",
    "perhaps_shared": "where your material comes from: the library, the stock site or the sample"
    " pack, with its address",
    "quarantined": "a licence, or a proof where your material comes from",
    "incomplete_search": "nothing: it is analysed again by itself; a proof that you made it, such"
    " as the file with the earliest date, helps a person to decide sooner",
}
# What too little detail is missing of.
MORE_DETAIL = {
    "image": "a larger picture with more of the scene",
    "video": "a longer file, or one with the scenes that are yours",
    "audio": "a longer file",
}


def would_help(reason: str, media_type: str) -> str:
    """What a creator can send that helps to decide, by the reason and the type of the media."""
    if reason == "too_plain":
        more = MORE_DETAIL.get(media_type, "a file with more detail")
        return f"{more}, the original project file, or a licence"
    return WOULD_HELP.get(reason, "a licence, the original project file, or another proof")


def who(actor: str) -> str:
    """Put an actor into words."""
    return display_name(actor)


def step(name: str) -> str:
    """Put a step into words."""
    return STEPS.get(name, name)


def outcome_of(kind: str, outcome: str) -> str:
    """Put the outcome of an appeal of a kind (fraud, originality) into words."""
    return OUTCOMES["verdict_lapsed" if (kind, outcome) == ("originality", "lapsed") else outcome]
