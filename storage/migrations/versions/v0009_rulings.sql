-- Questions about a post that people decide, and what becomes of the answer on chain. A row is written with the question
-- (an appeal, a claim) or with the decision.
create table rulings (
    id uuid primary key,
    kind text not null check (kind in ('appeal', 'claim', 'review')),
    post_id bytea not null check (octet_length(post_id) = 32),
    analysis_id uuid references analyses,
    appeal_id uuid references appeals,
    -- The earlier post that this one is said to copy; null where none is named.
    original_post_id bytea check (octet_length(original_post_id) = 32),
    -- Names the question in the contract's events.
    question_hash bytea not null unique check (octet_length(question_hash) = 32),
    -- Whether the share in question has to wait on chain until it is decided.
    hold boolean not null,
    -- The round of a dispute at the contract that this is about; only that one is ruled by it.
    dispute_round int not null default 1 check (dispute_round > 0),
    opened_at timestamptz not null,
    -- kept: the verdict stays. Null until somebody decided, or until time did.
    verdict text check (verdict in ('kept', 'original', 'derivative', 'self_duplicate', 'licensed')),
    similarity_bps int check (similarity_bps between 0 and 10000),
    -- Account of the original's creator, of a derivative.
    original_account bytea check (octet_length(original_account) = 20),
    reason text check (length(reason) > 0),
    reason_hash bytea unique check (octet_length(reason_hash) = 32),
    decided_by text,
    decided_at timestamptz,
    -- open: nobody has decided; decided: on its way to the chain; in_force: the contract says so in a final block, or
    -- the post is not on chain; overruled: a later round of the dispute ended otherwise; vetoed: by the guardian.
    status text not null default 'open'
        check (status in ('open', 'decided', 'in_force', 'overruled', 'vetoed')),
    claim_id bigint,
    claim_open boolean not null default false,
    correction_id bigint,
    -- The call that is under way, and what it is to do.
    call_id bigint references chain_calls,
    step text,
    error text,
    tries int not null default 0,
    next_try_at timestamptz not null default now(),
    ended_at timestamptz,
    check ((verdict is null) = (status = 'open')),
    check (num_nulls(verdict, reason, reason_hash, decided_by, decided_at) in (0, 5)),
    check (verdict is distinct from 'derivative' or (original_account is not null and similarity_bps is not null))
);
create index rulings_going_on on rulings (next_try_at) where status in ('open', 'decided');
create index rulings_post on rulings (post_id);
create index rulings_appeal on rulings (appeal_id);

-- Every verdict that took the place of an analysis's, in order: the last one is in force. By whom, why and where to see it.
create table verdict_changes (
    id bigint generated always as identity primary key,
    post_id bytea not null check (octet_length(post_id) = 32),
    verdict text not null check (verdict in ('original', 'derivative', 'self_duplicate', 'licensed', 'undecided')),
    similarity_bps int not null,
    redirect_bps int not null,
    original_post_id bytea,
    original_account bytea,
    final_at timestamptz not null,
    -- Null where it was decided on chain by somebody else than us.
    ruling_id uuid references rulings,
    reason_hash bytea,
    -- Null where nothing of the post is on chain.
    tx_hash bytea check (octet_length(tx_hash) = 32),
    block_number bigint,
    at timestamptz not null,
    -- When both sides were told, which is once the money it moves has moved.
    told_at timestamptz,
    -- When it was last looked at whether they can be told.
    tried_at timestamptz,
    unique nulls not distinct (post_id, tx_hash, ruling_id)
);

create index verdict_changes_post on verdict_changes (post_id, id);
create index verdict_changes_untold on verdict_changes (id) where told_at is null;

-- What happened to posts and accounts on chain by people's hands, in final blocks.
create table chain_case_events (
    tx_hash bytea not null check (octet_length(tx_hash) = 32),
    log_index int not null,
    block_number bigint not null,
    block_time timestamptz not null,
    name text not null,
    post_id bytea check (octet_length(post_id) = 32),
    account bytea check (octet_length(account) = 20),
    -- The event's arguments by name; bytes as 0x-hex.
    facts jsonb not null,
    handled_at timestamptz,
    -- Later than that where nothing could be concluded from it.
    next_try_at timestamptz not null default '-infinity',
    -- Of what begins something: when people here knew of it, and when it was last looked at, to be filed here or as its
    -- time may be over there.
    filed_at timestamptz,
    offered_at timestamptz,
    checked_at timestamptz,
    primary key (tx_hash, log_index)
);
create index chain_case_events_new on chain_case_events (block_number, log_index) where handled_at is null;
create index chain_case_events_post on chain_case_events (post_id, block_number);

-- Posts with money that waits in the contract, by token; the call that frees it, once that can be made.
create table chain_waiting_money (
    post_id bytea not null check (octet_length(post_id) = 32),
    token bytea not null check (octet_length(token) = 20),
    kind text not null check (kind in ('contested', 'frozen')),
    call_id bigint references chain_calls,
    checked_at timestamptz,
    primary key (post_id, token, kind)
);

create table chain_reads (
    name text primary key,
    up_to_block bigint not null
);

-- A share that waits though the verdict redirects nothing: of a claim, or of what nobody could decide.
alter table post_terms add column held_bps int not null default 0 check (held_bps between 0 and 10000);

-- What the judge says about a claim: the work compared with that one earlier work, with all its features.
create table claim_checks (
    appeal_id uuid primary key references appeals,
    -- Null until the worker has compared them.
    similarity_bps int check (similarity_bps between 0 and 10000),
    verified boolean,
    -- The match as in the evidence of an analysis; null where there is nothing in common.
    match jsonb,
    error text,
    checked_at timestamptz,
    -- Runs that failed for a reason of their own, or took their worker down.
    failures int not null default 0
);
