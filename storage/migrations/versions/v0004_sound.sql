-- Sound: constellations to verify against, and an inverted index from landmark hash to (track, frame).
--
-- A track is the work's registration: a look-up for "earlier only" needs no join. Landmarks are kept as packed
-- postings and not as rows: eight bytes instead of seventy-six (header, line pointer, index). New tracks lie in
-- sound_fresh, one row each, and are merged into segments by the hundred, segments into larger ones by fours.
-- The layout of postings is storage/landmark_postings.py's; the look-up is one statement, sound_look_up.
create table sounds (
    track int4 primary key check (track > 0),
    work_id uuid not null unique references works on delete cascade,
    creator_id bigint,
    duration_ms int not null check (duration_ms >= 0),
    landmarks int not null check (landmarks >= 0),
    reference bytea not null
);
alter table sounds alter reference set storage external;  -- it is compressed already

create table sound_fresh (
    track int4 primary key references sounds on delete cascade,
    landmarks int not null,
    postings bytea not null
);
alter table sound_fresh alter postings set storage external;

-- Merging empties the table by the hundred rows: their space is to be used again before the next hundred come.
alter table sound_fresh set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50,
    autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 50);

create table sound_segments (
    id int4 generated always as identity primary key,
    -- Postings are grouped by hash >> shift.
    shift smallint not null check (shift between 0 and 13),
    landmarks int8 not null,
    made_at timestamptz not null default now()
);

create table sound_buckets (
    hash_from int4 not null,
    segment int4 not null,
    postings bytea not null,
    primary key (hash_from, segment)
) partition by range (hash_from);
-- Eight ranges of the 21-bit hash; each may move to a disk or a machine of its own.
create table sound_buckets_0 partition of sound_buckets for values from (minvalue) to (262144);
create table sound_buckets_1 partition of sound_buckets for values from (262144) to (524288);
create table sound_buckets_2 partition of sound_buckets for values from (524288) to (786432);
create table sound_buckets_3 partition of sound_buckets for values from (786432) to (1048576);
create table sound_buckets_4 partition of sound_buckets for values from (1048576) to (1310720);
create table sound_buckets_5 partition of sound_buckets for values from (1310720) to (1572864);
create table sound_buckets_6 partition of sound_buckets for values from (1572864) to (1835008);
create table sound_buckets_7 partition of sound_buckets for values from (1835008) to (maxvalue);
alter table sound_buckets alter postings set storage external;
do $$
begin
    for number in 0..7 loop
        execute format('alter table sound_buckets_%s set (autovacuum_vacuum_scale_factor = 0.1,'
            ' autovacuum_vacuum_cost_delay = 0)', number);
    end loop;
end $$;

-- All that a query has to look at, as of one moment: per segment the buckets of its hashes, one after another
-- (heads: hash_from and length in bytes, both int4, big-endian), and the fresh tracks earlier than `before`
-- (heads: track and length; segment 0); landmarks: how many the segment holds in all. One row a segment, so that a look-up is a handful of rows.
create function sound_look_up(hashes int4[], before int4)
returns table (segment int4, landmarks int8, heads bytea, postings bytea)
language sql stable parallel safe
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set jit = off
as $$
    select b.segment, max(wanted.landmarks), string_agg(int4send(b.hash_from) || int4send(octet_length(b.postings)), ''::bytea),
        string_agg(b.postings, ''::bytea)
    from (
        select distinct s.id, s.landmarks, (h >> s.shift) << s.shift as hash_from
        from sound_segments s cross join unnest(hashes) h
    ) wanted
    join sound_buckets b on b.hash_from = wanted.hash_from and b.segment = wanted.id
    group by b.segment
    union all
    select 0, sum(f.landmarks)::int8, string_agg(int4send(f.track) || int4send(octet_length(f.postings)), ''::bytea),
        string_agg(f.postings, ''::bytea)
    from sound_fresh f where f.track < before
$$;
