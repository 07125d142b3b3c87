DROP FUNCTION may_mail;
DROP FUNCTION mail_state;
DROP FUNCTION forget_jobs;
DROP FUNCTION job_figures;
DROP FUNCTION take_job;
DROP TABLE jobs;
DROP FUNCTION mailbox;
