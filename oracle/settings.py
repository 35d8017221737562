"""All settings of a process, read from the environment once, in `oracle.cli` and `oracle.app`."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class HttpSettings(BaseModel, frozen=True):
    """Where the API listens, who may call it, and how long a call waits."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on.")
    wait_s: float = Field(
        default=20.0,
        ge=0,
        le=120,
        description="How long an upload waits for its answer by default.",
    )
    admin_token: SecretStr | None = Field(
        default=None,
        description="The operator's token: lets its bearer do everything, without a key.",
    )
    keys_required: bool = Field(
        default=False,
        description="Uploads and reading take an API key too (`oracle keys add`); must be set where"
        " the host is not loopback.",
    )
    allow_keyless: bool = Field(
        default=False,
        description="Serve without keys though the host is not loopback, where something else keeps"
        " strangers away.",
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1",
        description="Addresses or networks, with commas between, of the proxies whose"
        " `X-Forwarded-For` and `X-Forwarded-Proto` are believed; `*` believes everybody.",
    )
    cors_origins: list[str] = Field(
        default_factory=list,
        description="Sites whose scripts may call the API with a key, as JSON:"
        ' `["https://app.example"]`.',
    )
    per_minute: int = Field(
        default=1200, gt=0, description="Requests a minute of one address without a key."
    )


class LimitSettings(BaseModel, frozen=True):
    """Limits of one upload."""

    upload_bytes: int = Field(default=500 * 2**20, gt=0, description="Largest accepted file.")
    pixels: int = Field(
        default=100_000_000,
        gt=0,
        description="Most pixels of a picture, checked before it is decoded.",
    )
    video_s: float = Field(default=6 * 3600.0, gt=0, description="Longest video, in seconds.")
    sound_s: float = Field(default=10 * 3600.0, gt=0, description="Longest sound, in seconds.")
    work_s: float = Field(
        default=480.0,
        gt=0,
        description="Seconds of decoding after which a video or a sound is given up.",
    )
    decoder_mib: int = Field(
        default=3072, ge=256, description="Memory that one file may take while it is decoded."
    )
    candidates: int = Field(
        default=20, ge=1, le=100, description="Most candidates that are verified."
    )


class QueueSettings(BaseModel, frozen=True):
    """How much is taken in. The quotas of a day hold for every poster; a key may have its own."""

    waiting: int = Field(
        default=10_000, ge=1, description="Most works that wait for a decision; then 503."
    )
    waiting_of_one: int = Field(
        default=3_000, ge=1, description="Most works of one key, platform or creator that wait."
    )
    works_a_day: int | None = Field(default=None, ge=0, description="Works of a poster a day.")
    bytes_a_day: int | None = Field(default=None, ge=0, description="Bytes of a poster a day.")
    media_s_a_day: int | None = Field(
        default=None, ge=0, description="Seconds of video and sound of a poster a day."
    )


class MatchingSettings(BaseModel, frozen=True):
    """What is matched with what, and what counts as a match."""

    pairs_off: list[str] = Field(
        default_factory=list,
        description='Pairs "upload>earlier work" of media types that are never matched, as JSON:'
        ' `["image>video"]`.',
    )
    min_share_bps: int = Field(
        default=300,
        ge=0,
        le=10_000,
        description="A match must cover this share of an upload to count.",
    )
    alarm_creators: int = Field(
        default=20,
        ge=0,
        description="A work that made copyists of so many creators within a day raises an alarm; 0"
        " for none.",
    )
    video_min_matched_s: float = Field(
        default=3.0,
        gt=0,
        description="Seconds of a video that must match; a shorter work must match wholly.",
    )
    video_copy_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of either video that makes a copy; less is a partial match.",
    )
    sound_ceiling_bps: int = Field(
        default=3000,
        ge=0,
        le=10_000,
        description="Most that a video which shares only its sound redirects.",
    )
    contest_window_s: float = Field(
        default=600.0,
        ge=0,
        description="Two creators' requests of the same bytes so close to each other, neither"
        " committed to before, need a review.",
    )


class ChainSettings(BaseModel, frozen=True):
    """The chain that decisions are delivered to.

    Without `CHAIN_RPC_URL` the oracle runs its own.
    """

    chain_id: int | None = Field(default=None, description="Refuse to work on any other chain.")
    deployment: Path | None = Field(
        default=None, description="File with the contracts' addresses, as `oracle deploy` wrote it."
    )
    key: SecretStr | None = Field(default=None, description="Private key of the oracle (hex).")
    key_file: Path | None = Field(
        default=None, description="File with the key: a keystore, or hex."
    )
    key_password: SecretStr | None = Field(default=None, description="Password of the keystore.")
    fraud_officer_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that freezes on chain. Without it holds stay off"
        " chain.",
    )
    arbiter_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that decides on freezes and rules on posts; never the"
        " one that freezes.",
    )
    second_arbiter_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that rules where the arbiter ruled before.",
    )
    registrar_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that completes links of accounts to wallets.",
    )
    claimant_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that claims copies for creators without a wallet.",
    )
    role_keys_file: Path | None = Field(
        default=None,
        description="JSON file of mode 0600 with such keys by role (`arbiter`, `second_arbiter`,"
        " `fraud_officer`, `paymaster`, `registrar`, `claimant`); those set here come first.",
    )
    paymaster_key: SecretStr | None = Field(
        default=None,
        description="Key (hex) of the account that pays creators through the BonusVault. Optional.",
    )
    confirmations: int = Field(
        default=1, ge=0, description="Blocks on top of a request before its answer is sent."
    )
    poll_s: float = Field(default=0.5, gt=0, description="Pause between two reads of the chain.")
    ws_url: str | None = Field(
        default=None,
        description="WebSocket URL whose new heads wake the node early; it polls all the same.",
    )
    max_fee_gwei: float = Field(
        default=500.0, gt=0, description="Highest fee per gas the node pays."
    )


class QuorumSettings(BaseModel, frozen=True):
    """Other oracles that sign the same reports. Without peers this oracle signs alone."""

    peers: dict[str, str] = Field(
        default_factory=dict,
        description='Base URL of each other signer by its address, as JSON: `{"0x…": "http://…"}`.',
    )
    listen_host: str = Field(
        default="127.0.0.1", description="Address to listen on for the other signers."
    )
    listen_port: int = Field(
        default=0, ge=0, le=65_535, description="Port for the other signers; 0 takes a free one."
    )
    tolerance_bps: int = Field(
        default=50, ge=0, le=10_000, description="How far a report may be from our own similarity."
    )
    turn_s: float = Field(
        default=5.0, gt=0, description="How long each signer has to send before the next one does."
    )


class EngagementSettings(BaseModel, frozen=True):
    """What the platform says about itself."""

    own_domains: str = Field(
        default="",
        description="The platform's own domains, with commas between: who comes from there, or from"
        " below, is no stranger.",
    )

    @property
    def own(self) -> tuple[str, ...]:
        """The domains in lower case."""
        names = (name.strip().strip(".").lower() for name in self.own_domains.split(","))
        return tuple(name for name in names if name)


class PaySettings(BaseModel, frozen=True):
    """When weeks are paid; the asset on chain, if a paymaster's key is set."""

    settle_h: float = Field(
        default=6.0,
        ge=0,
        le=24 * 28,
        description="Hours after the end of a week in which its figures may still arrive; then it"
        " is paid.",
    )
    confirm_above_minor: int = Field(
        default=1_000_000,
        ge=0,
        description="Cents of base pay, and of adjustments, of one post and week above which a"
        " second person confirms.",
    )

    currency: str = Field(
        default="USD",
        pattern="^[A-Z]{3}$",
        description="Currency of all amounts (ISO 4217), one whose smallest unit is a hundredth.",
    )
    token: str | None = Field(
        default=None, description="Address of the token; the chain's own coin if not set."
    )
    units_per_cent: int = Field(
        default=1, ge=1, description="How many of its smallest units are a cent."
    )


class MailSettings(BaseModel, frozen=True):
    """A server that takes notices to creators as e-mail; without one there is no e-mail."""

    host: str | None = Field(default=None, description="Name of the SMTP server.")
    port: int = Field(default=587, ge=1, le=65_535, description="Its port.")
    starttls: bool = Field(default=True, description="Encrypt the connection (STARTTLS).")
    sender: str = Field(default="oracle@localhost", description="Address that notices come from.")
    username: str | None = Field(default=None, description="To sign in with, if it asks.")
    password: SecretStr | None = Field(default=None, description="To sign in with, if it asks.")
    base_url: str = Field(
        default="http://localhost:8000", description="Where creators reach the pages."
    )


class OidcSettings(BaseModel, frozen=True):
    """An OpenID provider of the platform's, by which its creators sign in."""

    issuer: str | None = Field(default=None, description="Its address; off if not set.")
    client_id: str | None = Field(default=None, description="Our name at the provider.")
    client_secret: SecretStr | None = Field(
        default=None, description="Our secret there; none for a public client."
    )
    scope: str = Field(default="openid profile", description="What is asked for.")
    creator_claim: str = Field(
        default="sub",
        description="The claim that names the creator here: one that nobody can choose.",
    )
    key: str | None = Field(
        default=None,
        description="Name of the platform's key (scope `platform`) that signs them in; sessions end"
        " with it.",
    )
    base_url: str | None = Field(
        default=None,
        description="Our own address as browsers see it; as the request says if not set.",
    )


class HistorySettings(BaseModel, frozen=True):
    """Signed histories that creators take along, and whose of elsewhere are believed."""

    key: SecretStr | None = Field(
        default=None,
        description="Key (hex) that signs them; one is made in the data folder if not set.",
    )
    trusted: dict[str, str] = Field(
        default_factory=dict,
        description="Name of each installation whose histories are imported, by its address, as"
        ' JSON: `{"0x…": "…"}`.',
    )


class FetchSettings(BaseModel, frozen=True):
    """How media is fetched from a request's URI."""

    allow_private: bool = Field(
        default=False, description="Allow loopback and private addresses (development only)."
    )
    timeout_s: float = Field(default=120.0, gt=0, description="For one fetch, redirects included.")
    walrus_aggregator: str | None = Field(
        default=None, description="Base URL of a Walrus aggregator, for walrus:// URIs."
    )


class ClipSettings(BaseModel, frozen=True):
    """The likeness channel. Without weights it is off, and every answer says so."""

    weights: Path | None = Field(
        default=None, description="Weights file of ViT-B-32 laion2b_s34b_b79k."
    )
    sha256: str | None = Field(default=None, description="Expected SHA-256 of the weights file.")
    fetch: bool = Field(
        default=True,
        description="`oracle up` fetches the weights in the background where the hub answers.",
    )
    precision: Literal["fp32", "int8"] = Field(
        default="fp32",
        description="Graph that is run; int8 is a quarter the size and keeps vectors of its own.",
    )


class WorkerSettings(BaseModel, frozen=True):
    """How the worker works off the queue."""

    concurrency: int = Field(default=2, ge=1, le=64, description="Analyses at once.")
    fetches: int = Field(
        default=32, ge=1, le=256, description="Media of requests fetched at once, beside analyses."
    )
    fetches_per_host: int = Field(
        default=4, ge=1, le=256, description="How many of them from one host."
    )
    slow_media_wait_s: float = Field(
        default=30.0,
        ge=0,
        description="How long later works wait for a request's media once its server was asked;"
        " what comes after that has the later ones judged again.",
    )
    attempts: int = Field(default=10, ge=1, description="Tries of an analysis before it fails.")
    heartbeat_s: float = Field(
        default=3.0, gt=0, description="Pause between two heartbeats of a worker."
    )
    stalled_after_s: float = Field(
        default=10.0, gt=0, description="A worker silent for so long is dead; its jobs run again."
    )


class Settings(BaseSettings):
    """Frozen settings, read from ORACLE_<GROUP>__<NAME> and from three well-known URLs."""

    model_config = SettingsConfigDict(
        env_prefix="ORACLE_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    data_dir: Path = Field(
        default=Path(".data"), description="Data of the embedded servers, and blobs."
    )
    database_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="PostgreSQL to use; embedded if not set.",
    )
    chain_rpc_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("CHAIN_RPC_URL", "chain_rpc_url"),
        description="JSON-RPC URL of the chain, or several with commas between; embedded if not"
        " set.",
    )
    blobs_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("BLOBS_URL", "blobs_url"),
        description="Where media is kept: file:///folder or gs://bucket/prefix; in the data folder"
        " if not set.",
    )
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    queue: QueueSettings = QueueSettings()
    matching: MatchingSettings = MatchingSettings()
    chain: ChainSettings = ChainSettings()
    quorum: QuorumSettings = QuorumSettings()
    engagement: EngagementSettings = EngagementSettings()
    pay: PaySettings = PaySettings()
    mail: MailSettings = MailSettings()
    oidc: OidcSettings = OidcSettings()
    history: HistorySettings = HistorySettings()
    fetch: FetchSettings = FetchSettings()
    clip: ClipSettings = ClipSettings()
    worker: WorkerSettings = WorkerSettings()
    log_json: bool = Field(default=False, description="Logs as JSON lines instead of text.")

    @property
    def blobs(self) -> str:
        """URL of the store that media bytes are in: file:// or gs://."""
        return self.blobs_url or (self.data_dir.resolve() / "blobs").as_uri()
