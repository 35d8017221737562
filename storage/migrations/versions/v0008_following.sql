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
create index analyses_incomplete on analyses (decided_at) where reason = 'incomplete_search';
