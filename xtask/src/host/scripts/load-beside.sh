# A server of another major version beside the one that is used, in a container of its own with the same volume and the same folder
# of sockets: it takes all of the database over, through the socket. Its own port is PGPORT, the other one's 5432.
# Usage: load-beside.sh VERB ARGUMENT...

set -eu
cd /var/lib/postgresql/data
verb=$1
shift
ask() { psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
case $verb in
run) # a cluster that knows whom the other one lets in. What is cut is thrown away, so nothing is synced before its end
    rm -rf loading
    initdb --pgdata=loading --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync >/dev/null
    cp cluster/pg_hba.conf cluster/pg_ident.conf cluster/postgresql.auto.conf loading/
    exec postgres -D loading -c listen_addresses= -c fsync=off -c wal_level=minimal -c max_wal_senders=0
    ;;
roles)
    tries=0
    until ask --command='SELECT 1' postgres >/tmp/answer 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { cat /tmp/answer >&2; exit 1; }
        sleep 0.5
    done
    trap 'rm -f /tmp/roles' EXIT
    pg_dumpall --username=postgres --port=5432 --roles-only >/tmp/roles
    sed '/^CREATE ROLE postgres;$/d' /tmp/roles | ask --file=- postgres
    ;;
load) # DATABASE
    ask --command="DROP DATABASE IF EXISTS $1 WITH (FORCE)" postgres
    rm -f /tmp/cut
    # psql and pg_restore come in with PGOPTIONS: the database that is left is read only by then, and so is this one once it has its settings.
    { pg_dump --username=postgres --port=5432 --format=custom --compress=0 "$1" || : >/tmp/cut; } |
        pg_restore --username=postgres --exit-on-error --create --dbname=postgres
    [ ! -e /tmp/cut ] || { echo "the dump of the database that is used was cut" >&2; exit 1; }
    # A dump holds no statistics, without which the first queries would be slow.
    ask --command=ANALYZE "$1"
    ;;
catalogue) # PORT DATABASE SETTINGS QUESTION: what the one of that port consists of
    ask --port="$1" --command="$3" --command="$4" "$2"
    ;;
rows) # DATABASE: prints what of the two differs: each table's rows, and each sequence's value
    for port in 5432 "$PGPORT"; do
        ask --port="$port" "$1" >"/tmp/of-$port" <<'END'
SELECT format(CASE relkind WHEN 'S' THEN 'SELECT %L, last_value, is_called FROM %s' ELSE 'SELECT %L, count(*) FROM %s' END, oid::regclass, oid::regclass)
FROM pg_class WHERE relkind IN ('r', 'S') AND relpersistence <> 't' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
ORDER BY oid::regclass::text COLLATE "C" \gexec
END
    done
    diff /tmp/of-5432 "/tmp/of-$PGPORT" || [ $? -eq 1 ]
    ;;
end) # once its server has ended: all of it is on the disk
    initdb --sync-only --pgdata=loading >/dev/null
    ;;
place) # FROM TO: the cluster of the major version TO is the one that is served, and that of FROM is kept. No server runs
    if [ -e cluster ] && [ "$(cat cluster/PG_VERSION)" = "$1" ]; then mv cluster "cluster-$1"; fi
    if ! [ -e cluster ]; then
        next=cluster-$2
        if [ "$(cat loading/PG_VERSION 2>/dev/null)" = "$2" ]; then next=loading; fi
        mv "$next" cluster
    fi
    sync
    [ "$(cat cluster/PG_VERSION)" = "$2" ] || { echo "the data are PostgreSQL $(cat cluster/PG_VERSION)'s" >&2; exit 1; }
    ;;
forget) # MAJOR
    rm -rf "cluster-$1"
    ;;
esac
