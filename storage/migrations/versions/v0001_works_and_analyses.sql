create extension if not exists vector;

create table creators (
    id bigint generated always as identity primary key,
    handle text not null unique check (length(handle) between 1 and 128),
    -- The address that is paid: the creator's wallet, or an escrow account derived from the handle.
    account bytea not null unique check (octet_length(account) = 20),
    has_wallet boolean not null,
    created_at timestamptz not null default now()
);

create table works (
    id uuid primary key,
    -- The place in the order of all works, taken under a lock when the work is accepted: who came first.
    registration bigint not null unique,
    registered_at timestamptz not null,
    creator_id bigint references creators,
    post_id bytea not null check (octet_length(post_id) = 32),
    media_type text not null check (media_type in ('image', 'video', 'audio')),
    sha256 bytea not null check (octet_length(sha256) = 32),
    mime text not null,
    size_bytes bigint not null check (size_bytes > 0),
    width int,
    height int,
    file_name text,
    blob_key text not null,
    -- When the post was published, for people to read: its block's time where a chain says so, else its registration.
    published_at timestamptz not null,
    -- Since when it is proven to exist: the order of works is by this, then by registration (`oracle/rules/order.py`).
    dated_at timestamptz not null default clock_timestamp(),
    -- Of a contract's request: its block, and when its commitment's came.
    block_at timestamptz,
    block_number bigint,
    committed_at timestamptz,
    -- Of a request without a hash that is dated by its block: when its server was asked, and its media was here.
    asked_at timestamptz,
    fetched_at timestamptz,
    -- When its fingerprint could be found ...
    visible_at timestamptz,
    -- ... and the how-manieth it was then, in the order of commits: a search knows by it what it did not see.
    read_number bigint unique
);
create sequence work_registration as bigint owned by works.registration;
create sequence work_reads as bigint owned by works.read_number;
create index works_uploaded on works (registration) where block_at is null;
create index works_order on works (dated_at, registration) where read_number is not null;
-- Works numbered later than they are dated: few, and what a search by number would miss.
create index works_dated_back on works
    using gist (tstzrange(least(dated_at, registered_at), registered_at)) where dated_at < registered_at;
create index works_sha256 on works (sha256);
create index works_creator on works (creator_id);
create index works_post on works (post_id);
create index works_listed on works (registered_at, id);

-- A permission covers one work or all works of its creator, for one other creator or for everybody, where it makes at
-- most that share of what they post.
create table permissions (
    id bigint generated always as identity primary key,
    owner_id bigint not null references creators,
    licensee_id bigint references creators,
    work_id uuid references works,
    max_share_bps int not null default 10000 check (max_share_bps between 1 and 10000),
    note text,
    granted_at timestamptz not null default now(),
    revoked_at timestamptz, -- verdicts of before stand
    unique nulls not distinct (owner_id, licensee_id, work_id)
);

-- The 16 parts of a hash of 256 bits, each with its place. Two hashes that differ in at most 15 bits have one in common...
create function hash_bands(hash bit(256)) returns int[] language sql immutable strict parallel safe as $$
    select array_agg(band << 16 | substring(hash from 16 * band + 1 for 16)::bit(16)::int)
    from generate_series(0, 15) as band
$$;
-- ... and with at most 31 bits one that differs in one bit.
create function near_bands(hash bit(256)) returns int[] language sql immutable strict parallel safe as $$
    select array_agg(band # flip)
    from unnest(hash_bands(hash)) as band,
        unnest('{0,1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768}'::int[]) as flip
$$;

-- Pictures that are equal or nearly so share a content: one of them leads, and only leads stand in the indexes that are
-- searched. A picture posted a thousand times would else fill every answer, and cut others off from HNSW's graph.
create sequence image_contents as bigint;
create table image_fingerprints (
    work_id uuid primary key references works on delete cascade,
    registration bigint not null,
    creator_id bigint,
    content bigint not null,
    lead boolean not null,
    phash bit(256) not null,
    phash_quality smallint not null,
    bands int[] not null generated always as (hash_bands(phash)) stored,
    -- What verification needs to judge a later picture against this one; versioned by its own header.
    proxy bytea not null
);
alter table image_fingerprints alter proxy set storage external; -- compressed already
create index image_fingerprints_bands on image_fingerprints using gin (bands) with (fastupdate = off) where lead;
create index image_fingerprints_content on image_fingerprints (content);
create index image_fingerprints_creator on image_fingerprints (creator_id);

create table embedding_models (
    id smallint generated always as identity primary key,
    name text not null unique
);
-- One partition a model, made when the model is first seen: vectors of two models never meet in one search.
create table embeddings (
    model_id smallint not null references embedding_models,
    work_id uuid not null references works on delete cascade,
    frame_ms int not null default 0,
    registration bigint not null,
    creator_id bigint,
    -- As in image_fingerprints.
    content bigint not null,
    lead boolean not null,
    embedding halfvec(512) not null,
    primary key (model_id, work_id, frame_ms)
) partition by list (model_id);
create index embeddings_content on embeddings (content);
create index embeddings_creator on embeddings (creator_id);

create table analyses (
    id uuid primary key,
    -- review: not a run, but what a person or the rule at the deadline made of one that could not decide.
    source text not null check (source in ('upload', 'request', 'index', 'review')),
    status text not null default 'queued' check (status in ('queued', 'running', 'decided', 'failed')),
    stage text not null default 'queued',
    stage_done int not null default 0,
    stage_total int not null default 1,
    -- Null until the media is at hand: a request's media is fetched by the worker.
    work_id uuid references works,
    post_id bytea not null check (octet_length(post_id) = 32),
    creator_id bigint references creators,
    media_type text not null check (media_type in ('image', 'video', 'audio')),
    request_id bytea unique check (octet_length(request_id) = 32),
    uri text,
    expected_sha256 bytea check (octet_length(expected_sha256) = 32),
    published_at timestamptz,
    -- Of a request: its block, and the block time of the commitment that it opened.
    block_number bigint,
    committed_at timestamptz,
    policy_version bigint not null,
    threshold_bps int not null,
    base_redirect_bps int not null,
    verdict text check (verdict in ('original', 'derivative', 'self_duplicate', 'licensed', 'undecided')),
    reason text,
    similarity_bps int check (similarity_bps between 0 and 10000),
    tier text check (tier in ('high', 'medium', 'low')),
    redirect_bps int check (redirect_bps between 0 and 10000),
    matched_work_id uuid references works,
    -- Canonical JSON, kept to the byte: evidence_hash is over exactly these bytes.
    evidence bytea,
    evidence_hash bytea check (octet_length(evidence_hash) = 32),
    model_digest bytea check (octet_length(model_digest) = 32),
    index_snapshot bigint,
    error_code text,
    error_detail text,
    -- A request's place in the order, for ever: its work takes it over when the media is fetched.
    registration bigint unique,
    registered_at timestamptz,
    -- Its server was asked for the media and failed, so that a request without a hash is dated by its media only.
    fetch_failed boolean not null default false,
    -- Since when it waits for works that came first.
    waiting_since timestamptz,
    -- Its work became known after younger ones were judged: those that repeat it are judged again.
    late boolean not null default false,
    -- Runs that failed for reasons of their own, or never came back: a killed worker counts, an outage does not.
    failures int not null default 0,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    decided_at timestamptz
);
create index analyses_work on analyses (work_id);
create index analyses_listed on analyses (created_at, id);

-- What younger works wait for: works whose fingerprint cannot be found yet, and requests whose media is to come.
create table unread_works (
    analysis_id uuid primary key references analyses on delete cascade,
    media_type text not null,
    -- Live posts do not wait for historical content that is being registered.
    history boolean not null,
    dated_at timestamptz not null,
    registration bigint not null,
    -- When a request's server was first asked for the media: from then on it is waited for a while only.
    asked_at timestamptz
);
create index unread_works_order on unread_works (media_type, history, dated_at, registration);
create index unread_works_asked on unread_works (asked_at) where asked_at is not null;

-- Decisions that wait for earlier works: taken up by the transaction in which the last of those can be found.
create table waiting_decisions (
    analysis_id uuid primary key references analyses on delete cascade,
    media_type text not null,
    history boolean not null,
    dated_at timestamptz not null,
    registration bigint not null
);
create index waiting_decisions_order on waiting_decisions (media_type, history, dated_at, registration);

-- Claims that a work was published before its registration. One counts from `counts_from` on, the end of the time in
-- which it can be vetoed.
create table history_claims (
    work_id uuid not null references works,
    published_at timestamptz not null,
    claimed_by text not null,
    reason text not null,
    claimed_at timestamptz not null default now(),
    counts_from timestamptz not null,
    vetoed_by text,
    veto_reason text,
    applied boolean not null default false,
    primary key (work_id, published_at)
);
create index history_claims_due on history_claims (counts_from) where not applied and vetoed_by is null;

-- Works that turned out to be older than younger ones were judged by: those are to be found and judged again.
create table late_looks (
    work_id uuid primary key references works,
    -- Runs that failed for reasons of their own, or never came back.
    failures int not null default 0
);

create table idempotency_keys (
    key text primary key check (length(key) between 1 and 255),
    request_hash bytea not null,
    -- Deferred: the key is claimed before the analysis it names is written.
    analysis_id uuid not null references analyses deferrable initially deferred,
    created_at timestamptz not null default now()
);

-- The chain's policy as the node last read it; a row is never changed, a new version is a new row.
create table policies (
    version bigint not null,
    media_type text not null check (media_type in ('image', 'video', 'audio')),
    threshold_bps int not null check (threshold_bps between 0 and 9999),
    base_redirect_bps int not null check (base_redirect_bps between 0 and 10000),
    read_at timestamptz not null default now(),
    primary key (version, media_type)
);

-- The one deployment this database serves; the node refuses to start on another.
create table deployment (
    one_row boolean primary key default true check (one_row),
    chain_id bigint not null,
    hub bytea not null check (octet_length(hub) = 20),
    addresses jsonb not null,
    created_at timestamptz not null default now()
);

-- Decisions on their way to the chain, written in the transaction that decides. The node drains it.
create table outbox (
    id bigint generated always as identity primary key,
    analysis_id uuid not null unique references analyses,
    kind text not null check (kind in ('attest', 'fulfill')),
    -- Whether an upload's attestation or a contract's request: answered on chain once.
    request_id bytea not null unique check (octet_length(request_id) = 32),
    report jsonb not null,
    status text not null default 'pending' check (status in ('pending', 'sent', 'included', 'final', 'refused')),
    tx_hash bytea,
    block_number bigint,
    block_hash bytea,
    error_code text,
    error_detail text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create index outbox_tx_hash on outbox (tx_hash) where tx_hash is not null;
create index outbox_open on outbox (id) where status in ('pending', 'sent', 'included');
create index outbox_refused on outbox (id) where status = 'refused';
