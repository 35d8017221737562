"""The languages of the pages: English is what the templates say, the others are catalogues.

A catalogue is a file of gettext's format (`oracle/api/catalogues/XX.po`), read as it is.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel import negotiate_locale
from babel.messages.pofile import read_po

LANGUAGES = {"en": "English", "de": "Deutsch"}


@dataclass(frozen=True)
class Viewer:
    """For whom a page is written."""

    language: str = "en"
    zone: tzinfo = UTC


VIEWER: ContextVar[Viewer] = ContextVar("viewer", default=Viewer())  # noqa: B039 - it is frozen


def viewer_of(language: str | None, time_zone: str | None) -> Viewer:
    """Return for whom a page is written; what is not known is English and UTC."""
    return Viewer(
        language if language in LANGUAGES else "en", ZoneInfo(time_zone) if time_zone else UTC
    )


def negotiate(accept: str) -> str:
    """Choose the language that a browser likes best of ours (header Accept-Language)."""
    wanted = [part.partition(";")[0].strip().replace("-", "_") for part in accept[:200].split(",")]
    return (negotiate_locale(wanted, list(LANGUAGES)) or "en")[:2]


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return what a language says for each English text; English says the same."""
    if language == "en":
        return {}
    file = resources.files("oracle.api") / "catalogues" / f"{language}.po"
    with file.open("rb") as opened:
        return {
            str(message.id): str(message.string)
            for message in read_po(opened, locale=language)
            if message.id and message.string and not message.fuzzy
        }


def gettext(text: str | None) -> str:
    """Return a text or a word in the language of who looks; nothing stays nothing."""
    return catalogue(VIEWER.get().language).get(text, text) if text else ""


def local(moment: datetime) -> datetime:
    """Return a moment in the time zone of who looks."""
    return moment.astimezone(VIEWER.get().zone)
