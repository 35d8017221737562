"""The codes of rules, grounds and hints in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from oracle.fraud.detectors.signals import SignalName

RULES = {
    SignalName.USER_AGENTS: "views by programs",
    SignalName.REFERRERS: "pages that trade visits",
    SignalName.ADDRESSES: "hundreds of views from one address",
    SignalName.UNKNOWN: "views that nothing is told of",
    SignalName.BULK_ACCOUNTS: "accounts made together",
    SignalName.SHARED_DEVICES: "many accounts on few devices",
    SignalName.LOCKSTEP: "reactions in step",
    SignalName.GIFTING: "gifts that go round",
}
HINTS = {
    SignalName.USER_AGENTS: "where you posted or embedded the link, and any monitoring you run",
    SignalName.REFERRERS: "who linked to the post, and any campaign you paid for",
    SignalName.ADDRESSES: "whether a school, a company or an event watched together",
    SignalName.UNKNOWN: "which app or player shows your posts",
    SignalName.BULK_ACCOUNTS: "whether a class, a club or a company joined together",
    SignalName.SHARED_DEVICES: "whether a school, a library or a family shares these devices",
    SignalName.LOCKSTEP: "who these people are, such as a club of yours",
    SignalName.GIFTING: "why these people gave to each other",
}
CLAUSE = "views, followers and gifts that earn money must come from people who meant them"


def rule_of(signals: Sequence[Mapping[str, Any]]) -> str:
    """Name the rules that the signals stand for, strongest first."""
    return " + ".join(RULES[SignalName(signal["name"])] for signal in signals)


def hints_of(signals: Sequence[Mapping[str, Any]]) -> str:
    """List what would help a creator to explain the signals."""
    return "; ".join(HINTS[SignalName(signal["name"])] for signal in signals)


def why_of(signals: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each signal, with the usual range; "" for one without a sentence."""
    lines = []
    for signal in signals:
        facts = signal["facts"]
        low, high = facts.get("usual_low", 0), facts.get("usual_high", 0)
        usual = f" For posts here {low} to {high} % is usual." if high else ""
        lines.append(f"{signal['sentence']}{usual}" if signal["sentence"] else "")
    return lines
