-- Blocks the node has read: from the last finalized one up to the head, a chain by parent hashes.
create table chain_blocks (
    number bigint primary key check (number >= 0),
    hash bytea not null check (octet_length(hash) = 32),
    parent_hash bytea not null check (octet_length(parent_hash) = 32),
    block_time timestamptz not null
);

-- Requests of contracts, once each. The block columns are null while no block on the chain holds the event; `gone_from`
-- is the height that a reorg took it from.
create table inbox (
    request_id bytea primary key check (octet_length(request_id) = 32),
    seq bigint not null,
    requester bytea not null check (octet_length(requester) = 20),
    post_id bytea not null check (octet_length(post_id) = 32),
    creator bytea not null check (octet_length(creator) = 20),
    content_hash bytea not null check (octet_length(content_hash) = 32),
    media_type text not null check (media_type in ('image', 'video', 'audio')),
    uri text not null,
    config_version bigint not null,
    deadline timestamptz not null,
    tx_hash bytea not null check (octet_length(tx_hash) = 32),
    log_index int not null,
    block_number bigint,
    block_hash bytea check (octet_length(block_hash) = 32),
    gone_from bigint,
    block_time timestamptz not null,
    -- The block time of the commitment that it opened, null where it opened none.
    committed_at timestamptz,
    -- Its place among all works, taken with this row: later than the block, never changed.
    registration bigint not null unique default nextval('work_registration'),
    -- waiting: not handed over yet; conflict: the id came back after a reorg with another content.
    status text not null default 'waiting' check (status in ('waiting', 'accepted', 'declined', 'conflict')),
    analysis_id uuid references analyses,
    error text,
    tries int not null default 0,
    next_try_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    check ((block_number is null) = (block_hash is null))
);
create index inbox_block on inbox (block_number);
create index inbox_gone on inbox (gone_from) where block_number is null;
create index inbox_waiting on inbox (next_try_at) where status = 'waiting';

-- One row a nonce. It is written, with the signed bytes, before anything is sent.
create table chain_transactions (
    id bigint generated always as identity primary key,
    chain_id bigint not null,
    sender bytea not null check (octet_length(sender) = 20),
    nonce bigint not null check (nonce >= 0),
    -- open: not in a block; included: in one; final: in a finalized one. 'void' ends a nonce that another
    -- transaction than ours, or our own cancelling one, has spent.
    status text not null default 'open' check (status in ('open', 'included', 'final', 'reverted', 'void')),
    to_address bytea not null check (octet_length(to_address) = 20),
    call_data bytea not null,
    gas bigint not null check (gas > 0),
    mined_hash bytea check (octet_length(mined_hash) = 32),
    block_number bigint,
    block_hash bytea check (octet_length(block_hash) = 32),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (chain_id, sender, nonce)
);
create index chain_transactions_open on chain_transactions (nonce) where status in ('open', 'included');

-- Every version of a transaction that was ever signed: the same nonce at another fee, or one that cancels it.
create table chain_attempts (
    tx_hash bytea primary key check (octet_length(tx_hash) = 32),
    transaction_id bigint not null references chain_transactions,
    raw bytea not null,
    max_fee_wei numeric(78) not null,
    tip_wei numeric(78) not null,
    -- A cancelling one spends the nonce and does nothing, so that later nonces can move.
    cancelling boolean not null default false,
    signed_at timestamptz not null default now(),
    sends int not null default 0,
    first_sent_at timestamptz,
    last_sent_at timestamptz,
    last_error text
);
create index chain_attempts_transaction on chain_attempts (transaction_id);

-- Calls of our contracts that are to be made, written in the transaction that decides them. The process that holds the
-- key of the sender sends them; what a call means only its producer knows, who is told by the status.
create table chain_calls (
    id bigint generated always as identity primary key,
    -- Names the call for all time: asked for twice it is one call.
    key text not null unique,
    sender text not null check (sender in ('oracle', 'paymaster', 'fraud_officer', 'arbiter', 'second_arbiter',
        'registrar', 'claimant')),
    -- The contract, as the deployment calls it.
    contract text not null,
    call_data bytea,
    -- draft: its producer has not let it go yet; wanted: to be sent; sent: signed bytes are stored and no block holds
    -- them; included: in a block; final: in a finalized one; reverted: the contract refused it, when it was asked before
    -- the sending or in a final block; cancelled: given up, and nothing that was signed for it can be mined any more.
    status text not null default 'draft'
        check (status in ('draft', 'wanted', 'sent', 'included', 'final', 'reverted', 'cancelled')),
    -- Given up while it was under way: its nonce is spent on a transaction that does nothing.
    cancel_requested boolean not null default false,
    -- Not before that one is final or cancelled.
    after_id bigint references chain_calls,
    transaction_id bigint references chain_transactions,
    error_code text,
    error_detail text,
    -- How often the contract refused it.
    tries int not null default 0,
    next_try_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (call_data is not null or status in ('draft', 'cancelled')),
    check (transaction_id is not null or status not in ('sent', 'included'))
);
create index chain_calls_wanted on chain_calls (sender, id) where status = 'wanted';
create index chain_calls_transaction on chain_calls (transaction_id);

alter table outbox
    add column transaction_id bigint references chain_transactions,
    -- What was signed, kept: a second signature under the same request would be an equivocation.
    add column signed_report jsonb,
    add column digest bytea check (octet_length(digest) = 32),
    add column signature bytea check (octet_length(signature) = 65),
    add column signer bytea check (octet_length(signer) = 20),
    -- All signatures the report went out with, ascending by signer.
    add column signatures bytea[],
    add column tries int not null default 0,
    add column next_try_at timestamptz not null default now();
create index outbox_transaction on outbox (transaction_id);

-- Attestations of backfilled works, which go into the outbox once somebody needs them on chain.
create table kept_attestations (
    request_id bytea primary key check (octet_length(request_id) = 32),
    analysis_id uuid not null unique references analyses,
    report jsonb not null,
    kept_at timestamptz not null default now()
);

-- Later analyses of attested works that are to be looked at: the chain follows them by a correction, or need not.
create table reanalyses_waiting (
    analysis_id uuid primary key references analyses,
    -- Not before that: it failed.
    next_try_at timestamptz not null default '-infinity'
);

create table receipts (
    outbox_id bigint primary key references outbox,
    body text not null,
    issued_at timestamptz not null default now()
);

-- A version read from a block that is not final yet may still change; a final one never does.
alter table policies
    add column block_number bigint,
    add column final boolean not null default true;

-- What the node last knew, for readiness checks; the latch outlives restarts.
create table node_status (
    one_row boolean primary key default true check (one_row),
    sender bytea check (octet_length(sender) = 20),
    head_number bigint,
    head_time timestamptz,
    finalized_number bigint,
    finalized_hash bytea check (octet_length(finalized_hash) = 32),
    cursor_number bigint,
    balance_wei numeric(78),
    last_reorg_depth int not null default 0,
    -- Each endpoint with its standing, as of the last round: [{name, standing, reason, head, finalized}].
    endpoints jsonb not null default '[]',
    last_poll_at timestamptz,
    error_code text,
    error_detail text,
    latched_at timestamptz,
    latch_code text,
    latch_reason text,
    -- It is known who spent every nonce of `sender` below this one.
    nonce_known bigint,
    -- Names this database to the other signers; given at first use, so that databases made from a template differ.
    instance uuid,
    instance_since timestamptz,
    -- Set when an operator clears the latch: the node then looks for the last block it shares with the chain.
    resync boolean not null default false
);
insert into node_status default values;

-- Where several oracles answer together: what each said about a request, once in an epoch of signers.
create table quorum_observations (
    request_id bytea not null check (octet_length(request_id) = 32),
    epoch bigint not null,
    signer bytea not null check (octet_length(signer) = 20),
    body jsonb not null,
    received_at timestamptz not null default now(),
    primary key (request_id, epoch, signer)
);

-- The report we signed for a request. The same conclusion is signed again with another date until `renewable_until`;
-- another conclusion only when none of those can be accepted any more (`valid_until`).
create table quorum_signed (
    request_id bytea primary key check (octet_length(request_id) = 32),
    digest bytea not null check (octet_length(digest) = 32),
    proposal jsonb not null,
    signature bytea not null check (octet_length(signature) = 65),
    valid_until bigint not null,
    renewable_until bigint not null,
    signed_at timestamptz not null default now()
);

-- What others have signed: two different conclusions under one request are proof against their signer.
create table quorum_signatures (
    request_id bytea not null check (octet_length(request_id) = 32),
    signer bytea not null check (octet_length(signer) = 20),
    draft bytea not null check (octet_length(draft) = 32),
    body jsonb not null,
    primary key (request_id, signer, draft)
);

-- Two signed statements of one signer that cannot both be honest.
create table equivocations (
    request_id bytea not null,
    signer bytea not null,
    statement text not null check (statement in ('report', 'observation')),
    first jsonb not null,
    second jsonb not null,
    seen_at timestamptz not null default now(),
    primary key (request_id, signer, statement)  -- reports can expire, observations cannot
);
