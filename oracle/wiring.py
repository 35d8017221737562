"""Composition root: settings become objects here and nowhere else, and are passed on as values.

What a process is made of is imported when it is made: engines, chain and schedule cost each of them
tens of megabytes that the others need not have.
"""

from __future__ import annotations

import itertools
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from embeddings.image.clip_weights import ClipWeights, stamp_of
from oracle.errors import ConfigurationError
from oracle.probes import PROBE_S
from oracle.settings import Settings
from storage.blobs import BlobStore, BlobStoreUnavailable, open_blobs
from storage.database import Database, one_connection
from storage.errors import StorageError
from storage.migrate import SAID, Schema, check_schema

if TYPE_CHECKING:
    from embeddings.image.clip_weights import ResolvedWeights
    from embeddings.image.decode import DecodeLimits
    from oracle.chain.core.deployment import Deployment
    from oracle.chain.keys.accounts import LocalAccount
    from oracle.chain.keys.signer import Signer
    from oracle.chain.node.node import ChainNode
    from oracle.chain.quorum.peers import QuorumSettings
    from oracle.chain.rpc.client import ChainClient
    from oracle.fetch import Fetcher
    from oracle.media.decoders import Decoders
    from oracle.media.handler import MediaHandlers
    from oracle.media.making import HandlerOptions
    from oracle.notices.emails import MailServer
    from oracle.originality.analysis import Originality
    from oracle.originality.folder_match import FolderMatcher
    from oracle.originality.intake import Intake
    from oracle.originality.judge import Judge
    from oracle.originality.recompute import Auditor
    from oracle.payouts.onchain import PayoutAsset
    from oracle.payouts.payments import PayRules
    from oracle.tasks.likeness import Describer
    from oracle.tasks.scheduler import Scheduler

log = structlog.get_logger()


T = TypeVar("T")
# Whose keys the scheduler may hold; the node's alone signs reports.
SCHEDULER_ROLES = (
    "fraud_officer",
    "arbiter",
    "second_arbiter",
    "paymaster",
    "registrar",
    "claimant",
)


# Beyond the limit of its own that a decoder's work has: start, and what is not counted there.
DECODER_GRACE_S = 120.0
# Of the API: one check at a time, and uploads are looked into beside it.
API_DECODERS = 2
# Somebody waits for the answer: what takes longer to judge is posted, for the worker.
API_DECODING_S = 60.0
API_WAIT_S = 20.0


class Current(Generic[T]):
    """What is made with the models at hand, and made anew once others were pulled: a process need
    not be restarted.

    A caller takes it once for each piece of work, so that no work meets two sets of models.
    Safe to share between threads.
    """

    def __init__(self, settings: Settings, make: Callable[[], T]) -> None:
        self._weights = clip_weights(settings)
        self._make = make
        self._lock = threading.Lock()
        self._stamp = stamp_of(self._weights)
        self._value = make()

    def __call__(self) -> T:
        with self._lock:
            stamp = stamp_of(self._weights)
            if stamp != self._stamp:
                self._value, self._stamp = self._make(), stamp
                log.info("models.renewed")
            return self._value


@dataclass(frozen=True)
class People:
    """Who has which part in a new deployment; addresses as 0x-hex.

    Roles: `oracle.chain.contracts.roles`.
    """

    signers: Sequence[str] = ()
    quorum: int = 1
    admin: str | None = None
    officers: Mapping[str, str] = field(default_factory=dict)
    treasuries: tuple[str, str] | None = None
    one_key: bool = False  # may hold roles that check each other; on a development chain only


def check_exposure(settings: Settings) -> None:
    """Refuse an API that strangers can reach and that lets them post in anybody's name.

    Raises: ConfigurationError.
    """
    http = settings.http
    if http.keys_required or http.allow_keyless or _is_loopback(http.host):
        return
    raise ConfigurationError(
        f"Others can reach an API on {http.host}, and without keys anybody may post in anybody's"
        " name: set ORACLE_HTTP__KEYS_REQUIRED=true and make keys with `oracle keys add`, or set"
        " ORACLE_HTTP__ALLOW_KEYLESS=true if something else keeps strangers away."
    )


def _is_loopback(host: str) -> bool:
    """Return whether every address of a host is this machine's own; a name is looked up."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ip_address(address.partition("%")[0]).is_loopback for address in found)


def open_database(settings: Settings, *, max_size: int = 10) -> Database:
    """The database of DATABASE_URL.

    Raises: ConfigurationError if there is none, DatabaseUnavailable, UnsupportedDatabase,
        NotMigrated.
    """
    if settings.database_url is None:
        raise ConfigurationError(
            "DATABASE_URL is not set; `oracle up` starts a database of its own."
        )
    return open_migrated(settings.database_url, max_size=max_size)


def open_migrated(dsn: str, *, max_size: int = 10) -> Database:
    """Open a database that this version can work on.

    Raises: DatabaseUnavailable, UnsupportedDatabase, NotMigrated.
    """
    with one_connection(dsn) as conn:
        if check_schema(conn) is Schema.NEWER:
            log.warning("database.newer", detail=SAID[Schema.NEWER])
    db = Database(dsn, max_size=max_size)
    db.open()
    return db


def why_not_ready(db: Database, *, node: bool = False) -> str | None:
    """Say why a process cannot work now, None where it can."""
    from oracle.chain.core.readiness import problems
    from storage.chain import node_status

    try:
        with db.transaction(wait_s=PROBE_S) as conn:
            check_schema(conn)
            status = node_status.get(conn) if node else None
    except StorageError as exc:
        return str(exc)
    found = problems(status, datetime.now(UTC)) if status else []
    return "; ".join(f"{each.code}: {each.detail}" for each in found) or None


def decode_limits(settings: Settings) -> DecodeLimits:
    """Limits of the picture decoder."""
    from embeddings.image.decode import DecodeLimits

    return DecodeLimits(max_pixels=settings.limits.pixels)


def clip_weights(settings: Settings) -> ClipWeights:
    """Which CLIP weights are used and where they are kept."""
    return ClipWeights(
        folder=settings.data_dir.resolve() / "models" / "clip",
        path=settings.clip.weights,
        sha256=settings.clip.sha256,
        precision=settings.clip.precision,
    )


def make_fetcher(settings: Settings) -> Fetcher:
    """The one way media is fetched from URIs."""
    from oracle.fetch import Fetcher
    from storage.blobs.gcs import new_anonymous_client

    return Fetcher(
        max_bytes=settings.limits.upload_bytes,
        timeout_s=settings.fetch.timeout_s,
        allow_private=settings.fetch.allow_private,
        walrus_aggregator=settings.fetch.walrus_aggregator,
        # Strangers choose the URI: what only our own credentials may read must stay out of their
        # reach.
        gcs=new_anonymous_client,
    )


def handler_options(settings: Settings) -> HandlerOptions:
    """What handlers are made from."""
    from embeddings.audio.decode import SoundLimits
    from embeddings.video.limits import VideoLimits
    from embeddings.video.score import VideoPolicy
    from oracle.media.making import HandlerOptions

    limits, weights = settings.limits, clip_weights(settings)
    return HandlerOptions(
        clip=weights,
        clip_stamp=stamp_of(weights),
        pixels=decode_limits(settings),
        sound=SoundLimits(max_seconds=limits.sound_s, max_work_s=limits.work_s),
        video=VideoLimits(max_seconds=limits.video_s, max_work_s=limits.work_s),
        policy=VideoPolicy(
            min_matched_s=settings.matching.video_min_matched_s,
            copy_share=settings.matching.video_copy_share,
        ),
        max_candidates=limits.candidates,
    )


def make_handlers(settings: Settings) -> MediaHandlers:
    """Every kind of media that is decided on, with every channel whose weights are at hand."""
    from oracle.media import making

    return making.make_handlers(handler_options(settings))


def make_isolated_handlers(
    settings: Settings, *, decoders: int, limit_s: float = math.inf, wait_s: float | None = None
) -> MediaHandlers:
    """The same, with so many processes that look into files: those of strangers.

    Args: limit_s: Bounds a call, where the settings do not bound it more. wait_s: How long a call
        waits for a process; None for as long as it takes.
    """
    from oracle.media.isolated import isolated

    return isolated(
        make_handlers(settings),
        _decoders(
            handler_options(settings),
            decoders,
            settings.limits.decoder_mib * 2**20,
            min(settings.limits.work_s + DECODER_GRACE_S, limit_s),
            wait_s,
        ),
    )


def _decoders(
    options: HandlerOptions, count: int, limit_bytes: int, limit_s: float, wait_s: float | None
) -> Decoders:
    """Warm processes outlive what they are used by: new models need new ones, nothing else."""
    from oracle.media.decoders import Decoders

    key = (options, count, limit_bytes, limit_s, wait_s)
    if key not in _pools:
        for other in [old for old in _pools if old[1:] == key[1:]]:
            _pools.pop(other).retire()
        _pools[key] = Decoders(
            options, count=count, limit_bytes=limit_bytes, limit_s=limit_s, wait_s=wait_s
        )
    return _pools[key]


_pools: dict[tuple[HandlerOptions, int, int, float, float | None], Decoders] = {}


def interrupt_decoders() -> None:
    """End what is decoded in this process now, so that it can stop; jobs are tried again."""
    for pool in list(_pools.values()):
        pool.interrupt()


def make_judge(settings: Settings, db: Database) -> Judge:
    """The one judge, for every caller."""
    from oracle.originality.judge import Judge

    return Judge(
        db,
        pairs_off=settings.matching.pairs_off,
        min_share_bps=settings.matching.min_share_bps,
        sound_ceiling_bps=settings.matching.sound_ceiling_bps,
        contest_window=timedelta(seconds=settings.matching.contest_window_s),
    )


def make_intake(db: Database, blobs: BlobStore, handlers: MediaHandlers) -> Intake:
    """The two ways in."""
    from oracle.jobs import Jobs
    from oracle.originality.intake import Intake

    return Intake(db, blobs, Jobs(db.dsn), handlers)


def open_store(settings: Settings, db: Database) -> BlobStore:
    """Where media is kept.

    Raises: InvalidBlobUrl, ForeignBlobStore where it is another database's.
    """
    from oracle.measured_blobs import MeasuredBlobs
    from oracle.tasks import blob_owner

    blobs = open_blobs(settings.blobs)
    try:
        blob_owner.claim(db, blobs)
    # a caller that stores something gets the error then; reading the chain needs no store
    except BlobStoreUnavailable as exc:
        log.warning("blobs.owner_unknown", code=exc.code, error=str(exc))
    return MeasuredBlobs(blobs)


def make_originality(settings: Settings, db: Database, handlers: MediaHandlers) -> Originality:
    """The use case that the worker runs."""
    from oracle.jobs import Jobs
    from oracle.originality.analysis import Originality

    return Originality(
        db,
        open_store(settings, db),
        handlers,
        make_fetcher(settings),
        make_judge(settings, db),
        Jobs(db.dsn),
        max_attempts=settings.worker.attempts,
        slow_media=timedelta(seconds=settings.worker.slow_media_wait_s),
        fetches_per_host=settings.worker.fetches_per_host,
    )


def make_folder_matcher(settings: Settings, db: Database) -> FolderMatcher:
    """Matches files by the production path, against the works of a database."""
    from oracle.originality.folder_match import FolderMatcher

    return FolderMatcher(db, make_handlers(settings), make_judge(settings, db))


def make_describer(
    settings: Settings,
    db: Database,
    weights: ResolvedWeights,
    *,
    share: float | None = None,
    rest: Callable[[float], object] = time.sleep,
) -> Describer:
    """Describes what was registered before a model was there."""
    from embeddings.image.analyzer import ImageAnalyzer
    from embeddings.video.analyzer import VideoAnalyzer
    from embeddings.video.limits import VideoLimits
    from oracle.tasks.likeness import SHARE, Describer

    videos = VideoAnalyzer(
        ImageAnalyzer.load(clip=clip_weights(settings), copy=False),
        limits=VideoLimits(max_seconds=settings.limits.video_s, max_work_s=settings.limits.work_s),
    )
    limits = decode_limits(settings)
    share = SHARE if share is None else share
    return Describer(
        db, open_blobs(settings.blobs), weights, videos, limits, share=share, rest=rest
    )


def make_auditor(settings: Settings, db: Database) -> Auditor:
    """Computes decisions again from stored facts."""
    from oracle.originality.recompute import Auditor

    return Auditor(
        db, open_blobs(settings.blobs), make_handlers(settings), make_judge(settings, db)
    )


def chain_account(settings: Settings) -> LocalAccount:
    """The oracle's own account.

    Raises: ConfigurationError if no key is set, SigningFailed if it is none.
    """
    from oracle.chain.keys.accounts import load_account
    from oracle.chain.keys.signer import account_from_file

    if settings.chain.key is not None:
        return load_account(settings.chain.key.get_secret_value())
    if settings.chain.key_file is None:
        raise ConfigurationError("No key: set ORACLE_CHAIN__KEY or ORACLE_CHAIN__KEY_FILE.")
    password = settings.chain.key_password
    return account_from_file(
        settings.chain.key_file, password.get_secret_value() if password else None
    )


def make_quorum(settings: Settings) -> QuorumSettings | None:
    """The other signers, None where this oracle signs alone. Raises: ConfigurationError."""
    from oracle.chain.core.ids import parse_account
    from oracle.chain.quorum.peers import QuorumSettings

    peers = {}
    for address, url in settings.quorum.peers.items():
        account = parse_account(address)
        if account is None:
            raise ConfigurationError(f"ORACLE_QUORUM__PEERS: {address!r} is no address.")
        peers[account] = url
    if not peers:
        return None
    listen = (settings.quorum.listen_host, settings.quorum.listen_port)
    return QuorumSettings(peers, listen, settings.quorum.tolerance_bps, settings.quorum.turn_s)


def make_chain_client(settings: Settings) -> ChainClient:
    """The door to the chain. Raises: ConfigurationError if chain or contracts are not named."""
    from oracle.chain.core.deployment import Deployment
    from oracle.chain.core.fees import GWEI, FeeLimits
    from oracle.chain.rpc.client import ChainClient
    from oracle.chain.rpc.endpoint import Endpoint

    if settings.chain_rpc_url is None or settings.chain.deployment is None:
        raise ConfigurationError(
            "Set CHAIN_RPC_URL and ORACLE_CHAIN__DEPLOYMENT; `oracle up` does it for its processes."
        )
    try:
        deployment = Deployment.from_json(settings.chain.deployment.read_text())
    except (OSError, ValueError, LookupError, TypeError) as exc:
        raise ConfigurationError(
            f"ORACLE_CHAIN__DEPLOYMENT: {settings.chain.deployment} holds no addresses of contracts"
            f" ({exc}); `oracle deploy` writes such a file."
        ) from exc
    if settings.chain.chain_id not in (None, deployment.chain_id):
        raise ConfigurationError(
            f"ORACLE_CHAIN__CHAIN_ID is {settings.chain.chain_id}; the contracts are on chain"
            f" {deployment.chain_id}."
        )
    endpoints = [Endpoint(url.strip()) for url in settings.chain_rpc_url.split(",") if url.strip()]
    limits = FeeLimits(max_fee_cap_wei=int(settings.chain.max_fee_gwei * GWEI))
    return ChainClient(endpoints, deployment, fee_limits=limits)


def make_node(settings: Settings, db: Database) -> ChainNode:
    """The chain node. Raises: ConfigurationError if chain, contracts or key are not named."""
    from oracle.chain.keys.signer import LocalSigner
    from oracle.chain.node.node import ChainNode
    from oracle.chain.rpc.new_heads import HeadWatcher
    from oracle.originality.peer_uploads import UploadExchange
    from oracle.payouts import wallets

    # The node's intake never looks into a file: what a request names is fetched and read by the
    # worker.
    blobs = open_store(settings, db)
    intake = make_intake(db, blobs, {})
    client, signer = make_chain_client(settings), LocalSigner(bytes(chain_account(settings).key))
    node = ChainNode(
        db,
        client,
        signer,
        also=lambda: wallets.attest(db, client, node.attest_link, datetime.now(UTC)),
        on_request=intake.accept_request,
        confirmations=settings.chain.confirmations,
        poll_interval_s=settings.chain.poll_s,
        quorum=make_quorum(settings),
        heads=HeadWatcher(settings.chain.ws_url) if settings.chain.ws_url else None,
        uploads=UploadExchange(db, blobs, intake, settings.limits.upload_bytes),
    )
    return node


def make_scheduler(settings: Settings, db: Database) -> Scheduler:
    """What happens by itself. Raises: ConfigurationError, SigningFailed."""
    from oracle.chain.sender.calls import CallSender
    from oracle.jobs import Jobs
    from oracle.notices.emails import EmailSender
    from oracle.notices.endpoints import EndpointSender
    from oracle.notices.webhooks import WebhookSender
    from oracle.tasks.chain_cases import ChainCases
    from oracle.tasks.fraud import Upkeep
    from oracle.tasks.reconciliation import Reconciler
    from oracle.tasks.scheduler import ChainPayouts, Scheduler

    jobs = Jobs(db.dsn)
    keys = load_role_keys(settings)
    on_chain = settings.chain_rpc_url is not None and settings.chain.deployment is not None
    client = make_chain_client(settings) if keys or on_chain else None
    freezes = {"fraud_officer", "arbiter"} <= set(keys)
    upkeep = Upkeep(
        db,
        client=client if freezes else None,
        jobs=jobs,
        alarm_creators=settings.matching.alarm_creators,
    )
    return Scheduler(
        db,
        upkeep,
        pay_rules=make_pay_rules(settings),
        jobs=jobs,
        blobs=lambda: open_blobs(settings.blobs),
        webhooks=WebhookSender(db, allow_private=settings.fetch.allow_private),
        endpoints=EndpointSender(db, allow_private=settings.fetch.allow_private),
        emails=EmailSender(db, server) if (server := make_mail_server(settings)) else None,
        payouts=ChainPayouts(client, make_payout_asset(settings))
        if client and "paymaster" in keys
        else None,
        cases=ChainCases(db, client, may_claim="claimant" in keys) if client else None,
        reconciler=Reconciler(db, client, make_payout_asset(settings)) if client else None,
        sender=CallSender(db, client, keys) if client and keys else None,
    )


def make_mail_server(settings: Settings) -> MailServer | None:
    """Return the server that notices go out by, None without one."""
    from oracle.notices.emails import MailServer

    mail = settings.mail
    if mail.host is None:
        return None
    return MailServer(
        mail.host,
        mail.port,
        mail.sender,
        mail.base_url,
        mail.starttls,
        mail.username,
        mail.password.get_secret_value() if mail.password else None,
    )


def make_pay_rules(settings: Settings) -> PayRules:
    """When pay is booked, in the currency that this process uses from now on."""
    from oracle import currency
    from oracle.payouts.payments import PayRules

    currency.use(settings.pay.currency)
    return PayRules(timedelta(hours=settings.pay.settle_h), settings.pay.confirm_above_minor)


def make_payout_asset(settings: Settings) -> PayoutAsset:
    """What creators are paid with. Raises: ConfigurationError, InvalidAddress."""
    from oracle.chain.contracts.payments import ETHER
    from oracle.chain.core.ids import parse_account
    from oracle.payouts.onchain import PayoutAsset

    token = parse_account(settings.pay.token) if settings.pay.token else ETHER
    if token is None:
        raise ConfigurationError(f"ORACLE_PAY__TOKEN: {settings.pay.token!r} is no address.")
    return PayoutAsset(token, settings.pay.units_per_cent)


def load_role_keys(settings: Settings) -> dict[str, Signer]:
    """The keys that the scheduler acts with, by role; those that are not set are left out.

    Raises: ConfigurationError where one key would check itself, SigningFailed.
    """
    from oracle.chain.contracts.roles import ARBITERS
    from oracle.chain.devnet.keys import KeyRing
    from oracle.chain.keys.accounts import load_account
    from oracle.chain.keys.signer import LocalSigner

    file = settings.chain.role_keys_file
    ring = KeyRing(file).accounts() if file is not None else {}
    keys: dict[str, Signer] = {}
    for role in SCHEDULER_ROLES:
        secret = getattr(settings.chain, f"{role}_key")
        account = load_account(secret.get_secret_value()) if secret else ring.get(role)
        if account is not None:
            keys[role] = LocalSigner(bytes(account.key))
    apart = [role for role in ("fraud_officer", "claimant", *ARBITERS) if role in keys]
    for first, second in itertools.combinations(apart, 2):
        decides = second in ARBITERS
        if decides and keys[first].address == keys[second].address:
            raise ConfigurationError(
                f"ORACLE_CHAIN__{first.upper()}_KEY and ORACLE_CHAIN__{second.upper()}_KEY are the"
                " same: who accuses or ruled before cannot decide."
            )
    return keys


def deploy_contracts(settings: Settings, people: People) -> Deployment:
    """Deploy to an external chain with our key. What `people` leaves open falls to that key.

    On a development chain arbiters, registrar and claimant are accounts of the node where they are
    not named.

    Raises: ConfigurationError, WrongChain, SharedRoles, DeploymentFailed.
    """
    from oracle.chain.contracts.deploy import connect, deploy
    from oracle.chain.contracts.roles import ARBITERS, DEVELOPMENT_CHAINS, Officers, SharedRoles
    from oracle.chain.errors import WrongChain

    if settings.chain_rpc_url is None:
        raise ConfigurationError("Set CHAIN_RPC_URL to the chain to deploy to.")
    w3 = connect(settings.chain_rpc_url)
    if settings.chain.chain_id not in (None, w3.eth.chain_id):
        raise WrongChain(f"That is chain {w3.eth.chain_id}, not {settings.chain.chain_id}.")
    account = chain_account(settings)
    mine, signers = people.admin or account.address, people.signers or [account.address]
    named = dict(people.officers)
    development = w3.eth.chain_id in DEVELOPMENT_CHAINS
    if people.one_key and not development:
        raise SharedRoles(
            f"One key may hold all roles on a development chain only, and chain {w3.eth.chain_id}"
            " is none. Name the officers."
        )
    if development and not people.one_key:
        others = {mine.lower(), *(signer.lower() for signer in signers)}
        funded = [known for known in w3.eth.accounts if known.lower() not in others]
        unnamed = [role for role in (*ARBITERS, "registrar", "claimant") if role not in named]
        # Only as many as there are: what is missing is refused by its name below.
        named |= dict(zip(unnamed, funded, strict=False))
    officers = Officers.each(lambda role: named.get(role, "" if role == "claimant" else mine))
    if not people.one_key:
        officers.require_separate(signers)
    return deploy(
        w3,
        account,
        oracle_signers=signers,
        quorum=people.quorum,
        admin=people.admin,
        officers=officers,
        treasuries=people.treasuries,
    )
