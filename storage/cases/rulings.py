"""Questions about posts that people decide, and the verdicts that took an analysis's place."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import NotFound

PAUSE, MAX_PAUSE = timedelta(seconds=10), timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class NewRuling:
    """A question as it is asked; the table explains each column."""

    id: UUID
    kind: str
    post_id: bytes
    analysis_id: UUID | None
    appeal_id: UUID | None
    original_post_id: bytes | None
    question_hash: bytes
    hold: bool
    dispute_round: int
    opened_at: datetime


@dataclass(frozen=True, kw_only=True)
class Ruling(NewRuling):
    """A stored question, and what was decided."""

    verdict: str | None
    similarity_bps: int | None
    original_account: bytes | None
    reason: str | None
    reason_hash: bytes | None
    decided_by: str | None
    decided_at: datetime | None
    status: str
    claim_id: int | None
    claim_open: bool
    correction_id: int | None
    call_id: int | None
    step: str | None
    error: str | None
    tries: int
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class VerdictChange:
    """A verdict that took the place of the one before."""

    post_id: bytes
    verdict: str
    similarity_bps: int
    redirect_bps: int
    original_post_id: bytes | None
    original_account: bytes | None
    final_at: datetime
    ruling_id: UUID | None
    reason_hash: bytes | None
    tx_hash: bytes | None
    block_number: int | None
    at: datetime


COLUMNS = (
    "id, kind, post_id, analysis_id, appeal_id, original_post_id, question_hash, hold,"
    " dispute_round, opened_at, verdict, similarity_bps, original_account, reason, reason_hash,"
    " decided_by, decided_at, status, claim_id, claim_open, correction_id, call_id, step, error,"
    " tries, ended_at"
)
_CHANGE = (
    "post_id, verdict, similarity_bps, redirect_bps, original_post_id, original_account, final_at,"
    " ruling_id, reason_hash, tx_hash, block_number, at"
)


def add(conn: Connection, ruling: NewRuling) -> None:
    """Store a question."""
    conn.execute(
        "insert into rulings (id, kind, post_id, analysis_id, appeal_id, original_post_id,"
        " question_hash, hold, dispute_round, opened_at, next_try_at) values (%(id)s, %(kind)s,"
        " %(post_id)s, %(analysis_id)s, %(appeal_id)s, %(original_post_id)s, %(question_hash)s,"
        " %(hold)s, %(dispute_round)s, %(opened_at)s, %(opened_at)s)",
        vars(ruling),
    )


def decide(
    conn: Connection,
    ruling_id: UUID,
    *,
    verdict: str,
    similarity_bps: int | None,
    original_post_id: bytes | None,
    original_account: bytes | None,
    reason: str,
    reason_hash: bytes,
    decided_by: str,
    now: datetime,
    analysis_id: UUID | None = None,
) -> None:
    """Store the decision; it is on its way to the chain from now on.

    Args: analysis_id: The analysis that says so, in the place of the one that was asked about;
        None leaves that.
    """
    conn.execute(
        "update rulings set verdict = %s, similarity_bps = %s, original_post_id = coalesce(%s,"
        " original_post_id), original_account = %s, reason = %s, reason_hash = %s, decided_by ="
        " %s, decided_at = %s, status = 'decided', error = null, tries = 0, next_try_at = %s,"
        " analysis_id = coalesce(%s, analysis_id) where id = %s and status = 'open'",
        (
            verdict,
            similarity_bps,
            original_post_id,
            original_account,
            reason,
            reason_hash,
            decided_by,
            now,
            now,
            analysis_id,
            ruling_id,
        ),
    )


def end(conn: Connection, ruling_id: UUID, status: str, now: datetime) -> bool:
    """End a decision: in_force, overruled or vetoed. Returns: whether it went on until now."""
    done = conn.execute(
        "update rulings set status = %s, ended_at = %s, error = null where id = %s and status ="
        " 'decided'",
        (status, now, ruling_id),
    )
    return done.rowcount == 1


def find_of_appeal(conn: Connection, appeal_id: UUID) -> Ruling | None:
    """The question that an appeal or claim asks now, None where the post is not on chain."""
    where = "appeal_id = %s order by opened_at desc, id limit 1"
    return next(iter(_select(conn, where, (appeal_id,))), None)


def find_of_review(conn: Connection, post_id: bytes) -> Ruling | None:
    """The question about a post whose share waits on chain for a review; None without one."""
    where = "post_id = %s and kind = 'review' and status = 'open'"
    return next(iter(_select(conn, where, (post_id,))), None)


def find_by_reason(conn: Connection, post_id: bytes, reason_hash: bytes) -> Ruling | None:
    """The decision about a post that a hash on chain names."""
    where = "post_id = %s and reason_hash = %s"
    return next(iter(_select(conn, where, (post_id, reason_hash))), None)


# The hash is public once it is on chain: anybody can claim something else under it. The account is
# one that our own claims were sent from; a decision may have named another original meanwhile.
_ASKED = """question_hash = %s and post_id = %s and (original_post_id = %s or status <> 'open')
and claim_id is null and exists (
    select from chain_calls c join chain_transactions t on t.id = c.transaction_id
    where c.sender = 'claimant' and t.sender = %s
)"""


def find_asked(
    conn: Connection, post_id: bytes, original_post_id: bytes, question_hash: bytes, claimant: bytes
) -> Ruling | None:
    """The question that a claim at the contract asks for us; None where it is somebody else's."""
    params = (question_hash, post_id, original_post_id, claimant)
    return next(iter(_select(conn, _ASKED, params)), None)


def find_by_claim(conn: Connection, post_id: bytes, claim_id: int) -> Ruling | None:
    """The question about a post that a claim of the contract holds a share for."""
    return next(iter(_select(conn, "post_id = %s and claim_id = %s", (post_id, claim_id))), None)


def find_by_correction(conn: Connection, post_id: bytes, correction_id: int) -> Ruling | None:
    """The decision about a post that a correction of the contract carries out."""
    where = "post_id = %s and correction_id = %s"
    return next(iter(_select(conn, where, (post_id, correction_id))), None)


def find_waiting(conn: Connection, post_id: bytes) -> Ruling | None:
    """A question about a post that is not in force yet, the oldest."""
    where = "post_id = %s and status in ('open', 'decided') order by opened_at, id limit 1"
    return next(iter(_select(conn, where, (post_id,))), None)


_VETOED = """
status = 'vetoed' and not exists (
    select from rulings n where n.post_id = rulings.post_id and n.id <> rulings.id
        and n.opened_at >= rulings.ended_at
) and (exists (select from appeals a where a.id = appeal_id and a.status = 'decided')
    or exists (select from reviews v where v.ended_by = rulings.analysis_id and appeal_id is null))
order by next_try_at, id limit %s
"""


def list_vetoed(conn: Connection, limit: int) -> list[Ruling]:
    """Decisions of cases here that were vetoed, and that nobody has been asked again since; those
    last that were postponed.
    """
    return _select(conn, _VETOED, (limit,))


def vetoed(conn: Connection, post_id: bytes) -> list[str | None]:
    """Return the actors whose decisions about a post were vetoed."""
    where = "post_id = %s and status = 'vetoed' order by opened_at"
    return [ruling.decided_by for ruling in _select(conn, where, (post_id,))]


def waiting_appeals(conn: Connection, post_id: bytes) -> list[Ruling]:
    """Appeals about a post that are not in force yet, the oldest first."""
    where = "post_id = %s and kind = 'appeal' and status in ('open', 'decided') order by opened_at"
    return _select(conn, where, (post_id,))


def find_latest(conn: Connection, post_id: bytes) -> Ruling | None:
    """The question about a post that was asked last."""
    where = "post_id = %s order by opened_at desc, id limit 1"
    return next(iter(_select(conn, where, (post_id,))), None)


def due(conn: Connection, now: datetime, limit: int) -> list[Ruling]:
    """Questions to look after now, the longest waiting first."""
    where = "status in ('open', 'decided') and next_try_at <= %s order by next_try_at, id limit %s"
    return _select(conn, where, (now, limit))


def lock(conn: Connection, ruling_id: UUID) -> Ruling | None:
    """A question that goes on, locked; None where it has ended."""
    where = "id = %s and status in ('open', 'decided') for update"
    return next(iter(_select(conn, where, (ruling_id,))), None)


def begin_step(conn: Connection, ruling_id: UUID, step: str, call_id: int, now: datetime) -> None:
    """Note the call that carries the next step out."""
    conn.execute(
        "update rulings set step = %s, call_id = %s, error = null, next_try_at = %s where id = %s",
        (step, call_id, now + PAUSE, ruling_id),
    )


def postpone(conn: Connection, ruling: Ruling, error: str | None, now: datetime) -> None:
    """Look again after a while: soon where it only waits, ever later where it was refused."""
    delay = min(PAUSE * 2 ** min(ruling.tries, 10), MAX_PAUSE) if error else PAUSE
    conn.execute(
        "update rulings set error = coalesce(%(error)s, error), tries = tries + %(more)s,"
        " call_id = case when %(error)s::text is null then call_id end, next_try_at = %(at)s where"
        " id = %(id)s",
        {"error": error, "more": int(error is not None), "at": now + delay, "id": ruling.id},
    )


def finish_step(conn: Connection, ruling_id: UUID, now: datetime) -> None:
    """A step is final: the next one can be looked for."""
    conn.execute(
        "update rulings set call_id = null, tries = 0, next_try_at = %s where id = %s",
        (now, ruling_id),
    )


def give_up_hold(conn: Connection, ruling_id: UUID, error: str, now: datetime) -> None:
    """The contract holds nothing for this question; it is decided all the same."""
    conn.execute(
        "update rulings set hold = false, call_id = null, error = %s, next_try_at = %s where id ="
        " %s",
        (error, now, ruling_id),
    )


def note_claim(conn: Connection, ruling_id: UUID, claim_id: int, *, is_open: bool) -> None:
    """Note the claim of the contract that holds a share for this question."""
    conn.execute(
        "update rulings set claim_id = %s, claim_open = %s where id = %s",
        (claim_id, is_open, ruling_id),
    )


def ask_round(conn: Connection, ruling_id: UUID, dispute_round: int) -> None:
    """What nobody has decided yet is about a later round of the dispute now."""
    conn.execute(
        "update rulings set dispute_round = %s where id = %s and status = 'open'",
        (dispute_round, ruling_id),
    )


def note_correction(conn: Connection, ruling_id: UUID, correction_id: int) -> None:
    """Note the correction of the contract that carries this decision out."""
    conn.execute("update rulings set correction_id = %s where id = %s", (correction_id, ruling_id))


def get(conn: Connection, ruling_id: UUID) -> Ruling:
    """A question by its number. Raises: NotFound."""
    found = _select(conn, "id = %s", (ruling_id,))
    if not found:
        raise NotFound(f"There is no ruling {ruling_id}.")
    return found[0]


def untold_changes(conn: Connection, limit: int) -> list[tuple[int, VerdictChange]]:
    """Changes that the sides do not know of yet, with their numbers, each in its turn; first those
    that make a copy of a post, as they wait for nothing.
    """
    rows = conn.execute(
        "with page as (select id from verdict_changes where told_at is null order by tried_at"
        " nulls first, verdict = 'derivative' desc, id limit %s), tried as (update verdict_changes"
        " c set tried_at = statement_timestamp() from page where c.id = page.id returning c.*)"
        f" select id, {_CHANGE} from tried order by verdict = 'derivative' desc, id",
        (limit,),
    ).fetchall()
    names = _CHANGE.split(", ")
    return [(row[0], VerdictChange(**dict(zip(names, row[1:], strict=True)))) for row in rows]


def mark_change_told(conn: Connection, number: int, now: datetime) -> None:
    """Note that both sides know of a change."""
    conn.execute("update verdict_changes set told_at = %s where id = %s", (now, number))


def add_change(conn: Connection, change: VerdictChange, *, told: datetime | None = None) -> bool:
    """Store a verdict that is in force from now on, once.

    Args: told: When both sides were told, where they were.
    Returns: whether it is new.
    """
    return (
        conn.execute(
            f"insert into verdict_changes ({_CHANGE}, told_at) values (%(post_id)s, %(verdict)s,"
            " %(similarity_bps)s, %(redirect_bps)s, %(original_post_id)s, %(original_account)s,"
            " %(final_at)s, %(ruling_id)s, %(reason_hash)s, %(tx_hash)s, %(block_number)s, %(at)s,"
            " %(told)s) on conflict do nothing",
            vars(change) | {"told": told},
        ).rowcount
        == 1
    )


def changes(conn: Connection, post_id: bytes) -> list[VerdictChange]:
    """The verdicts that took the place of a post's analysis, the oldest first."""
    with conn.cursor(row_factory=class_row(VerdictChange)) as cursor:
        return cursor.execute(
            f"select {_CHANGE} from verdict_changes where post_id = %s order by id", (post_id,)
        ).fetchall()


def _select(conn: Connection, where: str, params: tuple[object, ...]) -> list[Ruling]:
    with conn.cursor(row_factory=class_row(Ruling)) as cursor:
        return cursor.execute(f"select {COLUMNS} from rulings where {where}", params).fetchall()
