-- Several frames a work: keyframes of videos beside pictures, found by the same indexes.
-- A picture is one frame at 0 ms that spans nothing; a keyframe stands for what was shown from frame_ms on, for span_ms.
alter table image_fingerprints
    add column frame_ms int not null default 0 check (frame_ms >= 0),
    add column span_ms int not null default 0 check (span_ms >= 0),
    drop constraint image_fingerprints_pkey,
    add primary key (work_id, frame_ms);

create table videos (
    work_id uuid primary key references works on delete cascade,
    duration_ms int not null check (duration_ms >= 0),
    -- The spacing at which frames were looked at; longer videos are looked at more sparsely.
    interval_ms int not null check (interval_ms > 0),
    -- How much of it was too plain to be recognised by, and was left out of the index.
    plain_ms int not null check (plain_ms >= 0)
);

-- What verification would otherwise compute again from a frame's proxy. Pictures come with it, keyframes get it when they
-- are first verified; apart from the fingerprint, whose indexes an update would write again.
create table image_features (
    work_id uuid not null,
    frame_ms int not null,
    packed bytea not null,
    primary key (work_id, frame_ms),
    foreign key (work_id, frame_ms) references image_fingerprints on delete cascade
);
alter table image_features alter packed set storage external; -- compressed already
