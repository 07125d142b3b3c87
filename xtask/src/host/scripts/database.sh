# Backups, and what a restore does, inside the database's own container or that of the backups by themselves, by the server's
# own programs, as the superuser, who comes through the socket alone: these two containers have it.
# Usage: database.sh VERB ARGUMENT...

set -eu
umask 027
cd /backups
# The engine goes on with a script whose driver has died: what looks at a swap waits for one that still runs.
alone() { exec 7>>.swap && flock 7; }
# Meanwhile, what makes backups by itself removes none, and nothing that is on its way to become one.
hold() {
    exec 7>>.loading
    flock --shared --wait 60 7 || { echo "older backups are being removed, which has not ended for a minute" >&2; exit 1; }
}
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
ask() { psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
# How many bytes a database takes, none when it is gone; how many are free for more.
size() { ask --command="SELECT coalesce(sum(pg_database_size(oid)), 0) FROM pg_database WHERE datname = '$1'" postgres; }
free() { df -Pk "$1" | { read -r _ && read -r _ _ _ kib _ && echo $((kib * 1024)); }; }

# What is said of a list of papers.
papers_in() { # LIST
    count=0 total=0
    while read -r _ bytes; do count=$((count + 1)) total=$((total + bytes)); done <"$1"
    sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
    echo "\"papers\":$count,\"papers_bytes\":$total,\"papers_sha256\":\"$sum\""
}

verb=$1
shift
case $verb in
dump) # DATABASE NAME MADE-BY LIVE AT PAPERS-QUESTION [wanted]: the last, as by `want`
    next=".$2.next" named=".$2.papers.next"
    trap 'rm -f "$next" "$named" "$2.json.next" "$2.counts.next" "$2.papers.next"' EXIT
    # The dump, the counts and the list of papers are of one moment: psql waits for the dump in the middle of its own transaction.
    NEXT=$next DATABASE=$1 COUNTS=$2.counts.next psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align \
        --set=ON_ERROR_STOP=1 --set=question="$6" --set=named="$named" "$1" <<'END'
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! pg_dump --username=postgres --format=custom --snapshot="$SNAPSHOT" --file="$NEXT" "$DATABASE" || rm -f "$NEXT"
\o | sort >"$COUNTS"
SELECT format('SELECT %L, count(*) FROM %s', c.oid::regclass, c.oid::regclass) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' \gexec
\o :named
:question \gexec
\qecho end
\o
COMMIT;
END
    # Of a full disk psql says nothing.
    [ "$(tail -n 1 "$named")" = end ] || { echo "the list of papers could not be written" >&2; exit 1; }
    sed '$d' "$named" | LC_ALL=C sort >"$2.papers.next"
    papers=$(papers_in "$2.papers.next")
    # psql does not ask how its dump has ended. What can't be read back, to its last byte, is no backup.
    pg_restore --file=/dev/null "$next"
    tables=$(pg_restore --list "$next" | grep -c ' TABLE DATA ') || { echo "the dump holds no table's data" >&2; exit 1; }
    # One that was made by other means has none, until it gets a baseline.
    schema=0
    [ "$(ask --command="SELECT to_regclass('public._sqlx_migrations') IS NULL" "$1")" = t ] ||
        schema=$(ask --command="SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success" "$1")
    sum=$(sha256sum "$next" | cut -d ' ' -f 1)
    wanted=
    if [ -n "${7:-}" ]; then wanted=",\"wanted\":\"$(now)\""; fi
    printf '{"name":"%s","at":"%s","made_by":"%s","live":"%s","schema":%s,"tables":%s,"bytes":%s,"loaded_bytes":%s,%s,"sha256":"%s"%s}\n' \
        "$2" "$5" "$3" "$4" "$schema" "$tables" "$(stat -c %s "$next")" "$(size "$1")" "$papers" "$sum" "$wanted" >"$2.json.next"
    sync "$next" "$2.json.next" "$2.counts.next" "$2.papers.next"
    mv "$2.papers.next" "$2.papers"
    mv "$2.counts.next" "$2.counts"
    mv "$next" "$2.dump"
    mv "$2.json.next" "$2.json"
    sync .
    cat "$2.json"
    ;;
receive) # NAME, and the dump
    cat >".$1.part"
    sync ".$1.part"
    ;;
receive-list) # NAME, and what was counted and listed with the dump
    cat >".$1.list"
    sync ".$1.list"
    ;;
discard) # NAME
    rm -f ".$1.part" ".$1.list"
    ;;
take) # NAME MADE-BY: what came whole becomes a backup; what is known of it is in itself, but for the rows of its moment
    next=".$1.part" list=".$1.list" papers=
    trap 'rm -f "$next" "$list" "$1.json.next"' EXIT
    hold
    sum=$(sha256sum "$next" | cut -d ' ' -f 1)
    if [ -e "$list" ]; then
        made=$(sed -n 's/^\.sha256|//p' "$list")
        if [ "$sum" != "${made:-$sum}" ]; then
            echo "it is not the dump that its list was sent with: its SHA-256 is $sum, and was $made" >&2
            exit 1
        fi
    fi
    pg_restore --file=/dev/null "$next"
    tables=$(pg_restore --list "$next" | grep -c ' TABLE DATA ')
    at=$(pg_restore --list "$next" | while read -r _ archive created _ day time _; do
        [ "$archive $created" != "Archive created" ] || echo "${day}T${time}Z"
    done)
    schema=$(pg_restore --data-only --table=_sqlx_migrations --file=- "$next" | while read -r version _; do
        case $version in *[!0-9]* | '') ;; *) echo "$version" ;; esac
    done | sort -n | tail -n 1)
    # Counted as a backup, it would be what a restore, or who removes older ones, relies on.
    if [ -z "$schema" ] && [ "$2" = "db take" ]; then
        echo "it has no history of migrations: it is a dump of another database, and no copy of this one" >&2
        exit 1
    fi
    # A count has a bar, a paper has none; the dump's sum begins with a dot. It may have come without a list, or one without the sum.
    if [ -e "$list" ]; then
        sed -n '/^[^.].*|/p' "$list" >"$1.counts"
        sed '/|/d' "$list" >"$1.papers"
        papers="$(papers_in "$1.papers"),"
        sync "$1.counts" "$1.papers"
    fi
    printf '{"name":"%s","at":"%s","made_by":"%s","live":"none","schema":%s,"tables":%s,"bytes":%s,%s"sha256":"%s","wanted":"%s"}\n' \
        "$1" "$at" "$2" "${schema:-0}" "$tables" "$(stat -c %s "$next")" "$papers" "$sum" "$(now)" >"$1.json.next"
    sync "$1.json.next"
    mv "$next" "$1.dump"
    mv "$1.json.next" "$1.json"
    sync .
    cat "$1.json"
    ;;
want) # NAME: it is going to be restored, and is kept as if it were of now
    hold
    [ -e "$1.dump" ] || { echo "$1 is no longer there" >&2; exit 1; }
    trap 'rm -f "$1.json.next"' EXIT
    sed -e 's/,"wanted":"[^"]*"//' -e "\$ s/}\$/,\"wanted\":\"$(now)\"}/" "$1.json" >"$1.json.next"
    sync "$1.json.next"
    mv "$1.json.next" "$1.json"
    sync .
    ;;
# What an older platform has for it calls itself `copies`.
make-way) # DATABASE: ends what backs it up by itself: it reads each table, and what would change one waits for it
    ask --command="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$1' AND application_name IN ('scheduled_backup', 'copies')" postgres
    ;;
room) # DATABASE: how many bytes it takes, and how many are free for backups, and for data
    echo "$(size "$1") $(free /backups) $(free /var/lib/postgresql/data)"
    ;;
end-archive) # the server lets its WAL go from now on, and ends no file of it before it is full
    # In one go: it may be putting one there.
    rm -rf .wal.ended
    if [ -e wal ]; then mv wal .wal.ended; fi
    rm -rf .wal.ended
    ask --command='ALTER SYSTEM RESET archive_timeout' --command='SELECT pg_reload_conf()' postgres
    # Last: where it is, this is done again.
    rm -f archived.json
    ;;
verify) # NAME SHA256
    [ "$(sha256sum "$1.dump" | cut -d ' ' -f 1)" = "$2" ] || { echo "the dump is not the one that was made" >&2; exit 1; }
    pg_restore --list "$1.dump" >/dev/null
    ;;
load) # NAME BESIDE OWNER APP
    hold
    dropdb --username=postgres --if-exists --force "$2"
    createdb --username=postgres --owner="$3" --template=template0 --encoding=UTF8 "$2"
    ask --command="REVOKE ALL ON DATABASE $2 FROM PUBLIC" --command="GRANT CONNECT ON DATABASE $2 TO $4" postgres
    # Of a database that was not ours: who owned it there is nobody here.
    if grep -q '"made_by":"host adopt"' "$1.json"; then foreign=1; else foreign=; fi
    pg_restore --username=postgres --exit-on-error --single-transaction ${foreign:+--no-owner --no-privileges} --dbname="$2" "$1.dump"
    # A dump holds no statistics, without which the first queries would be slow.
    ask --command=ANALYZE "$2"
    ;;
counts) # NAME DATABASE: prints what differs between the rows of the moment of the dump and those of this database
    [ -e "$1.counts" ] || { echo "nobody has counted the rows of $1: it was taken from off the host" >&2; exit 1; }
    ask "$2" <<'END' | sort | diff "$1.counts" - || :
SELECT format('SELECT %L, count(*) FROM %s', c.oid::regclass, c.oid::regclass) FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' \gexec
END
    ;;
papers) # DATABASE PAPERS-QUESTION: prints which papers it names, as a backup's list has them
    echo ':question \gexec' | ask --set=question="$2" "$1"
    ;;
forget) # NAME...
    for name; do rm -f "$name.json" "$name.dump" "$name.counts" "$name.papers"; done
    ;;
drop) # DATABASE
    dropdb --username=postgres --if-exists --force "$1"
    ;;
swap) # DATABASE BESIDE ASIDE: the second takes the first one's name, and the first gets the third name
    alone
    names=$(ask --command="SELECT datname FROM pg_database" postgres)
    # Somebody has dropped it: what is put aside is empty.
    echo "$names" | grep -qx "$1" || createdb --username=postgres "$1"
    # Done already, and the answer was lost.
    if echo "$names" | grep -qx "$3" && ! echo "$names" | grep -qx "$2"; then exit 0; fi
    # Renaming lets nobody in, and waits for 5 s until everybody is out: meanwhile they are put out, by the database's
    # number, since its name is another one's in the next moment. Nothing is closed that a cut would leave closed.
    old=$(ask --command="SELECT oid FROM pg_database WHERE datname = '$1'" postgres)
    (
        # The server is the first process here, and takes an orphan that ends badly for a crash of its own.
        trap 'exit 0' TERM
        while kill -0 $$; do
            ask --command="SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = $old" postgres || :
            sleep 0.1
        done
    ) >/dev/null 2>&1 &
    loop=$!
    trap 'kill "$loop" && wait "$loop" || :' EXIT
    tries=0
    until ask --single-transaction --command="ALTER DATABASE $1 RENAME TO $3" --command="ALTER DATABASE $2 RENAME TO $1" postgres; do
        tries=$((tries + 1))
        [ $tries -lt 5 ] || exit 1
    done
    ;;
losses) # DATABASE SQL: what the SQL would remove, as 'table NAME|ROWS' or 'column TABLE.NAME|VALUES' a line; it is taken back
    counts=$(mktemp)
    trap 'rm -f "$counts"' EXIT
    {
        cat <<'END'
BEGIN;
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '30s';
CREATE TEMP VIEW columns_now AS
SELECT n.nspname, c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^(pg_|information_schema)';
CREATE TEMP TABLE columns_before AS SELECT * FROM columns_now;
\o /dev/null
END
        # EXECUTE refuses a COMMIT, in whatever form: what is tried can't stay.
        printf '%s\n' "SELECT format('DO %L', format('BEGIN EXECUTE %L; END', :'down')) \\gexec" "\\o $counts"
        # What is gone is counted when it is there again, and nothing is locked.
        cat <<'END'
SELECT format('SELECT %L, count(*) FROM %I.%I;', 'table ' || b.relname, b.nspname, b.relname) FROM columns_before b
WHERE to_regclass(format('%I.%I', b.nspname, b.relname)) IS NULL GROUP BY b.nspname, b.relname
UNION ALL
SELECT format('SELECT %L, count(%I) FROM %I.%I;', 'column ' || b.relname || '.' || b.attname, b.attname, b.nspname, b.relname)
FROM (TABLE columns_before EXCEPT TABLE columns_now) b
WHERE to_regclass(format('%I.%I', b.nspname, b.relname)) IS NOT NULL
ORDER BY 1;
ROLLBACK;
\o
END
        printf '\\i %s\n' "$counts"
    } | ask --set=down="$2" "$1"
    ;;
has) # DATABASE
    alone
    ask --command="SELECT 1 FROM pg_database WHERE datname = '$1'" postgres
    ;;
esac
