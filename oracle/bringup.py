"""Run everything on one machine as one process tree: database, chain, API, worker and node."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from oracle import logs, metrics
from oracle.chain.contracts.deploy import connect, deploy
from oracle.chain.contracts.payments import fund_vault
from oracle.chain.contracts.roles import Officers
from oracle.chain.core.deployment import Deployment
from oracle.chain.devnet import DevChain
from oracle.chain.errors import NotDeployed, WrongChain
from oracle.chain.keys.signer import LocalSigner
from oracle.chain.rpc.client import ChainClient
from oracle.chain.rpc.endpoint import Endpoint
from oracle.errors import ConfigurationError
from oracle.settings import Settings
from oracle.supervisor import PROCESSES, ChildSpec, Supervisor, write_down
from oracle.wiring import SCHEDULER_ROLES, check_exposure, open_migrated
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate

log = structlog.get_logger()

PREFIX = "ORACLE_CHAIN__"
NODE_KEYS = ("KEY", "KEY_FILE", "KEY_PASSWORD")
COURT_KEYS = (*(f"{role.upper()}_KEY" for role in SCHEDULER_ROLES), "ROLE_KEYS_FILE")
# Play money of the embedded chain: the value of a cent, and the budget that bonuses are paid from.
WEI_PER_CENT = 10**12
BONUS_BUDGET_WEI = 10**18


def run_until_stopped(settings: Settings) -> int:
    """Start what is missing, run the oracle, and stop all of it in order on Ctrl-C.

    What is set (DATABASE_URL, CHAIN_RPC_URL) is used as it is. What is not set is embedded; its
    data is in `settings.data_dir` and survives a restart.

    Returns: 0 after an orderly stop, 1 if a process could not be started.
    Raises: ConfigurationError, StorageError, ChainError when the start fails; nothing is left
        running then.
    """
    logs.configure(settings)
    check_exposure(settings)
    data_dir = settings.data_dir.resolve()
    data_dir.mkdir(parents=True, exist_ok=True)
    _check_port(settings)
    with ExitStack() as stack:
        dsn = (
            settings.database_url
            or stack.enter_context(EmbeddedPostgres(data_dir / "postgres")).dsn
        )
        migrate(dsn)
        env = {
            "DATABASE_URL": dsn,
            "BLOBS_URL": settings.blobs,
            metrics.FOLDER: str(_empty_folder(data_dir / "metrics")),
        }
        court: dict[str, str] = {}
        if settings.chain_rpc_url is None:
            chain = stack.enter_context(DevChain(data_dir / "chain"))
            deployment_file = data_dir / "deployment.json"
            _deploy_once(chain, deployment_file)
            court |= {
                f"{PREFIX}{role.upper()}_KEY": chain.account(role).key.hex()
                for role in SCHEDULER_ROLES
            }
            env["ORACLE_PAY__UNITS_PER_CENT"] = str(WEI_PER_CENT)
            env |= {
                "CHAIN_RPC_URL": chain.rpc_url,
                "ORACLE_CHAIN__CHAIN_ID": str(chain.chain_id),
                "ORACLE_CHAIN__DEPLOYMENT": str(deployment_file),
                "ORACLE_CHAIN__KEY": chain.oracle_key.key.hex(),
            }
        elif settings.chain.deployment is None:
            raise ConfigurationError(
                "CHAIN_RPC_URL is set, but not where the contracts are: set"
                " ORACLE_CHAIN__DEPLOYMENT to the file that `oracle deploy` wrote."
            )
        _announce(settings)
        running = data_dir / "running.json"
        stack.callback(running.unlink, missing_ok=True)
        # Readable by our user only: the database's URL may hold a password.
        running.touch(0o600)
        running.chmod(0o600)
        running.write_text(json.dumps(_locations(settings, env), indent=1))
        down = data_dir / PROCESSES
        stack.callback(down.unlink, missing_ok=True)
        return Supervisor(
            _children(settings, env, court), on_down=lambda names: write_down(down, names)
        ).run()


@contextmanager
def running_database(settings: Settings) -> Iterator[Database]:
    """Open the oracle's database: that of DATABASE_URL, or the embedded one, joined or started.

    Raises: ConfigurationError if there is no oracle in the data folder, StorageError.
    """
    with database_dsn(settings) as dsn:
        db = open_migrated(dsn)
        try:
            yield db
        finally:
            db.close()


@contextmanager
def database_dsn(settings: Settings) -> Iterator[str]:
    """Yield where the oracle's database is, migrated or not; an embedded one runs meanwhile.

    Raises: ConfigurationError if there is no oracle in the data folder, StorageError.
    """
    folder = settings.data_dir.resolve() / "postgres"
    with ExitStack() as stack:
        dsn = settings.database_url
        if dsn is None:
            if not folder.exists():
                raise ConfigurationError(
                    f"There is no oracle in {settings.data_dir.resolve()}; start it with `oracle"
                    " up`."
                )
            dsn = stack.enter_context(EmbeddedPostgres(folder)).dsn
        yield dsn


def api_url(settings: Settings) -> str:
    """Return the URL of the API for clients on this machine."""
    # An unspecified address is listened on, and cannot be asked: each family by its own loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http.host, settings.http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http.port}"


def _check_port(settings: Settings) -> None:
    """Fail at once, not after a minute of start-up, if the API's port is taken.

    Raises: ConfigurationError.
    """
    with socket.socket(socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http.host, settings.http.port))
        except OSError as exc:
            raise ConfigurationError(
                f"Port {settings.http.port} on {settings.http.host} cannot be used"
                f" ({exc.strerror}); stop what listens there, or set ORACLE_HTTP__PORT."
            ) from exc


def _empty_folder(folder: Path) -> Path:
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _announce(settings: Settings) -> None:
    url = api_url(settings)
    print(f"The oracle will be at {url} in a moment. Then, in another terminal:", flush=True)
    key = " -H 'Authorization: Bearer KEY'" if settings.http.keys_required else ""
    print(f"  curl{key} -F file=@photo.jpg -F creator=alice {url}/upload", flush=True)
    if key:
        print("where KEY is what `oracle keys add NAME --scope upload` prints.", flush=True)


def _children(
    settings: Settings, env: Mapping[str, str], court: Mapping[str, str]
) -> list[ChildSpec]:
    everything = {**os.environ, **env, **court, "PYTHONUNBUFFERED": "1"}
    # Only the node signs reports, and only the scheduler freezes, decides and pays. No process sees
    # another's key.
    whole, scheduler_env = without(everything, COURT_KEYS), without(everything, NODE_KEYS)
    keyless = without(whole, NODE_KEYS)
    oracle = (sys.executable, "-m", "oracle")
    url = api_url(settings)
    children = [
        ChildSpec(name="node", argv=(*oracle, "node"), env=whole),
        ChildSpec(name="scheduler", argv=(*oracle, "scheduler"), env=scheduler_env),
        ChildSpec(name="worker", argv=(*oracle, "worker"), env=keyless, grace_s=60.0),
        ChildSpec(name="api", argv=(*oracle, "serve"), env=keyless, ready=f"{url}/readyz"),
    ]
    if settings.clip.fetch:
        children.append(
            ChildSpec(
                name="models",
                argv=(*oracle, "models", "pull", "--background"),
                env=keyless,
                once=True,
            )
        )
    return children


def without(env: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Return an environment without some chain settings, also inside ORACLE_CHAIN as JSON."""
    left = {
        name: value
        for name, value in env.items()
        if name.upper() not in {PREFIX + key for key in keys}
    }
    for name in [name for name in left if name.upper() == "ORACLE_CHAIN"]:
        try:
            group = json.loads(left[name])
        except ValueError:
            continue  # the settings will report what is wrong with it
        if isinstance(group, dict):
            left[name] = json.dumps(
                {key: value for key, value in group.items() if key.upper() not in keys}
            )
    return left


def _deploy_once(chain: DevChain, file: Path) -> None:
    """Deploy our contracts to the embedded chain, unless they are there already."""
    if file.exists():
        client = ChainClient(Endpoint(chain.rpc_url), Deployment.from_json(file.read_text()))
        try:
            client.check()
        except (NotDeployed, WrongChain) as exc:
            raise ConfigurationError(
                f"{exc} The chain's data and the database in {file.parent} do not belong together"
                " any more: restore the folder from a backup, or move it away to start anew."
            ) from exc
        return
    # An account for each role: here too, the account that freezes must not be able to decide.
    officers = Officers.each(lambda role: chain.account(role).address)
    deployment = deploy(
        connect(chain.rpc_url),
        chain.deployer,
        oracle_signers=[chain.oracle_key.address],
        officers=officers,
        admin=chain.account("admin").address,
        treasuries=(chain.account("platform").address, chain.account("ecosystem").address),
    )
    client = ChainClient(Endpoint(chain.rpc_url), deployment)
    fund_vault(client, LocalSigner(bytes(chain.account("paymaster").key)), BONUS_BUDGET_WEI)
    # Saved now: a kill -9 would otherwise lose contracts whose addresses are on file.
    temporary = file.with_suffix(".new")
    temporary.write_text(deployment.to_json())
    temporary.replace(file)
    log.info("contracts.deployed", hub=deployment.hub, chain_id=deployment.chain_id)


def _locations(settings: Settings, env: Mapping[str, str]) -> dict[str, str | None]:
    """Return where the parts of this oracle can be reached."""
    return {
        "api": api_url(settings),
        "rpc": env.get("CHAIN_RPC_URL", settings.chain_rpc_url),
        "deployment": env.get("ORACLE_CHAIN__DEPLOYMENT", str(settings.chain.deployment)),
        "database": env["DATABASE_URL"],
    }
