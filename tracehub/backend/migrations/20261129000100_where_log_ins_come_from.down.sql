ALTER TABLE log_in_failures DROP COLUMN client, DROP COLUMN device;
