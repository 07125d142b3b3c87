# The pause in which a database goes to another major version of PostgreSQL, on the host itself.
# It stands behind pause.sh and freeze.sh. Usage: upgrade.sh VERB ROOT FILE CONTAINER USER DATABASE BESIDE
# `undo` ends the pause: what was loaded beside goes, and users are served as before. `guard` does it once the driver has died.
# `switch` is the last moment of both: from then on the servers change places, and whoever takes the lease next settles that.

# shellcheck disable=SC2154 # pause.sh and freeze.sh have them.
verb=$1 beside=$7
clear() {
    docker rm --force "$beside" >/dev/null 2>&1
    docker exec --user "$user" "$container" rm -rf /var/lib/postgresql/data/loading
}
undo() {
    lock
    is_cutting || return 0
    clear && thaw && becomes undone
}
case $verb in
freeze) writes 'SET default_transaction_read_only = on' ;;
switch)
    lock
    is_cutting || { echo "the pause was ended meanwhile: users are served as before" >&2; exit 1; }
    becomes switching
    ;;
clear) clear ;;
undo) undo ;;
thaw) thaw ;;
guard) guard ;;
esac
