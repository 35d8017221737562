-- Several frames a work: keyframes of videos beside pictures, found by the same indexes.
select 1;
