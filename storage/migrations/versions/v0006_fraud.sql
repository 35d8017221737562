-- Fraud alerts, their audit log, appeals and the inbox of creators.

-- What detectors compare with. Rows are never changed: a new version is a new row, and an alert names its version.
create table fraud_thresholds (
    version int primary key check (version > 0),
    limits jsonb not null,
    note text not null check (length(note) > 0),
    created_by text not null check (length(created_by) > 0),
    effective_from timestamptz not null default now(),
    created_at timestamptz not null default now()
);

-- What later passes need of earlier events, so that each pass reads its own span only.
create table fraud_sign_ups (
    account text collate "C" primary key,
    signed_up_at timestamptz not null,
    -- The name with runs of letters as "a" and of digits as "0": accounts made by a program look alike.
    shape text collate "C" not null,
    ip_hash bytea,
    agent_id int
);
create index fraud_sign_ups_time on fraud_sign_ups (signed_up_at);
create table fraud_givers (
    account text collate "C" primary key,
    first_gift_at timestamptz not null
);
-- When each account was first seen: what is bought is new. Last seen is known to a week; who was away for long is new again.
create table fraud_accounts (
    account text collate "C" primary key,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null
);
-- Days whose passes were over when more of their events came: they are looked at again.
create table fraud_late (
    day date primary key
);

-- The ends of the spans that were looked at, each of a day: what an outage left out is made up later.
create table fraud_passes (
    end_at timestamptz primary key,
    made_at timestamptz not null
);

create table fraud_alerts (
    id uuid primary key,
    subject text not null check (subject in ('post', 'creator')),
    post_id bytea check (octet_length(post_id) = 32),
    creator_id bigint not null references creators,
    status text not null default 'open' check (status in
        ('open', 'frozen', 'notified', 'appealed', 'upheld', 'reversed', 'expired')),
    -- An alert that is opened again begins a new round; each round has its own freeze and its own statement.
    round int not null default 1 check (round > 0),
    -- What the rules asked for: to hold the money, or to have somebody look.
    action text not null check (action in ('watch', 'freeze')),
    reason text not null,
    score_bps int not null check (score_bps between 0 and 10000),
    signals jsonb not null,
    thresholds_version int not null references fraud_thresholds,
    seen_from timestamptz not null,
    seen_until timestamptz not null,
    detected_at timestamptz not null,
    frozen_by text,
    -- Who had a part in it against the creator, in any round: held the money, asked for the pass, or opened it again.
    accusers text[] not null default '{}',
    -- How long earlier rounds held the same money on the same evidence.
    held_before interval not null default '0',
    -- When it ended: what was seen until then is no reason for another one.
    closed_at timestamptz,
    frozen_at timestamptz,
    -- Money is free again at this moment, whatever happens.
    frozen_until timestamptz,
    -- Nobody looked at it by then: it ends.
    review_by timestamptz not null,
    statement_hash bytea check (octet_length(statement_hash) = 32),
    decided_by text,
    decided_at timestamptz,
    decision_reason text,
    updated_at timestamptz not null default now(),
    check ((subject = 'post') = (post_id is not null)),
    check (frozen_until is null or frozen_until <= frozen_at + interval '180 days' - held_before),
    check ((frozen_at is null) = (frozen_by is null)),
    check ((frozen_at is null) = (frozen_until is null)),
    check (status not in ('frozen', 'notified') or frozen_at is not null),
    check (status not in ('upheld', 'reversed') or (decided_by is not null and decision_reason is not null)),
    -- Who held the money never decides whether it stays held.
    check (status not in ('upheld', 'reversed') or frozen_by is null or decided_by <> frozen_by),
    check (status not in ('upheld', 'reversed') or not decided_by = any(accusers))
);
-- One alert at a time at one subject: what later passes see of it is added to the one that is there.
create unique index fraud_alerts_active_post on fraud_alerts (post_id)
    where subject = 'post' and status in ('open', 'frozen', 'notified', 'appealed', 'upheld');
create unique index fraud_alerts_active_creator on fraud_alerts (creator_id)
    where subject = 'creator' and status in ('open', 'frozen', 'notified', 'appealed', 'upheld');
create index fraud_alerts_listed on fraud_alerts (detected_at desc, id desc);
create index fraud_alerts_of_creator on fraud_alerts (creator_id, detected_at desc);
create index fraud_alerts_due on fraud_alerts (coalesce(frozen_until, review_by))
    where status in ('open', 'frozen', 'notified', 'appealed', 'upheld');

-- Whose events an upheld alert leaves out of the counts; kept from the passes that saw them.
create table fraud_alert_sources (
    alert_id uuid not null references fraud_alerts,
    scope text not null check (scope in ('account', 'device', 'ip_hash')),
    value text collate "C" not null,
    primary key (alert_id, scope, value)
);

create table appeals (
    id uuid primary key,
    kind text not null check (kind in ('fraud', 'originality', 'claim')),
    alert_id uuid references fraud_alerts,
    alert_round int,
    analysis_id uuid references analyses,
    creator_id bigint not null references creators,
    ground text not null check (ground in (
        'mine_and_earlier', 'licensed', 'public_domain', 'commentary', 'wrong_match', 'not_my_traffic',
        'real_people', 'other', 'copies_mine')),
    statement text not null check (length(statement) between 1 and 10000),
    status text not null default 'open' check (status in ('open', 'decided')),
    filed_at timestamptz not null,
    -- Who decided what is appealed: never the one who decides the appeal.
    first_decider text not null check (length(first_decider) > 0),
    other_creator_id bigint references creators,
    other_view text check (length(other_view) between 1 and 10000),
    other_view_at timestamptz,
    other_until timestamptz,
    decide_by timestamptz not null,
    decided_by text,
    decided_at timestamptz,
    outcome text check (outcome in ('granted', 'refused', 'lapsed')),
    convinced text,
    -- Of a claim: the claimant's earlier work; and whether it was made against better knowledge.
    earlier_work_id uuid references works,
    bad_faith boolean not null default false,
    check ((kind = 'claim') = (earlier_work_id is not null)),
    check ((kind = 'fraud') = (alert_id is not null)),
    check ((kind in ('originality', 'claim')) = (analysis_id is not null)),
    check ((status = 'decided') = (outcome is not null)),
    check (outcome is null or outcome = 'lapsed' or (decided_by is not null and convinced is not null)),
    check (decided_by is null or decided_by <> first_decider)
);
create unique index appeals_one_alert on appeals (alert_id, alert_round) where kind = 'fraud';
create unique index appeals_one_analysis on appeals (analysis_id) where kind = 'originality' and status = 'open';
create unique index appeals_one_claim on appeals (analysis_id, earlier_work_id) where kind = 'claim';
create index appeals_creator on appeals (creator_id, filed_at desc);
create index appeals_open on appeals (decide_by) where status = 'open';

create table appeal_attachments (
    id bigint generated always as identity primary key,
    appeal_id uuid not null references appeals,
    added_by text not null,
    file_name text not null check (length(file_name) between 1 and 255),
    mime text not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    size_bytes bigint not null check (size_bytes > 0),
    blob_key text not null,
    added_at timestamptz not null default now(),
    unique (appeal_id, sha256)
);

-- Somebody looked and decided: the one is no copy of the other. It outlives every index, model and re-upload, so it
-- names the content, too; only a new fact ends it.
create table not_copies (
    work_id uuid not null references works on delete cascade,
    other_work_id uuid not null references works on delete cascade,
    sha256 bytea not null check (octet_length(sha256) = 32),
    other_sha256 bytea not null check (octet_length(other_sha256) = 32),
    creator_id bigint references creators,
    appeal_id uuid references appeals,
    decided_by text not null,
    decided_at timestamptz not null,
    ended_at timestamptz,
    ended_by text,
    ended_because text,
    primary key (work_id, other_work_id),
    check (work_id <> other_work_id),
    check (num_nulls(ended_at, ended_by, ended_because) in (0, 3))
);
create index not_copies_creator on not_copies (creator_id) where ended_at is null;

-- What could not be decided, until a person or the rule at the deadline ends it.
create table reviews (
    id uuid primary key,
    analysis_id uuid not null unique references analyses,
    work_id uuid not null references works,
    post_id bytea not null check (octet_length(post_id) = 32),
    creator_id bigint references creators,
    reason text not null,
    -- The share of what the post earns that waits meanwhile.
    held_bps int not null check (held_bps between 0 and 10000),
    opened_at timestamptz not null,
    decide_by timestamptz not null,
    -- What its creator has to say about it.
    statement text check (length(statement) between 1 and 10000),
    -- superseded: a later analysis could decide.
    status text not null default 'open' check (status in ('open', 'decided', 'superseded')),
    -- undecided: by the rule, of what two creators contest.
    outcome text check (outcome in ('original', 'licensed', 'derivative', 'self_duplicate', 'undecided')),
    decided_by text,
    because text,
    decided_at timestamptz,
    -- The analysis that it ended in.
    ended_by uuid unique references analyses,
    -- Whether the contract is told how it ended, or need not be.
    reported boolean not null default false,
    -- Not before that: it failed.
    report_from timestamptz not null default '-infinity',
    check (num_nulls(outcome, decided_by, because, decided_at, ended_by) = case status when 'open' then 5 else 0 end)
);
create unique index reviews_one_work on reviews (work_id) where status = 'open';
create index reviews_due on reviews (decide_by, id) where status = 'open';
create index reviews_unreported on reviews (id) where status = 'superseded' and not reported;

-- Whose affairs a person who decides has a stake in, as that person or an operator says.
create table reviewer_interests (
    actor text not null,
    -- The actor's name in the one form of all its spellings: it binds the person, by whatever key.
    person text not null check (length(person) > 0),
    creator_id bigint not null references creators,
    note text not null check (length(note) between 1 and 2000),
    declared_by text not null,
    declared_at timestamptz not null,
    primary key (actor, creator_id)
);
create index reviewer_interests_person on reviewer_interests (person);

-- How many planted near-copies a search of the index found; the plants were taken back at once.
create table recall_probes (
    at timestamptz not null,
    media_type text not null,
    planted int not null check (planted > 0),
    found int not null check (found between 0 and planted)
);
create index recall_probes_last on recall_probes (media_type, at);

-- References that people doubt: nobody is accused by them meanwhile.
create table quarantines (
    id bigint generated always as identity primary key,
    work_id uuid not null references works,
    since timestamptz not null,
    by text not null check (length(by) > 0),
    because text not null check (length(because) > 0),
    released_at timestamptz,
    released_by text,
    released_because text,
    check (num_nulls(released_at, released_by, released_because) in (0, 3))
);
create unique index quarantines_one on quarantines (work_id) where released_at is null;

-- Decisions to make again, because what they rest on has changed.
create table rechecks (
    id bigint generated always as identity primary key,
    analysis_id uuid not null references analyses,
    -- Null where no appeal asks for it.
    appeal_id uuid references appeals,
    reason text not null,
    queued_at timestamptz not null default now(),
    done_at timestamptz,
    unique (analysis_id, appeal_id)
);
create index rechecks_open on rechecks (id) where done_at is null;

-- What creators are told: one row a message, with every fact that its text was filled from.
create table creator_messages (
    id uuid primary key,
    -- The order they were written in; several may be of one moment.
    seq bigint generated always as identity,
    creator_id bigint not null references creators,
    kind text not null,
    template text not null,
    subject text not null,
    body text not null,
    facts jsonb not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    alert_id uuid references fraud_alerts,
    appeal_id uuid references appeals,
    analysis_id uuid references analyses on delete set null,
    created_at timestamptz not null,
    read_at timestamptz,
    -- none: the creator has no webhook; failed: tried as often as it is tried.
    delivery text not null default 'none' check (delivery in ('none', 'pending', 'delivered', 'failed')),
    tries int not null default 0,
    next_try_at timestamptz not null default now(),
    delivered_at timestamptz,
    last_error text
);
create unique index creator_messages_verdict on creator_messages (analysis_id, kind, creator_id) where analysis_id is not null;
create index creator_messages_list on creator_messages (creator_id, created_at desc, id desc);
create index creator_messages_pending on creator_messages (creator_id, next_try_at) where delivery = 'pending';

-- Letters about verdicts that could not be written, and when that is tried again.
create table blocked_notices (
    analysis_id uuid primary key references analyses on delete cascade,
    reason text not null,
    tries int not null default 1,
    next_try_at timestamptz not null
);
create index analyses_derivative on analyses (decided_at) where verdict = 'derivative';
create index analyses_matched on analyses (matched_work_id) where matched_work_id is not null;

-- The secret is kept as it is: it signs, so a hash would not do.
create table creator_webhooks (
    creator_id bigint primary key references creators,
    url text not null check (length(url) between 1 and 2000),
    secret text not null check (length(secret) >= 32),
    -- Receivers on one host share what one may take of us.
    host text not null,
    -- A sender delivers to it until then.
    sending_until timestamptz not null default '-infinity',
    -- Failed deliveries since the last that arrived; none is tried before that.
    failures int not null default 0,
    retry_at timestamptz not null default '-infinity',
    created_at timestamptz not null default now()
);
create index creator_webhooks_sending on creator_webhooks (host, sending_until);

-- Every step of an alert and of an appeal, each row chained to the one before by its hash.
create table fraud_audit (
    seq bigint primary key check (seq > 0),
    at timestamptz not null,
    alert_id uuid references fraud_alerts,
    appeal_id uuid references appeals,
    actor text not null check (length(actor) > 0),
    step text not null,
    reason_code text not null check (length(reason_code) > 0),
    text text not null check (length(text) > 0),
    facts jsonb not null,
    -- The exact bytes that the hash is over, after the hash before.
    body bytea not null,
    previous_hash bytea not null check (octet_length(previous_hash) = 32),
    hash bytea not null unique check (octet_length(hash) = 32)
);
create index fraud_audit_alert on fraud_audit (alert_id, seq);
create index fraud_audit_appeal on fraud_audit (appeal_id, seq);
create function refuse_audit_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log only grows';
end $$;
create trigger fraud_audit_grows before update or delete or truncate on fraud_audit
    for each statement execute function refuse_audit_change();

-- What the contract has to be told, each with the call that does it; written in the transaction that decides it.
create table fraud_chain_actions (
    id bigint generated always as identity primary key,
    alert_id uuid not null references fraud_alerts,
    round int not null,
    kind text not null check (kind in ('freeze', 'uphold', 'release')),
    -- Names the freeze on chain, once for all time.
    chain_alert_id bytea not null check (octet_length(chain_alert_id) = 32),
    until timestamptz,
    call_id bigint not null unique references chain_calls
);
create index fraud_chain_actions_alert on fraud_chain_actions (alert_id, id);
create index fraud_chain_actions_freeze on fraud_chain_actions (chain_alert_id, id);
