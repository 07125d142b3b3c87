# Asks a database that is not ours, in its own container, by the programs that it has there, as the superuser that the image made
# for it. Usage: old-database.sh CONTAINER VERB [SQL]

container=$1 verb=$2
inside() { # PROGRAM ARGUMENT...
    # shellcheck disable=SC2016 # it is for the shell in there
    docker exec --env "PGOPTIONS=${options:-}" "$container" sh -c 'program=$1; shift
        PGPASSWORD=${POSTGRES_PASSWORD:-} exec "$program" --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" "$@"' inside "$@"
}
writes='-c default_transaction_read_only=off'
case $verb in
sql) inside psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$3" ;;
# Nobody but its superuser, who must ask for it, writes there any more; sessions from before end.
freeze)
    options=$writes
    inside psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
        --command="DO \$\$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END \$\$" \
        --command="SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL" >/dev/null
    ;;
thaw)
    options=$writes
    inside psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 \
        --command="DO \$\$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END \$\$"
    ;;
# Who owns what, and who may what, is of roles that ours does not have. Of a dump that is left out when it is loaded.
schema) inside pg_dump --schema-only --no-owner --no-privileges --exclude-table='*._sqlx_migrations' ;;
dump) inside pg_dump --format=custom --exclude-table='*._sqlx_migrations' ;;
esac
