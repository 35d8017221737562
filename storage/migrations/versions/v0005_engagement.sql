-- Engagement events, grades and the ledger of what every post earned.
select 1;
