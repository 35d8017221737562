"""The command line: `oracle up` runs everything, the other commands run or ask one part."""

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console

from oracle import app as wiring
from oracle.errors import OracleError
from oracle.settings import Settings
from storage.errors import StorageError

app = typer.Typer(
    help="Decides whether media is original, shows why, and records it on a chain.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold keys
)
models = typer.Typer(help="Model weights.", no_args_is_help=True)
app.add_typer(models, name="models")
console = Console()


@app.command()
def up() -> None:
    """Run everything on this machine: database, chain, contracts, API, worker, node. Ctrl-C stops it."""
    from oracle.bringup import run_until_stopped

    raise typer.Exit(run_until_stopped(Settings()))


@app.command()
def demo(keep: Annotated[Path | None, typer.Option(help="Keep the demo's data here.")] = None) -> None:
    """Tell the whole story with sample pictures; exit status 0 only if every step was read back from the chain."""
    from oracle.demo import tell

    raise typer.Exit(0 if tell(Console(width=max(console.width, 110)), keep) else 1)


@app.command()
def serve() -> None:
    """Run the API."""
    settings = Settings()
    uvicorn.run(wiring.create_app(settings), host=settings.http.host, port=settings.http.port, log_level="warning")


@app.command()
def worker() -> None:
    """Run one worker: it drains the queue of analyses."""
    from oracle.jobs import run_worker

    settings = Settings()
    wiring.configure_logging(settings)
    db = wiring.open_database(settings)
    originality = wiring.make_originality(settings, db, wiring.make_analyzer(settings))
    run_worker(db.dsn, originality.analyse, settings.worker)


@app.command()
def node() -> None:
    """Run the chain node: it reads requests and delivers decisions."""
    settings = Settings()
    wiring.configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    wiring.make_node(settings, wiring.open_database(settings)).run(stop)


@app.command()
def clear_latch() -> None:
    """Let a node go on that a breach of finality has stopped, once you know why it happened."""
    from oracle.chain.node import clear_latch as clear

    cleared = clear(wiring.open_database(Settings()))
    console.print("The latch is cleared; the node reads the chain again." if cleared else "No latch was set.")


@app.command()
def deploy(file: Annotated[Path, typer.Argument(help="Where to write the contracts' addresses.")]) -> None:
    """Deploy the contracts to the chain of CHAIN_RPC_URL with the key of ORACLE_CHAIN__KEY."""
    deployment = wiring.deploy_contracts(Settings())
    file.write_text(deployment.to_json())
    console.print(f"Hub {deployment.hub} on chain {deployment.chain_id}; addresses in {file}.")


@models.command()
def pull() -> None:
    """Fetch the CLIP weights from the hub into its cache on this machine."""
    from embeddings.image.clip_weights import pull_clip

    resolved = pull_clip(sha256=Settings().clip.sha256)
    console.print(f"{resolved.model_id}\n{resolved.path}\nSHA-256 {resolved.sha256}")


def main() -> None:
    """Run the command line; an error that we know is one sentence, not a traceback."""
    from embeddings.errors import EmbeddingError
    from oracle.chain.errors import ChainError

    try:
        app()
    except (OracleError, StorageError, ChainError, EmbeddingError) as exc:
        console.print(f"[bold red]{exc.code}[/]: {exc}", soft_wrap=True)
        sys.exit(1)
