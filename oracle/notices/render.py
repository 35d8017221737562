"""Notices to creators: filled from stored facts only, stored with them, and sent in the caller's
transaction.
"""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from oracle import currency
from oracle.notices.errors import MissingFact
from oracle.notices.templates import Template
from storage.cases import messages
from storage.cases.messages import NewMessage
from storage.database import Connection


@dataclass(frozen=True)
class Notice:
    """A rendered notice.

    `sha256` is over subject, body and technical facts; it goes on chain with a freeze.
    """

    template: Template
    subject: str
    body: str
    facts: Mapping[str, Any]
    sha256: bytes


def slots(template: Template) -> set[str]:
    """Return the names of the facts that a notice rests on: those it states, and technical ones."""
    parsed = string.Formatter().parse(template.subject + template.body)
    return {name for _, name, _, _ in parsed if name is not None} | set(template.technical)


def render(template: Template, facts: Mapping[str, Any]) -> Notice:
    """Fill in a notice. Raises: MissingFact if a fact that it states is absent or empty."""
    missing = sorted(name for name in slots(template) if not _text(facts.get(name)).strip())
    if missing:
        raise MissingFact(
            f"The notice '{template.name}' was not sent: {', '.join(missing)} is not known."
        )
    texts = {name: _text(facts[name]) for name in slots(template)}
    subject, body = template.subject.format(**texts), template.body.format(**texts)
    whole = [subject, body, *(f"{name}: {texts[name]}" for name in template.technical)]
    digest = hashlib.sha256("\n\n".join(whole).encode()).digest()
    return Notice(
        template, subject, body, {name: facts[name] for name in sorted(slots(template))}, digest
    )


def send_notice(
    conn: Connection,
    notice: Notice,
    creator_id: int,
    now: datetime,
    *,
    alert_id: UUID | None = None,
    appeal_id: UUID | None = None,
    analysis_id: UUID | None = None,
) -> UUID:
    """Put a notice into the creator's inbox, and queue it for the webhook if there is one.

    Returns: the id of the message.
    """
    message_id = uuid4()
    messages.add(
        conn,
        NewMessage(
            id=message_id,
            creator_id=creator_id,
            kind=notice.template.kind,
            template=notice.template.name,
            subject=notice.subject,
            body=notice.body,
            facts=notice.facts,
            sha256=notice.sha256,
            created_at=now,
            alert_id=alert_id,
            appeal_id=appeal_id,
            analysis_id=analysis_id,
        ),
    )
    return message_id


def money(minor: int) -> str:
    """Format hundredths of the platform's currency for people."""
    return currency.amount(minor)


def day(moment: datetime) -> str:
    """Format a time for people, in UTC; no notice states a deadline without one."""
    return moment.astimezone(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):  # one empty part makes the whole unusable
        return " ".join(map(str, value)) if all(map(str, value)) else ""
    return str(value)
