-- Landmarks of sound: where each hash of a registered track lies in time.
select 1;
