-- What a database consists of, a line each, in an order and a form that do not depend on how it came to be so. Objects of
-- extensions are theirs, and what is in other schemas is somebody else's: both are named, in lines that begin with 'note'.
WITH
own AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = 'public'),
of_extensions AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
relations AS (
    SELECT c.*, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN own n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM of_extensions e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
),
columns AS (
    SELECT a.*, r.name AS relation, r.relkind FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'f')
),
functions AS (
    SELECT p.*, n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name
    FROM pg_proc p JOIN own n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM of_extensions e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
),
types AS (
    SELECT t.*, n.nspname || '.' || t.typname AS name FROM pg_type t JOIN own n ON n.oid = t.typnamespace
    WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS
            (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
        AND NOT EXISTS (SELECT FROM of_extensions e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
),
-- Who may do what: with what holds when nobody has said anything.
rights (what, acl) AS (
    SELECT CASE WHEN relkind = 'S' THEN 'sequence ' ELSE 'table ' END || name,
        coalesce(relacl, acldefault(CASE WHEN relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END, relowner))
    FROM relations WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL SELECT 'column ' || relation || '.' || attname, attacl FROM columns WHERE attacl IS NOT NULL
    UNION ALL SELECT 'function ' || name, coalesce(proacl, acldefault('f', proowner)) FROM functions
    UNION ALL SELECT 'type ' || name, coalesce(typacl, acldefault('T', typowner)) FROM types
    UNION ALL SELECT 'schema ' || n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner)) FROM pg_namespace n JOIN own ON own.oid = n.oid
    UNION ALL SELECT 'database', coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT 'what ' || pg_get_userbyid(defaclrole) || ' makes (' || defaclobjtype::text || ')', defaclacl FROM pg_default_acl
),
lines (line) AS (
    SELECT format('%s %s: owner %s%s%s%s',
        CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END,
        name, pg_get_userbyid(relowner),
        CASE WHEN relrowsecurity THEN ', row security' ELSE '' END,
        CASE WHEN relforcerowsecurity THEN ', forced' ELSE '' END,
        CASE relpersistence WHEN 'u' THEN ', unlogged' ELSE '' END || coalesce(', with ' || array_to_string(reloptions, ', '), ''))
    FROM relations WHERE relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL SELECT format('definition of %s: %s', name, pg_get_viewdef(oid)) FROM relations WHERE relkind IN ('v', 'm')
    UNION ALL SELECT format('range of %s: %s from %s to %s by %s, begins at %s%s', name, format_type(seqtypid, NULL), seqmin, seqmax, seqincrement, seqstart,
        CASE WHEN seqcycle THEN ', cycles' ELSE '' END) FROM relations JOIN pg_sequence ON seqrelid = oid
    UNION ALL SELECT format('column %s.%s: %s%s%s%s%s', a.relation, a.attname, format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || a.attcollation::regcollation ELSE '' END,
        CASE WHEN a.attnotnull THEN ' not null' ELSE '' END,
        CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END,
        coalesce(CASE WHEN a.attgenerated <> '' THEN ' generated ' ELSE ' default ' END || pg_get_expr(d.adbin, d.adrelid), ''))
    FROM columns a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    UNION ALL SELECT format('constraint %s.%s: %s', r.name, c.conname, pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid
    UNION ALL SELECT format('index %s: %s%s', i.name, pg_get_indexdef(i.oid),
        CASE WHEN x.indisvalid AND x.indisready THEN '' ELSE ' (invalid)' END)
    FROM relations i JOIN pg_index x ON x.indexrelid = i.oid
    UNION ALL SELECT format('function %s: owner %s, md5 %s', name, pg_get_userbyid(proowner), CASE prokind
        WHEN 'a' THEN md5(row(prosrc, prorettype::regtype, proargtypes)::text) ELSE md5(pg_get_functiondef(oid)) END) FROM functions
    UNION ALL SELECT format('trigger %s.%s: %s%s', r.name, t.tgname, pg_get_triggerdef(t.oid),
        CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)' ELSE ' (enabled ' || t.tgenabled::text || ')' END)
    FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL SELECT format('policy %s.%s: %s for %s to %s%s%s', r.name, p.polname,
        CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
        CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
        (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE pg_get_userbyid(role) END, ', ' ORDER BY role::regrole::text) FROM unnest(p.polroles) role),
        coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), ''), coalesce(' with check ' || pg_get_expr(p.polwithcheck, p.polrelid), ''))
    FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
    UNION ALL SELECT format('rule %s.%s: %s', r.name, w.rulename, pg_get_ruledef(w.oid))
    FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL SELECT format('statistics %s: %s', s.stxname, pg_get_statisticsobjdef(s.oid)) FROM pg_statistic_ext s JOIN own n ON n.oid = s.stxnamespace
    UNION ALL SELECT format('type %s: owner %s, %s', t.name, pg_get_userbyid(t.typowner), CASE t.typtype
        WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
        WHEN 'd' THEN format('domain over %s%s%s%s', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN ' not null' ELSE '' END,
            coalesce(' default ' || t.typdefault, ''),
            (SELECT string_agg(' ' || pg_get_constraintdef(c.oid), '' ORDER BY c.conname) FROM pg_constraint c WHERE c.contypid = t.oid))
        WHEN 'r' THEN 'range over ' || (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid)
        ELSE 'of ' || (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND NOT attisdropped) END)
    FROM types t
    UNION ALL SELECT format('grant on %s to %s: %s', what, CASE x.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(x.grantee) END,
        string_agg(x.privilege_type || CASE WHEN x.is_grantable THEN ' and may pass it on' ELSE '' END, ', ' ORDER BY x.privilege_type))
    FROM rights, aclexplode(acl) x
    -- What an owner may by itself since PostgreSQL 17, and none before.
    WHERE NOT (x.privilege_type = 'MAINTAIN' AND x.grantee = x.grantor) GROUP BY what, x.grantee
    UNION ALL SELECT format('schema %s: owner %s', own.nspname, pg_get_userbyid(n.nspowner)) FROM own JOIN pg_namespace n ON n.oid = own.oid
    UNION ALL SELECT format('database: owner %s, encoding %s', pg_get_userbyid(datdba), pg_encoding_to_char(encoding)) FROM pg_database WHERE datname = current_database()
    UNION ALL SELECT format('role %s:%s%s%s%s%s%s%s', rolname, CASE WHEN rolcanlogin THEN ' login' ELSE '' END, CASE WHEN rolsuper THEN ' superuser' ELSE '' END,
        CASE WHEN rolcreatedb THEN ' createdb' ELSE '' END, CASE WHEN rolcreaterole THEN ' createrole' ELSE '' END,
        CASE WHEN rolbypassrls THEN ' bypassrls' ELSE '' END || CASE WHEN rolreplication THEN ' replication' ELSE '' END,
        CASE WHEN rolconnlimit >= 0 THEN ' connections ' || rolconnlimit ELSE '' END,
        coalesce((SELECT ' member of ' || string_agg(pg_get_userbyid(m.roleid), ', ' ORDER BY pg_get_userbyid(m.roleid)) FROM pg_auth_members m WHERE m.member = r.oid), ''))
    FROM pg_roles r WHERE rolname !~ '^pg_' AND rolname <> 'postgres'
    UNION ALL SELECT format('setting of %s%s: %s', coalesce('role ' || pg_get_userbyid(nullif(setrole, 0)), 'everybody'),
        CASE WHEN setdatabase <> 0 THEN ' here' ELSE '' END, array_to_string(setconfig, ', '))
    FROM pg_db_role_setting WHERE setdatabase = 0 OR setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL SELECT format('event trigger %s: %s on %s', evtname, evtfoid::regproc, evtevent) FROM pg_event_trigger
    UNION ALL SELECT format('publication %s', pubname) FROM pg_publication
    UNION ALL SELECT format('note order of %s: %s', relation, string_agg(attname, ', ' ORDER BY attnum)) FROM columns GROUP BY relation
    UNION ALL SELECT format('note extension %s', extname) FROM pg_extension WHERE extname <> 'plpgsql'
    UNION ALL SELECT format('note schema %s, with %s tables', n.nspname, (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')))
    FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.oid NOT IN (SELECT oid FROM own)
)
SELECT regexp_replace(line, '\s+', ' ', 'g') FROM lines ORDER BY line COLLATE "C"
