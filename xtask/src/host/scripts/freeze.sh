# What keeps everybody from writing into a database, on the host itself. It stands behind pause.sh, before move.sh and upgrade.sh.
# Usage: VERB ROOT FILE CONTAINER USER DATABASE ...

# shellcheck disable=SC2154 # pause.sh has `root` and `file`.
container=$4 user=$5 database=$6
ask() { docker exec --user "$user" "$container" psql --username=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 "$@" postgres >/dev/null; }
# Of a database, sessions know what held when they began: they end.
writes() { # SET ...|RESET ...
    ask --command="ALTER DATABASE $database $1" \
        --command="SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = '$database' AND pid <> pg_backend_pid() AND usename IS NOT NULL"
}
# All who come in but the superuser, who loads: also into a database that takes the place of this one.
roles() { # SET ...|RESET ...
    ask --command="DO \$\$ DECLARE it text; BEGIN FOR it IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper LOOP
        EXECUTE format('ALTER ROLE %I $1', it); END LOOP; END \$\$"
}
# Of who undoes it and who makes it final, one is first.
lock() { exec 8>>"$file.lock" && flock 8; }
# They write again, and users are let in.
thaw() {
    tries=0
    until writes 'RESET default_transaction_read_only'; do
        [ $tries -lt 30 ] || return 1
        tries=$((tries + 1))
        sleep 1
    done
    rm -f "$root/live/maintenance" "$root/live/maintenance_ends"
}
