"""Texts of notices as pages show them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from oracle.api.languages import VIEWER, Viewer
from oracle.api.pages.rendering import linked
from oracle.notices.render import day


def test_times_of_a_notice_are_those_of_who_looks() -> None:
    stated = day(datetime(2026, 12, 8, 23, 5, tzinfo=UTC))
    token = VIEWER.set(Viewer("de", ZoneInfo("Europe/Berlin")))
    try:
        assert linked(f"Until {stated}.") == "Until 9. Dezember 2026, 00:05 CET."
        assert linked("On 40 Foo 2026, 00:05 UTC <b>") == "On 40 Foo 2026, 00:05 UTC &lt;b&gt;"
    finally:
        VIEWER.reset(token)
    assert linked(f"Until {stated}.") == f"Until {stated}."


def test_paths_of_ours_become_links_and_nothing_else_does() -> None:
    shown = linked("See /appeals/7f and https://example.org/appeals <script>")
    assert '<a href="/appeals/7f">' in shown
    assert "<script>" not in shown
