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

-- The analysis that this one looks at a second time, for whatever reason: it may have several.
alter table analyses add column again_of uuid references analyses;
create index analyses_again_of on analyses (again_of) where again_of is not null;
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

-- What enters the public record, noted in the transaction that does it and taken into the log by the scheduler: ids,
-- hashes, accounts and numbers. Names and media stand beside them, and can be erased.
create table record_queue (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    step text not null,
    reason_code text not null,
    text text not null,
    facts jsonb not null,
    -- Its number in the log; null until it is there.
    seq bigint unique
);
create index record_queue_new on record_queue (id) where seq is null;

create function record_account(creator bigint) returns text language sql stable as $$
    select '0x' || encode(account, 'hex') from creators where id = creator
$$;
create function record_content(work uuid) returns text language sql stable as $$
    select encode(sha256, 'hex') from works where id = work
$$;

create function record_decision() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values (
        'decision', coalesce(new.reason, new.error_code, 'unknown'), coalesce(new.verdict, 'failed'),
        jsonb_build_object('analysis_id', new.id, 'work_id', new.work_id, 'content', record_content(new.work_id),
            'post_id', '0x' || encode(new.post_id, 'hex'), 'source', new.source, 'media_type', new.media_type,
            'evidence_hash', '0x' || encode(new.evidence_hash, 'hex'), 'verdict', new.verdict,
            'similarity_bps', new.similarity_bps, 'redirect_bps', new.redirect_bps,
            'credited', new.matched_work_id, 'policy_version', new.policy_version));
    return null;
end $$;
create trigger analyses_are_recorded after update of status on analyses for each row
    when (new.status in ('decided', 'failed') and old.status is distinct from new.status)
    execute function record_decision();

create function record_permission() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('permission',
        case when new.revoked_at is null then 'granted' else 'revoked' end,
        case when new.revoked_at is null then 'A licence was granted.' else 'A licence was revoked.' end,
        jsonb_build_object('permission', new.id, 'owner', record_account(new.owner_id),
            'licensee', record_account(new.licensee_id), 'work_id', new.work_id,
            'max_share_bps', new.max_share_bps));
    return null;
end $$;
create trigger permissions_are_recorded after insert or update on permissions for each row
    execute function record_permission();

create function record_history_claim() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('history',
        case when new.applied then 'counts' when new.vetoed_by is null then 'claimed' else 'vetoed' end,
        'Since when a work is published, as claimed.', jsonb_build_object('work_id', new.work_id,
            'content', record_content(new.work_id), 'published_at', new.published_at,
            'counts_from', new.counts_from));
    return null;
end $$;
create trigger history_claims_are_recorded after insert or update on history_claims for each row
    execute function record_history_claim();

create function record_erasure() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('erasure', 'erased', 'A work was erased.',
        jsonb_build_object('work_id', new.id, 'content', encode(new.sha256, 'hex')));
    return null;
end $$;
create trigger erasures_are_recorded after update of erased_at on works for each row
    when (old.erased_at is null and new.erased_at is not null) execute function record_erasure();

create function record_key() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('key',
        case when new.revoked_at is null then 'added' else 'revoked' end,
        case when new.revoked_at is null then 'A key was added.' else 'A key was revoked.' end,
        jsonb_build_object('key', new.id, 'scopes', to_jsonb(new.scopes), 'creator', record_account(new.creator_id)));
    return null;
end $$;
create trigger keys_are_recorded after insert on api_keys for each row execute function record_key();
create trigger revoked_keys_are_recorded after update of revoked_at on api_keys for each row
    when (old.revoked_at is null and new.revoked_at is not null) execute function record_key();

create function record_rules() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('rules', tg_table_name, 'New rules are in force.',
        to_jsonb(new) - 'created_by' - 'note' - 'read_at');
    return null;
end $$;
create trigger policies_are_recorded after insert on policies for each row execute function record_rules();
create trigger terms_are_recorded after insert on policy_terms for each row execute function record_rules();
create trigger grade_policies_are_recorded after insert on grade_policies for each row execute function record_rules();
create trigger thresholds_are_recorded after insert on fraud_thresholds for each row execute function record_rules();

create function record_settlement() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('settlement', 'by_hand',
        'A payment was settled off chain.',
        jsonb_build_object('transaction', new.transaction_id, 'to_original_minor', new.withheld_to_original,
            'to_poster_minor', new.withheld_to_poster));
    return null;
end $$;
create trigger settlements_are_recorded after update of settled_by on ledger_payouts for each row
    when (old.settled_by is null and new.settled_by is not null) execute function record_settlement();

create function record_pair() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('settled_pair',
        case when new.ended_at is null then 'settled' else 'ended' end,
        case when new.ended_at is null then 'It was decided to be no copy.' else 'A new fact was brought.' end,
        jsonb_build_object('work_id', new.work_id, 'other_work_id', new.other_work_id));
    return null;
end $$;
create trigger pairs_are_recorded after insert or update on not_copies for each row execute function record_pair();

create index analyses_evidence on analyses (evidence_hash) where evidence_hash is not null;

-- Heads of the log as they were put on chain, one a day.
create table record_anchors (
    day date primary key,
    seq bigint not null,
    hash bytea not null check (octet_length(hash) = 32),
    call_id bigint not null references chain_calls
);
