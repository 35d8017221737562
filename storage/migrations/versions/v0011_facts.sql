-- What whoever posts a work states about it: shown, searched by, corrected; none of it decides a verdict.
alter table works
    add column title text check (length(title) between 1 and 200),
    add column category text check (length(category) between 1 and 64),
    add column audience int check (audience >= 0),
    add column stated_published_at timestamptz,
    -- The poster's own id of the work, once for each poster: a platform's name space, a creator, a key.
    add column external_id text check (length(external_id) between 1 and 128),
    add column posted_by text;
create unique index works_external on works (posted_by, external_id) where external_id is not null;
create index works_posted_by on works (posted_by, registered_at, id) where posted_by is not null;

-- Every change of those, the newest last.
create table work_corrections (
    id bigint generated always as identity primary key,
    work_id uuid not null references works,
    field text not null check (field in ('title', 'category', 'audience', 'external_id')),
    before text,
    after text,
    reason text not null check (length(reason) between 1 and 500),
    corrected_by text not null,
    corrected_at timestamptz not null default now()
);
create index work_corrections_work on work_corrections (work_id, id);

-- The name space of the posts that a key's holder has on chain: a platform's id, or a contract.
alter table api_keys add column namespace bytea check (octet_length(namespace) in (20, 32));

create or replace function add_post_of_work() returns trigger language plpgsql as $$
begin
    insert into posts (post_id, creator_id, work_id, media_type, title, published_at)
    values (new.post_id, new.creator_id, new.id, new.media_type, coalesce(new.title, new.file_name), new.published_at)
    on conflict (post_id) do nothing;
    return null;
end $$;

-- Sources that nobody here owns, and parts that a work's creator claims no more: what works have from them accuses nobody.
create table shared_sources (
    id uuid primary key default gen_random_uuid(),
    work_id uuid not null references works,
    -- The part of the work, as evidence has parts; null: all of it.
    part jsonb,
    origin text not null check (origin in ('catalogue', 'appeal', 'creator')),
    -- Where it comes from: a library, a museum, an address.
    source text not null check (length(source) between 1 and 4000),
    entered_by text not null check (length(entered_by) > 0),
    entered_at timestamptz not null,
    -- The appeal that found it: what ends that ends it.
    appeal_id uuid references appeals,
    ended_at timestamptz,
    ended_by text,
    ended_because text,
    check (num_nulls(ended_at, ended_by, ended_because) in (0, 3))
);
create index shared_sources_work on shared_sources (work_id) where ended_at is null;
create index shared_sources_appeal on shared_sources (appeal_id) where ended_at is null;
create unique index shared_sources_whole on shared_sources (work_id) where ended_at is null and part is null;

-- Of a post, for the public record: what kind it is, and of how large a creator, in bands that name nobody. A category
-- that is not on this list, or that fewer than five creators use, is "other": what anybody writes enters no record.
create function known_category(stated text) returns text language sql immutable as $$
    select case when lower(trim(stated)) = any(array['animals', 'architecture', 'art', 'beauty', 'comedy', 'crafts', 'dance',
        'education', 'family', 'fashion', 'film', 'finance', 'fitness', 'food', 'games', 'gardening', 'health', 'history',
        'home', 'landscape', 'lifestyle', 'literature', 'music', 'nature', 'news', 'people', 'photography', 'politics',
        'religion', 'science', 'society', 'sports', 'technology', 'travel', 'vehicles'])
        then lower(trim(stated)) else 'other' end
$$;
create index works_category on works (lower(trim(category)), creator_id) where category is not null;
create function record_kind(post bytea) returns jsonb language sql stable as $$
    select jsonb_build_object('media_type', p.media_type,
        'category', case when w.category is null then 'not stated' when (select count(*) from (
            select distinct creator_id from works o where lower(trim(o.category)) = lower(trim(w.category)) limit 5) users) < 5
            then 'other' else known_category(w.category) end,
        'audience', case when p.audience is null then 'not stated' when p.audience <= 1000 then 'to 1 000'
            when p.audience <= 100000 then '1 000 to 100 000' else 'over 100 000' end,
        'language', coalesce(l.language, 'not stated'))
    from posts p left join works w on w.id = p.work_id left join creator_preferences l on l.creator_id = p.creator_id
    where p.post_id = post
$$;

-- The same of an account: as large as its largest post says.
create function record_account_kind(creator bigint) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'audience', (select case when max(audience) is null then 'not stated' when max(audience) <= 1000 then 'to 1 000'
            when max(audience) <= 100000 then '1 000 to 100 000' else 'over 100 000' end
            from posts where creator_id = creator),
        'language', coalesce((select language from creator_preferences where creator_id = creator), 'not stated'))
    where creator is not null
$$;

create function record_ruling() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('ruling', new.verdict, 'A verdict came into force.',
        jsonb_build_object('post_id', '0x' || encode(new.post_id, 'hex'), 'verdict', new.verdict,
            'redirect_bps', new.redirect_bps, 'by_us', new.ruling_id is not null));
    return null;
end $$;
create trigger rulings_are_recorded after insert on verdict_changes for each row execute function record_ruling();

create function record_hold() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('hold', new.status, 'A hold changed.',
        jsonb_build_object('hold', new.id, 'round', new.round, 'subject', new.subject, 'status', new.status)
            || coalesce(record_kind(new.post_id), record_account_kind(new.creator_id), '{}'));
    return null;
end $$;
create trigger holds_are_recorded after update of status on fraud_alerts for each row
    when (new.frozen_at is not null and old.status is distinct from new.status
        and new.status in ('notified', 'upheld', 'reversed', 'expired'))
    execute function record_hold();

create function record_grade() returns trigger language plpgsql as $$
begin
    insert into record_queue (step, reason_code, text, facts) values ('grade', new.grade, 'A grade became final.',
        jsonb_build_object('post', (select record_name from posts where post_id = new.post_id), 'grade', new.grade)
            || coalesce(record_kind(new.post_id), '{}'));
    return null;
end $$;
create trigger grades_are_recorded after insert on grade_changes for each row
    when (new.status = 'final') execute function record_grade();
