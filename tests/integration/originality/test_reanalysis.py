"""What an incomplete search left undecided is judged again when what was missing has come, once."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from integration.originality.test_analysis_failures import failures, oracle, upload, view
from integration.originality.test_reanalysis_requests import analysis_of, ask
from starlette.testclient import TestClient
from support.photos import edited, photo

from oracle import wiring
from oracle.chain.core.report import Outcome
from oracle.jobs import Jobs
from oracle.originality import reanalysis, rejudge
from oracle.originality.analysis import Originality
from oracle.settings import Settings
from storage.chain import outbox
from storage.database import Database
from storage.works import analyses
from storage.works.analyses import Newest

__all__ = ["oracle"]  # the fixture
COPY = edited(photo("cat"), "resized")


@pytest.fixture
def jobs(db: Database) -> Jobs:
    return Jobs(db.dsn)


def gave_up(
    client: TestClient, oracle: Originality, db: Database, content: bytes, creator: str
) -> UUID:
    """An upload that waited in vain for what came first."""
    analysis_id = upload(client, content, creator)
    with db.transaction() as conn:
        conn.execute(
            "update analyses set waiting_since = now() - interval '2 hours' where id = %s",
            (analysis_id,),
        )
    oracle.analyse(analysis_id)
    assert view(client, analysis_id)["reason"] == "incomplete_search"
    return analysis_id


def reanalysis_of(client: TestClient, analysis_id: UUID) -> dict[str, Any]:
    again = view(client, analysis_id)["second_look"]
    assert again is not None
    return view(client, again)


def test_a_copy_is_found_once_the_earlier_work_can_be(
    client: TestClient, oracle: Originality, db: Database, jobs: Jobs, drain: Callable[[], None]
) -> None:
    first = upload(client, photo("cat"), "alice")
    copy = gave_up(client, oracle, db, COPY, "bob")
    innocent = gave_up(client, oracle, db, photo("rocket"), "carol")
    assert reanalysis.queue_incomplete(db, jobs) == 0, "alice's picture is still to be read"
    assert view(client, copy)["second_look"] is None
    oracle.analyse(first)  # and with it the copy is queued
    # Whoever was judged under one policy is judged again under the same.
    with db.transaction() as conn:
        conn.execute(
            "insert into policies select 2, media_type, 9999, 0 from policies where version = 1"
        )
    assert reanalysis.queue_incomplete(db, jobs) == 1
    assert reanalysis.queue_incomplete(db, jobs) == 0, "once"
    drain()
    found = reanalysis_of(client, copy)
    assert (found["verdict"], found["original"]["creator"], found["threshold"]) == (
        "derivative",
        "alice",
        0.95,
    )
    assert found["work"] == view(client, copy)["work"]
    assert reanalysis_of(client, innocent)["verdict"] == "original"
    assert reanalysis.queue_incomplete(db, jobs) == 0
    # The contract has its answer; another report about the same upload would be refused there.
    with db.transaction() as conn:
        sent = conn.execute(
            "select report->>'outcome' from outbox where analysis_id = %s", (copy,)
        ).fetchall()
        assert conn.execute(
            "select count(*) from outbox where analysis_id = %s", (found["analysis_id"],)
        ).fetchone() == (0,)
    assert len(sent) == 1
    assert f"/analyses/{found['analysis_id']}" in client.get(f"/analyses/{copy}").text


def test_the_contract_hears_of_it_when_it_is_asked_again(
    client: TestClient,
    oracle: Originality,
    db: Database,
    jobs: Jobs,
    settings: Settings,
    drain: Callable[[], None],
) -> None:
    first = upload(client, photo("cat"), "alice")
    copy = gave_up(client, oracle, db, COPY, "bob")
    oracle.analyse(first)
    reanalysis.queue_incomplete(db, jobs)
    drain()
    work = view(client, copy)["work"]
    asked = analysis_of(db, ask(settings, db, work["post_id"], work["sha256"]))
    drain()
    with db.transaction() as conn:
        sent = conn.execute(
            "select kind, report from outbox where analysis_id = %s", (asked.id,)
        ).fetchone()
    assert sent is not None and sent[0] == "fulfill"
    again = reanalysis_of(client, copy)
    assert (sent[1]["outcome"], sent[1]["similarity_bps"]) == (
        Outcome.DERIVATIVE,
        again["similarity_bps"],
    )
    assert sent[1]["original_post_id"] == again["original"]["post_id"]


def test_what_failed_is_waited_for_no_longer(
    client: TestClient,
    oracle: Originality,
    db: Database,
    jobs: Jobs,
    settings: Settings,
    drain: Callable[[], None],
) -> None:
    lost = upload(client, photo("cat"), "alice")
    copy = gave_up(client, oracle, db, COPY, "bob")
    with db.transaction() as conn:
        for _ in range(settings.worker.attempts):
            analyses.begin(conn, lost)
    oracle.analyse(lost)
    assert failures(db, lost) > settings.worker.attempts
    assert reanalysis.queue_incomplete(db, jobs) == 1
    drain()
    assert reanalysis_of(client, copy)["verdict"] == "original"


def test_erased_works_and_those_judged_since_are_left_alone(
    client: TestClient, oracle: Originality, db: Database, jobs: Jobs
) -> None:
    first = upload(client, photo("cat"), "alice")
    erased = gave_up(client, oracle, db, COPY, "bob")
    judged = gave_up(client, oracle, db, photo("rocket"), "carol")
    oracle.analyse(first)
    assert client.delete(
        f"/v1/works/{view(client, erased)['work']['id']}",
        headers={"Authorization": "Bearer operator"},
    ).is_success
    with db.transaction() as conn:
        conn.execute(
            "insert into analyses (id, source, post_id, media_type, policy_version, threshold_bps,"
            " base_redirect_bps, work_id) select gen_random_uuid(), 'index', post_id, media_type,"
            " 1, 9500, 10000, work_id from analyses where id = %s",
            (judged,),
        )
        assert analyses.find_incomplete(conn, 10) == []


def test_works_that_failed_are_not_looked_at_in_each_round(
    client: TestClient, oracle: Originality, db: Database
) -> None:
    """They stay among the invisible for ever; one answer is still to be given, another was given
    long ago.
    """
    first = upload(client, photo("cat"), "alice")
    waits, answered = (
        gave_up(client, oracle, db, photo(name), "bob") for name in ("coffee", "rocket")
    )
    with db.transaction() as conn:
        (names,) = conn.execute(
            "select string_agg(column_name, ', ') from information_schema.columns where table_name"
            " = 'works' and is_generated = 'NEVER' and column_name not in ('id', 'registration')"
        ).fetchone() or ("",)
        conn.execute(
            f"insert into works (id, registration, {names}) select gen_random_uuid(), -n, {names}"  # type: ignore[arg-type]
            " from works, generate_series(1, 500) n where id = (select work_id from analyses where"
            " id = %s)",
            (first,),
        )
        conn.execute(
            "insert into analyses (id, source, post_id, media_type, policy_version, threshold_bps,"
            " base_redirect_bps, work_id, status) select gen_random_uuid(), 'index', post_id,"
            " media_type, 1, 9500, 10000, id, 'failed' from works where registration < 0 or id ="
            " (select work_id from analyses where id = %s)",
            (answered,),
        )
    with db.transaction() as conn:
        assert analyses.find_incomplete(conn, 10) == []
        ((plan,),) = conn.execute(
            "explain (analyze, format json) " + analyses._INCOMPLETE, (10,)
        ).fetchall()
        assert rows_read(plan[0]["Plan"], "works") < 20
    oracle.analyse(first)
    with db.transaction() as conn:
        assert analyses.find_incomplete(conn, 10) == [waits]


def test_jobs_that_failed_for_good_are_not_looked_at_in_each_round(db: Database) -> None:
    with db.transaction() as conn:
        conn.execute("set local enable_seqscan = off")
        plan = conn.execute(
            "explain select 1 from analyses a where exists (select 1 from procrastinate_jobs where"
            " status in ('todo', 'doing') and args->>'analysis_id' = a.id::text)"
        ).fetchall()
    assert "procrastinate_jobs_analysis" in str(plan)


def rows_read(plan: dict[str, Any], table: str) -> int:
    """Rows of a table that the parts of a plan came across, also in vain."""
    read = (
        plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        if plan.get("Relation Name") == table
        else 0
    )
    return int(read * plan["Actual Loops"]) + sum(
        rows_read(part, table) for part in plan.get("Plans", [])
    )


def test_the_clerk_looks_again(
    client: TestClient, oracle: Originality, db: Database, settings: Settings
) -> None:
    first = upload(client, photo("cat"), "alice")
    copy = gave_up(client, oracle, db, COPY, "bob")
    oracle.analyse(first)
    scheduler = wiring.make_scheduler(settings, db)
    assert scheduler.round(datetime.now(UTC))
    assert reanalysis_of(client, copy)["status"] == "queued"


def test_what_was_decided_under_a_policy_that_ended_is_decided_and_attested_anew(
    client: TestClient, oracle: Originality, db: Database, jobs: Jobs, drain: Callable[[], None]
) -> None:
    first = upload(client, photo("cat"), "alice")
    oracle.analyse(first)
    copy = upload(client, COPY, "bob")
    oracle.analyse(copy)
    with db.transaction() as conn:
        (sent,) = [
            row
            for row in outbox.ready(conn, up_to_block=0, limit=10)
            if row.analysis_id == UUID(str(copy))
        ]
        outbox.refuse(conn, sent.id, "PolicyNotInForce", "PolicyNotInForce(1, 1790000000)")
        conn.execute(
            "insert into policies select 2, media_type, 9000, 5000 from policies where version = 1"
        )
    assert view(client, copy)["attestation"]["error_code"] == "PolicyNotInForce"
    with db.transaction() as conn:  # it was looked at again for another reason meanwhile
        rejudge.queue(conn, jobs, [Newest(copy, "decided")])
    drain()
    assert reanalysis_of(client, copy)["threshold"] == 0.95
    assert reanalysis.queue_out_of_policy(db, jobs) == 1
    assert reanalysis.queue_out_of_policy(db, jobs) == 0, "once"
    drain()
    again = reanalysis_of(client, copy)
    assert (again["verdict"], again["threshold"]) == ("derivative", 0.9)
    assert again["attestation"]["status"] == "pending"
    assert again["attestation"]["request_id"] == "0x" + sent.request_id.hex()
    assert view(client, copy)["attestation"] is None, "the chain never took it"
    with db.transaction() as conn:
        anew = outbox.find_attestation(conn, UUID(again["analysis_id"]))
    assert anew is not None and anew.report["config_version"] == 2
    assert reanalysis.queue_out_of_policy(db, jobs) == 0
