# The way back of a cut-over, on the host itself: ours gives the ports up, and what somebody ran by hand serves again.
# It stands behind pause.sh. Usage: adopt.sh VERB ROOT FILE EDGE OLD-DATABASE.SH DATABASE CONTAINER=POLICY...
# `undo` does it; `guard` does it once the driver of the cut-over has died, and ends with the cut-over. Once the data are ours, neither
# does anything: users may have written there.

verb=$1 edge=$4 script=$5 database=$6
shift 6
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
    becomes undone
}
case $verb in
undo) undo "$@" ;;
guard) guard "$@" ;;
esac
