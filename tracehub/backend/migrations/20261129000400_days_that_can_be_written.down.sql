-- What is gone could not be shown.
SELECT;
