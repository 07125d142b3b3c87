# The pause in which an environment goes to another machine, on the one that it leaves: nobody writes into its database, and while
# it is not gone for good, it comes back by itself.
# It stands behind pause.sh and freeze.sh. Usage: move.sh VERB ROOT FILE CONTAINER USER DATABASE
# `freeze` keeps everybody from writing; `hold` and `let` do the same, and its end, on the machine that it goes to, until it is there for
# good: what runs there would send mails that the old one sends.
# `undo` ends the pause: users are served here again. `guard` does it once the driver has died, and ends with the pause. Once the
# environment is gone, neither does anything: users write there.

# shellcheck disable=SC2154 # pause.sh and freeze.sh have them.
verb=$1
undo() {
    lock
    is_cutting || return 0
    thaw || return 1
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
