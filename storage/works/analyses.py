"""Analyses: one run of the oracle over one work, from queued to decided or failed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import IdempotencyConflict, NotFound
from storage.works.policies import Policy


@dataclass(frozen=True, kw_only=True)
class NewAnalysis:
    """What is known when an analysis is queued."""

    id: UUID
    source: str  # upload, request or index
    post_id: bytes
    creator_id: int | None
    media_type: str
    policy_version: int
    threshold_bps: int
    base_redirect_bps: int
    work_id: UUID | None = None
    request_id: bytes | None = None
    uri: str | None = None
    expected_sha256: bytes | None = None
    published_at: datetime | None = None
    # what a contract's request calls its creator by, 20 bytes
    account: bytes | None = None
    block_number: int | None = None
    committed_at: datetime | None = None
    # the analysis that this one looks at a second time
    reanalysis_of: UUID | None = None
    # its work became known after younger ones were judged
    late: bool = False

    @property
    def policy(self) -> Policy:
        """The policy that it is judged under."""
        return Policy(
            self.policy_version, self.media_type, self.threshold_bps, self.base_redirect_bps
        )


def second_look(before: NewAnalysis, source: str) -> NewAnalysis:
    """A new analysis of what was analysed before, under the same policy."""
    return NewAnalysis(
        id=uuid4(),
        source=source,
        post_id=before.post_id,
        creator_id=before.creator_id,
        media_type=before.media_type,
        policy_version=before.policy_version,
        threshold_bps=before.threshold_bps,
        base_redirect_bps=before.base_redirect_bps,
        work_id=before.work_id,
        reanalysis_of=before.id,
    )


@dataclass(frozen=True, kw_only=True)
class Analysis(NewAnalysis):
    """A stored analysis; what it concluded is None until it is decided."""

    status: str = "queued"
    stage: str = "queued"
    stage_done: int = 0
    stage_total: int = 1
    verdict: str | None = None
    reason: str | None = None
    similarity_bps: int | None = None
    tier: str | None = None
    redirect_bps: int | None = None
    matched_work_id: UUID | None = None
    evidence: bytes | None = None
    evidence_hash: bytes | None = None
    model_digest: bytes | None = None
    index_snapshot: int | None = None
    error_code: str | None = None
    error_detail: str | None = None
    created_at: datetime | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """Everything that a decided analysis adds."""

    verdict: str
    reason: str
    similarity_bps: int
    tier: str
    redirect_bps: int
    matched_work_id: UUID | None
    evidence: bytes
    evidence_hash: bytes
    model_digest: bytes
    index_snapshot: int
    decided_at: datetime


COLUMNS = (
    "id, source, post_id, creator_id, media_type, policy_version, threshold_bps,"
    " base_redirect_bps, work_id, request_id, uri, expected_sha256, published_at, block_number,"
    " committed_at, account, late, status, stage, stage_done, stage_total, verdict, reason,"
    " similarity_bps, tier, redirect_bps, matched_work_id, evidence, evidence_hash, model_digest,"
    " index_snapshot, error_code, error_detail, created_at, decided_at, again_of as reanalysis_of"
)


def add(conn: Connection, analysis: NewAnalysis) -> None:
    """Store a queued analysis."""
    conn.execute(
        "insert into analyses (id, source, post_id, creator_id, media_type, policy_version,"
        " threshold_bps, base_redirect_bps, work_id, request_id, uri, expected_sha256,"
        " published_at, block_number, committed_at, account, late, again_of) values (%(id)s,"
        " %(source)s, %(post_id)s, %(creator_id)s, %(media_type)s, %(policy_version)s,"
        " %(threshold_bps)s, %(base_redirect_bps)s, %(work_id)s, %(request_id)s, %(uri)s,"
        " %(expected_sha256)s, %(published_at)s, %(block_number)s, %(committed_at)s, %(account)s,"
        " %(late)s, %(reanalysis_of)s)",
        vars(analysis),
    )


def get(conn: Connection, analysis_id: UUID) -> Analysis:
    """Raises: NotFound."""
    with conn.cursor(row_factory=class_row(Analysis)) as cursor:
        analysis = cursor.execute(
            f"select {COLUMNS} from analyses where id = %s", (analysis_id,)
        ).fetchone()
    if analysis is None:
        raise NotFound(f"There is no analysis {analysis_id}.")
    return analysis


def verdicts_of(conn: Connection, ids: list[UUID]) -> dict[UUID, str | None]:
    """The verdict of each of those analyses: "failed" for one that ended without, None for one
    that goes on.
    """
    rows = conn.execute(
        "select id, case when status = 'failed' then 'failed' else verdict end from analyses where"
        " id = any(%s)",
        (ids,),
    ).fetchall()
    return dict(rows)


@dataclass(frozen=True)
class Progress:
    """How far an analysis is.

    Attributes:
        attestation: where its decision stands on the way to the chain; None where none goes there.
    """

    status: str
    stage: str
    done: int
    total: int
    verdict: str | None
    attestation: str | None

    @property
    def on_its_way(self) -> bool:
        """Return whether a report about it is still to be sent or mined."""
        return self.attestation in ("pending", "sent")

    @property
    def ended(self) -> bool:
        """Return whether it was decided, or failed."""
        return self.status in ("decided", "failed")


def find_progress(conn: Connection, ids: list[UUID]) -> dict[UUID, Progress]:
    """Return how far each of the analyses is, by id; those that do not exist are left out."""
    rows = conn.execute(
        "select a.id, a.status, a.stage, a.stage_done, a.stage_total, a.verdict, o.status"
        " from analyses a left join outbox o on o.analysis_id = a.id where a.id = any(%s)",
        (ids,),
    ).fetchall()
    return {row[0]: Progress(*row[1:]) for row in rows}


def find_by_request(conn: Connection, request_id: bytes) -> UUID | None:
    """The analysis that answers a contract's request, if it was seen before."""
    row = conn.execute("select id from analyses where request_id = %s", (request_id,)).fetchone()
    return row[0] if row else None


def set_stage(
    conn: Connection, analysis_id: UUID, stage: str, done: int = 0, total: int = 1
) -> None:
    """Say how far a running analysis is."""
    conn.execute(
        "update analyses set status = 'running', stage = %s, stage_done = %s, stage_total = %s,"
        " started_at = coalesce(started_at, now()) where id = %s and status in ('queued',"
        " 'running')",
        (stage, done, total, analysis_id),
    )


def begin(conn: Connection, analysis_id: UUID) -> int:
    """Count a run as failed until it proves otherwise, so that a run which kills its worker counts.

    Returns: how many runs had failed before.
    """
    row = conn.execute(
        "update analyses set failures = failures + 1 where id = %s returning failures - 1",
        (analysis_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def forgive(conn: Connection, analysis_id: UUID) -> None:
    """Take back one counted failure: the run ended well, or what it needs is away for everybody."""
    conn.execute(
        "update analyses set failures = greatest(0, failures - 1) where id = %s", (analysis_id,)
    )


def waiting_since(conn: Connection, analysis_id: UUID) -> datetime:
    """Since when this analysis waits for works that came first: since now, if it did not before."""
    row = conn.execute(
        "update analyses set waiting_since = coalesce(waiting_since, clock_timestamp()) where id ="
        " %s returning waiting_since",
        (analysis_id,),
    ).fetchone()
    assert row is not None
    since: datetime = row[0]
    return since


def is_late(conn: Connection, analysis_id: UUID) -> bool:
    """Whether its work became known after younger ones were judged."""
    row = conn.execute("select late from analyses where id = %s", (analysis_id,)).fetchone()
    return bool(row and row[0])


def find_abandoned(conn: Connection) -> list[UUID]:
    """Analyses that go on, but that no job will go on with."""
    rows = conn.execute(
        "select id from analyses a where status in ('queued', 'running') and created_at < now() -"
        " interval '1 minute' and not exists (select 1 from procrastinate_jobs where status in"
        " ('todo', 'doing') and args->>'analysis_id' = a.id::text) and not exists (select from"
        " waiting_decisions d where d.analysis_id = a.id)"
    ).fetchall()
    return [row[0] for row in rows]


# What waits for an answer first, as a rule nothing; then, once for all of it, the first number
# still on its way. The other way round every failed work is looked at: those never become visible.
_INCOMPLETE = """
with unanswered as materialized (
    select a.id, a.decided_at, w.registration from analyses a join works w on w.id = a.work_id
    where a.reason = 'incomplete_search' and a.status = 'decided'
        and w.erased_at is null
        and not exists (select 1 from analyses later where later.work_id = a.work_id
            and (later.again_of = a.id or later.created_at > a.created_at))
), on_its_way as materialized (
    select least(
        (select min(e.registration) from analyses p join works e on e.id = p.work_id
            where p.status in ('queued', 'running') and e.visible_at is null),
        (select min(registration) from analyses where work_id is null and status in ('queued',
            'running'))
    ) as first
)
select id from unanswered cross join on_its_way where first is null or first >= registration
order by decided_at limit %s
"""


def find_incomplete(conn: Connection, limit: int) -> list[UUID]:
    """Analyses that could not look at everything, and now could: no earlier work is still on its
    way into the index.

    Each once: those that were re-analysed, or whose work was analysed since for another reason, are
    left out. A re-analysis that could not look at everything either is one of them. What failed
    meanwhile will never come, and is waited for no longer.
    """
    rows = conn.execute(_INCOMPLETE, (limit,)).fetchall()
    return [row[0] for row in rows]


def find_newest(conn: Connection, post_id: bytes) -> UUID | None:
    """The newest decided analysis of a post, None where there is none."""
    row = conn.execute(
        "select id from analyses where post_id = %s and status = 'decided' order by decided_at"
        " desc, id limit 1",
        (post_id,),
    ).fetchone()
    return row[0] if row else None


def contested_among(conn: Connection, work_ids: list[UUID]) -> set[UUID]:
    """Those of the works whose newest decision is that two creators claim them, also where the
    time to decide between them is over.
    """
    rows = conn.execute(
        "select distinct on (work_id) work_id, verdict, reason from analyses where work_id = any("
        "%s) and status = 'decided' order by work_id, decided_at desc",
        (work_ids,),
    ).fetchall()
    contested = (("undecided", "contested"), ("undecided", "review_lapsed"))
    return {row[0] for row in rows if row[1:] in contested}


@dataclass(frozen=True)
class Newest:
    """The newest analysis of a work: what it is, and what the last decision was."""

    analysis_id: UUID
    status: str


# The newest analysis of each work that may still be judged anew: its last decision is in the time
# for disputes. After that a ruling changes it, and nothing else.
_CHANGEABLE = """
select distinct on (a.work_id) a.id as analysis_id, a.status from analyses a
join lateral (
    select decided_at, policy_version, verdict, reason from analyses d
    where d.work_id = a.work_id and d.status = 'decided' order by decided_at desc limit 1
) decided on true
left join policy_terms t on t.version = decided.policy_version
join works w on w.id = a.work_id
where a.work_id = any(%(works)s) and w.erased_at is null
    and (decided.decided_at + make_interval(secs => coalesce(t.dispute_window_s, %(window_s)s))
        > now() or exists (select from post_terms p where p.post_id = a.post_id
            and (p.disputed or p.final_at > now())))
    -- a person's ruling stands
    and decided.reason <> 'reviewed'
    and not (decided.verdict = 'undecided' and decided.reason in ('contested', 'review_lapsed')
        and %(skip_contested)s)
order by a.work_id, a.created_at desc, a.id
"""


def find_changeable(
    conn: Connection, work_ids: list[UUID], window_s: float, *, skip_contested: bool = False
) -> list[Newest]:
    """The newest analysis of each of these works whose result is provisional.

    Args:
        window_s: the time for disputes under a policy that is not the chain's.
        skip_contested: leave out those that are known to be contested.
    """
    with conn.cursor(row_factory=class_row(Newest)) as cursor:
        return cursor.execute(
            _CHANGEABLE, {"works": work_ids, "window_s": window_s, "skip_contested": skip_contested}
        ).fetchall()


# Of an analysis that ends a review: the contract carries it out, and nobody vetoed it.
IN_FORCE = """(analyses.source <> 'review' or coalesce((
    select r.status from rulings r where r.appeal_id is null
    and r.analysis_id in (analyses.id, analyses.again_of) order by r.opened_at desc, r.id limit 1
), 'in_force') in ('in_force', 'overruled'))"""


def find_dependents(conn: Connection, work_id: UUID) -> list[UUID]:
    """The works whose newest decision is that they copy this one."""
    rows = conn.execute(
        "select w.work_id from (select distinct work_id from analyses where matched_work_id ="
        " %(work)s and verdict = 'derivative' and work_id is not null) w cross join lateral"
        " (select verdict, matched_work_id from analyses where work_id = w.work_id and status ="
        f" 'decided' and {IN_FORCE} order by decided_at desc, id limit 1) newest where"
        " newest.verdict = 'derivative' and newest.matched_work_id = %(work)s",
        {"work": work_id},
    ).fetchall()
    return [row[0] for row in rows]


def find_self_accused(conn: Connection, creator_id: int) -> list[UUID]:
    """The works of a creator whose newest decision is that they copy another one of theirs, or that
    both contest each other.
    """
    rows = conn.execute(
        "select w.id from works w cross join lateral (select verdict, reason, matched_work_id"
        " from analyses where work_id = w.id and status = 'decided' order by decided_at desc, id"
        " limit 1) newest where w.creator_id = %(creator)s and (newest.reason = 'contested' or"
        " newest.verdict = 'derivative' and exists (select from works m where m.id ="
        " newest.matched_work_id and m.creator_id = %(creator)s))",
        {"creator": creator_id},
    ).fetchall()
    return [row[0] for row in rows]


def find_reanalysis(conn: Connection, analysis_id: UUID) -> UUID | None:
    """The newest re-analysis of this one, None if there is none."""
    row = conn.execute(
        "select id from analyses where again_of = %s order by created_at desc, id limit 1",
        (analysis_id,),
    ).fetchone()
    return row[0] if row else None


def first_of(conn: Connection, work_id: UUID) -> UUID:
    """The first analysis of a work, which its upload was answered by."""
    row = conn.execute(
        "select id from analyses where work_id = %s order by created_at, id limit 1", (work_id,)
    ).fetchone()
    assert row is not None
    found: UUID = row[0]
    return found


@dataclass(frozen=True)
class QueueFacts:
    """What decides when an analysis is worked on, and by whom: its media must be fetched first; its
    place; its medium, None where that is not known yet.
    """

    to_fetch: bool
    sequence: int
    history: bool
    media_type: str | None = None


def queue_facts(conn: Connection, analysis_id: UUID) -> QueueFacts:
    """Before all works where it is no analysis, but the number of a claim or of a work whose
    younger copies are to be found.
    """
    row = conn.execute(
        "select a.work_id is null and coalesce(a.uri, '') <> '', coalesce(w.registration,"
        " a.registration, 0), a.source = 'index' and w.read_number is null, w.media_type from"
        " analyses a left join works w on w.id = a.work_id where a.id = %s",
        (analysis_id,),
    ).fetchone()
    return QueueFacts(*row) if row else QueueFacts(to_fetch=False, sequence=0, history=False)


def find_key(conn: Connection, key: str) -> tuple[bytes, UUID] | None:
    """What an idempotency key was used for: hash of the request, and its analysis."""
    row = conn.execute(
        "select request_hash, analysis_id from idempotency_keys where key = %s", (key,)
    ).fetchone()
    return (bytes(row[0]), row[1]) if row else None


def lock_work(conn: Connection, analysis_id: UUID) -> UUID | None:
    """The work of an analysis, None if it has none yet; no other worker can give it one until
    the transaction ends.
    """
    row = conn.execute(
        "select work_id from analyses where id = %s for update", (analysis_id,)
    ).fetchone()
    return row[0] if row else None


def attach_work(conn: Connection, analysis_id: UUID, work_id: UUID) -> None:
    """Tie a request's analysis to the work that was fetched for it."""
    conn.execute("update analyses set work_id = %s where id = %s", (work_id, analysis_id))


def conclude(conn: Connection, analysis_id: UUID, conclusion: Conclusion) -> bool:
    """Write the verdict, once. Returns False if the analysis was already decided or failed."""
    cursor = conn.execute(
        "update analyses set status = 'decided', stage = 'decided', stage_done = 1, stage_total ="
        " 1, verdict = %(verdict)s, reason = %(reason)s, similarity_bps = %(similarity_bps)s, tier"
        " = %(tier)s, redirect_bps = %(redirect_bps)s, matched_work_id = %(matched_work_id)s,"
        " evidence = %(evidence)s, evidence_hash = %(evidence_hash)s, model_digest ="
        " %(model_digest)s, index_snapshot = %(index_snapshot)s, decided_at = %(decided_at)s where"
        " id = %(analysis)s and status in ('queued', 'running')",
        {**vars(conclusion), "analysis": analysis_id},
    )
    return cursor.rowcount == 1


def fail(
    conn: Connection,
    analysis_id: UUID,
    code: str,
    detail: str,
    evidence: bytes,
    evidence_hash: bytes,
) -> bool:
    """Write that the analysis ended without a verdict, once.

    Returns False if it had ended before.
    """
    cursor = conn.execute(
        "update analyses set status = 'failed', error_code = %s, error_detail = %s, evidence = %s,"
        " evidence_hash = %s, decided_at = now() where id = %s and status in ('queued', 'running')",
        (code, detail, evidence, evidence_hash, analysis_id),
    )
    return cursor.rowcount == 1


def claim_key(conn: Connection, key: str, request_hash: bytes, analysis_id: UUID) -> UUID:
    """The analysis of the first request that carried this idempotency key: this one, or an earlier
    one.

    Of requests that arrive together all but one wait here until the first has committed.

    Raises: IdempotencyConflict if the key came with another request before.
    """
    conn.execute(
        "insert into idempotency_keys (key, request_hash, analysis_id) values (%s, %s, %s) on"
        " conflict do nothing",
        (key, request_hash, analysis_id),
    )
    row = conn.execute(
        "select request_hash, analysis_id from idempotency_keys where key = %s", (key,)
    ).fetchone()
    assert row is not None
    if bytes(row[0]) != request_hash:
        raise IdempotencyConflict
    return UUID(str(row[1]))


def move_key(conn: Connection, key: str, analysis_id: UUID) -> None:
    """Let an idempotency key that was just claimed name another analysis: the work was known."""
    conn.execute("update idempotency_keys set analysis_id = %s where key = %s", (analysis_id, key))
