alter table works add column duration_ms bigint check (duration_ms >= 0);

-- A client's key: only its hash is kept. A key of one creator acts and reads for that creator alone.
create table api_keys (
    id bigint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 64),
    -- Who holds it, in the one form of all spellings: several keys may be one person's.
    person text not null check (length(person) > 0),
    secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
    scopes text[] not null check (scopes <@ array['upload', 'read', 'platform', 'history', 'fraud', 'catalogue', 'govern', 'admin']),
    creator_id bigint references creators,
    per_minute int not null check (per_minute > 0),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
create index api_keys_person on api_keys (person);
create index api_keys_creator on api_keys (creator_id) where creator_id is not null;

-- A browser's session, of a key, of a creator whom a platform's key signed in, or of the operator's token.
create table sessions (
    secret_hash bytea primary key check (octet_length(secret_hash) = 32),
    key_id bigint references api_keys,
    creator_id bigint references creators,
    operator_hash bytea check (octet_length(operator_hash) = 32),
    expires_at timestamptz not null,
    check (num_nonnulls(key_id, operator_hash) = 1),
    check (creator_id is null or key_id is not null)
);
create index sessions_expire on sessions (expires_at);

-- A link by which a platform signs a creator in, once.
create table sign_in_links (
    secret_hash bytea primary key check (octet_length(secret_hash) = 32),
    key_id bigint not null references api_keys,
    creator_id bigint not null references creators,
    expires_at timestamptz not null
);

-- Clients choose their idempotency keys; those of a client with an API key are its own.
alter table idempotency_keys drop constraint idempotency_keys_key_check,
    add check (length(key) between 1 and 320);

-- A second look asks for more signatures than the quorum's.
alter table inbox add column min_signatures smallint not null default 0 check (min_signatures between 0 and 255);

-- Proof of a signer that lies goes to the registry: by which call.
alter table equivocations add column call_id bigint unique references chain_calls;

-- An erased work keeps its place and its post; its media, its name and everything it could be found by are gone.
alter table works add column erased_at timestamptz;

-- When a creator looked at the dashboard last, and the visit before that; what happened in between is new to them.
create table dashboard_visits (
    creator_id bigint primary key references creators,
    seen_at timestamptz not null,
    before_at timestamptz
);

-- How a creator wants to be written to.
create table creator_preferences (
    creator_id bigint primary key references creators,
    language text check (language ~ '^[a-z]{2}$'),
    time_zone text check (length(time_zone) <= 64),
    email text check (length(email) between 3 and 254),
    -- Whoever reads its mail said so; until then nothing else is sent there.
    email_confirmed_at timestamptz,
    -- Of the mail that asked: the hash of its code, and when it went out.
    email_code bytea check (octet_length(email_code) = 32),
    email_asked_at timestamptz
);

-- Notices that go out by e-mail as well; `next_try_at` is null once one was sent or given up.
create table message_emails (
    message_id uuid primary key references creator_messages,
    tries int not null default 0,
    next_try_at timestamptz default now(),
    sent_at timestamptz,
    last_error text
);
create index message_emails_due on message_emails (next_try_at) where next_try_at is not null;

-- Histories of creators at other installations, as those signed them.
create table imported_histories (
    id bigint generated always as identity primary key,
    creator_id bigint not null references creators,
    issuer bytea not null check (octet_length(issuer) = 20),
    issued_at timestamptz not null,
    digest bytea not null check (octet_length(digest) = 32),
    document jsonb not null,
    imported_by text not null,
    imported_at timestamptz not null default now(),
    unique (creator_id, digest)
);
create index imported_histories_creator on imported_histories (creator_id, issued_at desc);
