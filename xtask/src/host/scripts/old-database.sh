# Asks a database that is not ours, in its own container, by the programs that it has there, as the superuser that the image made
# for it. Usage: old-database.sh CONTAINER VERB [SQL]

container=$1 verb=$2
inside() { # PROGRAM ARGUMENT...
    # shellcheck disable=SC2016 # it is for the shell in there
    docker exec "$container" sh -c 'program=$1; shift
        PGPASSWORD=${POSTGRES_PASSWORD:-} exec "$program" --username="${POSTGRES_USER:-postgres}" --dbname="${POSTGRES_DB:-${POSTGRES_USER:-postgres}}" "$@"' inside "$@"
}
case $verb in
sql) inside psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$3" ;;
# Who owns what, and who may what, is of roles that ours does not have. Of a dump that is left out when it is loaded.
schema) inside pg_dump --schema-only --no-owner --no-privileges --exclude-table='*._sqlx_migrations' ;;
dump) inside pg_dump --format=custom --exclude-table='*._sqlx_migrations' ;;
esac
