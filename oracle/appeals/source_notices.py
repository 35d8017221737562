"""Tell whoever was copied: by what, what share waits for them and until when."""

from datetime import datetime
from typing import Any

from oracle.notices import templates
from oracle.notices.render import render, send_notice
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
        ended = render(templates.COPY_ENDED, facts | {"copy": work_name(own)})
        send_notice(conn, ended, told, now, analysis_id=analysis.id)
    if source is None or theirs is None:
        return
    shown = facts | {
        "copy": work_name(own),
        "copier": own.creator or "an unnamed creator",
        "subject": f'"{work_name(source)}"',
        "redirect": percent(analysis.redirect_bps or 0),
    }
    was_copied = render(templates.WAS_COPIED, shown)
    send_notice(conn, was_copied, theirs, now, analysis_id=analysis.id)
