-- Names compared as people do, and the accounts that go with each spelling.
alter table creators
    -- The one form that all spellings of a name have, and what a name is read as (storage/names.py).
    add column name_key text,
    add column skeletons text[],
    -- The creator that this row is a further spelling or a wallet of; null for the creator itself.
    add column same_as bigint references creators,
    -- The text that an escrow account is derived from; null for a wallet.
    add column account_name text,
    -- Another one became this creator, and verdicts between the two were not judged again yet.
    add column merged boolean not null default false;
create index creators_merged on creators (id) where merged;
update creators set account_name = handle where not has_wallet;

-- The account a work was posted under, which the chain knows it by: it never changes.
alter table works add column account bytea check (octet_length(account) = 20);
alter table analyses add column account bytea check (octet_length(account) = 20);
update works w set account = c.account from creators c where c.id = w.creator_id;
update analyses a set account = c.account from creators c where c.id = a.creator_id;

-- A creator's rows in the ledger, whichever spelling they were booked to.
create function rows_of_creator(creator bigint) returns bigint[] language sql stable as $$
    select array_agg(id) from creators where id = creator or same_as = creator
$$;

-- Platforms that vouch for a name: only they post in it, besides its creator's key and the operator.
create table name_vouchers (
    creator_id bigint not null references creators,
    -- A platform's name space, or a key.
    poster text not null,
    vouched_at timestamptz not null default now(),
    primary key (creator_id, poster)
);
