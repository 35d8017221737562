alter table works add column duration_ms bigint check (duration_ms >= 0);

-- A client's key: only its hash is kept. A key of one creator acts and reads for that creator alone.
create table api_keys (
    id bigint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 64),
    secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
    scopes text[] not null check (scopes <@ array['upload', 'read', 'fraud', 'govern', 'admin']),
    creator_id bigint references creators,
    per_minute int not null check (per_minute > 0),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);

-- Clients choose their idempotency keys; those of a client with an API key are its own.
alter table idempotency_keys drop constraint idempotency_keys_key_check,
    add check (length(key) between 1 and 320);
