"""Calls that anybody may make once their time has come: disputes and claims end, corrections are
carried out, money that waited is paid.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from oracle.appeals.apart import apart
from oracle.chain.contracts import payments, rulings, verify
from oracle.chain.contracts.payments import ContractCall, DisputeStatus
from oracle.chain.contracts.verify import PostStatus
from oracle.chain.core.wire import Header
from oracle.chain.rpc.client import ChainClient
from oracle.chain.sender import shows
from storage.chain import calls, case_events
from storage.chain.case_events import WaitingMoney
from storage.database import Connection, Database

log = structlog.get_logger()

BATCH = 50
CORRECTION = ("CorrectionProposed", ("CorrectionExecuted", "CorrectionVetoed"), "correctionId")
LAST_ROUND = 3
RETRY = timedelta(minutes=5)


def keep(db: Database, client: ChainClient, head: Header, finalized: Header, now: datetime) -> int:
    """Want the calls whose time has come; a case that fails stops no other.

    Returns: how many are new.

    Raises: ChainError, DatabaseUnavailable.
    """
    time = head.timestamp
    return (
        _show_corrected(db, client, now)
        + _end_each(
            db,
            *CORRECTION,
            lambda number: 0 < rulings.correction_ready_at(client, number) <= time,
            rulings.execute,
            now,
        )
        + _end_each(
            db,
            "CopyClaimed",
            ("ClaimClosed",),
            "claimId",
            lambda number: 0 < rulings.claim_until(client, number) < time,
            rulings.settle_claim,
            now,
        )
        + _end_each(
            db,
            "DisputeOpened",
            ("DisputeSettled",),
            "disputeId",
            lambda number: _is_over(client, number, time),
            rulings.settle,
            now,
        )
        + _free_money(db, client, finalized, now)
    )


def _show_corrected(db: Database, client: ChainClient, now: datetime) -> int:
    """Have the report shown of what others than we correct: its owner may want a second look."""
    with db.transaction() as conn:
        proposed = case_events.unfinished(conn, *CORRECTION, BATCH)
    wanted = 0
    for post_id in dict.fromkeys(event.post_id for event in proposed):
        assert post_id is not None  # of every correction
        with apart(db, f"report of post 0x{post_id.hex()}", now):
            result = verify.find_result(client, post_id)
            unshown = shows.find_unshown(db, client, post_id, result)
            if unshown is not None:
                with db.transaction() as conn:
                    wanted += shows.want(conn, unshown)
    return wanted


def _is_over(client: ChainClient, dispute_id: int, time: int) -> bool:
    dispute = payments.read_dispute(client, dispute_id)
    if dispute.status is DisputeStatus.OPEN:
        return time > dispute.rule_until
    ruled = dispute.status is DisputeStatus.RULED
    return ruled and (dispute.round == LAST_ROUND or time > dispute.appeal_until)


def _end_each(
    db: Database,
    begun: str,
    ended: tuple[str, ...],
    key: str,
    is_due: Callable[[int], bool],
    call_of: Callable[[int], ContractCall],
    now: datetime,
) -> int:
    with db.transaction() as conn:
        open_events = case_events.unfinished(conn, begun, ended, key, BATCH)
    numbers = dict.fromkeys(int(event.facts[key]) for event in open_events)
    wanted = 0
    for number in numbers:
        with apart(db, f"{key} {number}", now):
            if is_due(number):
                with db.transaction() as conn:
                    wanted += _want(conn, f"{key} {number} is over", call_of(number))
    return wanted


def _want(conn: Connection, key: str, call: ContractCall) -> bool:
    """Want a call once; one that the contract refused is made again after a while."""
    known = calls.find(conn, key)
    if known is None:
        calls.add(conn, key, sender=shows.ANYBODY, contract=call.contract, call_data=call.data)
        log.info("deadline.call", call=key)
        return True
    if known.status == "reverted":
        calls.queue(conn, known.id, call.data, delay=RETRY)
    return False


def _free_money(db: Database, client: ChainClient, finalized: Header, now: datetime) -> int:
    with db.transaction() as conn:
        waiting = case_events.waiting_money(conn, BATCH)
    wanted = 0
    for money in waiting:
        with apart(db, f"{money.kind} money of post 0x{money.post_id.hex()}", now):
            wanted += _free_one(db, client, finalized, money)
    return wanted


def _free_one(db: Database, client: ChainClient, finalized: Header, money: WaitingMoney) -> bool:
    where = (money.post_id, money.token, money.kind)
    if not rulings.held_money(client, *where):
        if not rulings.held_money(client, *where, block=finalized.number):
            with db.transaction() as conn:
                case_events.forget_money(conn, money)
        return False
    if not _may_be_freed(client, money):
        return False
    with db.transaction() as conn:
        return _want_money(conn, money)


def _may_be_freed(client: ChainClient, money: WaitingMoney) -> bool:
    if money.kind == "frozen":
        return not rulings.is_post_frozen(client, money.post_id)
    result = verify.find_result(client, money.post_id)
    return result is not None and result.status is PostStatus.FINAL


def _want_money(conn: Connection, money: WaitingMoney) -> bool:
    call = (rulings.pay_contested if money.kind == "contested" else rulings.release_frozen)(
        money.post_id, money.token
    )
    last = calls.get(conn, money.call_id) if money.call_id is not None else None
    if last is not None and last.status not in ("final", "cancelled"):
        if last.status == "reverted":
            calls.queue(conn, last.id, call.data, delay=RETRY)
        return False
    number = last.id if last is not None else 0  # money that waited again after it was paid
    call_id = calls.add(
        conn,
        f"{money.kind} {money.post_id.hex()} {money.token.hex()} after {number}",
        sender=shows.ANYBODY,
        contract=call.contract,
        call_data=call.data,
    )
    case_events.note_call(conn, money, call_id)
    return True
