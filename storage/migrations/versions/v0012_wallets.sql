-- What a wallet is asked to sign, to show that it is a creator's; each nonce once.
create table wallet_challenges (
    nonce text primary key check (length(nonce) >= 8),
    creator_id bigint not null references creators,
    wallet bytea not null check (octet_length(wallet) = 20),
    message text not null,
    expires_at timestamptz not null,
    used_at timestamptz
);

-- Wallets that are to act for creators' escrow accounts, from the proof to the contract's word.
create table wallet_links (
    id uuid primary key,
    creator_id bigint not null references creators,
    account bytea not null check (octet_length(account) = 20),
    -- The name that the account follows from.
    name text not null,
    wallet bytea not null check (octet_length(wallet) = 20),
    -- signature: the wallet signed; platform, operator: their word, in the note.
    proof text not null check (proof in ('signature', 'platform', 'operator')),
    note text not null check (length(note) > 0),
    signature bytea,
    asked_by text not null,
    asked_at timestamptz not null,
    -- claimed: to be attested by the signers; attesting: that call is under way; proposed: it can be seen coming on
    -- chain until `ready_at`; completing: the registrar's call is under way; linked: the wallet acts for the account.
    status text not null default 'claimed'
        check (status in ('claimed', 'attesting', 'proposed', 'completing', 'linked', 'vetoed', 'refused')),
    ready_at timestamptz,
    call_id bigint references chain_calls,
    error text,
    updated_at timestamptz not null,
    check ((proof = 'signature') = (signature is not null))
);
create unique index wallet_links_account on wallet_links (account) where status not in ('vetoed', 'refused');
create index wallet_links_going_on on wallet_links (status) where status not in ('linked', 'vetoed', 'refused');

-- Transactions that creators sign with wallets of their own: prepared here, followed once they were sent.
create table wallet_transactions (
    id uuid primary key,
    creator_id bigint references creators,
    kind text not null,
    -- Whose signature the contract takes; null where anybody's.
    wallet bytea check (octet_length(wallet) = 20),
    chain_id bigint not null,
    to_address bytea not null check (octet_length(to_address) = 20),
    call_data bytea not null,
    value_wei numeric(78) not null check (value_wei >= 0),
    prepared_by text not null,
    prepared_at timestamptz not null,
    -- The words whose SHA-256 the call has: of a dispute, an answer or a claim.
    statement text,
    statement_hash bytea check (octet_length(statement_hash) = 32),
    -- Of the AccessManager, with the event that says it was done: whoever sends it, it is found by these.
    operation_id text,
    awaits text,
    -- What was done before is another one of the same id.
    since_block bigint not null,
    tx_hash bytea check (octet_length(tx_hash) = 32),
    -- prepared: to be signed; sent: its hash is known; included: in a block; final; reverted: in a final block;
    -- other: that hash is another transaction.
    status text not null default 'prepared'
        check (status in ('prepared', 'sent', 'included', 'final', 'reverted', 'other')),
    block_number bigint,
    updated_at timestamptz not null,
    check ((tx_hash is null) = (status = 'prepared')),
    check ((operation_id is null) = (awaits is null)),
    check ((statement is null) = (statement_hash is null))
);
-- A multisig does several things in one transaction, each once.
create unique index wallet_transactions_hash on wallet_transactions (tx_hash, sha256(call_data));
create index wallet_transactions_statement on wallet_transactions (statement_hash) where statement is not null;
create index wallet_transactions_awaited on wallet_transactions (operation_id)
    where operation_id is not null and status in ('prepared', 'sent', 'other');
create index wallet_transactions_sent on wallet_transactions (updated_at) where status in ('sent', 'included');

-- The last whole comparison of ledger and contract.
create table reconciliations (
    one_row boolean primary key default true check (one_row),
    at timestamptz not null,
    block_number bigint not null,
    posts int not null,
    accounts int not null,
    differences int not null
);
