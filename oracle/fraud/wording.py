"""Words for codes: rules, grounds and hints as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from oracle.fraud.actors import shown
from oracle.fraud.signals import SignalName

RULES = {
    SignalName.USER_AGENTS: "views by programs",
    SignalName.REFERRERS: "false sources",
    SignalName.BURST: "burst without watching",
    SignalName.BULK_ACCOUNTS: "accounts made together",
    SignalName.SHARED_DEVICES: "many accounts on few devices",
    SignalName.GIFTING: "gifts that go round",
}
HINTS = {
    SignalName.USER_AGENTS: "where you posted or embedded the link, and any monitoring you run",
    SignalName.REFERRERS: "who linked to the post, and any campaign you paid for",
    SignalName.BURST: "what happened at that time: a mention, an event, a campaign",
    SignalName.BULK_ACCOUNTS: "whether a class, a club or a company joined together",
    SignalName.SHARED_DEVICES: "whether a school, a library or a family shares these devices",
    SignalName.GIFTING: "why these people gave to each other",
}
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
ORIGINALITY_GROUNDS = ("mine_and_earlier", "licensed", "public_domain", "commentary", "wrong_match", "other")
STEPS = {
    "open": "was raised",
    "blocked": "no hold: the letter about it could not be written",
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
CLAUSE = "views, followers and gifts that earn money must come from people who meant them"
OUTCOMES = {
    "granted": "granted",
    "refused": "not granted",
    "lapsed": "granted, since nobody decided in time",
    # Held money is free where nobody decides; a verdict on whose work it is stays.
    "verdict_lapsed": "not decided in time; the first decision stays",
}


def who(actor: str) -> str:
    """An actor in words."""
    return shown(actor)


def step(name: str) -> str:
    """A step in words."""
    return STEPS.get(name, name)


def outcome_of(kind: str, outcome: str) -> str:
    """The outcome of an appeal of a kind (fraud, originality) in words."""
    return OUTCOMES["verdict_lapsed" if (kind, outcome) == ("originality", "lapsed") else outcome]


def rule_of(signals: Sequence[Mapping[str, Any]]) -> str:
    """The rules that the signals stand for, strongest first."""
    return " + ".join(RULES[SignalName(signal["name"])] for signal in signals)


def hints_of(signals: Sequence[Mapping[str, Any]]) -> str:
    """What would help to explain them."""
    return "; ".join(HINTS[SignalName(signal["name"])] for signal in signals)


def why_of(signals: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence a signal, with what is usual beside what was measured; "" for one that says nothing."""
    lines = []
    for signal in signals:
        facts = signal["facts"]
        low, high = facts.get("usual_low", 0), facts.get("usual_high", 0)
        usual = f" For posts here {low} to {high} % is usual." if high else ""
        lines.append(f"{signal['sentence']}{usual}" if signal["sentence"] else "")
    return lines
