"""Appeals against verdicts: both sides heard, somebody else decides, and a won one lasts."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from support.cases import DAY, NOW, Case
from support.platform import Platform

from oracle.appeals import verdict_notices
from oracle.appeals import verdicts as verdict_appeals
from oracle.appeals.attachments import add_attachment
from oracle.appeals.errors import (
    AccuserCannotDecide,
    AppealExists,
    NothingToAppeal,
    NotYourCase,
    StepNotPossible,
    TooLate,
    TooManyAttachments,
    UnknownGround,
)
from oracle.jobs import Jobs
from oracle.notices.actors import MACHINE
from oracle.notices.errors import MissingFact
from oracle.originality import reanalysis
from oracle.payouts import payments
from oracle.tasks.fraud import Upkeep
from storage.blobs.local import LocalBlobs
from storage.cases import appeals, messages, settlements
from storage.database import Connection, Database
from storage.fraud import audit_log
from storage.ledger import ledger
from storage.works import analyses, policies, works


@dataclass
class Quarrel:
    """An original by one creator, and posts of others that were called copies of it."""

    platform: Platform
    owner: int
    poster: int
    original: UUID
    analysis: UUID
    post: bytes
    others: list[UUID]

    @property
    def db(self) -> Database:
        return self.platform.db

    def appeal(
        self, *, now=NOW, ground: str = "mine_and_earlier", creator_id: int | None = None
    ) -> UUID:
        with self.db.transaction() as conn:
            return verdict_appeals.appeal_verdict(
                conn,
                self.analysis,
                creator_id=creator_id or self.poster,
                actor="bob",
                ground=ground,
                statement="I have the raw file.",
                now=now,
            )

    def decide(
        self, appeal: UUID, *, granted: bool, actor: str = "maria", now=NOW + 8 * DAY
    ) -> list[UUID]:
        with self.db.transaction() as conn:
            return verdict_appeals.decide_verdict(
                conn,
                appeal,
                granted=granted,
                actor=actor,
                convinced="The raw file is older.",
                now=now,
            )

    def notices_sent(self, creator_id: int) -> dict[str, str]:
        with self.db.transaction() as conn:
            return {notice.kind: notice.body for notice in messages.page(conn, creator_id)}


def add_work(conn: Connection, creator_id: int, name: str) -> tuple[UUID, bytes]:
    work, post = uuid4(), hashlib.sha256(name.encode()).digest()
    works.add_work(
        conn,
        works.NewWork(
            id=work,
            creator_id=creator_id,
            post_id=post,
            media_type="image",
            sha256=hashlib.sha256(b"content " + name.encode()).digest(),
            mime="image/png",
            size_bytes=10,
            width=5,
            height=5,
            file_name=f"{name}.png",
            blob_key=f"sha256/{name}",
        ),
    )
    return work, post


def add_copy(conn: Connection, creator_id: int, name: str, original: UUID) -> tuple[UUID, bytes]:
    work, post = add_work(conn, creator_id, name)
    analysis = uuid4()
    analyses.add(
        conn,
        analyses.NewAnalysis(
            id=analysis,
            source="upload",
            post_id=post,
            creator_id=creator_id,
            media_type="image",
            policy_version=1,
            threshold_bps=9_500,
            base_redirect_bps=10_000,
            work_id=work,
        ),
    )
    analyses.conclude(
        conn,
        analysis,
        analyses.Conclusion(
            verdict="derivative",
            reason="copy_of_earlier",
            similarity_bps=9_800,
            tier="high",
            redirect_bps=6_000,
            matched_work_id=original,
            evidence=b"{}",
            evidence_hash=bytes(32),
            model_digest=bytes(32),
            index_snapshot=1,
            decided_at=NOW - DAY,
        ),
    )
    return analysis, post


@pytest.fixture
def quarrel(db: Database) -> Quarrel:
    platform = Platform(db)
    owner, poster, third = (platform.creator(name) for name in ("anna", "bob", "cleo"))
    with db.transaction() as conn:
        original, _ = add_work(conn, owner, "original")
        analysis, post = add_copy(conn, poster, "holiday", original)
        others = [add_copy(conn, third, f"other{n}", original)[0] for n in range(2)]
    platform.grade(post, "C")
    platform.earns(post, 10_000)
    platform.run(NOW)
    return Quarrel(platform, owner, poster, original, analysis, post, others)


def contested(quarrel: Quarrel) -> int:
    with quarrel.db.transaction() as conn:
        return ledger.waiting(conn, quarrel.post).contested


def test_a_won_appeal_pays_back_settles_the_pair_for_good_and_checks_the_others_again(
    quarrel: Quarrel,
) -> None:
    assert contested(quarrel) == 6_000
    appeal = quarrel.appeal()
    quarrel.platform.run(NOW + 30 * DAY)
    assert contested(quarrel) == 6_000  # the window is over, but the dispute is open: it waits
    assert sorted(quarrel.decide(appeal, granted=True)) == sorted(quarrel.others)
    quarrel.platform.run(NOW + 60 * DAY)
    assert contested(quarrel) == 0
    assert quarrel.platform.totals(quarrel.poster).available == 10_000
    with quarrel.db.transaction() as conn:
        copy = works.get_work(conn, analyses.get(conn, quarrel.analysis).work_id)
        settled = settlements.find(conn, copy.sha256, quarrel.poster, [quarrel.original])
        stranger = settlements.find(conn, copy.sha256, quarrel.owner, [quarrel.original])
        assert {number for _, number in appeals.open_rechecks(conn)} == set(quarrel.others)
        assert audit_log.find_break(conn) is None
    assert [(pair.is_subject, pair.others) for pair in settled] == [(True, [quarrel.original])]
    assert stranger == []
    notices_sent = quarrel.notices_sent(quarrel.poster)
    assert "$60.00 that waited was paid to you" in notices_sent["appeal_result"]
    assert "The raw file is older." in notices_sent["appeal_result"]
    assert "maria, who had no part" in notices_sent["appeal_result"]


def test_a_later_analysis_does_not_bring_the_redirect_back(quarrel: Quarrel) -> None:
    quarrel.decide(quarrel.appeal(), granted=True)
    with quarrel.db.transaction() as conn:
        again = uuid4()
        work = analyses.get(conn, quarrel.analysis).work_id
        analyses.add(
            conn,
            analyses.NewAnalysis(
                id=again,
                source="index",
                post_id=quarrel.post,
                creator_id=quarrel.poster,
                media_type="image",
                policy_version=1,
                threshold_bps=9_500,
                base_redirect_bps=10_000,
                work_id=work,
            ),
        )
        analyses.conclude(
            conn,
            again,
            analyses.Conclusion(
                verdict="derivative",
                reason="copy_of_earlier",
                similarity_bps=9_900,
                tier="high",
                redirect_bps=8_000,
                matched_work_id=quarrel.original,
                evidence=b"{}",
                evidence_hash=bytes(32),
                model_digest=bytes(32),
                index_snapshot=1,
                decided_at=NOW + 9 * DAY,
            ),
        )
    quarrel.platform.run(NOW + 10 * DAY)
    assert quarrel.platform.find_terms(quarrel.post).verdict == "original"


def test_a_lost_appeal_can_go_on_once_more_and_yet_another_person_decides(quarrel: Quarrel) -> None:
    first = quarrel.appeal()
    quarrel.decide(first, granted=False)
    with quarrel.db.transaction() as conn:
        assert appeals.open_rechecks(conn) == []
    second = quarrel.appeal(now=NOW + 9 * DAY)
    with pytest.raises(AccuserCannotDecide, match="maria"):
        quarrel.decide(second, granted=True, actor="maria", now=NOW + 20 * DAY)
    quarrel.decide(second, granted=False, actor="peter", now=NOW + 20 * DAY)
    with pytest.raises(NothingToAppeal, match="last step"):
        quarrel.appeal(now=NOW + 21 * DAY)
    quarrel.platform.run(NOW + 40 * DAY)
    assert quarrel.platform.totals(quarrel.owner).available == 6_000


def test_the_database_itself_refuses_the_first_decider(quarrel: Quarrel) -> None:
    appeal = quarrel.appeal()
    with pytest.raises(appeals.SamePersonDecides), quarrel.db.transaction() as conn:
        appeals.decide(conn, appeal, outcome="granted", decided_by=MACHINE, convinced="x", now=NOW)
    with pytest.raises(psycopg.errors.CheckViolation), quarrel.db.transaction() as conn:
        conn.execute(
            "update appeals set status = 'decided', outcome = 'granted', decided_by ="
            " first_decider, convinced = 'x'"
        )


def test_the_other_side_is_heard_before_anybody_decides(quarrel: Quarrel) -> None:
    appeal = quarrel.appeal()
    assert "I have the raw file." in quarrel.notices_sent(quarrel.owner)["appeal_other_side"]
    with pytest.raises(StepNotPossible, match="can still answer"):
        quarrel.decide(appeal, granted=True, now=NOW + DAY)
    with pytest.raises(NotYourCase), quarrel.db.transaction() as conn:
        verdict_appeals.add_other_view(
            conn, appeal, creator_id=quarrel.poster, actor="bob", view="No!", now=NOW + DAY
        )
    with quarrel.db.transaction() as conn:
        verdict_appeals.add_other_view(
            conn, appeal, creator_id=quarrel.owner, actor="anna", view="It is mine.", now=NOW + DAY
        )
    with pytest.raises(TooLate), quarrel.db.transaction() as conn:
        verdict_appeals.add_other_view(
            conn, appeal, creator_id=quarrel.owner, actor="anna", view="And again.", now=NOW + DAY
        )
    quarrel.decide(appeal, granted=False, now=NOW + 2 * DAY)
    with quarrel.db.transaction() as conn:
        assert [e.step for e in audit_log.of_appeal(conn, appeal)] == ["appeal", "answer", "decide"]


def test_neither_side_decides(quarrel: Quarrel) -> None:
    appeal = quarrel.appeal()
    for side in ("creator:anna", "creator:bob"):
        with pytest.raises(NotYourCase):
            quarrel.decide(appeal, granted=True, actor=side)
    # somebody else who happens to have that name
    quarrel.decide(appeal, granted=True, actor="key:anna")


def test_what_cannot_be_appealed(quarrel: Quarrel) -> None:
    with pytest.raises(NotYourCase):
        quarrel.appeal(creator_id=quarrel.owner)
    with pytest.raises(UnknownGround):
        quarrel.appeal(ground="real_people")
    with pytest.raises(TooLate):
        quarrel.appeal(now=NOW + timedelta(days=200))
    quarrel.appeal()
    with pytest.raises(AppealExists):
        quarrel.appeal()


def test_files_are_kept_by_their_content_and_only_while_the_appeal_is_open(
    quarrel: Quarrel, tmp_path: Path
) -> None:
    blobs, file, appeal = LocalBlobs(tmp_path / "blobs"), tmp_path / "raw", quarrel.appeal()
    file.write_bytes(b"%PDF-1.7 a contract")

    def add(name: str = "../contract.pdf") -> int:
        return add_attachment(quarrel.db, blobs, appeal, file, name, actor="bob", now=NOW)

    assert add() == add("again.pdf")
    with quarrel.db.transaction() as conn:
        (kept,) = appeals.attachments(conn, appeal)
    assert (kept.file_name, kept.mime, kept.size_bytes) == ("contract.pdf", "application/pdf", 19)
    with blobs.open(kept.blob_key) as content:
        assert content.read() == b"%PDF-1.7 a contract"
    for number in range(9):
        file.write_bytes(b"<script>%d</script>" % number)
        add(f"page{number}.html")
    with quarrel.db.transaction() as conn:
        assert {f.mime for f in appeals.attachments(conn, appeal)} == {
            "application/pdf",
            "application/octet-stream",
        }
    file.write_bytes(b"one too many")
    with pytest.raises(TooManyAttachments):
        add()
    quarrel.decide(appeal, granted=False)
    with pytest.raises(TooLate):
        add()


def test_pay_that_was_frozen_is_named_when_it_is_free_again(db: Database) -> None:
    platform = Platform(db)
    creator = platform.creator("dora")
    post = platform.post(creator, title="Dance")
    platform.terms(post)
    platform.grade(post, "A")
    with db.transaction() as conn:
        payments.freeze(conn, uuid4(), now=NOW, until=NOW + DAY, post_id=post)
    platform.earns(post, 10_000)
    platform.run(NOW)
    assert platform.totals(creator).available == 0
    platform.run(NOW + 2 * DAY)
    assert platform.totals(creator).available == 12_000


def test_whose_work_was_found_to_be_a_copy_is_told_once_with_every_number(quarrel: Quarrel) -> None:
    assert verdict_notices.send_due(quarrel.db, NOW) == 3
    assert verdict_notices.send_due(quarrel.db, NOW) == 0
    body = quarrel.notices_sent(quarrel.poster)["copy_found"]
    for said in (
        '"original.png" by anna',
        "60 % of what it earns",
        "100 % × (98 % − 95 %) / (100 % − 95 %) = 60 %",
        "free of charge",
        str(quarrel.analysis),
        "26 November 2026",
    ):
        assert said in body


def again(
    quarrel: Quarrel, analysis: UUID, *, at, redirect_bps: int = 6_000, verdict: str = "derivative"
) -> UUID:
    """The same work is decided on once more."""
    with quarrel.db.transaction() as conn:
        before, number = analyses.get(conn, analysis), uuid4()
        analyses.add(
            conn,
            analyses.NewAnalysis(
                id=number,
                source="index",
                post_id=before.post_id,
                creator_id=before.creator_id,
                media_type="image",
                policy_version=1,
                threshold_bps=9_500,
                base_redirect_bps=10_000,
                work_id=before.work_id,
            ),
        )
        match = quarrel.original if verdict == "derivative" else None
        analyses.conclude(
            conn,
            number,
            analyses.Conclusion(
                verdict=verdict,
                reason="copy_of_earlier",
                similarity_bps=9_800,
                tier="high",
                redirect_bps=redirect_bps,
                matched_work_id=match,
                evidence=b"{}",
                evidence_hash=bytes(32),
                model_digest=bytes(32),
                index_snapshot=1,
                decided_at=at,
            ),
        )
    return number


def test_checks_do_not_multiply(quarrel: Quarrel) -> None:
    newer = again(quarrel, quarrel.others[0], at=NOW)
    # rests on it no longer
    again(quarrel, quarrel.others[1], at=NOW, redirect_bps=0, verdict="original")
    again(quarrel, quarrel.analysis, at=NOW)  # the appealed work itself
    appeal = quarrel.appeal()
    assert quarrel.decide(appeal, granted=True) == [newer]
    with quarrel.db.transaction() as conn:
        another = appeals.NewAppeal(
            id=uuid4(),
            kind="originality",
            creator_id=quarrel.poster,
            ground="other",
            statement="x",
            filed_at=NOW,
            first_decider=MACHINE,
            decide_by=NOW,
            analysis_id=quarrel.analysis,
        )
        appeals.add(conn, another)
        # it waits already
        assert appeals.queue_rechecks(conn, another.id, quarrel.original, "x") == []
        policies.record(conn, policies.Policy(2, "image", 9_600, 10_000))
    jobs = Jobs(quarrel.db.dsn)
    assert reanalysis.queue_rechecks(quarrel.db, jobs) == 1
    with quarrel.db.transaction() as conn:
        # it is in the queue
        assert appeals.queue_rechecks(conn, another.id, quarrel.original, "x") == []


def test_a_check_that_comes_to_the_same_writes_no_letter(quarrel: Quarrel) -> None:
    assert verdict_notices.send_due(quarrel.db, NOW) == 3
    again(quarrel, quarrel.analysis, at=NOW + DAY)
    assert verdict_notices.send_due(quarrel.db, NOW + DAY) == 0
    again(quarrel, quarrel.analysis, at=NOW + 2 * DAY, redirect_bps=7_000)
    assert verdict_notices.send_due(quarrel.db, NOW + 2 * DAY) == 1
    again(quarrel, quarrel.analysis, at=NOW + 3 * DAY)
    assert verdict_notices.send_due(quarrel.db, NOW + 3 * DAY) == 1


@pytest.mark.parametrize("name", [" ", "\t", ""])
def test_a_blank_file_name_keeps_no_letter_from_being_written(quarrel: Quarrel, name: str) -> None:
    with quarrel.db.transaction() as conn:
        conn.execute("update works set file_name = %s", (name,))
    assert verdict_notices.send_due(quarrel.db, NOW) == 3
    assert "without a title" in quarrel.notices_sent(quarrel.poster)["copy_found"]
    quarrel.appeal()
    assert "without a title" in quarrel.notices_sent(quarrel.owner)["appeal_other_side"]


def test_a_letter_that_cannot_be_written_leaves_the_window_and_is_tried_again(
    quarrel: Quarrel, monkeypatch
) -> None:
    genuine = verdict_notices.send_one

    def failing(conn, analysis_id, now) -> None:
        if analysis_id == quarrel.analysis:
            raise MissingFact
        genuine(conn, analysis_id, now)

    monkeypatch.setattr(verdict_notices, "send_one", failing)
    assert verdict_notices.send_due(quarrel.db, NOW) == 2
    with quarrel.db.transaction() as conn:
        assert messages.unnotified_verdicts(conn, NOW, limit=1) == []
        assert messages.unnotified_verdicts(conn, NOW + timedelta(hours=1)) == [quarrel.analysis]
    assert verdict_notices.send_due(quarrel.db, NOW + timedelta(hours=1)) == 0
    with quarrel.db.transaction() as conn:
        assert messages.unnotified_verdicts(conn, NOW + timedelta(hours=2)) == []
        assert messages.unnotified_verdicts(conn, NOW + timedelta(hours=3)) == [quarrel.analysis]
    monkeypatch.setattr(verdict_notices, "send_one", genuine)
    assert verdict_notices.send_due(quarrel.db, NOW + DAY) == 1


def test_an_appeal_that_nobody_decides_keeps_nobodys_money_for_ever(quarrel: Quarrel) -> None:
    first = quarrel.appeal()
    assert verdict_appeals.lapse_due(quarrel.db, NOW + 13 * DAY) == 0
    assert verdict_appeals.lapse_due(quarrel.db, NOW + 14 * DAY) == 1
    assert verdict_appeals.lapse_due(quarrel.db, NOW + 15 * DAY) == 0
    with quarrel.db.transaction() as conn:
        appeal = appeals.get(conn, first)
        assert (appeal.status, appeal.outcome, appeal.decided_by) == ("decided", "lapsed", None)
        assert [e.reason_code for e in audit_log.of_appeal(conn, first)] == [
            "mine_and_earlier",
            "lapsed",
        ]
        (notice,) = [m for m in messages.page(conn, quarrel.poster) if m.kind == "appeal_result"]
    assert "the first decision stays" in notice.body
    assert "granted" not in notice.body
    assert not quarrel.platform.find_terms(quarrel.post).disputed
    quarrel.platform.run(NOW + 20 * DAY)
    assert contested(quarrel) == 6_000  # it can be appealed once more in that time
    quarrel.appeal(now=NOW + 20 * DAY)
    assert verdict_appeals.lapse_due(quarrel.db, NOW + 34 * DAY) == 1
    with pytest.raises(NothingToAppeal, match="Nobody decided"):
        quarrel.appeal(now=NOW + 35 * DAY)
    quarrel.platform.run(NOW + 35 * DAY)
    assert quarrel.platform.totals(quarrel.owner).available == 6_000


def test_a_round_of_upkeep_does_what_is_due(db: Database, case: Case) -> None:
    case.raise_alert()
    keeper = Upkeep(db)
    assert keeper.tick(NOW + DAY).ended == 0
    assert keeper.tick(NOW + 14 * DAY).ended == 1
    assert keeper.tick(NOW + 14 * DAY).ended == 0


def test_decisions_that_rest_on_the_same_reference_are_queued_once(quarrel: Quarrel) -> None:
    quarrel.decide(quarrel.appeal(), granted=True)
    with quarrel.db.transaction() as conn:
        policies.record(conn, policies.Policy(2, "image", 9_600, 10_000))
    jobs = Jobs(quarrel.db.dsn)
    assert reanalysis.queue_rechecks(quarrel.db, jobs) == 2
    assert reanalysis.queue_rechecks(quarrel.db, jobs) == 0
    rows = quarrel.platform.rows(
        "select source, status, policy_version, threshold_bps from analyses where policy_version ="
        " 2"
    )
    assert rows == [("index", "queued", 2, 9_600)] * 2
    assert quarrel.platform.rows(
        "select count(*) from procrastinate_jobs where task_name = 'analyse'"
    ) == [(2,)]
