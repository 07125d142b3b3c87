# A pause in which users wait, on the host itself. A file says how far it is; while it says `cutting`, it is undone once its driver has died.
# It stands before adopt.sh and move.sh, which have `undo`. Usage: VERB ROOT FILE ...

root=$2 file=$2/$3
is_cutting() { grep -q '"state":"cutting"' "$file" 2>/dev/null; }
becomes() { # STATE
    sed "s/\"state\":\"cutting\"/\"state\":\"$1\"/" "$file" >"$file.next" && sync "$file.next" && mv "$file.next" "$file" && sync "$root"
}
# Until the pause is over. A driver that lives has the lease; nobody else may do anything while it is undone.
guard() { # WORDS OF undo
    exec 9>>"$root/lease"
    while is_cutting; do
        if flock -n 9; then
            times=0
            while is_cutting && ! undo "$@" && [ $times -lt 30 ]; do
                times=$((times + 1))
                sleep 1
            done
            return
        fi
        sleep 1
    done
}
