# Appends one line, read from standard input, to the ledger, and has it on the disk before it answers. A line whose
# id is already there is not written again: its answer was lost on the way. A line that a crash tore is closed
# first, so that it spoils nothing but itself. One that comes late, from a driver whose lease has passed to somebody
# else, is refused: it would stand behind lines that it is not chained to.
# Usage: append.sh FILE ID LEASE-FILE LEASE

line=$(cat)
add() { # FILE
    if [ -s "$1" ] && [ -n "$(tail -c 1 "$1")" ]; then echo >&8 || return; fi
    printf '%s\n' "$line" >&8
}

# When the disk is full, what is kept free for that: a guard that may yet have to take its switch back needs it more.
make_room() { # LIVE-FOLDER
    case $(head -c 8 "$1/guard" 2>/dev/null) in "armed "* | tripping) return 1 ;; esac
    [ -e "$1/reserve" ] && rm -f "$1/reserve"
}

exec 8>>"$1" && flock 8 || exit 1
[ "$(head -n 1 "$3")" = "$4" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
if [ -s "$1" ] && [ -z "$(tail -c 1 "$1")" ] && tail -n 1 "$1" | grep -qF "\"id\":\"$2\""; then exit 0; fi
add "$1" || { make_room "$(dirname "$3")/live" && add "$1"; } || exit 1
sync "$1"
