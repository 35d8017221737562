"""Notices by e-mail, to a real server on this machine."""

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiosmtpd.controller import UnthreadedController
from aiosmtpd.handlers import Message
from starlette.testclient import TestClient
from support.platform import Platform

from oracle.notices import templates
from oracle.notices.emails import EmailSender, MailServer
from oracle.notices.render import render, send_notice
from storage.cases import messages
from storage.database import Database

NOW = datetime.now(UTC)
LINK = "https://oracle.example"


class Box(Message):
    """Keeps what arrives; refuses whom it does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []

    async def handle_RCPT(  # noqa: N802 - as the server calls it
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    handler = Box()
    loop = asyncio.new_event_loop()
    controller = UnthreadedController(handler, hostname="127.0.0.1", port=0, loop=loop)
    controller.begin()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield handler, controller.server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    controller.end()
    loop.close()


def server_at(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, "Oracle <notices@oracle.example>", LINK, starttls=False)


def notify(db: Database, creator_id: int) -> str:
    facts = dict.fromkeys(
        ("subject", "copy", "copier", "redirect", "similarity", "decided_at", "viewer_link"), "x"
    )
    template = templates.COPY_ENDED
    with db.transaction() as conn:
        notice = render(template, {**dict.fromkeys(_slots(template), "something"), **facts})
        return str(send_notice(conn, notice, creator_id, NOW))


def _slots(template: templates.Template) -> set[str]:
    from oracle.notices.render import slots

    return slots(template)


def prefer(client: TestClient, platform: Platform, email: str | None) -> dict[str, str]:
    creator = platform.creator("maya")
    headers = {"Authorization": f"Bearer {platform.key('maya', ['read'], creator_id=creator)}"}
    answer = client.put("/v1/preferences", json={"email": email}, headers=headers)
    assert answer.status_code == 200, answer.text
    with platform.db.transaction() as conn:  # asking is a test of its own
        conn.execute("update creator_preferences set email_confirmed_at = now()")
    return headers


def test_a_notice_goes_out_once_and_stays_in_the_inbox(
    client: TestClient, platform: Platform, db: Database, box: tuple[Box, int]
) -> None:
    handler, port = box
    headers = prefer(client, platform, "maya@example.org")
    number = notify(db, platform.creator("maya"))
    notify(db, platform.creator("tom"))  # who gave no address
    sender = EmailSender(db, server_at(port))
    assert sender.send_due() == 1
    assert sender.send_due() == 0
    (mail,) = handler.mails
    (kept,) = client.get("/v1/messages", headers=headers).json()["messages"]
    assert (mail["To"], mail["Subject"]) == ("maya@example.org", kept["subject"])
    assert number in mail["Message-ID"]
    text = mail.get_payload(decode=True).decode()
    assert f"{LINK}/messages/{number}" in text
    assert kept["body"].split("\n")[0] in text


def test_a_refused_address_is_given_up_and_a_server_away_is_waited_for(
    client: TestClient, platform: Platform, db: Database, box: tuple[Box, int]
) -> None:
    handler, port = box
    prefer(client, platform, "nobody@example.org")
    notify(db, platform.creator("maya"))
    assert EmailSender(db, server_at(9)).send_due() == 0, "nothing listens there"
    with db.transaction() as conn:
        conn.execute("update message_emails set next_try_at = now()")  # its lease is over
    assert EmailSender(db, server_at(port)).send_due() == 0
    with db.transaction() as conn:
        ((error, due),) = conn.execute(
            "select last_error, next_try_at from message_emails"
        ).fetchall()
    assert error.startswith("550") and due is None
    assert handler.mails == []
    with db.transaction() as conn:
        assert len(messages.page(conn, platform.creator("maya"))) == 1, "the inbox has it"


def test_what_makes_no_mail_holds_up_no_other(
    client: TestClient, platform: Platform, db: Database, box: tuple[Box, int]
) -> None:
    handler, port = box
    prefer(client, platform, "maya@example.org")
    poisoned, tom = platform.creator("paul"), platform.creator("maya")
    with db.transaction() as conn:  # as an earlier version let it in
        conn.execute(
            "insert into creator_preferences (creator_id, email, email_confirmed_at)"
            " values (%s, '(a@b', now())",
            (poisoned,),
        )
    notify(db, poisoned)
    notify(db, tom)
    with db.transaction() as conn:  # of a title that holds lines
        conn.execute(
            "update creator_messages set subject = E'Boats\\nBcc: all@example.org' where creator_id"
            " = %s",
            (tom,),
        )
    assert EmailSender(db, server_at(port)).send_due() == 1
    (mail,) = handler.mails
    assert mail["Subject"] == "Boats Bcc: all@example.org" and mail["Bcc"] is None
    with db.transaction() as conn:
        assert conn.execute("select next_try_at from message_emails").fetchall() == [(None,)] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "no address"},
        {"email": "(a@b"},
        {"email": "a@[b"},
        {"email": "\u00fc@example.org"},
        {"language": "xx"},
        {"time_zone": "Mars/Base"},
    ],
)
def test_preferences_that_mean_nothing_are_refused(
    client: TestClient, platform: Platform, wrong: dict[str, str]
) -> None:
    headers = prefer(client, platform, None)
    assert client.put("/v1/preferences", json=wrong, headers=headers).status_code == 422


def test_pages_are_in_the_time_zone_and_language_of_who_looks(
    client: TestClient, platform: Platform, db: Database
) -> None:
    headers = prefer(client, platform, None)
    chosen = {"language": "de", "time_zone": "Asia/Tokyo"}
    assert client.put("/v1/preferences", json=chosen, headers=headers).json()["language"] == "de"
    number = notify(db, platform.creator("maya"))
    page = client.get(f"/messages/{number}", headers=headers).text
    assert '<html lang="de">' in page and "JST" in page
    asked = client.get("/", headers={"Accept-Language": "de-CH, en;q=0.5"}).text
    assert '<html lang="de">' in asked
    assert '<html lang="en">' in client.get("/", headers={"Accept-Language": "fr"}).text


def test_nothing_goes_to_an_address_that_nobody_confirmed(
    client: TestClient, platform: Platform, db: Database, box: tuple[Box, int]
) -> None:
    handler, port = box
    headers = prefer(client, platform, "maya@example.org")
    client.put("/v1/preferences", json={"email": "victim@example.org"}, headers=headers)
    notify(db, platform.creator("maya"))
    assert EmailSender(db, server_at(9)).ask_new() == 0, "nothing listens there"
    sender = EmailSender(db, server_at(port))
    assert (sender.ask_new(), sender.ask_new(), sender.send_due()) == (1, 0, 0)
    (mail,) = handler.mails
    assert mail["To"] == "victim@example.org"
    for other in ("other@example.org", "victim@example.org"):
        client.put("/v1/preferences", json={"email": other}, headers=headers)
        assert sender.ask_new() == 0, "nobody is asked again and again"
    path = re.search(rf"{LINK}(/confirm-email/\S+)", mail.get_payload(decode=True).decode())
    assert path is not None
    assert client.post(path[1]).status_code == 404, "the address was another in between"
    with db.transaction() as conn:
        conn.execute("update creator_preferences set email_asked_at = now() - interval '2 hours'")
    assert sender.ask_new() == 1
    path = re.search(
        rf"{LINK}(/confirm-email/\S+)", handler.mails[-1].get_payload(decode=True).decode()
    )
    assert path is not None and "button" in client.get(path[1]).text
    assert not client.get("/v1/preferences", headers=headers).json()["email_confirmed"]
    assert "victim@example.org" in client.post(path[1]).text
    assert client.get("/v1/preferences", headers=headers).json()["email_confirmed"]
    notify(db, platform.creator("maya"))
    assert sender.send_due() == 1
    client.put("/v1/preferences", json={"email": "new@example.org"}, headers=headers)
    assert not client.get("/v1/preferences", headers=headers).json()["email_confirmed"]


def test_an_address_that_is_refused_stops_nobody_elses(
    client: TestClient, platform: Platform, db: Database, box: tuple[Box, int]
) -> None:
    handler, port = box
    for name, email in (("maya", "nobody@example.org"), ("tom", "tom@example.org")):
        key = platform.key(name, ["read"], creator_id=platform.creator(name))
        client.put(
            "/v1/preferences", json={"email": email}, headers={"Authorization": f"Bearer {key}"}
        )
    sender = EmailSender(db, server_at(port))
    assert (sender.ask_new(), sender.ask_new()) == (1, 0)
    assert [mail["To"] for mail in handler.mails] == ["tom@example.org"]
