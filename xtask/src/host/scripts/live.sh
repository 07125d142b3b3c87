# The live folder: who has the traffic, and what undoes a switch that nobody confirms. POSIX sh, because it runs on
# the host and, as the guard, in a container that has nothing else.
#
#   live    the id of the release that has the traffic, or `none`
#   warm    the id that had it before
#   maintenance  until when users are asked to wait, as Retry-After has it
#   maintenance_ends  the same, in seconds since 1970
#   former  the address of the machine that hands users on to this one
#   guard   STATE ATTEMPT FROM TO WARM DEADLINE REASON; STATE is armed, tripping, tripped or disarmed
#   reserve room for what has to be written when the disk is full; made by arrive.sh, and taken when it is needed
#   arming  ATTEMPT FROM TO WARM SECONDS, until the guard's container has read it
#   wake    a pipe, at which that container waits for the next arming
#
# Every change is made under one lock, on the folder itself, and by replacing a file whole.
# Usage: live.sh VERB FOLDER ARGUMENT...

set -u
# The edge reads these files as another user, whatever the operator's own habit is.
umask 022

put() { printf '%s\n' "$2" >"$1.next" && sync "$1.next" && mv -f "$1.next" "$1" && sync .; }

replace() { # FILE CONTENT
    put "$1" "$2" || { rm -f reserve && put "$1" "$2"; }
}

content() { # FILE
    if [ -f "$1" ]; then cat "$1"; else echo none; fi
}

# Until when users are asked to wait, unless that is over.
asked() {
    case $(content maintenance_ends) in
    none) content maintenance ;;
    *) if [ "$(content maintenance_ends)" -gt "$(date +%s)" ]; then content maintenance; else echo none; fi ;;
    esac
}

# Seconds since the machine was started: nobody sets that clock.
uptime() { read -r up _ </proc/uptime && echo "${up%%.*}"; }

lock() { exec 8<. && flock 8; }
unlock() { exec 8<&-; }

read_guard() {
    state=none attempt='' from='' to='' warm='' deadline=0 reason=''
    if [ -f guard ]; then read -r state attempt from to warm deadline reason <guard || :; fi
}

# Takes the switch back. Done again from the start when it was cut: each part may be repeated.
trip() { # REASON
    replace guard "tripping $attempt $from $to $warm $deadline $1" || return 1
    if [ "$(content live)" = "$to" ]; then replace live "$from" || return 1; fi
    # Also when the switch, or an earlier trip, was cut between its two renames.
    if [ "$(content live)" = "$from" ]; then replace warm "$warm" || return 1; fi
    replace guard "tripped $attempt $from $to $warm $deadline $1"
}

# Guards what `arming` asks for, from now on.
arm() {
    read -r attempt from to warm seconds <arming
    # Not from the reserve: a guard that has none left might not be able to take its switch back.
    { [ -s reserve ] || { head -c 32768 /dev/zero >reserve && sync reserve; }; } &&
        put guard "armed $attempt $from $to $warm $(($(date +%s) + seconds))" &&
        end=$(($(uptime) + seconds))
    rm -f arming
}

verb=$1
cd "$2" || exit 1
shift 2
lock || exit 1
case $verb in
read)
    content live
    content warm
    content guard
    asked
    ;;
switch) # FROM TO LEASE-FILE LEASE ATTEMPT|- SECONDS: with an attempt, only under its armed guard
    [ "$(content live)" = "$1" ] || { echo "the live file holds $(content live), not $1" >&2; exit 10; }
    [ "$(head -n 1 "$3")" = "$4" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
    read_guard
    if [ "$5" = - ]; then
        case $state in armed | tripping) echo "the guard of $attempt is $state" >&2; exit 12 ;; esac
    else
        [ "$state $attempt" = "armed $5" ] || { echo "the guard is $state, for '$attempt'" >&2; exit 12; }
        [ $((deadline - $(date +%s))) -ge "$6" ] || { echo "the guard's deadline is too near" >&2; exit 13; }
    fi
    if [ "$5" = - ]; then
        # Nothing puts back what is cut here: who is warm must not be forgotten before the traffic has moved.
        replace live "$2" && replace warm "$1"
    else
        replace warm "$1" && replace live "$2"
    fi
    ;;
warm) # LIVE LEASE-FILE LEASE WARM
    [ "$(content live)" = "$1" ] || { echo "the live file holds $(content live), not $1" >&2; exit 10; }
    [ "$(head -n 1 "$2")" = "$3" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
    replace warm "$4"
    ;;
confirm) # ATTEMPT
    read_guard
    case "$state $attempt" in
    "armed $1") replace guard "disarmed $attempt $from $to $warm $deadline" ;;
    "disarmed $1") ;;
    *) echo "the guard is $state${reason:+: $reason}" >&2; exit 12 ;;
    esac
    ;;
trip) # ATTEMPT REASON
    read_guard
    case "$state $attempt" in
    "armed $1" | "tripping $1") trip "$2" ;;
    "tripped $1") ;;
    *) echo "the guard is $state, for '$attempt'" >&2; exit 12 ;;
    esac
    ;;
clear) # LEASE-FILE LEASE: nobody has the traffic any more
    [ "$(head -n 1 "$1")" = "$2" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
    replace warm none && replace live none
    ;;
maintenance) # UNTIL SECONDS|none
    if [ "$1" = none ]; then
        rm -f maintenance maintenance_ends && sync .
    else
        replace maintenance_ends "$2" && replace maintenance "$1"
    fi
    ;;
former) # ADDRESS|none
    if [ "$1" = none ]; then rm -f former && sync .; else replace former "$1"; fi
    ;;
dismiss) # LEASE-FILE LEASE: whatever the guard's state, nothing is guarded any more
    [ "$(head -n 1 "$1")" = "$2" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
    rm -f arming guard && sync .
    ;;
arm) # LEASE-FILE LEASE ATTEMPT FROM TO WARM SECONDS: comes back when the guard's container has armed itself
    [ "$(head -n 1 "$1")" = "$2" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
    # Not from the reserve, which the guard may need.
    put arming "$3 $4 $5 $6 $7" || exit 1
    # Open both ways, it waits for no reader. Where there is no pipe yet, the container looks before it waits.
    [ ! -p wake ] || echo 1<>wake
    tries=0
    while [ -f arming ] && [ "$tries" -lt 250 ]; do
        unlock
        sleep 0.02
        lock
        tries=$((tries + 1))
    done
    read_guard
    [ "$state $attempt" = "armed $3" ] || { echo "the guard does not arm itself" >&2; exit 14; }
    ;;
guard) # what the guard's container runs
    [ -p wake ] || mkfifo -m 600 wake || exit 1
    exec 7<>wake
    trap 'exit 0' TERM INT
    read_guard
    # What is armed when it starts was left by a machine that went down while nobody had confirmed.
    case $state in armed | tripping) trip restarted ;; esac
    end=0
    while :; do
        [ ! -f arming ] || arm
        read_guard
        case $state in
        tripping) trip "${reason:-unknown}" ;;
        armed) if [ "$(uptime)" -ge "$end" ]; then trip deadline; fi ;;
        esac
        unlock
        case $state in
        armed | tripping)
            sleep 1 &
            wait $!
            ;;
        *) read -r _ <&7 ;;
        esac
        lock
    done
    ;;
*)
    echo "unknown verb $verb" >&2
    exit 2
    ;;
esac
