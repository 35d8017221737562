-- What a poster posted on a day (UTC), counted with each work.
create table usage (
    whose text not null,
    day date not null,
    works int not null,
    size_bytes bigint not null,
    media_ms bigint not null,
    primary key (whose, day)
);
create index usage_day on usage (day);

-- Requests of this minute and the one before; shared by all processes, and worth nothing after a crash.
create unlogged table request_rates (
    whose text primary key,
    minute timestamptz not null,
    hits int not null,
    before int not null
);
create index request_rates_minute on request_rates (minute);

-- The most of a day for a key; null: as the settings say.
alter table api_keys
    add column works_a_day int check (works_a_day >= 0),
    add column bytes_a_day bigint check (bytes_a_day >= 0),
    add column media_s_a_day bigint check (media_s_a_day >= 0);
