DROP PROCEDURE in_batches;
