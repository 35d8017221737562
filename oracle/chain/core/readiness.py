"""Whether the node is ready, judged from its status row. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage.chain.node_status import NodeStatus


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why requests are not answered, with a stable code."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadinessLimits:
    """When a node counts as not ready."""

    silent_after: timedelta = timedelta(seconds=60)
    max_lag_blocks: int = 20
    min_balance_wei: int = 1


def problems(
    status: NodeStatus, now: datetime, limits: ReadinessLimits | None = None
) -> list[Problem]:
    """Return every reason why the node cannot do its work; empty when it is ready."""
    limits = limits or ReadinessLimits()
    reasons = []
    if status.latched:
        reasons.append(
            Problem(status.latch_code or "finality_latched", f"Stopped. {status.latch_reason}")
        )
    if status.last_poll_at is None:
        reasons.append(
            Problem("never_polled", status.error_detail or "The node has not read the chain yet.")
        )
    elif now - status.last_poll_at > limits.silent_after:
        ago = (now - status.last_poll_at).total_seconds()
        reason = f" {status.error_detail}" if status.error_detail else ""
        reasons.append(
            Problem(
                status.error_code or "node_silent",
                f"The last whole round was {ago:.0f} s ago.{reason}",
            )
        )
    elif status.error_code == "wrong_chain":
        reasons.append(
            Problem("wrong_chain", status.error_detail or "The endpoint serves another chain.")
        )
    if status.head_number is not None and status.cursor_number is not None:
        lag = status.head_number - status.cursor_number
        if lag > limits.max_lag_blocks:
            reasons.append(Problem("cursor_behind", f"{lag} blocks are not read yet."))
    if status.balance_wei is not None and status.balance_wei < limits.min_balance_wei:
        account = f"0x{status.sender.hex()}" if status.sender else "The sending account"
        reasons.append(
            Problem("balance_low", f"{account} has {status.balance_wei} wei left for gas.")
        )
    return reasons
