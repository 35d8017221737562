"""Money in words: how every cent came about, from stored facts alone. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from oracle import currency
from oracle.rules.cost import cost_of
from oracle.rules.decision import Verdict
from oracle.rules.explain import percent
from oracle.rules.payout import Grade, bonus_bps, payout
from storage.ledger.posts import PostRow
from storage.ledger.views import Line

COLUMNS = (
    "transaction",
    "booked_at",
    "week",
    "kind",
    "entry",
    "bucket",
    "amount",
    "currency",
    "post_id",
    "title",
    "counterparty",
    "explanation",
)
POST_COLUMNS = (
    "post_id",
    "external_id",
    "title",
    "media_type",
    "published_at",
    "verdict",
    "redirect_bps",
    "redirected_to",
    "grade",
    "grade_status",
    *(
        f"{name}_{which}"
        for name in ("views", "likes", "comments", "saves", "shares")
        for which in ("all", "counted")
    ),
    "base",
    "bonus",
    "yours",
    "held",
    "redirected_away",
    "currency",
)
# A spreadsheet takes a text that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
VERDICTS = {
    "original": "original",
    "derivative": "a copy of an earlier work",
    "self_duplicate": "a copy of your own earlier work",
    "licensed": "used with permission",
    "undecided": "not decided yet, so without a redirect",
}
SIGNALS = {
    "watch": "How much of it people watched",
    "saves": "Saves",
    "comments": "Real comments",
    "shares": "Shares",
    "likes": "Likes",
}


def dollars(cents: int) -> str:
    """Hundredths as people write them: $1,234.50, or −$0.05, in the platform's currency."""
    return currency.amount(cents, "−")


def explain_pay(facts: Mapping[str, Any]) -> str:
    """One payment as a sum that anybody can do again."""
    base, bonus = facts["base_minor"], facts["bonus_minor"]
    verdict = VERDICTS[facts["verdict"]]
    cost = cost_of(Verdict(facts["verdict"]))
    halved = ", half of an original's" if cost.halves_bonus else ""
    if facts["bonus_bps"]:
        text = (
            f"Grade {facts['grade']} ({percent(facts['score_bps'])}), {verdict}:"
            f" {percent(facts['bonus_bps'])} of {dollars(base)} is {dollars(bonus)} on top"
            f"{halved}."
            f" {dollars(base)} + {dollars(bonus)} = {dollars(base + bonus)}."
        )
    else:
        text = (
            f"Grade {facts['grade']} ({percent(facts['score_bps'])}), {verdict}:"
            f" {dollars(base)} without a bonus."
        )
    if facts["redirect_bps"]:
        waits = "waits for the end of the time to dispute, then goes"
        goes = waits if facts["contested"] else "goes"
        text += (
            f" Of that, {percent(facts['redirect_bps'])} = {dollars(facts['to_original_minor'])}"
            f" {goes} to {facts['creditor']}, and {dollars(facts['to_poster_minor'])} is yours."
        )
    if facts.get("held_bps") and facts["contested"]:
        text += (
            f" {percent(facts['held_bps'])} of it, {dollars(facts['to_original_minor'])}, waits"
            " until it is decided whose it is; it is not taken away."
        )
    if facts.get("lost_minor"):
        text += (
            f" {dollars(facts['lost_minor'])} of the {dollars(facts['announced_minor'])} that the"
            " platform stated is for views that do not count."
        )
    if facts.get("held_minor"):
        text += (
            f" {dollars(facts['held_minor'])} of base pay waits while an alert is looked into; it"
            " is not taken away."
        )
    if facts.get("set_off_minor", 0) < 0:
        text += (
            f" {dollars(-facts['set_off_minor'])} that an earlier correction gave back is paid out"
            " with it."
        )
    elif facts.get("set_off_minor"):
        text += (
            f" {dollars(facts['set_off_minor'])} of it makes up for an earlier correction, so that"
            " much less is paid out."
        )
    if facts["frozen"]:
        text += (
            f" {dollars(facts['to_poster_minor'])} waits while an alert is looked into; it is"
            " not taken away."
        )
    return text


def explain_correction(facts: Mapping[str, Any]) -> str:
    """Why a week that was paid earned more, or less."""
    text = ""
    if facts["reason"]:
        text = (
            f"Base pay of this week was {dollars(facts['base_was_minor'])} and is"
            f" {dollars(facts['base_minor'])} now: {facts['reason']} "
        )
    if facts["was"] != facts["grade"]:
        text += f"The grade went from {facts['was']} to {facts['grade']}. "
    total = facts["base_minor"] + facts["bonus_minor"]
    change = facts["amount_minor"]
    return (
        f"{text}With {percent(facts['bonus_bps'])} of {dollars(facts['base_minor'])} as bonus it"
        f" earned {dollars(total)} in all, and {dollars(abs(change))}"
        f" {'was missing' if change > 0 else 'too much was paid'}.{_later(facts)}"
    )


def _later(facts: Mapping[str, Any]) -> str:
    kept = facts["amount_minor"] - facts["to_original_minor"] - facts["to_poster_minor"]
    if facts["amount_minor"] >= 0:
        kept -= facts.get("set_off_minor", 0)
        return f" The original's creator has {dollars(kept)} of it already." if kept else ""
    text = f" {dollars(-facts['to_poster_minor'])} of that is left out of your later pay."
    if kept:
        text += " What the original's creator was paid stays with them."
    return text


def explain(line: Line) -> str:
    """Why one line of a statement is there."""
    facts = line.facts
    if line.entry == "redirect" and line.amount_minor > 0:
        return (
            f"{percent(facts['redirect_bps'])} of what {line.counterparty}'s post earned goes to"
            " you: it is a copy of your earlier work."
        )
    if line.kind == "pay":
        return explain_pay(facts)
    if line.kind == "correction":
        return explain_correction(facts)
    if line.kind == "adjustment":
        return f"{dollars(facts['amount_minor'])}: {facts['reason']}{_later(facts)}"
    if line.kind == "contest_settled":
        if line.entry == "redirect":
            return (
                f"The time to dispute is over: {percent(facts['redirect_bps'])} goes to"
                f" {line.counterparty}."
            )
        return (
            f"The verdict is final ({VERDICTS[facts['verdict']]}): what was held and is yours"
            " is paid back."
        )
    return f"The alert has ended: {dollars(facts['held_minor'])} waits no longer."


def expected_pay(
    base_minor: int, grade: str | None, verdict: str | None, redirect_bps: int
) -> dict[str, int]:
    """What a week would bring if nothing changed any more, in cents.

    An undecided post redirects nothing; a share of it may wait until somebody decides.
    """
    known = Verdict(verdict) if verdict else Verdict.UNDECIDED
    letter = Grade(grade) if grade else Grade.C
    paid = payout(base_minor, letter, known, redirect_bps if known is Verdict.DERIVATIVE else 0)
    return {
        "base": paid.base_pay,
        "bonus": paid.bonus,
        "bonus_bps": bonus_bps(letter, known),
        "redirected_away": paid.shares.to_original,
        "net": paid.shares.to_poster,
    }


def statement_csv(lines: Iterable[Line]) -> Iterator[str]:
    """A statement as CSV, one row a posting; the amounts of a bucket sum to its balance."""
    yield _row(COLUMNS)
    for line in lines:
        yield _row(
            (
                line.transaction_id,
                line.booked_at.isoformat(),
                line.week.isoformat(),
                line.kind,
                line.entry,
                line.bucket,
                _amount(line.amount_minor),
                currency.code(),
                "0x" + line.post_id.hex() if line.post_id else "",
                _text(line.title),
                _text(line.counterparty),
                explain(line),
            )
        )


def posts_csv(posts: Iterable[PostRow]) -> Iterator[str]:
    """A creator's posts as CSV, one row each; what is not known is left empty."""
    yield _row(POST_COLUMNS)
    for post in posts:
        yield _row(
            (
                "0x" + post.post_id.hex(),
                _text(post.external_id),
                _text(post.title),
                post.media_type,
                post.published_at.isoformat(),
                post.verdict or "",
                post.redirect_bps,
                _text(post.creditor),
                post.grade or "",
                post.grade_status or "",
                *(
                    counts[name] if counts else ""
                    for name in ("views", "likes", "comments", "saves", "shares")
                    for counts in (post.raw, post.qualified)
                ),
                *map(
                    _amount,
                    (
                        post.base_minor,
                        post.bonus_minor,
                        post.net_minor,
                        post.contested_minor + post.frozen_minor,
                        post.away_minor,
                    ),
                ),
                currency.code(),
            )
        )


def _amount(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def _text(value: str | None) -> str:
    return "'" + value if value and value.startswith(FORMULA_STARTS) else value or ""


def _row(values: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue()
