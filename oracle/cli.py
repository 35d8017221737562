"""The command line: `oracle up` runs everything, the other commands run or query one part."""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from embeddings.image.clip_weights import ClipWeights
from embeddings.sniff import MEDIA_TYPES
from oracle import logs, temporary, traces, wiring
from oracle.chain.core.receipt import Check, DecisionReceipt, check_offline
from oracle.cli_officers import admin, policy
from oracle.errors import MediaTypeNotSupported, OracleError
from oracle.probes import Pulse, probes
from oracle.settings import Settings
from storage.database import Connection
from storage.errors import StorageError

app = typer.Typer(
    help="Decides whether media is original, shows why, and records it on a chain.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold keys
)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
app.add_typer(keys, name="keys")
models = typer.Typer(help="Model weights.", no_args_is_help=True)
app.add_typer(models, name="models")
wallet = typer.Typer(help="Wallets of creators.", no_args_is_help=True)
app.add_typer(wallet, name="wallet")
review = typer.Typer(help="What could not be decided.", no_args_is_help=True)
app.add_typer(review, name="review")
app.add_typer(policy, name="policy")
app.add_typer(admin, name="admin")
console = Console()

NICE = 5  # uploads come first
Probe = Annotated[
    str | None, typer.Option(help="HOST:PORT where /healthz and /readyz of this process are.")
]


@app.command()
def up() -> None:
    """Run everything on this machine: database, chain, contracts, API, worker, node.

    Ctrl-C stops it.
    """
    from oracle.bringup import run_until_stopped

    raise typer.Exit(run_until_stopped(Settings()))


@app.command()
def demo(
    keep: Annotated[Path | None, typer.Option(help="Keep the demo's data here.")] = None,
    serve: Annotated[
        bool, typer.Option(help="Run a small believable platform instead, until Ctrl-C.")
    ] = False,
) -> None:
    """Tell the whole story with sample pictures; exit status 0 only if every step was read back
    from the chain.
    """
    from oracle.demo import run_demo, serve_platform

    if serve:
        raise typer.Exit(serve_platform(Settings(), keep or Path(".data-demo")))
    raise typer.Exit(0 if run_demo(Console(width=max(console.width, 110)), keep) else 1)


@app.command()
def serve() -> None:
    """Run the API."""
    from oracle.api import server
    from oracle.app import create_app

    settings = Settings()
    # What is missing is said in one line, before the server begins.
    wiring.check_exposure(settings)
    db = wiring.open_database(settings)
    wiring.open_store(settings, db)
    db.close()
    server.run(create_app(settings), settings.http)


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit status 1 if it is not migrated.")
    ] = False,
) -> None:
    """Bring the database to the schema of this version; what runs meanwhile goes on."""
    from oracle.bringup import database_dsn
    from storage import migrate as migrations
    from storage.database import one_connection

    with database_dsn(Settings()) as dsn:
        if not check:
            migrations.migrate(dsn)
        with one_connection(dsn) as conn:
            schema = migrations.check_schema(conn)
    console.print(f"The database is {migrations.SAID[schema]}.")


@app.command()
def worker(
    media: Annotated[
        str, typer.Option(help="The media types that it analyses, with commas between.")
    ] = ",".join(MEDIA_TYPES),
    probe: Probe = None,
) -> None:
    """Run one worker, which works off the queue of analyses."""
    from oracle.jobs import run_worker
    from oracle.originality.recall_probe import probe_for_ever

    chosen = [name.strip() for name in media.split(",")]
    if unknown := set(chosen) - set(MEDIA_TYPES):
        raise typer.BadParameter(f"{', '.join(unknown)}: use {', '.join(MEDIA_TYPES)}.")
    settings = Settings()
    logs.configure(settings)
    traces.configure("worker")
    temporary.sweep()
    db = wiring.open_database(
        settings, max_size=settings.worker.concurrency + settings.worker.fetches + 4
    )
    originality = wiring.Current(
        settings,
        lambda: wiring.make_originality(
            settings,
            db,
            wiring.make_isolated_handlers(settings, decoders=settings.worker.concurrency),
        ),
    )
    pulse = Pulse()

    def release() -> None:  # every second
        pulse.beat()
        originality().release_overdue()

    # Beside the work, which must not wait for it.
    probing = threading.Thread(
        target=probe_for_ever, args=(lambda: originality().probe_due(),), daemon=True
    )
    probing.start()
    with probes(probe, pulse, lambda: wiring.why_not_ready(db)):
        run_worker(
            db.dsn,
            lambda analysis_id: originality().analyse(analysis_id),
            settings.worker,
            fetch=lambda analysis_id: originality().fetch(analysis_id),
            release=release,
            media=chosen,
            interrupt=wiring.interrupt_decoders,
        )


@app.command("clerk", hidden=True)  # its former name, for one release
@app.command()
def scheduler(probe: Probe = None) -> None:
    """Run the scheduler: grades, payments, fraud alerts, notices and freezes, as they fall due."""
    settings = Settings()
    logs.configure(settings)
    traces.configure("scheduler")
    db, stop = wiring.open_database(settings), _stopped_by_signals()
    work = wiring.make_scheduler(settings, db)
    with probes(probe, stop, lambda: wiring.why_not_ready(db)):
        work.run(stop)


@app.command()
def node(probe: Probe = None) -> None:
    """Run the chain node, which reads requests and delivers decisions."""
    settings = Settings()
    logs.configure(settings)
    traces.configure("node")
    db, stop = wiring.open_database(settings), _stopped_by_signals()
    work = wiring.make_node(settings, db)
    with probes(probe, stop, lambda: wiring.why_not_ready(db, node=True)):
        work.run(stop)


@app.command()
def clear_latch() -> None:
    """Let a node continue that a breach of finality, or another node of its key, has stopped."""
    from oracle.chain.node.node import clear_latch as clear

    cleared = clear(wiring.open_database(Settings()))
    console.print(
        "The latch is cleared; the node reads the chain again." if cleared else "No latch was set."
    )


@app.command()
def deploy(
    file: Annotated[Path, typer.Argument(help="Where to write the contracts' addresses.")],
    signer: Annotated[
        list[str] | None, typer.Option(help="Address that signs reports; repeatable.")
    ] = None,
    quorum: Annotated[int, typer.Option(min=1, help="Signatures that a report needs.")] = 1,
    admin: Annotated[str | None, typer.Option(help="Administrator of the roles.")] = None,
    officer: Annotated[
        list[str] | None, typer.Option(help="ROLE=ADDRESS; repeatable. The rest is the admin's.")
    ] = None,
    treasury: Annotated[
        tuple[str, str] | None, typer.Option(help="Platform's and ecosystem's.")
    ] = None,
    one_key: Annotated[
        bool, typer.Option(help="Development chains only: one key in roles that check each other.")
    ] = False,
) -> None:
    """Deploy the contracts to the chain of CHAIN_RPC_URL. Roles not named here go to the account of
    ORACLE_CHAIN__KEY; two arbiters, and a registrar that is no signer, have to be named. On a
    development chain they are accounts of its node.
    """
    from oracle.chain.contracts.roles import Officers

    officers = dict(pair.partition("=")[::2] for pair in officer or ())
    roles = Officers.__dataclass_fields__
    if unknown := set(officers) - set(roles):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the roles are {', '.join(roles)}.")
    people = wiring.People(signer or (), quorum, admin, officers, treasury, one_key)
    deployment = wiring.deploy_contracts(Settings(), people)
    file.write_text(deployment.to_json())
    console.print(f"Hub {deployment.hub} on chain {deployment.chain_id}; addresses in {file}.")


@app.command()
def match(
    references: Annotated[
        Path, typer.Option(help="Folder of earlier works.", exists=True, file_okay=False)
    ],
    queries: Annotated[
        Path, typer.Option(help="Folder of works to judge.", exists=True, file_okay=False)
    ],
    out: Annotated[
        Path, typer.Option(help="CSV to write, best match first; no row where nothing matched.")
    ],
) -> None:
    """Match two folders against each other by exactly the production path; nothing is stored."""
    from oracle.originality import folder_match

    settings = Settings()
    logs.configure(settings)
    with folder_match.scratch_database() as db, _progress() as progress:
        matcher = wiring.make_folder_matcher(settings, db)
        skipped = matcher.add_references(references, progress)
        rows, unjudged = matcher.match(queries, progress)
    folder_match.write_rows(rows, out)
    for file in [*skipped, *unjudged]:
        console.print(
            f"[yellow]skipped[/] {file.path}: {file.reason}", soft_wrap=True, highlight=False
        )
    console.print(f"{len(rows)} rows in {out}; {len(skipped) + len(unjudged)} files skipped.")


@app.command()
def index(
    folder: Annotated[
        Path, typer.Argument(help="Historical content.", exists=True, file_okay=False)
    ],
    creator: Annotated[
        str | None, typer.Option(help="Whose works they are: address or name.")
    ] = None,
    shared_source: Annotated[
        str | None,
        typer.Option(help="Nobody's here: a catalogue's name or address, instead of --creator."),
    ] = None,
) -> None:
    """Register a folder of earlier works, judged like uploads; `oracle attest` sends the results.

    With --shared-source nobody owns them: what works have from them accuses nobody, and works that
    were judged are judged again. Run it again to resume.
    """
    if creator is not None and shared_source is not None:
        raise typer.BadParameter("A shared source has no creator: give one of the two.")
    from oracle.bringup import running_database
    from oracle.originality.backfill import Backfill
    from storage import jobs

    settings = Settings()
    logs.configure(settings)
    with running_database(settings) as db, _progress() as progress:
        backfill = Backfill(
            db,
            wiring.make_intake(db, wiring.open_store(settings, db), wiring.make_handlers(settings)),
        )
        taken, refused = backfill.take_in(folder, creator, progress, shared_source=shared_source)
        for file in refused:
            console.print(
                f"[yellow]refused[/] {file.path}: {file.reason}", soft_wrap=True, highlight=False
            )
        with db.transaction() as conn:
            if not jobs.worker_is_alive(conn):
                console.print(
                    f"{len(taken)} taken in. No worker runs; they are judged once `oracle up` does."
                )
                return
        verdicts = backfill.wait(taken, progress)
    console.print(
        ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        or "nothing to judge"
    )


@app.command()
def attest(
    post: Annotated[
        list[str] | None, typer.Option(help="Only this post (0x and 64 hex digits); repeatable.")
    ] = None,
) -> None:
    """Send the results of indexed works to the chain: all that were not, or those of some posts.

    One goes by itself once a copy of it is attested, or its creator is paid.
    """
    from oracle.bringup import running_database
    from storage.chain import kept_attestations

    posts: list[bytes | None] = [_post_id(text) for text in post] if post else [None]
    with running_database(Settings()) as db, db.transaction() as conn:
        queued = sum(kept_attestations.post(conn, post_id) for post_id in posts)
    console.print(f"{queued} queued; the node sends them in batches.")


@app.command("show-report")
def show_report(analysis: UUID) -> None:
    """Have the report of an attested original written down on chain, if it is not there yet.

    A second look in a dispute, or another analysis that a contract asks for, needs it there.
    """
    from oracle.bringup import running_database
    from oracle.chain.sender import shows
    from storage.works import analyses

    settings = Settings()
    client = wiring.make_chain_client(settings)
    with running_database(settings) as db:
        with db.transaction() as conn:
            post_id = analyses.get(conn, analysis).post_id
        found = shows.look(db, client, post_id)
        if found.shown:
            console.print("It is on chain.")
            return
        with db.transaction() as conn:
            shows.want(conn, found.report)
    console.print("Asked for; the node sends it. Anybody else may, with this call:")
    console.print_json(
        data={"to": client.deployment.post_registry, "data": "0x" + found.call.data.hex()}
    )


def _post_id(text: str) -> bytes:
    try:
        post_id = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        post_id = b""
    if len(post_id) != 32:
        raise typer.BadParameter(f"{text!r} is no post: it takes 0x and 64 hex digits.")
    return post_id


@app.command()
def check(files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Show what files would match among the registered works, and why. Nothing is stored, paid or
    sent.
    """
    from rich.table import Table

    from embeddings.errors import EmbeddingError
    from oracle.bringup import running_database

    settings = Settings()
    logs.configure(settings)
    with running_database(settings) as db:
        matcher = wiring.make_folder_matcher(settings, db)
        for file in files:
            table = Table(
                "Similarity",
                "Earlier work",
                "Creator",
                "Why",
                title=str(file),
                title_justify="left",
            )
            try:
                checked = matcher.check(file)
            except (EmbeddingError, MediaTypeNotSupported) as exc:
                console.print(f"{file}: [red]{exc.code}[/] {exc}", soft_wrap=True)
                continue
            for verified in checked.matches[:5]:
                name = verified.work.file_name or str(verified.work.id)
                why = verified.match.as_json()["reason"]
                table.add_row(
                    f"{verified.match.similarity:.4f}", name, verified.work.creator or "–", why
                )
            console.print(table if checked.matches else f"{file}: no earlier work came near.")
            if checked.extraction.insufficient_detail:
                console.print(
                    f"  insufficient detail to decide: {checked.extraction.insufficient_detail}"
                )
            console.print(f"  {checked.handler.certainty}", style="dim")


@app.command()
def explain(analysis_id: UUID) -> None:
    """Recompute every number of a decision from stored facts, and say whether all agree."""
    from oracle.bringup import running_database
    from oracle.originality.recompute import agrees

    settings = Settings()
    with running_database(settings) as db:
        checks = wiring.make_auditor(settings, db).audit(analysis_id)
    _show(checks)
    raise typer.Exit(0 if agrees(checks) else 1)


@app.command()
def claim(
    analysis_id: Annotated[UUID, typer.Argument(help="The newest analysis of the copy.")],
    earlier_work: Annotated[UUID, typer.Argument(help="The creator's work that it copies.")],
    creator: Annotated[str, typer.Option(help="Whose earlier work it is.")],
    statement: Annotated[str, typer.Option(help="What the creator says; the other side reads it.")],
) -> None:
    """Claim for a creator that a post copies an earlier work; a reviewer decides."""
    from datetime import UTC, datetime

    from oracle.appeals.claims import claim_copy
    from oracle.bringup import running_database
    from oracle.jobs import Jobs
    from oracle.notices.actors import creator_actor
    from storage.works import creators

    with running_database(Settings()) as db, db.transaction() as conn:
        creator_id = _creator_id(conn, creator)
        handle = creators.get_creator(conn, creator_id).handle
        number = claim_copy(
            conn,
            Jobs(db.dsn),
            analysis_id,
            earlier_work,
            creator_id=creator_id,
            actor=creator_actor(handle),
            statement=statement,
            now=datetime.now(UTC),
        )
    console.print(f"Claim {number}; the share in question waits until it is decided.")


@app.command("figures")
def recompute_figures(
    url: Annotated[str, typer.Argument(help="Of an oracle's API; no key is needed.")],
) -> None:
    """Recompute from the public record how often an oracle was wrong, and compare it with what it
    says; exit status 1 if they differ.
    """
    from oracle.record_check import recompute

    counted, published = recompute(url)
    console.print_json(data=counted.as_dict())
    agrees = counted.as_dict() == published
    console.print("The oracle says the same." if agrees else "The oracle says otherwise.")
    raise typer.Exit(0 if agrees else 1)


@app.command()
def verify_receipt(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    evidence: Annotated[
        Path | None, typer.Option(help="The evidence's bytes, to be checked too.")
    ] = None,
) -> None:
    """Check a receipt offline and, given CHAIN_RPC_URL and ORACLE_CHAIN__DEPLOYMENT, on chain."""
    from oracle.chain.node.receipt_check import check_on_chain
    from oracle.originality.recompute import agrees

    settings = Settings()
    receipt = DecisionReceipt.from_json(file.read_text())
    checks = check_offline(receipt, evidence.read_bytes() if evidence else None)
    if settings.chain_rpc_url and settings.chain.deployment:
        checks += check_on_chain(wiring.make_chain_client(settings), receipt)
    else:
        console.print(
            "Checked offline only; the signer's standing and the transaction are on the chain."
        )
    _show(checks)
    raise typer.Exit(0 if agrees(checks) else 1)


def _stopped_by_signals() -> Pulse:
    """Return an event that SIGINT or SIGTERM sets."""
    stop = Pulse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _show(checks: Sequence[Check]) -> None:
    for check in checks:
        mark = "[green]agrees[/]  " if check.ok else "[bold red]DIFFERS[/] "
        console.print(f"{mark} {check.name}: {check.detail}", soft_wrap=True, highlight=False)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each stage of long work."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            task = tasks.setdefault(stage, TaskID(-1))
            if task == -1:
                tasks[stage] = task = bars.add_task(stage, total=total)
            bars.update(task, completed=done)

        yield show


@keys.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="Who holds it; appears in audit logs.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="upload, read, platform, history, fraud, catalogue, govern or admin; repeatable."
        ),
    ],
    creator: Annotated[
        str | None, typer.Option(help="Acts and reads for this creator alone.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Whose it is, where several keys are one person's.")
    ] = None,
    platform: Annotated[
        str | None,
        typer.Option(
            help="Names posts in this name space on chain: a platform's id (32 bytes, 0x-hex) or a"
            " contract."
        ),
    ] = None,
    per_minute: Annotated[int, typer.Option(min=1, help="Requests a minute.")] = 600,
    works_a_day: Annotated[
        int | None, typer.Option(min=0, help="Works that it posts a day.")
    ] = None,
    bytes_a_day: Annotated[
        int | None, typer.Option(min=0, help="Bytes that it posts a day.")
    ] = None,
    media_s_a_day: Annotated[
        int | None, typer.Option(min=0, help="Seconds of video and sound that it posts a day.")
    ] = None,
) -> None:
    """Create an API key; its secret is shown once."""
    from oracle.api.access import SCOPES
    from oracle.bringup import running_database
    from oracle.originality.naming import ensure_creator
    from storage.api_keys import issue

    unknown = set(scope) - set(SCOPES)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: use {', '.join(SCOPES)}.")
    if platform is not None and not re.fullmatch("0x([0-9a-fA-F]{64}|[0-9a-fA-F]{40})", platform):
        raise typer.BadParameter(f"{platform}: a platform is 32 or 20 bytes as 0x-hex.")
    if platform is not None and creator is not None:
        raise typer.BadParameter("A creator's key names no posts of a platform.")
    namespace = bytes.fromhex(platform[2:]) if platform else None
    with running_database(Settings()) as db, db.transaction() as conn:
        creator_id = ensure_creator(conn, creator) if creator else None
        secret = issue(
            conn,
            name,
            scope,
            person=person,
            creator_id=creator_id,
            namespace=namespace,
            per_minute=per_minute,
            works_a_day=works_a_day,
            bytes_a_day=bytes_a_day,
            media_s_a_day=media_s_a_day,
        )
    console.print(secret, soft_wrap=True, highlight=False)


@keys.command("list")
def list_keys() -> None:
    """Show all active keys."""
    from rich.table import Table

    from oracle.bringup import running_database
    from storage.api_keys import list_active

    table = Table("Name", "Scopes", "Creator", "Platform", "A minute")
    with running_database(Settings()) as db, db.transaction() as conn:
        for key in list_active(conn):
            table.add_row(
                key.name,
                ", ".join(key.scopes),
                key.creator or "any",
                f"0x{key.namespace.hex()}" if key.namespace else "–",
                str(key.per_minute),
            )
    console.print(table)


@keys.command("revoke")
def revoke_key(name: str) -> None:
    """Revoke a key at once."""
    from oracle.bringup import running_database
    from storage.api_keys import revoke

    with running_database(Settings()) as db, db.transaction() as conn:
        revoke(conn, name)
    console.print(f"{name} does not work any more.")


@review.command("list")
def list_reviews(
    limit: Annotated[int, typer.Option(min=1, help="Most that are shown.")] = 50,
) -> None:
    """Show what waits for a decision, nearest deadline first."""
    from rich.table import Table

    from oracle.bringup import running_database
    from storage.cases import reviews

    table = Table("Review", "Decide by", "Media", "Creator", "Reason", "Nearest", "Waits")
    with running_database(Settings()) as db, db.transaction() as conn:
        for case in reviews.list_open(conn, limit):
            table.add_row(
                str(case.id),
                f"{case.decide_by:%Y-%m-%d %H:%M} UTC",
                case.media_type,
                case.creator or "–",
                case.reason,
                f"{case.similarity_bps / 100:.2f} % {case.nearest_creator or ''}",
                f"{case.held_bps / 100:.2f} %",
            )
    console.print(table)


@review.command("show")
def show_review(review_id: UUID) -> None:
    """Show one review with everything that is known about it."""
    from oracle.api.routes.reviews import review_view
    from oracle.bringup import running_database
    from storage.cases import reviews

    with running_database(Settings()) as db, db.transaction() as conn:
        view = review_view(reviews.get(conn, review_id))
    for name, value in view.model_dump(mode="json").items():
        console.print(f"{name}: {'–' if value is None else value}", soft_wrap=True, highlight=False)


@review.command("decide")
def decide_review(
    review_id: UUID,
    outcome: Annotated[str, typer.Argument(help="original, licensed or derivative.")],
    because: Annotated[str, typer.Option(help="Why; the creators on both sides read it.")],
    by: Annotated[str, typer.Option(help="Who decides; neither side of the case.")],
) -> None:
    """Decide what the oracle could not; the contract, the money and the notices follow."""
    from oracle.appeals import reviews
    from oracle.bringup import running_database
    from oracle.rules.review import OUTCOMES

    if outcome not in OUTCOMES:
        raise typer.BadParameter(f"{outcome}: use {', '.join(OUTCOMES)}.")
    with running_database(Settings()) as db, db.transaction() as conn:
        ended = reviews.decide(
            conn, review_id, outcome=outcome, actor=by, because=because, now=datetime.now(UTC)
        )
    console.print(f"{ended.verdict}; it says so in the analysis {ended.analysis_id}.")


@review.command("quarantine")
def quarantine_work(
    work_id: UUID,
    because: Annotated[str, typer.Option(help="Why; it is logged.")],
    by: Annotated[str, typer.Option(help="Who decides.")],
    release: Annotated[bool, typer.Option(help="Undo it.")] = False,
) -> None:
    """Let nobody be accused by a work, or (with --release) undo that; verdicts are made again."""
    from oracle.appeals.neutral import check_neutral
    from oracle.bringup import running_database
    from oracle.originality import quarantine
    from storage.works import works

    step = quarantine.release if release else quarantine.quarantine
    with running_database(Settings()) as db, db.transaction() as conn:
        check_neutral(conn, by, works.get_work(conn, work_id).creator_id)
        again = step(conn, work_id, by=by, because=because, now=datetime.now(UTC))
    console.print(f"{'Released' if release else 'Quarantined'}; {len(again)} are judged again.")


@review.command("rate")
def undecided_rate(
    days: Annotated[int, typer.Option(min=1, help="First verdicts of so many days.")] = 30,
) -> None:
    """Show how many works could not be decided, by media type and reason."""
    from rich.table import Table

    from oracle.bringup import running_database
    from storage.cases import reviews

    table = Table("Media", "Reason", "Works", "Undecided", "Rate")
    with running_database(Settings()) as db, db.transaction() as conn:
        for rate in reviews.rates(conn, datetime.now(UTC) - timedelta(days=days)):
            table.add_row(
                rate.media_type,
                rate.reason or "all",
                str(rate.decided),
                str(rate.undecided),
                f"{100 * rate.undecided / rate.decided:.2f} %",
            )
    console.print(table)


@wallet.command("link")
def link_wallet(
    creator: Annotated[str, typer.Argument(help="A creator known by name.")],
    address: Annotated[str, typer.Argument(help="The wallet that is to act for the account.")],
    note: Annotated[str, typer.Option(help="What your word as the operator rests on.")],
) -> None:
    """Link a creator's escrow account to a wallet, on the operator's word."""
    from datetime import UTC, datetime

    from oracle.bringup import running_database
    from oracle.payouts import wallets

    account = _address(address)
    with running_database(Settings()) as db, db.transaction() as conn:
        links = wallets.link_by_word(
            conn,
            _creator_id(conn, creator),
            account,
            proof="operator",
            note=note,
            actor="operator",
            now=datetime.now(UTC),
        )
    console.print(f"{len(links)} to be attested; `oracle wallet show {creator}` says how far.")


@wallet.command("show")
def show_wallets(creator: str) -> None:
    """Show the wallets of a creator, and how far each link is."""
    from rich.table import Table

    from oracle.bringup import running_database
    from storage.ledger import wallets as stored

    table = Table("Account of", "Wallet", "Proof", "Status", "Ready at", "Error")
    with running_database(Settings()) as db, db.transaction() as conn:
        for link in stored.links_of(conn, _creator_id(conn, creator)):
            ready = f"{link.ready_at:%Y-%m-%d %H:%M} UTC" if link.ready_at else "–"
            wallet_hex = "0x" + bytes(link.wallet).hex()
            table.add_row(link.name, wallet_hex, link.proof, link.status, ready, link.error or "–")
    console.print(table)


@wallet.command("prepare")
def prepare_transaction(
    kind: Annotated[
        str,
        typer.Argument(
            help="withdraw, tip, open_dispute, answer_dispute, accept_ruling, escalate or"
            " claim_copy."
        ),
    ],
    creator: Annotated[str, typer.Option(help="Whose wallet signs it.")],
    post: Annotated[str | None, typer.Option(help="Post id, 0x-hex.")] = None,
    original: Annotated[str | None, typer.Option(help="Earlier post's id, 0x-hex.")] = None,
    dispute: Annotated[int | None, typer.Option(help="Number of the dispute.")] = None,
    amount: Annotated[int | None, typer.Option(help="In the token's smallest units.")] = None,
    token: Annotated[str | None, typer.Option(help="Its address; the coin if left out.")] = None,
    to: Annotated[str | None, typer.Option(help="Recipient of a withdrawal.")] = None,
    statement: Annotated[str | None, typer.Option(help="Its hash goes on chain.")] = None,
) -> None:
    """Write a transaction for a creator's own wallet to sign, as JSON."""
    from datetime import UTC, datetime

    from oracle.api.schemas.wallets import transaction_view
    from oracle.bringup import running_database
    from oracle.payouts import wallet_transactions
    from oracle.payouts.wallet_transactions import Wish

    settings = Settings()
    wish = Wish(
        kind=kind,
        post_id=_hex(post),
        original_post_id=_hex(original),
        dispute_id=dispute,
        amount=amount,
        token=_address(token) if token else bytes(20),
        to=_address(to) if to else None,
        statement=statement,
    )
    client = wiring.make_chain_client(settings)
    with running_database(settings) as db, db.transaction() as conn:
        prepared = wallet_transactions.prepare(
            conn,
            client,
            wish,
            creator_id=_creator_id(conn, creator),
            actor="operator",
            now=datetime.now(UTC),
        )
    console.print_json(transaction_view(prepared).model_dump_json(by_alias=True))


@wallet.command("sent")
def transaction_sent(
    transaction_id: UUID,
    tx_hash: Annotated[str, typer.Argument(help="The transaction's hash, 0x-hex.")],
) -> None:
    """Say by which hash a prepared transaction was sent; the scheduler follows it."""
    from datetime import UTC, datetime

    from oracle.bringup import running_database
    from oracle.payouts import wallet_transactions

    hash_bytes = _hex(tx_hash)
    assert hash_bytes is not None
    with running_database(Settings()) as db, db.transaction() as conn:
        wallet_transactions.note_sent(conn, transaction_id, hash_bytes, datetime.now(UTC))
    console.print(f"`oracle wallet transaction {transaction_id}` says what becomes of it.")


@wallet.command("transaction")
def show_transaction(transaction_id: UUID) -> None:
    """Show what became of a transaction that a creator signed."""
    from oracle.api.schemas.wallets import transaction_view
    from oracle.bringup import running_database
    from storage.ledger import wallets as stored

    with running_database(Settings()) as db, db.transaction() as conn:
        view = transaction_view(stored.get_transaction(conn, transaction_id))
    console.print_json(view.model_dump_json(by_alias=True))


def _creator_id(conn: Connection, name: str) -> int:
    from storage.errors import NotFound
    from storage.works import creators

    creator_id = creators.find_creator(conn, name)
    if creator_id is None:
        raise NotFound(f"There is no creator {name}.")
    return creator_id


def _address(text: str) -> bytes:
    from oracle.chain.core.ids import parse_account

    account = parse_account(text)
    if account is None:
        raise typer.BadParameter(f"{text} is no address.")
    return account


def _hex(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as exc:
        raise typer.BadParameter(f"{text} is no hex.") from exc


@models.command()
def pull(
    background: Annotated[
        bool,
        typer.Option(
            help="Try until the hub answers, log instead of drawing, then describe registered"
            " works."
        ),
    ] = False,
) -> None:
    """Fetch the CLIP weights from the hub and export them to ONNX; what is there is not fetched
    again.
    """
    from embeddings.image.clip_weights import pull_clip

    settings = Settings()
    weights = wiring.clip_weights(settings)
    if background:
        _pull_in_background(settings, weights)
        return
    with _progress() as progress:
        resolved = pull_clip(weights, progress=lambda *done: progress(*_in_mebibytes(*done)))
    console.print(f"{resolved.model_id}\n{resolved.graph}", soft_wrap=True, highlight=False)


def _pull_in_background(settings: Settings, weights: ClipWeights) -> None:
    from embeddings.image.clip_weights import pull_clip
    from oracle.bringup import running_database
    from oracle.tasks.likeness import fetch_until_here

    os.nice(NICE)
    logs.configure(settings)
    resolved = fetch_until_here(lambda progress: pull_clip(weights, progress=progress))
    if resolved is not None:
        with running_database(settings) as db:
            wiring.make_describer(settings, db, resolved).run()


def _in_mebibytes(stage: str, done: int, total: int) -> tuple[str, int, int]:
    """Progress of a download in numbers that people read."""
    return (
        (f"{stage}, MiB", done >> 20, total >> 20) if stage == "fetching" else (stage, done, total)
    )


def main() -> None:
    """Run the command line; known errors print one sentence, not a traceback."""
    from embeddings.errors import EmbeddingError
    from oracle.chain.errors import ChainError

    try:
        app()
    except (OracleError, StorageError, ChainError, EmbeddingError) as exc:
        line = " ".join(str(exc).split())
        console.print(f"[bold red]{exc.code}[/]: {escape(line)}", soft_wrap=True)
        sys.exit(1)
    except (ValidationError, SettingsError) as exc:
        for line in _wrong_settings(exc):
            console.print(f"[bold red]configuration_error[/]: {escape(line)}", soft_wrap=True)
        sys.exit(1)


def _wrong_settings(exc: ValidationError | SettingsError) -> Iterator[str]:
    """Yield what is wrong with the environment, a line a variable, without its value."""
    if isinstance(exc, SettingsError):
        yield str(exc)
        return
    for error in exc.errors(include_url=False, include_input=False, include_context=False):
        *groups, name = [str(part) for part in error["loc"]]
        known = name if name.isupper() else "__".join(["ORACLE", *groups, name]).upper()
        yield f"{known.replace('ORACLE__', 'ORACLE_', 1)}: {error['msg']}"
