"""Tell whoever was copied: by what, what share waits for them and until when."""

from datetime import datetime
from typing import Any

from oracle.notices import templates
from oracle.notices.render import Notice, render, send_notice
from oracle.notices.titles import work_name
from oracle.rules.explain import percent
from storage.cases import messages
from storage.database import Connection
from storage.works.analyses import Analysis
from storage.works.works import Work


def tell_sources(
    conn: Connection,
    analysis: Analysis,
    own: Work,
    source: Work | None,
    facts: dict[str, Any],
    now: datetime,
) -> None:
    """Send the notices to the creators of the sources, of before and of now.

    Args:
        source: What the work is a copy of now; None where it is of none any more.
        facts: Those of the notice to the creator of the copy.
    Raises: MissingFact.
    """
    theirs = source.creator_id if source and source.creator_id != own.creator_id else None
    for told in messages.told_sources(conn, own.id) - {theirs}:
        ended = templates.COPY_ENDED
        _send(conn, render(ended, facts | {"copy": work_name(own)}), told, analysis, now)
    if source is None or theirs is None:
        return
    shown = facts | {
        "copy": work_name(own),
        "copier": own.creator or "an unnamed creator",
        "subject": f'"{work_name(source)}"',
        "redirect": percent(analysis.redirect_bps or 0),
    }
    _send(conn, render(templates.WAS_COPIED, shown), theirs, analysis, now)


def _send(
    conn: Connection, notice: Notice, creator_id: int, analysis: Analysis, now: datetime
) -> None:
    send_notice(conn, notice, creator_id, now, analysis_id=analysis.id)
