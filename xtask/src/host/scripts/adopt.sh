# The way back of a cut-over, on the host itself: ours gives the ports up, and what somebody ran by hand serves again.
# Usage: adopt.sh VERB ROOT EDGE OLD-DATABASE.SH DATABASE CONTAINER=POLICY...
# `undo` does it; `guard` does it once the driver of the cut-over has died, and ends with the cut-over. Once the data are ours, neither
# does anything: users may have written there.

verb=$1 root=$2 edge=$3 script=$4 database=$5
shift 5
file=$root/adoption.json
is_cutting() { grep -q '"state":"cutting"' "$file" 2>/dev/null; }
# One that was only just started does not answer yet.
thaw() {
    tries=0
    until sh -c "$script" old-database "$database" thaw >/dev/null; do
        [ $tries -lt 30 ] || return 1
        tries=$((tries + 1))
        sleep 1
    done
}
undo() {
    is_cutting || return 0
    docker stop -t 3 "$edge" >/dev/null 2>&1
    for each; do
        docker update --restart "${each##*=}" "${each%=*}" >/dev/null && docker start "${each%=*}" >/dev/null || return 1
        if [ "${each%=*}" = "$database" ]; then thaw || return 1; fi
    done
    sed 's/"state":"cutting"/"state":"undone"/' "$file" >"$file.next" && sync "$file.next" && mv "$file.next" "$file"
}
case $verb in
undo) undo "$@" ;;
guard)
    exec 9>>"$root/lease"
    while is_cutting; do
        # A driver that lives has the lease; nobody else may do anything while it is undone.
        if flock -n 9; then
            times=0
            while is_cutting && ! undo "$@" && [ $times -lt 30 ]; do
                times=$((times + 1))
                sleep 1
            done
            exit
        fi
        sleep 1
    done
    ;;
esac
