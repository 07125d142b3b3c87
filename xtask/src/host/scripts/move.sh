# The pause in which an environment goes to another machine, on the one that it leaves: nobody writes into its database, and while
# it is not gone for good, it comes back by itself.
# It stands behind pause.sh. Usage: move.sh VERB ROOT FILE CONTAINER USER DATABASE
# `freeze` keeps everybody from writing; `hold` and `let` do the same, and its end, on the machine that it goes to, until it is there for
# good: what runs there would send mails that the old one sends.
# `undo` ends the pause: users are served here again. `guard` does it once the driver has died, and ends with the pause. Once the
# environment is gone, neither does anything: users write there.

# shellcheck disable=SC2154 # pause.sh has `root` and `file`.
verb=$1 container=$4 user=$5 database=$6
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
undo() {
    lock
    is_cutting || return 0
    tries=0
    until writes 'RESET default_transaction_read_only'; do
        [ $tries -lt 30 ] || return 1
        tries=$((tries + 1))
        sleep 1
    done
    rm -f "$root/live/maintenance" "$root/live/maintenance_ends"
    becomes undone
}
case $verb in
freeze) writes 'SET default_transaction_read_only = on' ;;
undo) undo ;;
hold) roles 'SET default_transaction_read_only = on' ;;
let) roles 'RESET default_transaction_read_only' && writes 'RESET default_transaction_read_only' ;;
gone)
    lock
    ! grep -q '"state":"moved"' "$file" || exit 0
    is_cutting || { echo "the pause was ended meanwhile: users are served here again" >&2; exit 1; }
    # Whoever still comes is asked to wait, for good.
    echo 9999999999 >"$root/live/maintenance_ends.next" && mv "$root/live/maintenance_ends.next" "$root/live/maintenance_ends" &&
        echo 30 >"$root/live/maintenance.next" && mv "$root/live/maintenance.next" "$root/live/maintenance" && becomes moved
    ;;
guard) guard ;;
esac
