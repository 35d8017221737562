"""The API's answers about creators: money in cents, raw and qualified counts, and their parts."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field

from oracle import currency
from oracle.payouts.onchain import PayoutAsset
from oracle.payouts.statement import SIGNALS, expected_pay, explain
from storage.engagement.grades import StoredGrade, StoredPolicy
from storage.ledger.copies import CopyRow
from storage.ledger.freezes import Freeze
from storage.ledger.posts import PostRow, UnpaidWeek
from storage.ledger.views import CreatorTotals, Line, WeekRow
from storage.ledger.withdrawals import Withdrawal
from storage.works.creators import Account


class TotalsView(BaseModel):
    """In cents; earned + redirected_to_me = available + held + redirected_away."""

    earned: int
    redirected_to_me: int
    redirected_away: int
    available: int = Field(
        description="Credited and not on hold, withdrawn from the contract or not."
    )
    held: int = Field(description="contested + frozen: on hold, not lost.")
    contested: int = Field(description="On hold until the verdict cannot be disputed any more.")
    frozen: int = Field(description="On hold while an alert is reviewed.")


class WeekView(BaseModel):
    """The bookings of a week, in cents; `held` is the part still on hold."""

    week: date = Field(description="Its Monday.")
    base: int
    bonus: int
    redirected_to_me: int
    redirected_away: int
    held: int


class FreezeView(BaseModel):
    """Money on hold because of an alert, until a decision or, at the latest, `until`."""

    alert_id: str
    post_id: str | None
    since: datetime
    until: datetime
    held: int | None = Field(
        description="Cents of the post on hold; null for an account, whose withdrawals wait."
    )


class ExpectedView(BaseModel):
    """What a week will bring if nothing changes, in cents."""

    week: date
    base: int
    bonus: int
    bonus_bps: int
    redirected_away: int
    net: int


class PostMoney(BaseModel):
    """In cents; base + bonus = net + contested + frozen + redirected_away."""

    base: int
    bonus: int
    redirected_away: int
    contested: int
    frozen: int
    net: int
    unpaid_base: int = Field(description="Announced, and paid once the grade is final.")


class PostView(BaseModel):
    """A post of a creator."""

    post_id: str
    external_id: str | None
    title: str | None
    category: str | None
    media_type: str
    published_at: datetime
    length_s: float | None
    audience: int | None
    raw: dict[str, int] | None = Field(description="All events received.")
    qualified: dict[str, int] | None = Field(description="The events that count.")
    grade: str | None
    grade_status: str | None
    score: float | None = Field(description="0 to 1.")
    final_at: datetime | None = Field(description="When the grade is final.")
    verdict: str | None
    redirect_bps: int
    redirected_to: str | None
    contestable_until: datetime | None
    disputed: bool
    frozen_until: datetime | None
    money: PostMoney
    links: dict[str, str]


class ContributionView(BaseModel):
    """What one signal adds to the score, in basis points of it."""

    signal: str
    label: str
    count: float
    rate: float | None
    shrunk: float = Field(
        description="The rate mixed with people of an average post: few people say little."
    )
    average: float = Field(description="The average rate of like posts.")
    rank_bps: int = Field(description="Share of like posts that this one equals or beats.")
    weight_bps: int
    contribution_bps: int


class GradeView(BaseModel):
    """How a grade was computed."""

    grade: str
    status: str
    score_bps: int
    policy_version: int
    cutoffs_bps: dict[str, int]
    chain_version: int | None = Field(
        description="Version of the contract's policy that the cut-offs are from."
    )
    cohort: str | None = Field(
        description="The like posts it is compared with; none: too few posts yet."
    )
    cohort_posts: int = Field(description="Posts of other creators among them.")
    prior_bps: int = Field(
        description="How much of what is usual is assumed, as too few like posts are known:"
        " 10000 is all."
    )
    prior_version: int
    people: int = Field(description="Those who took the post in.")
    people_needed: int = Field(description="With fewer no grade has a bonus: C at best.")
    contributions: list[ContributionView]
    computed_at: datetime


class BookedView(BaseModel):
    """One line of the ledger, with the reason for it."""

    transaction: int
    booked_at: datetime
    week: date
    kind: str
    entry: str
    bucket: str
    amount: int
    counterparty: str | None
    explanation: str


class GradeChange(BaseModel):
    """A change of letter or status."""

    at: datetime
    grade: str
    status: str
    score_bps: int
    reason: str


class PostDetail(PostView):
    """A post with every part of its grade and its money."""

    freezes: list[FreezeView]
    grading: GradeView | None
    history: list[GradeChange]
    expected: list[ExpectedView]
    booked: list[BookedView]


class PostPage(BaseModel):
    """Posts, the newest first."""

    posts: list[PostView]
    next_cursor: str | None = Field(description="Send it as `cursor` to go on; null at the end.")


class WithdrawalView(BaseModel):
    """Money that left the contract, in a final block."""

    at: datetime
    amount: str = Field(description="In the token's smallest units.")
    cents: int | None = Field(
        description="The amount in cents; null for a token that creators are not paid with here."
    )
    token: str
    to: str
    tx_hash: str


class AccountView(BaseModel):
    """An account of a creator on chain."""

    account: str
    name: str | None = Field(
        description="What an escrow account is derived from, to be given to AccountLinks; None for"
        " a wallet."
    )


class CopyView(BaseModel):
    """A post by somebody else that counts as a copy of a work of yours."""

    post_id: str
    title: str | None
    copier: str | None
    redirect_bps: int = Field(description="Share of what it earns that goes to you.")
    paid: int = Field(description="Cents that it has brought you so far.")
    waiting: int = Field(description="Cents that wait while the verdict can be disputed.")
    waits_until: datetime
    disputed: bool
    links: dict[str, str]


class CreatorView(BaseModel):
    """A creator's money and posts at one moment."""

    creator: str
    accounts: list[AccountView] = Field(
        description="All that is paid to them: new posts to the first, earlier ones to the account"
        " they were posted under."
    )
    as_of: datetime
    currency: str = Field(default_factory=currency.code, description="ISO 4217.")
    totals: TotalsView
    weeks: list[WeekView]
    expected: int = Field(
        description="Cents that announced weeks will bring once their grades are final."
    )
    freezes: list[FreezeView]
    fetched: int = Field(
        description="Cents withdrawn from the contract so far. It also holds tips and other money"
        " that is not booked here."
    )
    withdrawals: list[WithdrawalView] = Field(description="The last ten, the newest first.")
    copies: list[CopyView] = Field(description="The last 25, the latest verdict first.")
    stuck_on_chain: int = Field(
        description="Cents your posts earned that the contract has not paid: it refused, or judges"
        " a post otherwise."
    )
    posts: int
    raw_views: int
    qualified_views: int
    followers: int | None = Field(
        description="As the platform last said, of when a post came out; null where it never did."
    )
    followers_at: datetime | None
    paid_since: date | None = Field(description="The first week of which anything was booked.")
    links: dict[str, str]


def account_view(account: Account) -> AccountView:
    """Build the API's view of an account."""
    return AccountView(account="0x" + account.account.hex(), name=account.name)


def copy_view(row: CopyRow) -> CopyView:
    """Build the API's view of a copy of a creator's work."""
    return CopyView(
        post_id="0x" + row.post_id.hex(),
        title=row.title,
        copier=row.copier,
        redirect_bps=row.redirect_bps,
        paid=row.paid_minor,
        waiting=row.waiting_minor,
        waits_until=row.final_at,
        disputed=row.disputed,
        links={"evidence": f"/analyses/{row.analysis_id}"} if row.analysis_id else {},
    )


def totals_view(totals: CreatorTotals) -> TotalsView:
    """Build the API's view of a creator's totals."""
    return TotalsView(**vars(totals), held=totals.contested + totals.frozen)


def withdrawal_view(found: Withdrawal, asset: PayoutAsset) -> WithdrawalView:
    """Build the API's view of a withdrawal."""
    return WithdrawalView(
        at=found.block_time,
        amount=str(int(found.amount)),
        cents=int(found.amount) // asset.units_per_cent if found.token == asset.token else None,
        token="0x" + found.token.hex(),
        to="0x" + found.recipient.hex(),
        tx_hash="0x" + found.tx_hash.hex(),
    )


def week_view(week: WeekRow) -> WeekView:
    """Build the API's view of a week."""
    return WeekView(**vars(week))


def freeze_view(freeze: Freeze, held: Mapping[bytes, int]) -> FreezeView:
    """Build the API's view of a freeze. Args: held: cents by post."""
    post_id = freeze.post_id
    return FreezeView(
        alert_id=str(freeze.alert_id),
        post_id="0x" + post_id.hex() if post_id else None,
        since=freeze.since,
        until=freeze.until,
        held=held.get(post_id, 0) if post_id else None,
    )


def expected_view(post: PostRow, week: UnpaidWeek) -> ExpectedView:
    """Compute what an announced week would bring now."""
    expected = expected_pay(week.base_minor, post.grade, post.verdict, post.redirect_bps)
    return ExpectedView(week=week.week, **expected)


def post_fields(post: PostRow, handle: str) -> dict[str, Any]:
    """Return the fields of a post's view."""
    post_id = "0x" + post.post_id.hex()
    links = {
        "self": f"/v1/creators/{quote(handle)}/posts/{post_id}",
        "page": f"/creators/{quote(handle)}/posts/{post_id}",
    }
    if post.analysis_id:
        links["evidence"] = f"/analyses/{post.analysis_id}"
    if post.work_id:
        links["picture"] = f"/works/{post.work_id}/preview.jpg"
        links["licence"] = f"/licences?work={post.work_id}"
        links["claim"] = f"/claim?work={post.work_id}"
    return {
        "post_id": post_id,
        "external_id": post.external_id,
        "title": post.title,
        "category": post.category,
        "media_type": post.media_type,
        "published_at": post.published_at,
        "length_s": post.length_ms / 1_000 if post.length_ms else None,
        "audience": post.audience,
        "raw": post.raw,
        "qualified": post.qualified,
        "grade": post.grade,
        "grade_status": post.grade_status,
        "score": post.score_bps / 10_000 if post.score_bps is not None else None,
        "final_at": post.grade_final_at,
        "verdict": post.verdict,
        "redirect_bps": post.redirect_bps,
        "redirected_to": post.creditor,
        "contestable_until": post.terms_final_at,
        "disputed": post.disputed,
        "frozen_until": post.frozen_until,
        "money": PostMoney(
            base=post.base_minor,
            bonus=post.bonus_minor,
            redirected_away=post.away_minor,
            contested=post.contested_minor,
            frozen=post.frozen_minor,
            net=post.net_minor,
            unpaid_base=post.unpaid_base_minor,
        ),
        "links": links,
    }


def grade_view(grade: StoredGrade, policy: StoredPolicy) -> GradeView:
    """Build the API's view of a grade, with the rules it was computed by."""
    parts: list[Mapping[str, Any]] = grade.facts["signals"]
    return GradeView(
        grade=grade.grade,
        status=grade.status,
        score_bps=grade.score_bps,
        policy_version=grade.policy_version,
        cutoffs_bps=dict(policy.cutoffs_bps),
        chain_version=policy.chain_version,
        cohort=grade.facts["cohort"],
        cohort_posts=grade.facts["cohort_posts"],
        prior_bps=grade.facts["prior_bps"],
        prior_version=grade.facts["prior_version"],
        people=grade.facts["qualified"]["audience"],
        people_needed=policy.min_people,
        contributions=[ContributionView(label=SIGNALS[part["signal"]], **part) for part in parts],
        computed_at=grade.computed_at,
    )


def booked_view(line: Line) -> BookedView:
    """Build the API's view of a line of the ledger, with its reason."""
    return BookedView(
        transaction=line.transaction_id,
        booked_at=line.booked_at,
        week=line.week,
        kind=line.kind,
        entry=line.entry,
        bucket=line.bucket,
        amount=line.amount_minor,
        counterparty=line.counterparty,
        explanation=explain(line),
    )
