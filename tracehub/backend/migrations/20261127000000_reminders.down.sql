DROP FUNCTION organisations_to_work_for;
DROP POLICY work ON organisations;
DROP TABLE reminders;
