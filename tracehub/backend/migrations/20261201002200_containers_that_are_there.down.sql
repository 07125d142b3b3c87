-- The rows go with their table.
SELECT;
