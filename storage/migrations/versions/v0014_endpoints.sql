-- Where a platform's events go. The secret is kept as it is: it signs, so a hash would not do.
create table webhook_endpoints (
    id uuid primary key,
    -- As works have it in `posted_by`; null: the operator, who hears of everybody's.
    owner text check (length(owner) > 0),
    url text not null check (length(url) between 1 and 2000),
    -- Receivers on one host share what one may take of us.
    host text not null,
    events text[] not null check (cardinality(events) > 0),
    secret text not null check (length(secret) >= 32),
    -- Signs beside the new one until then, so that a receiver can be changed over.
    old_secret text,
    old_secret_until timestamptz,
    created_at timestamptz not null default now(),
    sending_until timestamptz not null default '-infinity',
    failures int not null default 0,
    failing_since timestamptz,
    retry_at timestamptz not null default '-infinity',
    -- Gets nothing any more: it failed for days, or its owner ended it.
    disabled_at timestamptz,
    disabled_because text,
    check ((disabled_at is null) = (disabled_because is null)),
    check ((old_secret is null) = (old_secret_until is null))
);
create index webhook_endpoints_owner on webhook_endpoints (owner);

create table webhook_deliveries (
    id uuid primary key default gen_random_uuid(),
    seq bigint generated always as identity,
    endpoint_id uuid not null references webhook_endpoints on delete cascade,
    event text not null,
    data jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    status text not null default 'pending' check (status in ('pending', 'delivered', 'failed')),
    tries int not null default 0,
    next_try_at timestamptz not null default now(),
    delivered_at timestamptz,
    last_error text
);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, next_try_at) where status = 'pending';
create index webhook_deliveries_list on webhook_deliveries (endpoint_id, created_at, id);

-- Events are written by triggers, in the transaction that does what they tell: whoever does it.
create function tell_platforms(owners text[], what text, facts jsonb) returns void language sql as $$
    insert into webhook_deliveries (endpoint_id, event, data)
    select id, what, facts from webhook_endpoints
    where disabled_at is null and what = any(events) and (owner is null or owner = any(owners))
    for key share  -- one that is removed meanwhile is told nothing, and fails nobody's transaction
$$;
create function posters_of(post bytea, creator bigint) returns text[] language sql stable as $$
    select coalesce(array_agg(distinct posted_by), '{}') from works
    where posted_by is not null and (post_id = post or (post is null and creator_id = creator))
$$;
create function hexed(value bytea) returns text language sql immutable as $$ select '0x' || encode(value, 'hex') $$;

create function tell_of_analysis() returns trigger language plpgsql as $$
declare
    before analyses;
    source works;
    work works;
begin
    select * into work from works where id = new.work_id;
    if new.again_of is not null then
        select * into before from analyses where id = new.again_of;
        if (before.verdict, before.redirect_bps, before.matched_work_id)
            is not distinct from (new.verdict, new.redirect_bps, new.matched_work_id) then
            return null;
        end if;
    end if;
    perform tell_platforms(array[work.posted_by],
        case when new.again_of is null then 'analysis.decided' else 'analysis.changed' end,
        jsonb_build_object('analysis_id', new.id, 'work_id', new.work_id, 'external_id', work.external_id,
            'post_id', hexed(new.post_id), 'verdict', new.verdict, 'reason', new.reason,
            'similarity_bps', new.similarity_bps, 'redirect_bps', new.redirect_bps,
            'matched_work_id', new.matched_work_id));
    if new.verdict = 'derivative' and new.matched_work_id is not null then
        select * into source from works where id = new.matched_work_id;
        perform tell_platforms(array[source.posted_by], 'work.matched',
            jsonb_build_object('work_id', source.id, 'external_id', source.external_id,
                'post_id', hexed(source.post_id), 'by_post_id', hexed(new.post_id), 'by_analysis_id', new.id,
                'similarity_bps', new.similarity_bps, 'redirect_bps', new.redirect_bps));
    end if;
    return null;
end $$;
create trigger analyses_tell_new after insert on analyses
    for each row when (new.status = 'decided') execute function tell_of_analysis();
create trigger analyses_tell after update of status on analyses
    for each row when (new.status = 'decided' and old.status <> 'decided') execute function tell_of_analysis();

create function tell_of_change() returns trigger language plpgsql as $$
begin
    perform tell_platforms(posters_of(new.post_id, null), 'analysis.changed',
        jsonb_build_object('post_id', hexed(new.post_id), 'verdict', new.verdict,
            'similarity_bps', new.similarity_bps, 'redirect_bps', new.redirect_bps,
            'original_post_id', hexed(new.original_post_id), 'transaction', hexed(new.tx_hash)));
    return null;
end $$;
create trigger verdict_changes_tell after insert on verdict_changes
    for each row execute function tell_of_change();

create function tell_of_alert() returns trigger language plpgsql as $$
begin
    perform tell_platforms(posters_of(new.post_id, new.creator_id),
        case when new.closed_at is null then 'alert.opened' else 'alert.resolved' end,
        jsonb_build_object('alert_id', new.id, 'post_id', hexed(new.post_id), 'status', new.status,
            'round', new.round, 'reason', new.reason));
    return null;
end $$;
create trigger fraud_alerts_tell_new after insert on fraud_alerts
    for each row execute function tell_of_alert();
create trigger fraud_alerts_tell after update of closed_at on fraud_alerts
    for each row when ((new.closed_at is null) <> (old.closed_at is null)) execute function tell_of_alert();

create function tell_of_appeal() returns trigger language plpgsql as $$
declare
    post bytea;
begin
    select coalesce(a.post_id, f.post_id) into post from (select 1) one
        left join analyses a on a.id = new.analysis_id left join fraud_alerts f on f.id = new.alert_id;
    perform tell_platforms(posters_of(post, new.creator_id),
        case when new.status = 'open' then 'appeal.filed' else 'appeal.decided' end,
        jsonb_build_object('appeal_id', new.id, 'kind', new.kind, 'post_id', hexed(post), 'ground', new.ground,
            'outcome', new.outcome, 'alert_id', new.alert_id, 'analysis_id', new.analysis_id));
    return null;
end $$;
create trigger appeals_tell_new after insert on appeals for each row execute function tell_of_appeal();
create trigger appeals_tell after update of status on appeals
    for each row when (new.status <> old.status) execute function tell_of_appeal();

create function tell_of_payout() returns trigger language plpgsql as $$
declare
    booked ledger_transactions;
begin
    select t.* into booked from ledger_transactions t join ledger_payouts p on p.transaction_id = t.id
        where p.call_id = new.id;
    if found then
        perform tell_platforms(posters_of(booked.post_id, booked.creator_id),
            case when new.status = 'final' then 'payout.paid' else 'payout.failed' end,
            jsonb_build_object('payout_id', booked.id, 'kind', booked.kind, 'post_id', hexed(booked.post_id),
                'week', booked.week, 'error_code', new.error_code));
    end if;
    return null;
end $$;
create trigger chain_calls_tell after update of status on chain_calls
    for each row when (new.status <> old.status and new.status in ('final', 'reverted') and new.sender = 'paymaster')
    execute function tell_of_payout();
