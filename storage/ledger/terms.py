"""Terms of a post's money: its verdict as far as it is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection

# Take over new verdicts, of posts whose money waits for one. The newest analysis with a verdict
# counts; one that could not decide changes nothing, unless two creators claim the content, or it
# rests on a quarantined work. A post in dispute stays as it is. So does one ruled by an appeal,
# unless the copy is of another work than the appeal was about, which the appeal did not settle. As
# on chain, a repeated analysis with the same answer must not delay the money of the original, so
# the end of the dispute window stays.
_FOLLOW = """
insert into post_terms (post_id, verdict, redirect_bps, held_bps, creditor_id, final_at,
    analysis_id, changed_at)
select a.post_id, a.verdict, case when w.creator_id is null then 0 else a.redirect_bps end,
    coalesce((select held_bps from reviews r where r.analysis_id = a.id), 0),
    case when a.verdict = 'derivative' then w.creator_id end,
    a.decided_at + a.dispute_window, a.id, %(now)s
from (
    select post_id from earnings where transaction_id is null
    union select post_id from ledger_waiting where bucket = 'contested'
    union select unnest(%(posts)s::bytea[])
) concerned cross join lateral (
    select id, post_id, verdict, redirect_bps, matched_work_id, decided_at, policy_version,
        coalesce((
            select make_interval(secs => dispute_window_s) from policy_terms t
            where t.version = analyses.policy_version
        ), %(window)s) as dispute_window
    from analyses where post_id = concerned.post_id and status = 'decided'
        -- What a person decided counts here when it does on chain, for a post that is there.
        and not (source = 'review' and exists (select from outbox o join analyses b on
            b.id = o.analysis_id where b.post_id = concerned.post_id and o.status <> 'refused'))
        -- A verdict that an appeal overturned no longer counts.
        and not exists (select 1 from not_copies n where n.work_id = analyses.work_id
            and n.other_work_id = analyses.matched_work_id and n.ended_at is null)
    -- What rests on a quarantined work, or is claimed by two, is undecided whatever was decided.
    order by verdict = 'undecided'
            and reason not in ('contested', 'quarantined', 'review_lapsed'),
        decided_at desc, id limit 1
) a left join works w on w.id = a.matched_work_id
where not exists (select 1 from post_terms t where t.post_id = a.post_id and t.analysis_id = a.id)
    -- What the contract holds for a question is as the contract has it.
    and not exists (select from rulings r where r.post_id = a.post_id and r.claim_open)
    -- Wait where the node has yet to read the policy's terms: a guessed window would stay for ever.
    and (a.post_id = any(%(posts)s::bytea[]) or not exists (select 1 from policies p
        where p.version = a.policy_version and p.block_number is not null
        and not exists (select 1 from policy_terms t where t.version = p.version)))
on conflict (post_id) do update set
    final_at = case
        when post_terms.ruled then greatest(excluded.final_at, %(now)s + (
            select excluded.final_at - decided_at from analyses where id = excluded.analysis_id
        ))
        when (post_terms.verdict, post_terms.redirect_bps, post_terms.creditor_id)
            is not distinct from (excluded.verdict, excluded.redirect_bps, excluded.creditor_id)
            then post_terms.final_at
        else excluded.final_at end,
    verdict = excluded.verdict, redirect_bps = excluded.redirect_bps,
    held_bps = excluded.held_bps,
    creditor_id = excluded.creditor_id, analysis_id = excluded.analysis_id,
    ruled = false, revision = post_terms.revision + 1, changed_at = excluded.changed_at
where not post_terms.disputed and (not post_terms.ruled or excluded.verdict = 'derivative' and (
    select newer.matched_work_id <> settled.matched_work_id
        and newer.decided_at > settled.decided_at
    from analyses newer, analyses settled where newer.id = excluded.analysis_id
        and settled.id = post_terms.analysis_id
))
"""


@dataclass(frozen=True, kw_only=True)
class PostTerms:
    """The verdict on a post in terms of money.

    Attributes:
        final_at: when the dispute window ends and the contested money is paid out.
        disputed: a dispute is open; nothing is final until it is closed.
        held_bps: share that waits until then though nothing is redirected.
        ruled: decided by an appeal; a later analysis overwrites it only where it finds a copy of
            another work than `analysis_id` did, which the appeal was about.
    """

    post_id: bytes
    verdict: str
    redirect_bps: int
    creditor_id: int | None
    final_at: datetime
    disputed: bool = False
    ruled: bool = False
    analysis_id: UUID | None = None
    held_bps: int = 0
    creditor: str | None = None  # handle of `creditor_id`, when read

    def is_final(self, now: datetime) -> bool:
        return not self.disputed and self.final_at <= now


def find(conn: Connection, post_id: bytes) -> PostTerms | None:
    """Return the terms of a post, None before its first verdict."""
    with conn.cursor(row_factory=class_row(PostTerms)) as cursor:
        return cursor.execute(
            "select post_id, verdict, redirect_bps, creditor_id, final_at, disputed, ruled,"
            " analysis_id, held_bps, handle as creditor from post_terms left join creators on"
            " creators.id = creditor_id where post_id = %s",
            (post_id,),
        ).fetchone()


# Replace the terms of a post; every change raises its revision.
_UPSERT = """
insert into post_terms (post_id, verdict, redirect_bps, creditor_id, final_at, disputed, ruled,
    analysis_id, held_bps, changed_at)
values (%(post_id)s, %(verdict)s, %(redirect_bps)s, %(creditor_id)s, %(final_at)s, %(disputed)s,
    %(ruled)s, %(analysis_id)s, %(held_bps)s, %(now)s)
on conflict (post_id) do update set
    verdict = excluded.verdict, redirect_bps = excluded.redirect_bps,
    creditor_id = excluded.creditor_id, final_at = excluded.final_at,
    disputed = excluded.disputed, ruled = excluded.ruled, analysis_id = excluded.analysis_id,
    held_bps = excluded.held_bps, revision = post_terms.revision + 1,
    changed_at = excluded.changed_at
"""


def store(conn: Connection, terms: PostTerms, now: datetime) -> None:
    """Store the terms of a post, replacing earlier ones."""
    conn.execute(_UPSERT, vars(terms) | {"now": now})


def follow_analyses(
    conn: Connection, window: timedelta, now: datetime, *, posts: Sequence[bytes] = ()
) -> int:
    """Take over the verdicts decided since the last call. Returns: how many terms changed.

    Args:
        window: the dispute window of verdicts whose policy is not the chain's. Verdicts under a
            policy whose terms the node has yet to read wait, and their money with them.
        posts: registered posts to look at besides those whose money waits, such as one that is
            appealed before it earns.
    """
    return conn.execute(_FOLLOW, {"window": window, "now": now, "posts": list(posts)}).rowcount
