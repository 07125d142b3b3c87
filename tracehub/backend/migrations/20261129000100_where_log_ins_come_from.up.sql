-- expand

-- Failed log-ins are counted by where they come from as well: by one address, or one /64 of IPv6. And by the browser, where
-- somebody has logged in with that address before. Rows of the release before this have neither, and count for the address.
ALTER TABLE log_in_failures ADD COLUMN client inet, ADD COLUMN device uuid;
