-- Rows for every table, as people and programs write them: migrations are tried against them. A new table wants some here.
BEGIN;
SELECT set_config('app.organisation_id', '01946c1a-0000-7000-8000-000000000001', true) AS organisation \gset
INSERT INTO organisations (id, name) VALUES (:'organisation', 'Kakao & Söhne');
INSERT INTO users (id, organisation_id, email, name, password_hash)
SELECT ('01946c1a-0000-7000-8001-' || lpad(n::text, 12, '0'))::uuid, :'organisation', 'somebody-' || n || '@example.com', 'Somebody ' || n,
    '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
FROM generate_series(1, 50) n;
INSERT INTO shipments (id, organisation_id, reference, product, status, container_number, origin_port, destination_port, departs_on, arrives_on)
SELECT ('01946c1a-0000-7000-8002-' || lpad(n::text, 12, '0'))::uuid, :'organisation', 'TH-' || n, 'Cocoa beans, 25 t',
    (ARRAY['draft', 'booked', 'in_transit', 'arrived', 'delivered'])[1 + n % 5],
    CASE WHEN n % 2 = 0 THEN 'MSKU' || lpad(n::text, 7, '0') END, 'Abidjan', 'Antwerp',
    CASE WHEN n % 3 > 0 THEN date '2026-01-03' + n % 100 END, CASE WHEN n % 3 = 2 THEN date '2026-02-03' + n % 100 END
FROM generate_series(1, 500) n;
INSERT INTO reminders (organisation_id, shipment_id, kind, due_on)
SELECT :'organisation', id, 'departure_overdue', departs_on FROM shipments WHERE departs_on IS NOT NULL AND status IN ('draft', 'booked');
INSERT INTO log_in_failures (address, client, device)
SELECT sha256(n::text::bytea), '192.0.2.1', gen_random_uuid() FROM generate_series(1, 20) n;
INSERT INTO idempotency_keys (organisation_id, user_id, key, request, location, answer)
SELECT organisation_id, id, 'key', sha256('asked'), '/shipments/1', '{}' FROM users;
INSERT INTO history (organisation_id, id, shipment_id, user_id, what, changes)
SELECT :'organisation', gen_random_uuid(), id, '01946c1a-0000-7000-8001-000000000001', 'changed', '[{"field": "vessel", "before": null, "after": "MSC Ada"}]'
FROM shipments WHERE departs_on IS NOT NULL;
INSERT INTO organisation_history (organisation_id, id, user_id, kind, about, name, what, changes)
SELECT :'organisation', gen_random_uuid(), '01946c1a-0000-7000-8001-000000000001', 'person', id, name, 'changed', '[{"field": "role", "before": "viewer", "after": "member"}]'
FROM users;
INSERT INTO links (organisation_id, id, kind, token_hash, email, role, user_id, made_by, expires_at)
SELECT :'organisation', gen_random_uuid(), kind, sha256(kind::bytea), email, role, user_id::uuid, '01946c1a-0000-7000-8001-000000000001', now() + interval '1 day'
FROM (VALUES ('invitation', 'new@example.com', 'member', NULL), ('password', NULL, NULL, '01946c1a-0000-7000-8001-000000000002')) AS link (kind, email, role, user_id);
INSERT INTO papers (organisation_id, id, shipment_id, kind, deleted_at)
SELECT :'organisation', ('01946c1a-0000-7000-8003-' || lpad(n::text, 12, '0'))::uuid, ('01946c1a-0000-7000-8002-' || lpad(n::text, 12, '0'))::uuid,
    'bill_of_lading', CASE WHEN n % 10 = 0 THEN now() END
FROM generate_series(1, 100) n;
INSERT INTO paper_versions (organisation_id, paper_id, version, number, name, size, sha256, content_type, expires_on, user_id)
SELECT :'organisation', id, version, 'MSKU ' || version, 'Größe.pdf', 1000, sha256(id::text::bytea), 'application/pdf', date '2027-01-31', '01946c1a-0000-7000-8001-000000000001'
FROM papers, generate_series(1, 2) version;
INSERT INTO uploads (organisation_id, id, shipment_id, paper_id, kind, name, size, user_id)
SELECT :'organisation', gen_random_uuid(), shipment_id, id, kind, 'scan.jpg', 1000, '01946c1a-0000-7000-8001-000000000001' FROM papers;
INSERT INTO partners (organisation_id, id, kind, name, address, country, eori, email)
SELECT :'organisation', gen_random_uuid(), (ARRAY['buyer', 'carrier', 'agent', 'other'])[1 + n % 4], 'Kakao ' || n, '{Speicherstadt 4,20457 Hamburg}', 'DE',
    'DE' || n, 'somebody@example.com'
FROM generate_series(1, 40) n;
INSERT INTO shipment_partners (organisation_id, shipment_id, partner_id, kind)
SELECT DISTINCT ON (shipments.id) :'organisation'::uuid, shipments.id, partners.id, kind FROM shipments, partners;
INSERT INTO items (organisation_id, id, shipment_id, goods, hs_code, packages, package_kind, net_grams, gross_grams)
SELECT :'organisation', gen_random_uuid(), id, 'Cocoa beans', '180100', 400, 'bags', 25000000, 25300000 FROM shipments;
INSERT INTO containers (organisation_id, id, shipment_id, number, kind, seal, gross_grams)
SELECT :'organisation', gen_random_uuid(), id, 'CSQU3054383', '45G1', 'EU-4711', 25300000 FROM shipments;
INSERT INTO shares (organisation_id, id, shipment_id, token_hash, buyer, language, passcode_hash, made_by, expires_at)
SELECT :'organisation', gen_random_uuid(), shipment_id, sha256(id::text::bytea), 'Chocolaterie Söhne', 'fr',
    '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '01946c1a-0000-7000-8001-000000000001', now() + interval '30 days'
FROM papers;
INSERT INTO share_papers (organisation_id, share_id, paper_id)
SELECT :'organisation', shares.id, papers.id FROM shares JOIN papers USING (shipment_id);
INSERT INTO jobs (organisation_id, id, kind, about, link_hash, data, run_at, tries, error, ended_at, outcome)
SELECT :'organisation', gen_random_uuid(), 'mail', id, token_hash, jsonb_build_object('letter', 'share', 'to', 'buyer@example.com', 'language', 'fr'),
    now() + interval '1 minute', 2, 'the mail server answered 451', CASE WHEN has_ended THEN now() END, CASE WHEN has_ended THEN 'done' END
FROM shares, (VALUES (true), (false)) AS job (has_ended);
INSERT INTO sign_ups (organisation_id, id, token_hash, email, organisation, country, kind, used_at)
SELECT :'organisation', gen_random_uuid(), sha256(n::text::bytea), 'new-' || n || '@example.com', 'Obi Export', 'NG', 'exporter',
    CASE WHEN n % 2 = 0 THEN now() END
FROM generate_series(1, 20) n;
INSERT INTO sessions (organisation_id, id, user_id, token_hash, token_version)
SELECT organisation_id, gen_random_uuid(), id, sha256(id::text::bytea), 0 FROM users;
COMMIT;
