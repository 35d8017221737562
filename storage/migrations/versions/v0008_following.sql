-- What a version of the contract's policy says besides thresholds and base redirect; as with those, a version read from
-- a block that is not final yet may still change.
create table policy_terms (
    version bigint primary key,
    -- Lowest engagement score of A, B, C and D; below is F.
    grade_a_bps int not null,
    grade_b_bps int not null,
    grade_c_bps int not null,
    grade_d_bps int not null check (0 < grade_d_bps and grade_d_bps < grade_c_bps and grade_c_bps < grade_b_bps
        and grade_b_bps < grade_a_bps and grade_a_bps <= 10000),
    request_timeout_s bigint not null check (request_timeout_s > 0),
    dispute_window_s bigint not null check (dispute_window_s > 0),
    fee_wei numeric(78) not null check (fee_wei >= 0),
    bond_wei numeric(78) not null check (bond_wei >= 0),
    block_number bigint,
    final boolean not null default true,
    read_at timestamptz not null default now()
);

-- Grading rules whose cut-offs were taken from that version of the contract's policy.
alter table grade_policies add column chain_version bigint;

-- A second look at what an incomplete search left undecided: once for each.
alter table analyses add column again_of uuid unique references analyses;
-- What goes on is little; without this it is looked for among all that failed.
create index analyses_going_on on analyses (work_id) where status in ('queued', 'running');
create index analyses_incomplete on analyses (decided_at) where reason = 'incomplete_search';

-- What left the contract that creators are paid at, in final blocks, and up to which block that is known.
create table chain_withdrawals (
    tx_hash bytea not null check (octet_length(tx_hash) = 32),
    log_index int not null,
    block_number bigint not null,
    block_time timestamptz not null,
    account bytea not null check (octet_length(account) = 20),
    recipient bytea not null check (octet_length(recipient) = 20),
    token bytea not null check (octet_length(token) = 20),
    -- In the token's smallest units.
    amount numeric(78) not null check (amount >= 0),
    primary key (tx_hash, log_index)
);
create index chain_withdrawals_account on chain_withdrawals (account, block_number desc);
create table chain_withdrawals_read (
    one_row boolean primary key default true check (one_row),
    up_to_block bigint not null
);

-- Pay that the contract cannot make is settled off chain, in this order: it is blocked, which cancels its call; the call is
-- found to be cancelled and the contract not to have paid; it is paid, and that is noted.
alter table ledger_payouts
    add column withheld_by text,
    add column withheld_note text check (length(withheld_note) between 10 and 2000),
    -- In cents, as the ledger divided it then: what is to be paid.
    add column withheld_to_original bigint,
    add column withheld_to_poster bigint,
    -- Since when it is known that no transaction of ours can pay it any more.
    add column confirmed_at timestamptz,
    add column settled_by text,
    add column settled_note text check (length(settled_note) between 10 and 2000),
    add check (num_nulls(withheld_by, withheld_note, withheld_to_original, withheld_to_poster) in (0, 4)),
    add check (confirmed_at is null or withheld_by is not null),
    add check ((settled_by is null) = (settled_note is null)),
    add check (settled_by is null or confirmed_at is not null);

-- due: not tried yet, or under way; refused: by the contract; held: it judges the post otherwise than the ledger;
-- sent: in a block that may still go; paid: in a final one; withheld: blocked; settled: paid off chain.
create view ledger_chain_payments as
select q.transaction_id,
       q.call_id,
       case
           when q.settled_by is not null then 'settled'
           when c.status = 'final' or q.found_at is not null then 'paid'
           when c.status = 'included' then 'sent'
           when q.withheld_by is not null then 'withheld'
           when c.status = 'draft' and q.error is not null then 'held'
           when c.status = 'reverted' then 'refused'
           else 'due'
       end as status,
       case when c.status in ('draft', 'reverted') then coalesce(q.error, c.error_code)
            when c.status = 'wanted' then c.error_code end as error,
       -- It was to be sent, and the endpoint said nothing of it: funds that are missing, say.
       c.status = 'wanted' and c.error_code is not null as postponed,
       q.to_original, q.to_poster, q.agrees, q.chain_says, q.tries, q.next_try_at,
       q.withheld_by, q.withheld_note, q.withheld_to_original, q.withheld_to_poster, q.confirmed_at,
       q.settled_by, q.settled_note,
       -- Since when a transaction of ours waits for a block.
       case when c.status = 'sent' then t.created_at end as under_way_since
from ledger_payouts q
join chain_calls c on c.id = q.call_id
left join chain_transactions t on t.id = c.transaction_id;

-- The name by which this database owns its blob store; given at first use, so that databases made from a template differ.
create table blob_owner (
    one_row boolean primary key default true check (one_row),
    id uuid not null default gen_random_uuid()
);

-- What an operator has to look at, one row a matter: no rule ends it, or it is a difference that should not be.
create table operator_alerts (
    id bigint generated always as identity primary key,
    kind text not null,
    -- What it is about, within its kind: a payment, an alert, a post.
    subject text not null,
    detail text not null check (length(detail) > 0),
    raised_at timestamptz not null,
    seen_at timestamptz not null,
    resolved_at timestamptz,
    resolved_by text,
    note text,
    check ((resolved_at is null) = (resolved_by is null))
);
create unique index operator_alerts_open on operator_alerts (kind, subject) where resolved_at is null;
