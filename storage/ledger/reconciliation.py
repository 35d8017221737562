"""What the ledger says the contract should hold: of posts, of accounts, of payments."""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from storage.database import Connection


@dataclass(frozen=True, kw_only=True)
class BookedPost:
    """A post on chain, as the ledger has it.

    Attributes:
        contested_units: what the contract itself said it holds of payments that wait for the
            verdict in the ledger, too; smallest units.
    """

    post_id: bytes
    verdict: str
    redirect_bps: int
    held_bps: int
    creditor_account: bytes | None
    disputed: bool
    final_at: datetime
    contested_minor: int
    contested_units: int


@dataclass(frozen=True, kw_only=True)
class BookedAccount:
    """What an account should be able to take out of the contract, or has taken, at least."""

    account: bytes
    handle: str
    available_minor: int
    payments: int
    withdrawn_units: int


@dataclass(frozen=True)
class PaidWeek:
    """A payment that the ledger holds for paid in a final block.

    Attributes:
        base_minor, grade: what the contract was to pay, and by which grade.
        tx_hash: of our transaction; None where somebody else paid.
    """

    transaction_id: int
    post_id: bytes
    week: date
    correction: int | None
    base_minor: int
    grade: str
    tx_hash: bytes | None


@dataclass(frozen=True)
class LastRun:
    """The last whole comparison."""

    at: datetime
    block_number: int
    posts: int
    accounts: int
    differences: int


# Posts whose decision is final on chain and about which nothing is on its way: no appeal, no
# correction, no event that the ledger has not followed yet.
_POSTS = """
select t.post_id, t.verdict, t.redirect_bps, t.held_bps, c.account as creditor_account, t.disputed,
    t.final_at, coalesce(w.amount_minor, 0) as contested_minor,
    coalesce((
        select sum(q.to_original) from ledger_payouts q
        join ledger_transactions l on l.id = q.transaction_id join chain_calls k on k.id = q.call_id
        where l.post_id = t.post_id and k.status = 'final' and (l.facts->>'contested')::boolean
        and not exists (select from ledger_transactions s where s.post_id = t.post_id
            and s.kind = 'contest_settled' and s.id > l.id)
    ), 0)::numeric as contested_units
from post_terms t
left join creators c on c.id = t.creditor_id
left join ledger_waiting w on w.post_id = t.post_id and w.bucket = 'contested'
where t.post_id > %(after)s
and exists (select from outbox o join analyses a on a.id = o.analysis_id
    where a.post_id = t.post_id and o.status = 'final')
and not exists (select from outbox o join analyses a on a.id = o.analysis_id
    where a.post_id = t.post_id and o.status in ('pending', 'sent', 'included'))
and not exists (select from rulings r where r.post_id = t.post_id
    and r.status in ('open', 'decided'))
and not exists (select from chain_case_events e where e.post_id = t.post_id
    and e.handled_at is null)
order by t.post_id limit %(limit)s
"""

# Money that came to an account, but for what is not on chain yet: payments under way, and what was
# settled here of a post whose money the contract still holds. What was set off was not paid there.
_ACCOUNTS = """
select c.account, c.handle, (coalesce(sum(p.amount_minor), 0) - coalesce((
        select sum((l.facts->>'set_off_minor')::bigint) from ledger_transactions l
        join ledger_chain_payments s on s.transaction_id = l.id
        where l.creator_id = c.id and s.status = 'paid'), 0))::bigint as available_minor,
    count(distinct p.transaction_id)::int as payments,
    coalesce((select sum(amount) from chain_withdrawals d where d.account = c.account
        and d.token = %(token)s), 0)::numeric as withdrawn_units
from ledger_postings p
join ledger_transactions t on t.id = p.transaction_id
join creators c on c.id = p.creator_id
left join ledger_chain_payments q on q.transaction_id = p.transaction_id
where p.bucket = 'available' and c.account > %(after)s
and (q.status = 'paid' or t.kind in ('contest_settled', 'release')
    and not exists (select from chain_waiting_money m where m.post_id = t.post_id)
    and exists (select from ledger_payouts o join ledger_transactions l
        on l.id = o.transaction_id where l.post_id = t.post_id)
    and not exists (select from ledger_chain_payments o join ledger_transactions l
        on l.id = o.transaction_id where l.post_id = t.post_id and o.status <> 'paid'))
group by c.id, c.account, c.handle order by c.account limit %(limit)s
"""


def posts(conn: Connection, after: bytes, limit: int) -> list[BookedPost]:
    """Posts to compare, in the order of their ids, after one."""
    with conn.cursor(row_factory=class_row(BookedPost)) as cursor:
        return cursor.execute(_POSTS, {"after": after, "limit": limit}).fetchall()


def accounts(conn: Connection, token: bytes, after: bytes, limit: int) -> list[BookedAccount]:
    """Accounts to compare, in their order, after one; `token` is what creators are paid in."""
    with conn.cursor(row_factory=class_row(BookedAccount)) as cursor:
        params = {"token": token, "after": after, "limit": limit}
        return cursor.execute(_ACCOUNTS, params).fetchall()


def paid_weeks(conn: Connection, limit: int) -> list[PaidWeek]:
    """The newest payments that are final on chain, as the ledger has it."""
    rows = conn.execute(
        "select t.id, t.post_id, t.week, case when t.kind <> 'pay' then t.id end,"
        " (t.facts->>'chain_minor')::bigint, t.facts->>'chain_grade', x.mined_hash"
        " from ledger_chain_payments q join ledger_transactions t on t.id = q.transaction_id"
        " left join ledger_payouts o on o.transaction_id = t.id and o.found_at is null"
        " left join chain_calls k on k.id = o.call_id and k.status = 'final'"
        " left join chain_transactions x on x.id = k.transaction_id"
        " where q.status = 'paid' order by t.id desc limit %s",
        (limit,),
    ).fetchall()
    return [
        PaidWeek(
            row[0], bytes(row[1]), row[2], row[3], row[4], row[5], bytes(row[6]) if row[6] else None
        )
        for row in rows
    ]


def record(conn: Connection, run: LastRun) -> None:
    """Store that a whole comparison was made."""
    conn.execute(
        "insert into reconciliations (at, block_number, posts, accounts, differences) values"
        " (%(at)s, %(block_number)s, %(posts)s, %(accounts)s, %(differences)s) on conflict"
        " (one_row) do update set at = excluded.at, block_number = excluded.block_number, posts ="
        " excluded.posts, accounts = excluded.accounts, differences = excluded.differences",
        vars(run),
    )


def last_run(conn: Connection) -> LastRun | None:
    """The last whole comparison, None before the first."""
    with conn.cursor(row_factory=class_row(LastRun)) as cursor:
        return cursor.execute(
            "select at, block_number, posts, accounts, differences from reconciliations"
        ).fetchone()
