-- What was found to hold goes on holding.
SELECT;
