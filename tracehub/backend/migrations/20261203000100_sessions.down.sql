DROP FUNCTION forget_sessions, open_sessions, end_other_sessions, begin_session, find_session;
DROP TABLE sessions;
