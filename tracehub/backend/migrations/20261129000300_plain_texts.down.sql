DROP FUNCTION folded;
DROP FUNCTION is_plain;
DROP FUNCTION marks;
DROP FUNCTION hidden_characters;
