# Who listens on a port of this machine. Usage: ports.sh PORT...
# Prints `PORT process NUMBER NAME` a line, or `PORT user NAME` where only root may see whose it is.

for port; do
    at=$(printf '%04X' "$port")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local _ state _ _ _ uid _ inode _; do
        # 0A: it listens.
        [ "$state" = 0A ] && [ "${local##*:}" = "$at" ] || continue
        found=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null | head -n 1)
        process=${found#/proc/}
        process=${process%%/*}
        if [ -n "$process" ]; then
            echo "$port process $process $(cat "/proc/$process/comm" 2>/dev/null)"
        else
            echo "$port user $(id -nu "$uid" 2>/dev/null || echo "$uid")"
        fi
    done
done
