"""Commands of officers: `oracle policy` and `oracle admin`.

The key that signs is never the oracle's: without one a command prints the transaction, for a wallet
or a multisig to sign.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from oracle import wiring
from oracle.settings import Settings

if TYPE_CHECKING:
    from oracle.chain.rpc.client import ChainClient
    from storage.ledger.wallets import WalletTransaction

policy = typer.Typer(help="Thresholds and terms, as governance sets them.", no_args_is_help=True)
admin = typer.Typer(help="Pauses, signers and roles.", no_args_is_help=True)
console = Console()

FINAL_WITHIN_S = 1800.0
ACTOR = "operator"
KeyFile = Annotated[
    Path | None,
    typer.Option(
        help="File with the officer's key (keystore or hex): the transaction is sent and followed"
        " to its final block. Without it, it is printed.",
        exists=True,
        dir_okay=False,
    ),
]
Wallet = Annotated[
    str | None, typer.Option(help="Who signs, where several accounts hold the role.")
]
Threshold = Annotated[
    list[str] | None, typer.Option(help="MEDIUM=BASIS_POINTS, such as image=9000; repeatable.")
]
Base = Annotated[int | None, typer.Option(min=0, max=10_000, help="Basis points.")]


@policy.command("show")
def show_policy() -> None:
    """Show the policies so far, and what was announced."""
    from rich.table import Table

    from oracle.api.routes.oversight import oversight_view
    from oracle.bringup import running_database
    from oracle.rules.numbers import percent
    from storage.works import policies

    settings = Settings()
    client = wiring.make_chain_client(settings)
    table = Table("Version", "Thresholds", "Base redirect", "Known since", "Final")
    with running_database(settings) as db, db.transaction() as conn:
        for one in policies.versions(conn):
            said = ", ".join(f"{media} {percent(bps)}" for media, bps in one.threshold_bps.items())
            known = f"{one.read_at:%Y-%m-%d %H:%M} UTC"
            base = percent(one.base_redirect_bps)
            table.add_row(str(one.version), said, base, known, "yes" if one.final else "not yet")
        view = oversight_view(conn, client)
    console.print(table)
    for waiting in view.operations:
        console.print(
            f"{waiting.status} {waiting.id}: {waiting.does}, from {waiting.ready_at:%Y-%m-%d %H:%M}"
            " UTC on",
            soft_wrap=True,
            highlight=False,
        )


@policy.command("dry-run")
def try_policy(threshold: Threshold = None, base_redirect: Base = None) -> None:
    """Show what a policy would have done to the verdicts of the last 30 days, as JSON."""
    from oracle.api.schemas.governance import dry_run_view
    from oracle.bringup import running_database
    from oracle.governance import dry_run
    from oracle.governance.dry_run import Proposed

    proposed, settings = Proposed(_thresholds(threshold), base_redirect), Settings()
    with running_database(settings) as db, db.transaction() as conn:
        judge = wiring.make_judge(settings, db)
        run = dry_run.dry_run(conn, judge, proposed, datetime.now(UTC))
    console.print_json(dry_run_view(run).model_dump_json())


@policy.command("propose")
def propose(
    threshold: Threshold = None,
    base_redirect: Base = None,
    effective_from: Annotated[
        datetime | None, typer.Option(help="UTC; the earliest time if left out.")
    ] = None,
    wallet: Wallet = None,
    key_file: KeyFile = None,
) -> None:
    """Announce another threshold or base redirect; see the dry run first."""
    thresholds = _thresholds(threshold)
    if len(thresholds) + (base_redirect is not None) != 1:
        raise typer.BadParameter("Give one change: --threshold once, or --base-redirect.")
    media_type, bps = next(iter(thresholds.items()), (None, None))
    moment = effective_from.replace(tzinfo=UTC) if effective_from else None
    _do(
        key_file,
        wallet,
        action="base_redirect" if media_type is None else "threshold",
        media_type=media_type,
        threshold_bps=bps,
        base_redirect_bps=base_redirect,
        effective_from=moment,
    )


@policy.command("execute")
def execute(operation: str, key_file: KeyFile = None) -> None:
    """Carry out what was announced, once its time has come; also of `oracle admin`."""
    _do(key_file, None, action="execute", operation=operation)


@admin.command("show")
def show_roles() -> None:
    """Show who holds which role, who signs, what is paused and what was announced, as JSON."""
    from oracle.api.routes.oversight import oversight_view
    from oracle.bringup import running_database

    settings = Settings()
    client = wiring.make_chain_client(settings)
    with running_database(settings) as db, db.transaction() as conn:
        view = oversight_view(conn, client)
    console.print_json(view.model_dump_json())


@admin.command("pause")
def pause(contract: str, wallet: Wallet = None, key_file: KeyFile = None) -> None:
    """Stop new business of hub, revenue_splitter, token_pool or bonus_vault."""
    _do(key_file, wallet, action="pause", contract=contract)


@admin.command("unpause")
def unpause(contract: str, wallet: Wallet = None, key_file: KeyFile = None) -> None:
    """Let new business in again."""
    _do(key_file, wallet, action="unpause", contract=contract)


@admin.command("set-signers")
def set_signers(
    signer: Annotated[list[str], typer.Option(help="All signers of the new set; repeatable.")],
    quorum: Annotated[int, typer.Option(min=1, help="How many of them sign a report.")],
    wallet: Wallet = None,
    key_file: KeyFile = None,
) -> None:
    """Announce another set of signers."""
    signers = [_address(one) for one in signer]
    _do(key_file, wallet, action="set_signers", signers=signers, quorum=quorum)


@admin.command("revoke-signer")
def revoke_signer(
    signer: str,
    since_epoch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="First set whose reports that need it are void; the last one that it was in if"
            " left out.",
        ),
    ] = None,
    wallet: Wallet = None,
    key_file: KeyFile = None,
) -> None:
    """Take a signer out at once, also one that was in an earlier set."""
    _do(key_file, wallet, action="revoke_signer", signer=_address(signer), since_epoch=since_epoch)


@admin.command("grant")
def grant(
    role: str,
    account: str,
    delay_days: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="For how long its acts are seen coming; if left out 7 of admin and upgrader, 2 of"
            " governance and oracle_admin, 0 of the others.",
        ),
    ] = None,
    wallet: Wallet = None,
    key_file: KeyFile = None,
) -> None:
    """Announce that an account gets a role."""
    delay_s = None if delay_days is None else round(delay_days * 86_400)
    _do(
        key_file, wallet, action="grant_role", role=role, account=_address(account), delay_s=delay_s
    )


@admin.command("revoke")
def revoke(role: str, account: str, wallet: Wallet = None, key_file: KeyFile = None) -> None:
    """Announce that an account loses a role."""
    _do(key_file, wallet, action="revoke_role", role=role, account=_address(account))


@admin.command("cancel")
def cancel(operation: str, wallet: Wallet = None, key_file: KeyFile = None) -> None:
    """Cancel what was announced, as a guardian."""
    _do(key_file, wallet, action="cancel", operation=operation)


def _do(key_file: Path | None, wallet: str | None, **wanted: Any) -> None:
    """Write the transaction; with a key send it, and wait until its block is final.

    Args: wanted: fields of `oracle.governance.actions.Wanted`.
    """
    from oracle.api.schemas.wallets import transaction_view
    from oracle.bringup import running_database
    from oracle.chain.contracts.consumer import transact
    from oracle.chain.keys.signer import LocalSigner, account_from_file
    from oracle.governance import actions
    from oracle.governance.actions import Wanted
    from oracle.payouts import wallet_transactions

    settings = Settings()
    client = wiring.make_chain_client(settings)
    signer = LocalSigner(bytes(account_from_file(key_file, None).key)) if key_file else None
    named = _address(wallet) if wallet else signer.address if signer else None
    wish = Wanted(**wanted, wallet=named)
    with running_database(settings) as db:
        with db.transaction() as conn:
            prepared = actions.prepare(conn, client, wish, actor=ACTOR, now=datetime.now(UTC))
        if signer is None:
            console.print_json(transaction_view(prepared).model_dump_json(by_alias=True))
            _say(f"Sign and send it; `oracle wallet sent {prepared.id} HASH` has it followed.")
            _say_next(prepared)
            return
        receipt = transact(client, signer, prepared.to_address, prepared.call_data)
        with db.transaction() as conn:
            wallet_transactions.note_sent(conn, prepared.id, receipt.tx_hash, datetime.now(UTC))
    _say(f"Sent as 0x{receipt.tx_hash.hex()}, in block {receipt.block_number}.")
    _wait_until_final(client, receipt.block_number)
    _say("Its block is final.")
    _say_next(prepared)


def _say_next(prepared: "WalletTransaction") -> None:
    if prepared.awaits == "OperationScheduled":
        _say(
            f"It announces the operation {prepared.operation_id}. Once its time has come: `oracle"
            f" policy execute {prepared.operation_id}`."
        )


def _say(text: str) -> None:
    """What is to be copied stays on one line."""
    console.print(text, soft_wrap=True, highlight=False)


def _wait_until_final(client: "ChainClient", block: int) -> None:
    """Raises: ChainTimeout."""
    from oracle.chain.errors import ChainTimeout

    until = time.monotonic() + FINAL_WITHIN_S
    while client.finalized(client.head()).number < block:
        if time.monotonic() > until:
            raise ChainTimeout("Its block is not final yet; look again later.")
        time.sleep(1.0)


def _thresholds(pairs: list[str] | None) -> dict[str, int]:
    found = {}
    for pair in pairs or ():
        media_type, _, bps = pair.partition("=")
        if media_type not in ("image", "video", "audio") or not bps.isdecimal():
            raise typer.BadParameter(f"{pair}: write it as image=9000.")
        found[media_type] = int(bps)
    return found


def _address(text: str) -> bytes:
    from oracle.chain.core.ids import parse_account

    account = parse_account(text)
    if account is None:
        raise typer.BadParameter(f"{text} is no address.")
    return account
