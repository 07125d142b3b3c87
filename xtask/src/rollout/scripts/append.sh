# Appends one line, read from standard input, to the ledger, and has it on the disk before it answers. A line whose
# id is already there is not written again: its answer was lost on the way. A line that a crash tore is closed
# first, so that it spoils nothing but itself. One that comes late, from a driver whose lease has passed to somebody
# else, is refused: it would stand behind lines that it is not chained to.
# Usage: append.sh FILE ID LEASE-FILE LEASE

# Few programs are started: a deploy appends some twenty times.
IFS= read -r line || [ -n "$line" ] || exit 1
add() {
    # Behind a line that is whole, or behind none.
    case $end in "." | *"
.") ;; *) echo >&8 || return ;; esac
    printf '%s\n' "$line" >&8
}

# When the disk is full, what is kept free for that: a guard that may yet have to take its switch back needs it more.
make_room() { # LIVE-FOLDER
    case $(head -c 8 "$1/guard" 2>/dev/null) in "armed "* | tripping) return 1 ;; esac
    [ -e "$1/reserve" ] && rm -f "$1/reserve"
}

# The last line, and whether it ends.
look() { if [ -s "$1" ]; then end=$(tail -n 1 "$1" && echo .); else end=.; fi; }

exec 8>>"$1" && flock 8 || exit 1
read -r lease <"$3"
[ "$lease" = "$4" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
look "$1"
case $end in *"\"id\":\"$2\""*"
.") exit 0 ;; esac
add || { make_room "${3%/*}/live" && look "$1" && add; } || exit 1
sync "$1"
