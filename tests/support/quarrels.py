"""A post that was called a copy, on a real chain and in the ledger; sides may have no wallet."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from starlette.testclient import TestClient

from oracle import app as app_module
from oracle.appeals import verdicts as verdict_appeals
from oracle.chain.contracts import payments, verify
from oracle.chain.core.ids import escrow_account
from oracle.chain.core.lifecycle import RetryTimeouts
from oracle.chain.core.report import Outcome
from oracle.chain.core.wire import Log, hexed
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import RECORDED
from oracle.chain.sender.calls import CallSender
from oracle.originality import reviews
from oracle.payouts.onchain import PayoutAsset, advance_payouts
from oracle.payouts.payments import run_due
from oracle.settings import Settings
from oracle.tasks.chain_cases import ChainCases
from storage.cases import appeals, messages
from storage.chain import calls
from storage.database import Connection
from storage.ledger import ledger
from storage.works import analyses, policies, works
from storage.works.policies import BoundDeployment
from support.platform import Platform
from support.town import Town

FINALITY = 4
UNITS = 1_000
SIMILARITY_BPS = 9_800
CENTS = 10_000


@dataclass
class ChainQuarrel:
    """Bob's post, said to copy Anna's; both are on chain, and a week of it is earned."""

    town: Town
    platform: Platform
    anna: int
    bob: int
    original_work: UUID
    original_post: bytes
    analysis: UUID
    post: bytes
    lost: frozenset[str] = frozenset()  # roles whose keys nobody has

    def __post_init__(self) -> None:
        self.cases = ChainCases(
            self.platform.db, self.town.client, may_claim=True, deadlines_every_s=0
        )
        self.sender = CallSender(
            self.platform.db,
            self.town.client,
            self.keys(),
            timeouts=RetryTimeouts(timedelta(0), timedelta(hours=1)),
        )

    def keys(self) -> dict[str, LocalSigner]:
        town = self.town
        keys = {
            "oracle": town.oracle,
            "arbiter": town.arbiter,
            "second_arbiter": town.second,
            "claimant": town.claimant,
            "registrar": town.registrar,
            "paymaster": town.officer,
        }
        return {role: key for role, key in keys.items() if role not in self.lost}

    @property
    def now(self) -> datetime:
        """The chain's clock, which the tests move."""
        return datetime.fromtimestamp(self.town.now(), UTC)

    def drive(self, rounds: int = 6) -> None:
        """Let the scheduler and the chain go on, each call to its final block."""
        for _ in range(rounds):
            with self.platform.db.transaction() as conn:
                conn.execute("update rulings set next_try_at = '-infinity'")
                conn.execute("update chain_calls set next_try_at = '-infinity'")
            self.cases.tick(self.now)
            self.sender.step()
            self.town.anvil.mine(FINALITY)
            self.sender.step()
        self.cases.tick(self.now)

    def pay(self) -> None:
        """Bring what is booked to the contract."""
        asset = PayoutAsset(units_per_cent=UNITS)
        run_due(self.platform.db, self.now)
        for _ in range(2):
            with self.platform.db.transaction() as conn:
                conn.execute("update ledger_payouts set next_try_at = '-infinity'")
            advance_payouts(self.platform.db, self.town.client, asset, self.now)
            self.sender.step()
            self.town.anvil.mine(FINALITY)
            self.sender.step()
        advance_payouts(self.platform.db, self.town.client, asset, self.now)

    def appeal(self) -> UUID:
        with self.platform.db.transaction() as conn:
            return verdict_appeals.appeal_verdict(
                conn,
                self.analysis,
                creator_id=self.bob,
                actor="bob",
                ground="mine_and_earlier",
                statement="I have the raw file.",
                now=self.now,
            )

    def answer(self, appeal: UUID) -> None:
        with self.platform.db.transaction() as conn:
            verdict_appeals.add_other_view(
                conn, appeal, creator_id=self.anna, actor="anna", view="No.", now=self.now
            )

    def answer_as_other(self, claim: UUID) -> None:
        """Bob answers a claim."""
        with self.platform.db.transaction() as conn:
            verdict_appeals.add_other_view(
                conn, claim, creator_id=self.bob, actor="bob", view="No.", now=self.now
            )

    def decide(self, appeal: UUID, *, granted: bool, actor: str = "maria") -> None:
        with self.platform.db.transaction() as conn:
            verdict_appeals.decide_verdict(
                conn,
                appeal,
                granted=granted,
                actor=actor,
                convinced="The raw file is older.",
                now=self.now,
            )

    def held(self, *, on_chain: bool) -> int:
        """Cents that wait for the verdict."""
        if on_chain:
            return payments.contested(self.town.client, self.post) // UNITS
        with self.platform.db.transaction() as conn:
            return ledger.waiting(conn, self.post).contested

    def paid(self, handle: str) -> int:
        """Cents that a creator's account may take out of the contract."""
        return payments.claimable(self.town.client, escrow_account(handle)) // UNITS

    def result(self) -> verify.PostResult:
        found = verify.find_result(self.town.client, self.post)
        assert found is not None
        return found

    def inbox(self, creator_id: int) -> list[str]:
        """Kinds of a creator's notices, the oldest first."""
        with self.platform.db.transaction() as conn:
            page = messages.page(conn, creator_id)
        return [message.kind for message in reversed(page)]

    def letter(self, creator_id: int, kind: str, part: str = "body") -> Any:
        with self.platform.db.transaction() as conn:
            page = messages.page(conn, creator_id)
        return next(getattr(message, part) for message in page if message.kind == kind)

    def calls(self) -> list[tuple[str, str, str | None]]:
        """Sender, status and error of every call, in order."""
        with self.platform.db.transaction() as conn:
            found = calls.select(conn, "key like %s order by id", ("%",))
        return [(call.sender, call.status, call.error_code) for call in found]

    def outcome_of(self, appeal: UUID) -> str | None:
        with self.platform.db.transaction() as conn:
            return appeals.get(conn, appeal).outcome


def make_quarrel(
    town: Town,
    platform: Platform,
    *,
    accused: bool = True,
    undecided: bool = False,
    wallet: bytes | None = None,
    other_wallet: bytes | None = None,
) -> ChainQuarrel:
    """Anna's picture and Bob's, which the oracle calls a copy of it unless it missed that, or could
    not decide.

    Args: wallet: Bob's, where he has one; other_wallet: Anna's.
    """
    anna, bob = platform.creator("anna"), platform.creator("bob")
    accounts = {
        "anna": other_wallet or escrow_account("anna"),
        "bob": wallet or escrow_account("bob"),
    }
    with platform.db.transaction() as conn:
        for handle, account in accounts.items():
            escrow = account == escrow_account(handle)
            conn.execute(
                "update creators set account = %s, has_wallet = %s, account_name = %s where"
                " handle = %s",
                (account, not escrow, handle if escrow else None, handle),
            )
        conn.execute(
            "insert into policy_terms (version, grade_a_bps, grade_b_bps, grade_c_bps,"
            " grade_d_bps, request_timeout_s, dispute_window_s, fee_wei, bond_wei) values (1,"
            " 8000, 6000, 4000, 2000, 3600, 604800, 0, 0) on conflict do nothing"
        )
    original_post = town.attest(Outcome.ORIGINAL, 0, creator=accounts["anna"])
    town.wait(60)
    outcome, similarity = (
        (Outcome.DERIVATIVE, SIMILARITY_BPS) if accused else (Outcome.ORIGINAL, 1_200)
    )
    if undecided:
        outcome = Outcome.NEEDS_REVIEW
    post = town.attest(
        outcome, similarity, creator=accounts["bob"], original=(original_post, accounts["anna"])
    )
    redirect = verify.read_redirect(town.client, post).redirect_bps
    now = datetime.fromtimestamp(town.now(), UTC)
    with platform.db.transaction() as conn:
        original_work, _ = _add(conn, town, anna, original_post, "anna", None, 0, 0, now)
        source = original_work if accused else None
        _, analysis = _add(conn, town, bob, post, "bob", source, similarity, redirect, now)
        if undecided:
            _doubt(conn, analysis)
    platform.grade(post, "C")
    payments.fund_vault(town.client, town.fan, 10**12)
    platform.earns(post, CENTS, at=now)
    quarrel = ChainQuarrel(town, platform, anna, bob, original_work, original_post, analysis, post)
    run_due(platform.db, now)
    return quarrel


def _doubt(conn: Connection, analysis_id: UUID) -> None:
    """Have the oracle be in doubt about what it decided."""
    conn.execute(
        "update analyses set verdict = 'undecided', reason = 'incomplete_search', redirect_bps = 0"
        " where id = %s",
        (analysis_id,),
    )
    analysis = analyses.get(conn, analysis_id)
    assert analysis.work_id is not None and analysis.decided_at is not None
    doubt = analyses.Conclusion(
        verdict="undecided",
        reason="incomplete_search",
        similarity_bps=SIMILARITY_BPS,
        tier="high",
        redirect_bps=0,
        matched_work_id=analysis.matched_work_id,
        evidence=b"{}",
        evidence_hash=bytes(32),
        model_digest=bytes(32),
        index_snapshot=1,
        decided_at=analysis.decided_at,
    )
    reviews.follow_verdict(conn, analysis, analysis.work_id, doubt, None)


def _recorded(town: Town, post: bytes) -> Log:
    """The event of a post's first result."""
    topics = [hexed(town.client.posts_abi.topic(RECORDED)), hexed(post)]
    first = town.client.deployment.block_number
    return town.client.logs_between(
        first,
        town.client.head().number,
        topics=topics,
        address=town.client.deployment.post_registry,
    )[0]


def _add(
    conn: Connection,
    town: Town,
    creator: int,
    post: bytes,
    name: str,
    source: UUID | None,
    similarity: int,
    redirect: int,
    now: datetime,
) -> tuple[UUID, UUID]:
    """A work with its decided and attested analysis."""
    work, analysis = uuid4(), uuid4()
    works.add_work(
        conn,
        works.NewWork(
            id=work,
            creator_id=creator,
            post_id=post,
            media_type="image",
            sha256=hashlib.sha256(post).digest(),
            mime="image/png",
            size_bytes=10,
            width=5,
            height=5,
            file_name=f"{name}.png",
            blob_key=f"sha256/{name}",
        ),
    )
    analyses.add(
        conn,
        analyses.NewAnalysis(
            id=analysis,
            source="upload",
            post_id=post,
            creator_id=creator,
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
            verdict="derivative" if source else "original",
            reason="copy_of_earlier" if source else "below_threshold",
            similarity_bps=similarity,
            tier="high" if source else "low",
            redirect_bps=redirect,
            matched_work_id=source,
            evidence=b"{}",
            evidence_hash=bytes(32),
            model_digest=bytes(32),
            index_snapshot=1,
            decided_at=now,
        ),
    )
    conn.execute(
        "insert into outbox (analysis_id, kind, request_id, report, status, tx_hash) values (%s,"
        " 'attest', %s, '{}', 'final', %s)",
        (analysis, hashlib.sha256(b"request" + post).digest(), _recorded(town, post).tx_hash),
    )
    return work, analysis


def court_app(quarrel: ChainQuarrel, dsn: str, folder: Path) -> TestClient:
    """The HTTP application that reads the quarrel's chain."""
    deployment = quarrel.town.client.deployment
    file = folder / "deployment.json"
    file.write_text(deployment.to_json())
    with quarrel.platform.db.transaction() as conn:
        bound = BoundDeployment(
            deployment.chain_id, quarrel.town.client.hub, deployment.addresses()
        )
        policies.bind(conn, bound)
    settings = Settings(
        data_dir=folder,
        database_url=dsn,
        chain_rpc_url=quarrel.town.anvil.url,
        chain={"deployment": file},
        http={"admin_token": "operator"},
    )
    return TestClient(app_module.create_app(settings), raise_server_exceptions=False)
