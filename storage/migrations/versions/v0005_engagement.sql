-- Engagement events, grades and the ledger of what every post earned.

-- What a post is to those who watch and pay it; its row comes with its first work.
create table posts (
    post_id bytea primary key check (octet_length(post_id) = 32),
    -- What the public record calls it beside what its creator chose (a language): it leads nowhere.
    record_name uuid not null default gen_random_uuid(),
    -- Null where nobody signed the upload: such a post earns nothing until somebody does.
    creator_id bigint references creators,
    work_id uuid references works on delete set null,
    media_type text not null check (media_type in ('image', 'video', 'audio')),
    title text,
    -- Followers of the creator when the post came out, as the platform says; null if it never said.
    audience int check (audience >= 0),
    -- The length its viewers reported (their median); null for pictures and before the first view.
    length_ms int check (length_ms > 0),
    published_at timestamptz not null
);
create index posts_creator on posts (creator_id, published_at);

create function add_post_of_work() returns trigger language plpgsql as $$
begin
    insert into posts (post_id, creator_id, work_id, media_type, title, published_at)
    values (new.post_id, new.creator_id, new.id, new.media_type, new.file_name, new.published_at)
    on conflict (post_id) do nothing;
    return null;
end $$;
create trigger posts_follow_works after insert on works for each row execute function add_post_of_work();
insert into posts (post_id, creator_id, work_id, media_type, title, published_at)
    select distinct on (post_id) post_id, creator_id, id, media_type, file_name, published_at
    from works order by post_id, registration;

-- Long texts that many events share are kept once.
create table engagement_agents (
    id int generated always as identity primary key,
    user_agent text collate "C" not null unique check (length(user_agent) <= 512),
    -- What it says of itself, where that is no person: such views do not count unless an account stands beside them.
    program text check (program in ('robot', 'tool'))
);
-- Host and path, lower case host, with an app's scheme; without query and fragment: those carry identifiers of people.
create table engagement_referrers (
    id int generated always as identity primary key,
    referrer text collate "C" not null unique check (length(referrer) <= 512),
    -- Whether it is a page outside of the platform and of its apps.
    outside boolean not null
);

-- One partition a day of `at` (UTC), named engagement_events_yyyymmdd, made when its first event comes.
create table engagement_events (
    -- The client's id of the event: as it is if a UUID, else the first 16 bytes of its SHA-256.
    event_id uuid not null,
    at timestamptz not null,
    received_at timestamptz not null default now(),
    kind text collate "C" not null check (kind in
        ('view', 'like', 'comment', 'save', 'share', 'follow', 'gift', 'sign_up', 'login')),
    -- Null for what is about no post.
    post_id bytea check (octet_length(post_id) = 32),
    -- Whom it is about: the post's creator, or the one who is followed or given to; null where unknown yet.
    creator_id bigint,
    -- Who did it; null for a view without an account. An account named like a creator's handle is that creator.
    account text collate "C",
    device text collate "C",
    ip_hash bytea,
    agent_id int,
    referrer_id int,
    -- view: watched time and length of the media; null length for pictures
    watch_ms int check (watch_ms >= 0),
    length_ms int check (length_ms > 0),
    -- comment: hash of its normalised text, and characters
    text_hash bytea,
    text_chars int check (text_chars >= 0),
    -- gift: cents
    value_minor bigint check (value_minor > 0),
    primary key (event_id, at)
) partition by range (at);
create index engagement_events_post on engagement_events (post_id, kind) where post_id is not null;

-- Whom the fraud side does not count. Counting leaves out events by or from the value while the row is not lifted.
create table engagement_exclusions (
    id bigint generated always as identity primary key,
    scope text not null check (scope in ('account', 'device', 'ip_hash')),
    -- Account or device as in the events; an ip_hash as lower-case hex.
    value text collate "C" not null,
    -- Null: on every post.
    post_id bytea check (octet_length(post_id) = 32),
    -- Events at or after `since` and before `until`; null is open.
    since timestamptz,
    until timestamptz,
    alert_id uuid,
    -- Whether a person decided so; else it is doubtful only.
    confirmed boolean not null default false,
    reason text not null check (length(reason) > 0),
    created_at timestamptz not null default now(),
    lifted_at timestamptz,
    check (since is null or until is null or since < until)
);
create index engagement_exclusions_value on engagement_exclusions (value) where lifted_at is null;
create index engagement_exclusions_alert on engagement_exclusions (alert_id);

-- Posts whose counts have changed since they were graded.
create table engagement_changed (
    post_id bytea primary key,
    changed_at timestamptz not null default now(),
    -- A final grade is computed again, too: late events, views given back or confirmed fraud.
    reopen boolean not null default false
);

-- What was counted of a post until its grade is final: all of it, and what counts.
create table engagement_counts (
    post_id bytea primary key references posts,
    raw jsonb not null,
    qualified jsonb not null,
    counted_at timestamptz not null
);

-- How grades and bonuses come about; rows are never changed, a new version is a new row.
create table grade_policies (
    version int primary key,
    effective_from timestamptz not null,
    weights_bps jsonb not null,
    cutoffs_bps jsonb not null,
    -- Strength of the shrinkage: as many views of an average post are mixed into every post.
    prior_views int not null check (prior_views > 0),
    -- A view counts from here on, or from half of the media where that is less.
    min_watch_ms int not null check (min_watch_ms >= 0),
    min_comment_chars int not null check (min_comment_chars >= 0),
    -- Like posts: at least so many, or a wider circle is compared with.
    min_cohort int not null check (min_cohort > 1),
    -- No grade with a bonus where fewer people saw it and took it in.
    min_people int not null default 50 check (min_people >= 0),
    final_after_days int not null check (final_after_days between 1 and 365),
    note text not null,
    created_by text not null,
    created_at timestamptz not null default now()
);
insert into grade_policies (version, effective_from, weights_bps, cutoffs_bps, prior_views, min_watch_ms,
        min_comment_chars, min_cohort, final_after_days, note, created_by) values (
    1, '-infinity',
    '{"watch": 3500, "saves": 2000, "comments": 2000, "shares": 1500, "likes": 1000}',
    '{"A": 8000, "B": 6500, "C": 5000, "D": 3500}',
    50, 5000, 3, 30, 7, 'First rules.', 'migration');

-- What posts of one cohort reached, as of one day: rates at evenly spaced ranks.
create table grade_baselines (
    id bigint generated always as identity primary key,
    computed_at timestamptz not null default now(),
    policy_version int not null references grade_policies,
    -- Cohort -> {posts, signals: {signal: [[rate, creator], ...]}}, rates ascending
    cohorts jsonb not null
);

create table grades (
    post_id bytea primary key references posts,
    status text not null check (status in ('provisional', 'final')),
    grade text not null check (grade in ('A', 'B', 'C', 'D', 'F')),
    score_bps int not null check (score_bps between 0 and 10000),
    final_at timestamptz not null,
    policy_version int not null references grade_policies,
    baseline_id bigint not null references grade_baselines,
    -- Everything the score was made of: counts raw and qualified, cohort, every signal's contribution.
    facts jsonb not null,
    -- It was final, and was computed again: weeks that were paid by it may need a correction.
    reopened boolean not null default false,
    computed_at timestamptz not null
);
create index grades_due on grades (final_at) where status = 'provisional';
create index grades_reopened on grades (post_id) where reopened;
create table grade_changes (
    id bigint generated always as identity primary key,
    post_id bytea not null references posts,
    status text not null,
    grade text not null,
    score_bps int not null,
    policy_version int not null,
    reason text not null,
    changed_at timestamptz not null
);
create index grade_changes_post on grade_changes (post_id, id);

-- What the verdict on a post means for its money, as in the contract's PostRegistry.
create table post_terms (
    post_id bytea primary key references posts,
    verdict text not null check (verdict in ('original', 'derivative', 'self_duplicate', 'licensed', 'undecided')),
    redirect_bps int not null check (redirect_bps between 0 and 10000),
    creditor_id bigint references creators,
    -- From then on it cannot be disputed any more; while it can, the redirected share waits.
    final_at timestamptz not null,
    disputed boolean not null default false,
    -- Decided by an appeal: no later analysis overwrites it.
    ruled boolean not null default false,
    analysis_id uuid references analyses,
    revision int not null default 1,
    changed_at timestamptz not null default now(),
    check (redirect_bps = 0 or (verdict = 'derivative' and creditor_id is not null))
);
create index post_terms_creditor on post_terms (creditor_id) where creditor_id is not null;
create index analyses_post on analyses (post_id, decided_at);

-- Base pay of a post for a week, as the platform says; paid once the week has settled and its grade is final. What changes
-- afterwards is booked as a correction.
create table earnings (
    post_id bytea not null references posts,
    week date not null check (extract(isodow from week) = 1),
    base_minor bigint not null check (base_minor >= 0),
    -- How many views the platform pays for with it; null where it does not pay by views.
    views bigint check (views > 0),
    -- Why the platform changed it, in words that the creator reads.
    reason text check (length(reason) between 1 and 500),
    announced_by text not null,
    announced_at timestamptz not null default now(),
    -- A second person, where the amount is above the ceiling.
    confirmed_by text check (confirmed_by <> announced_by),
    transaction_id bigint,
    -- What it was paid by may have changed: amount, grade, or which views count.
    changed boolean not null default false,
    primary key (post_id, week)
);
create index earnings_unpaid on earnings (post_id) where transaction_id is null;
create index earnings_changed on earnings (post_id) where changed;

-- Adjustments above the ceiling, by the platform's own id, until a second person sends the same.
create table adjustments_proposed (
    id text primary key,
    post_id bytea not null references posts,
    amount_minor bigint not null,
    reason text not null,
    proposed_by text not null,
    proposed_at timestamptz not null
);

-- Freezes as the fraud side orders them. A post's freeze holds the part that the alert's events would earn, or, where it
-- is `whole`, what the post earns its poster; an account's freeze stops withdrawals, which the contract does.
create table ledger_freezes (
    alert_id uuid not null,
    post_id bytea references posts,
    creator_id bigint references creators,
    since timestamptz not null,
    until timestamptz not null,
    released_at timestamptz,
    whole boolean not null,
    check (num_nonnulls(post_id, creator_id) = 1),
    check (until > since),
    unique nulls not distinct (alert_id, post_id, creator_id)
);
create index ledger_freezes_post on ledger_freezes (post_id) where released_at is null;
create index ledger_freezes_creator on ledger_freezes (creator_id) where released_at is null;

-- Double entry in cents. Rows are only ever added; both tables refuse updates and deletes.
create table ledger_transactions (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('pay', 'correction', 'adjustment', 'release', 'contest_settled')),
    post_id bytea references posts,
    creator_id bigint references creators,
    -- Monday of the week it belongs to: the week that was earned, else the week it was booked in.
    week date not null check (extract(isodow from week) = 1),
    -- Whatever it was calculated from, enough to calculate it again.
    facts jsonb not null,
    booked_at timestamptz not null
);
create unique index ledger_pay_once on ledger_transactions (post_id, week) where kind = 'pay';
-- An adjustment is booked once, by the platform's own id of it.
create unique index ledger_adjust_once on ledger_transactions ((facts->>'id')) where kind = 'adjustment';
create index ledger_transactions_creator on ledger_transactions (creator_id) where creator_id is not null;
create index ledger_transactions_post on ledger_transactions (post_id, id);
alter table earnings add foreign key (transaction_id) references ledger_transactions;

create table ledger_postings (
    transaction_id bigint not null references ledger_transactions,
    line smallint not null,
    -- Whose: of the platform's budget, the creator for whose post it is spent.
    creator_id bigint not null references creators,
    bucket text not null check (bucket in ('budget', 'available', 'contested', 'frozen')),
    -- Why: earned base and bonus, redirect to the original's creator, or money that waits or stops waiting.
    entry text not null check (entry in ('base', 'bonus', 'adjustment', 'redirect', 'contest', 'freeze')),
    post_id bytea references posts,
    amount_minor bigint not null check (amount_minor <> 0),
    primary key (transaction_id, line)
);
create index ledger_postings_creator on ledger_postings (creator_id, transaction_id);
create index ledger_postings_post on ledger_postings (post_id, bucket);

-- What of each post waits now: a sum of its postings, kept up with every one, so that nobody adds up all that ever was.
create table ledger_waiting (
    bucket text not null check (bucket in ('contested', 'frozen')),
    post_id bytea not null references posts,
    amount_minor bigint not null,
    primary key (bucket, post_id)
);
create function keep_ledger_waiting() returns trigger language plpgsql as $$
begin
    insert into ledger_waiting values (new.bucket, new.post_id, new.amount_minor)
    on conflict (bucket, post_id) do update set amount_minor = ledger_waiting.amount_minor + excluded.amount_minor;
    delete from ledger_waiting where bucket = new.bucket and post_id = new.post_id and amount_minor = 0;
    return null;
end $$;
create trigger ledger_postings_wait after insert on ledger_postings for each row
    when (new.bucket in ('contested', 'frozen')) execute function keep_ledger_waiting();

-- Pay and corrections on their way to the BonusVault, each with the call that makes it; all that is above zero is here
-- from the start. What became of it says the view `ledger_chain_payments`.
create table ledger_payouts (
    transaction_id bigint primary key references ledger_transactions,
    call_id bigint not null unique references chain_calls,
    -- In the token's smallest units: how the contract divided it, in which transaction.
    to_original numeric(78),
    to_poster numeric(78),
    divided_in bytea check (octet_length(divided_in) = 32),
    -- Whether the contract's parts are the ledger's parts, to the cent; null where another than our call has paid.
    agrees boolean,
    -- Why it was not let go at the last try: refused by the contract, or judged otherwise there than in the ledger.
    error text,
    -- What the contract said about the post then.
    chain_says jsonb,
    tries int not null default 0,
    next_try_at timestamptz not null,
    updated_at timestamptz not null,
    -- The contract had paid it in a final block without our call.
    found_at timestamptz
);
create index ledger_payouts_next on ledger_payouts (next_try_at, transaction_id);

create function queue_chain_payment() returns trigger language plpgsql as $$
declare
    call bigint;
begin
    insert into chain_calls (key, sender, contract) values ('payout ' || new.id, 'paymaster', 'bonus_vault')
        returning id into call;
    insert into ledger_payouts (transaction_id, call_id, next_try_at, updated_at)
        values (new.id, call, new.booked_at, new.booked_at);
    return null;
end $$;
create trigger ledger_pay_goes_on_chain after insert on ledger_transactions for each row
    when (new.kind in ('pay', 'correction', 'adjustment') and (new.facts->>'chain_minor')::bigint > 0) execute function queue_chain_payment();

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
    raise exception 'the ledger only grows: book another transaction instead';
end $$;
create trigger ledger_transactions_grow before update or delete or truncate on ledger_transactions
    for each statement execute function refuse_ledger_change();
create trigger ledger_postings_grow before update or delete or truncate on ledger_postings
    for each statement execute function refuse_ledger_change();

-- Money neither comes from nowhere nor vanishes: every transaction sums to zero, and what merely waits or stops
-- waiting stays with the same creator.
create function check_ledger_balance() returns trigger language plpgsql as $$
begin
    if exists (select 1 from ledger_postings where transaction_id = new.transaction_id
               having sum(amount_minor) <> 0)
       or exists (select 1 from ledger_postings
                  where transaction_id = new.transaction_id and entry in ('contest', 'freeze')
                  group by creator_id, entry having sum(amount_minor) <> 0) then
        raise exception 'ledger transaction % does not balance', new.transaction_id
            using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger ledger_postings_balance after insert on ledger_postings
    deferrable initially deferred for each row execute function check_ledger_balance();
