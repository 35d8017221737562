alter table works add column duration_ms bigint check (duration_ms >= 0);
