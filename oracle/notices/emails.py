"""Notices by e-mail, over a server of the operator's (SMTP), beside the inbox and webhooks."""

import re
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

from storage.cases import emails
from storage.cases.emails import Email
from storage.database import Database
from storage.errors import StorageError

log = structlog.get_logger()

TIMEOUT_S = 20.0
AT_ONCE, LEASE = 20, timedelta(minutes=10)
LOOK_EVERY_S = 2.0
TRIES, FIRST_RETRY, MAX_RETRY = 10, timedelta(minutes=1), timedelta(hours=6)
# Paths of the pages that notices name.
PATH = re.compile(r"(?<![\w/.])/(?:analyses|appeals|fraud_alerts|creators|licences)\b[\w/#-]*")
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


class EmailSender:
    """Sends what is due; a server that is away is waited for, one that refuses is asked again."""

    def __init__(self, db: Database, server: MailServer) -> None:
        self._db = db
        self._server = server

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        while not stop.is_set():
            try:
                self.send_due()
            except StorageError as exc:
                log.warning("emails.waiting", code=exc.code, error=str(exc))
            except Exception:  # of one notice, which comes after the others next time
                log.exception("emails.round_failed")
            stop.wait(LOOK_EVERY_S)

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
