-- Fraud alerts, their audit log, appeals and the inbox of creators.
select 1;
