DROP FUNCTION make_forgotten_link;
DROP FUNCTION forget_links;
DROP POLICY by_end ON links;
