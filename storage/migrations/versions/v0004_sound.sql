-- Sound: constellations to verify against, and an inverted index from landmark hash to (track, frame).
--
-- A track is the work's registration: a look-up for "earlier only" needs no join. Landmarks are kept as packed
-- postings and not as rows: four bytes instead of seventy-six (header, line pointer, index). New tracks lie in
-- sound_fresh, one row each, and are merged into segments by the hundred, small segments into larger ones.
-- The layout of postings is storage/search/sounds/postings.py's; the look-up is one statement, sound_look_up.
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

-- A segment never changes. Its postings are in a table of its own, sound_postings_<id> (hash_from int4, postings bytea),
-- so that what is merged away is dropped, and its disk space free at once: rows that are deleted leave holes.
-- A small one holds all hashes, large ones a range of them each (storage/search/sounds/merge.py): such a table may move to a
-- disk or a machine of its own, and no merge has to rewrite everything.
create table sound_segments (
    id int4 generated always as identity primary key,
    first_hash int4 not null,
    last_hash int4 not null check (last_hash >= first_hash),
    -- Postings are grouped by hash >> shift.
    shift smallint not null check (shift between 1 and 12),
    landmarks int8 not null,
    places int8 not null check (places > 0),  -- length of the timeline, frames
    timeline bytea not null,  -- of each track its number and its frames, in the order in which they lie there
    made_at timestamptz not null default now()
);
alter table sound_segments alter timeline set storage external;

-- Segments that were merged into others; their tables are dropped as soon as nobody reads them.
create table sound_retired (segment int4 primary key);

-- All that a query has to look at, as of one moment, in one row a segment: the buckets of its hashes (which rise, each
-- once), one after another (heads: hash_from and length in bytes, both int4, big-endian), and the fresh tracks earlier
-- than `before` (heads: track and length; segment 0); landmarks: how many the segment holds in all.
-- Whoever drops a segment's table or rewrites sound_fresh holds the latter exclusively. Hence the lock first, and
-- "volatile": statements after it see what was committed before it was granted. Segments and fresh tracks are read by
-- one statement, lest a merge between two of them hide what moves; segments do not change.
create function sound_look_up(hashes int4[], before int4)
returns table (segment int4, landmarks int8, shift smallint, timeline bytea, heads bytea, postings bytea)
language plpgsql volatile
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashagg = off
set jit = off
as $$
declare
    held record;
    fresh record;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'sounds are looked up in transactions at read committed' using errcode = 'invalid_transaction_state';
    end if;
    lock table sound_fresh in access share mode;
    select (select array_agg(s.id order by s.id) from sound_segments s) as segments, f.* into fresh
    from (
        select sum(f.landmarks)::int8 as landmarks, string_agg(f.postings, ''::bytea order by f.track) as postings,
            string_agg(int4send(f.track) || int4send(octet_length(f.postings)), ''::bytea order by f.track) as heads
        from sound_fresh f where f.track < before
    ) f;
    if fresh.heads is not null then
        return query select 0, fresh.landmarks, 0::smallint, null::bytea, fresh.heads, fresh.postings;
    end if;
    for held in select * from sound_segments s where s.id = any(fresh.segments) loop
        return query execute format(
            'select $1, $2, $3, $4, string_agg(int4send(b.hash_from) || int4send(octet_length(b.postings)), ''''::bytea),'
            ' string_agg(b.postings, ''''::bytea) from ('
            '   select distinct (h >> $3) << $3 as hash_from from unnest($5) h'
            ' ) wanted join sound_postings_%s b using (hash_from)', held.id
        ) using held.id, held.landmarks, held.shift, held.timeline,
            hashes[width_bucket(held.first_hash - 1, hashes) + 1 : width_bucket(held.last_hash, hashes)];
    end loop;
end $$
