DROP FUNCTION end_monitoring;
DROP FUNCTION begin_monitoring;
