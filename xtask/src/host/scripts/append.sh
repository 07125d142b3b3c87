# Appends lines, read from standard input, to the ledger, and has them on the disk before it answers. A line that is among the last ones already is
# not written again: its answer was lost on the way. A line that a crash tore is closed first, so that it spoils nothing
# but itself. Those that come late, from a driver whose lease has passed to somebody else, are refused: they would stand
# behind lines that they are not chained to.
# A release that is confirmed by one of them gets a copy of the whole, by which a lost ledger can be made anew. It is no error
# not to have it, and a longer one is left: the ledger was lost since.
# Usage: append.sh FILE LEASE-FILE LEASE FOLDER|''

# Few programs are started: a deploy appends some twelve times.
file=$1 live=${2%/*}/live
exec 8>>"$file" && flock 8 || exit 1
# Meanwhile another may have been put in its place.
[ "$file" -ef /proc/self/fd/8 ] || { exec 8>>"$file" && flock 8; } || exit 1
read -r lease <"$2"
[ "$lease" = "$3" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
copy=$4
shift 4
# Not as arguments of this script: the kernel limits how long one is, and a failure may have much to say.
while IFS= read -r line || [ -n "$line" ]; do set -- "$@" "$line"; done

# The last lines, and whether they end.
look() { if [ -s "$file" ]; then end=$(tail -n 8 "$file" && echo .); else end=.; fi; }

add() { # LINE...
    # Behind a line that is whole, or behind none.
    case $end in "." | *"
.") ;; *) echo >&8 || return ;; esac
    for line; do
        case $end in *"$line
"*) ;; *) printf '%s\n' "$line" >&8 || return ;; esac
    done
}

# When the disk is full, what is kept free for that: a guard that may yet have to take its switch back needs it more.
make_room() {
    case $(head -c 8 "$live/guard" 2>/dev/null) in "armed "* | tripping) return 1 ;; esac
    [ -e "$live/reserve" ] && rm -f "$live/reserve"
}

look
add "$@" || { make_room && look && add "$@"; } || exit 1
sync "$file" || exit 1
[ -d "$copy" ] || exit 0
[ ! -e "$copy/ledger.jsonl" ] || [ "$(wc -c <"$file")" -ge "$(wc -c <"$copy/ledger.jsonl")" ] || exit 0
if ! { cp "$file" "$copy/ledger.next" 2>/dev/null && mv -f "$copy/ledger.next" "$copy/ledger.jsonl"; }; then
    rm -f "$copy/ledger.next"
fi
