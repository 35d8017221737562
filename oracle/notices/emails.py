"""Notices by e-mail, over a server of the operator's (SMTP), beside the inbox and webhooks."""

import hashlib
import re
import secrets
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from storage import preferences
from storage.cases import emails
from storage.cases.emails import Email
from storage.database import Database
from storage.errors import StorageError
from storage.preferences import Unconfirmed

log = structlog.get_logger()

TIMEOUT_S = 20.0
AT_ONCE, LEASE = 20, timedelta(minutes=10)
LOOK_EVERY_S = 2.0
ASK_EVERY = timedelta(hours=1)  # of one creator, however often the address changes
TRIES, FIRST_RETRY, MAX_RETRY = 10, timedelta(minutes=1), timedelta(hours=6)
# Paths of the pages that notices name.
PATH = re.compile(r"(?<![\w/.])/(?:analyses|appeals|fraud_alerts|creators|licences)\b[\w/#-]*")
CONFIRM_SUBJECT = "Confirm that notices may come here"
CONFIRM_BODY = """{name} wants notices of {base_url} to come to this address.

If that is you, confirm it at
{base_url}/confirm-email/{code}

If it is not, do nothing: nothing else will be sent here.
"""
BODY = "{body}\n\n--\nYou find this notice, and what you can do about it, at {link}\n"


@dataclass(frozen=True)
class MailServer:
    """A server that takes mail, and how it is spoken to.

    Attributes:
        base_url: where creators reach the pages, for links.
    """

    host: str
    port: int
    sender: str
    base_url: str
    starttls: bool = True
    username: str | None = None
    password: str | None = None


def compose(notice: Email, address: str, server: MailServer) -> EmailMessage:
    """Write the mail; its id is the notice's, so that one sent twice is known to be one."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(notice.subject.split())  # a title may hold lines
    mail["From"], mail["To"] = server.sender, address
    mail["Date"] = format_datetime(notice.created_at.astimezone(UTC))
    mail["Message-ID"] = f"<{notice.id}@{server.sender.rpartition('@')[2].rstrip('>')}>"
    mail["Auto-Submitted"] = "auto-generated"
    link = f"{server.base_url.rstrip('/')}/messages/{notice.id}"
    body = PATH.sub(lambda found: server.base_url.rstrip("/") + found[0], notice.body)
    mail.set_content(BODY.format(body=body, link=link))
    return mail


def code_hash(code: str) -> bytes:
    """What is stored of the code of a mail that asks."""
    return hashlib.sha256(code.encode()).digest()


def compose_question(name: str, address: str, code: str, server: MailServer) -> EmailMessage:
    """Write the mail that asks whether an address is the creator's."""
    mail = EmailMessage()
    mail["Subject"] = CONFIRM_SUBJECT
    mail["From"], mail["To"] = server.sender, address
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Auto-Submitted"] = "auto-generated"
    base_url = server.base_url.rstrip("/")
    mail.set_content(CONFIRM_BODY.format(name=name, base_url=base_url, code=code))
    return mail


class EmailSender:
    """Sends what is due; a server that is away is waited for, one that refuses is asked again."""

    def __init__(self, db: Database, server: MailServer) -> None:
        self._db = db
        self._server = server

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        while not stop.is_set():
            try:
                self.ask_new()
                self.send_due()
            except StorageError as exc:
                log.warning("emails.waiting", code=exc.code, error=str(exc))
            except Exception:  # of one notice, which comes after the others next time
                log.exception("emails.round_failed")
            stop.wait(LOOK_EVERY_S)

    def ask_new(self) -> int:
        """Ask at new addresses whether they are the creator's. Returns: how many were asked.

        Raises: DatabaseUnavailable.
        """
        with self._db.transaction() as conn:
            waiting = preferences.unasked(conn, ASK_EVERY, AT_ONCE)
        if not waiting:
            return 0
        taken = 0
        try:
            with self._connected() as smtp:
                for one in waiting:
                    taken += self._ask(smtp, one)
        except (OSError, smtplib.SMTPException) as exc:
            log.warning("emails.server_away", host=self._server.host, error=str(exc))
        return taken

    def _ask(self, smtp: smtplib.SMTP, one: Unconfirmed) -> bool:
        """Ask at one address; one that is refused is asked again when it is given again."""
        code = secrets.token_urlsafe(24)
        with self._db.transaction() as conn:
            if not preferences.ask(conn, one, code_hash(code), ASK_EVERY):
                return False
        try:
            smtp.send_message(compose_question(one.name, one.email, code, self._server))
        except (OSError, smtplib.SMTPException) as exc:
            about_them = smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused
            if isinstance(exc, about_them) and not isinstance(exc, smtplib.SMTPSenderRefused):
                log.warning("email.refused", creator_id=one.creator_id, reason=repr(exc))
                return False
            with self._db.transaction() as conn:
                preferences.ask_later(conn, code_hash(code))
            raise
        except Exception:  # an address that makes no mail
            log.exception("email.not_written", creator_id=one.creator_id)
            return False
        return True

    def send_due(self) -> int:
        """Send what is due. Returns: how many were taken. Raises: DatabaseUnavailable."""
        with self._db.transaction() as conn:
            due = emails.claim(conn, AT_ONCE, LEASE)
        if not due:
            return 0
        taken = 0
        try:
            with self._connected() as smtp:
                for notice in due:
                    taken += self._send(smtp, notice)
        except (OSError, smtplib.SMTPException) as exc:  # the rest is due again after its lease
            log.warning("emails.server_away", host=self._server.host, error=str(exc))
        return taken

    def _send(self, smtp: smtplib.SMTP, notice: Email) -> bool:
        error, final = None, False
        if notice.email is None:
            error, final = "The creator took the address away.", True
        else:
            try:
                smtp.send_message(compose(notice, notice.email, self._server))
            except smtplib.SMTPNotSupportedError as exc:
                error, final = str(exc), True
            except smtplib.SMTPSenderRefused:
                raise  # it refuses us, and so every notice
            except smtplib.SMTPResponseException as exc:
                error, final = f"{exc.smtp_code} {exc.smtp_error!r}", exc.smtp_code >= 500
            except smtplib.SMTPRecipientsRefused as exc:
                code, said = next(iter(exc.recipients.values()), (550, b"no recipient"))
                error, final = f"{code} {said!r}", code >= 500
            except (OSError, smtplib.SMTPException):
                raise
            except Exception as exc:  # an address or a text that makes no mail
                log.exception("email.not_written", message_id=str(notice.id))
                error, final = repr(exc), True
        with self._db.transaction() as conn:
            if error is None:
                emails.sent(conn, notice.id, datetime.now(UTC))
                return True
            last = final or notice.tries >= TRIES
            delay = None if last else min(FIRST_RETRY * 3 ** (notice.tries - 1), MAX_RETRY)
            emails.failed(conn, notice.id, error, delay)
        log.warning("email.refused", message_id=str(notice.id), reason=error, given_up=last)
        return False

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self._server
        with smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S) as smtp:
            if server.starttls:
                smtp.starttls(context=ssl.create_default_context())
            if server.username is not None:
                smtp.login(server.username, server.password or "")
            yield smtp
