DROP FUNCTION make_forgotten_link;
