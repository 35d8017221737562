"""All that waits for a reviewer, whatever asked for it, in one order: nearest deadline first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

KINDS = ("review", "claim", "appeal", "alert", "alarm")


@dataclass(frozen=True, kw_only=True)
class QueuedCase:
    """One case that waits.

    Attributes:
        kind: One of KINDS.
        id: Its id; of an alarm the work's that it is about.
        creator: Of the post that it is about; `other`: of the other side, None without one.
        signals: Codes of why it is here: a reason, a ground, or the detectors' names.
        similarity_bps: What was measured, None where nothing was.
        amount_minor: Cents that wait for it, None of a post whose pay is not known here.
        decide_by: None of an alarm, which ends by nothing but a person.
        barred: Actors who had a part in it.
    """

    kind: str
    id: UUID
    work_id: UUID | None
    post_id: bytes | None
    title: str | None
    media_type: str | None
    creator_id: int | None
    creator: str | None
    other_id: int | None
    other: str | None
    signals: Sequence[str]
    similarity_bps: int | None
    amount_minor: int | None
    opened_at: datetime
    decide_by: datetime | None
    barred: Sequence[str]


# An appeal against held money is decided at its alert, and is listed as that, by its own deadline.
# An alarm that waits for nothing comes first.
_CASES = """
with cases as (
    select 'review' as kind, r.id, r.work_id, r.post_id, r.creator_id, n.creator_id as other_id,
        array[r.reason] as signals, a.similarity_bps, r.opened_at, r.decide_by,
        array(select q.decided_by from rulings q where q.post_id = r.post_id
            and q.status = 'vetoed') as barred
    from reviews r join analyses a on a.id = r.analysis_id
    left join works n on n.id = a.matched_work_id
    where r.status = 'open'
    union all
    select case p.kind when 'claim' then 'claim' else 'appeal' end, p.id, a.work_id, a.post_id,
        case p.kind when 'claim' then p.other_creator_id else p.creator_id end,
        case p.kind when 'claim' then p.creator_id else p.other_creator_id end,
        array[p.ground], case p.kind when 'claim' then k.similarity_bps else a.similarity_bps end,
        p.filed_at, p.decide_by, array[p.first_decider] || array(select q.decided_by from rulings q
            where q.post_id = a.post_id and q.status = 'vetoed')
    from appeals p join analyses a on a.id = p.analysis_id
    left join claim_checks k on k.appeal_id = p.id
    where p.status = 'open' and p.kind in ('originality', 'claim')
    union all
    select 'alert', f.id, (select work_id from posts where post_id = f.post_id), f.post_id,
        f.creator_id, null,
        array(select s->>'name' from jsonb_array_elements(f.signals) s), null, f.detected_at,
        coalesce(p.decide_by, f.frozen_until, f.review_by),
        f.accusers || array_remove(array[f.frozen_by, p.first_decider], null)
    from fraud_alerts f left join appeals p on p.alert_id = f.id and p.status = 'open'
    where f.status in ('open', 'frozen', 'notified', 'appealed')
    union all
    select 'alarm', w.id, w.id, w.post_id, w.creator_id, null, array[o.kind], null, o.raised_at,
        null, '{}'
    from operator_alerts o join works w on 'work ' || w.id = o.subject
    where o.kind = 'reference_suspect' and o.resolved_at is null
)
"""
_AMOUNT = """
case k.kind
    when 'alarm' then (select sum(l.amount_minor)::bigint from ledger_waiting l
        where l.bucket = 'contested' and l.post_id in (select post_id from analyses
            where matched_work_id = k.work_id and verdict = 'derivative'))
    when 'alert' then case when k.post_id is null
        then (select sum(l.amount_minor)::bigint from ledger_waiting l
            join posts p using (post_id) where l.bucket = 'frozen' and p.creator_id = k.creator_id)
        else (select amount_minor from ledger_waiting where bucket = 'frozen'
            and post_id = k.post_id) end
    else (select amount_minor from ledger_waiting where bucket = 'contested'
        and post_id = k.post_id)
end
"""
_PAGE = f"""
{_CASES}
select k.*, coalesce(p.title, w.title, w.file_name) as title,
    coalesce(w.media_type, p.media_type) as media_type, c.handle as creator, o.handle as other,
    coalesce({_AMOUNT}, case when exists (select from ledger_postings l
        where l.post_id = k.post_id) then 0 end) as amount_minor
from cases k left join works w on w.id = k.work_id left join posts p on p.post_id = k.post_id
left join creators c on c.id = k.creator_id left join creators o on o.id = k.other_id
where (%(kind)s::text is null or k.kind = %(kind)s)
    and (%(media)s::text is null or coalesce(w.media_type, p.media_type) = %(media)s)
    and (%(at)s::timestamptz is null
        or (coalesce(k.decide_by, k.opened_at), k.id) > (%(at)s, %(id)s))
order by coalesce(k.decide_by, k.opened_at), k.id limit %(limit)s
"""


def page(
    conn: Connection,
    *,
    kind: str | None = None,
    media_type: str | None = None,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[QueuedCase]:
    """Return what waits, nearest deadline first.

    Args:
        after: (due, id) of the last case of the page before; see `due_of`.
    """
    at, last = after or (None, None)
    params = {"kind": kind, "media": media_type, "at": at, "id": last, "limit": limit}
    with conn.cursor(row_factory=class_row(QueuedCase)) as cursor:
        return cursor.execute(_PAGE, params).fetchall()


def due_of(case: QueuedCase) -> datetime:
    """Return by what a case stands in the order: its deadline, or since when it waits."""
    return case.decide_by or case.opened_at


def counts(conn: Connection) -> dict[str, int]:
    """Return how many cases of each kind wait."""
    rows = conn.execute(_CASES + "select kind, count(*) from cases group by kind").fetchall()
    return dict.fromkeys(KINDS, 0) | {row[0]: int(row[1]) for row in rows}


@dataclass(frozen=True, kw_only=True)
class SideHistory:
    """What became of a creator's works and cases so far.

    Attributes:
        copies: Works of theirs that count as copies of others' now; `cleared`: those that counted
            so once and do not any more.
        copied: Works of others that count as copies of theirs now.
        bad_faith: Claims that they made against better knowledge.
    """

    creator: str
    since: datetime
    works: int
    copies: int
    cleared: int
    copied: int
    appeals: int
    appeals_granted: int
    claims: int
    claims_granted: int
    bad_faith: int
    alerts: int
    alerts_upheld: int
    alerts_reversed: int


_SIDE = """
with mine as (
    select w.id, (select coalesce(t.verdict, a.verdict) from analyses a
            left join post_terms t on t.post_id = a.post_id
            where a.work_id = w.id and a.status = 'decided' order by a.decided_at desc, a.id limit 1
        ) as verdict,
        exists (select from analyses a where a.work_id = w.id and a.verdict = 'derivative') as once
    from works w where w.creator_id = %(id)s
)
select c.handle as creator, c.created_at as since, (select count(*) from mine) as works,
    (select count(*) from mine where verdict = 'derivative') as copies,
    (select count(*) from mine where once and verdict <> 'derivative') as cleared,
    (select count(distinct a.work_id) from analyses a join works w on w.id = a.matched_work_id
        left join post_terms t on t.post_id = a.post_id where w.creator_id = c.id
        and a.verdict = 'derivative' and coalesce(t.verdict, a.verdict) = 'derivative') as copied,
    count(p.id) filter (where p.kind <> 'claim') as appeals,
    count(p.id) filter (where p.kind <> 'claim' and p.outcome = 'granted') as appeals_granted,
    count(p.id) filter (where p.kind = 'claim') as claims,
    count(p.id) filter (where p.kind = 'claim' and p.outcome = 'granted') as claims_granted,
    count(p.id) filter (where p.bad_faith) as bad_faith,
    (select count(*) from fraud_alerts f where f.creator_id = c.id) as alerts,
    (select count(*) from fraud_alerts f where f.creator_id = c.id and f.status = 'upheld')
        as alerts_upheld,
    (select count(*) from fraud_alerts f where f.creator_id = c.id and f.status = 'reversed')
        as alerts_reversed
from creators c left join appeals p on p.creator_id = c.id
where c.id = %(id)s group by c.id
"""


def history_of(conn: Connection, creator_id: int) -> SideHistory:
    """Return what became of a creator's works and cases so far; the creator exists."""
    with conn.cursor(row_factory=class_row(SideHistory)) as cursor:
        found = cursor.execute(_SIDE, {"id": creator_id}).fetchone()
    assert found is not None
    return found
