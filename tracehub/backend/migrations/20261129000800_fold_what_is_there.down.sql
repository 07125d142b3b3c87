-- The forms stay until their columns go.
SELECT;
