#!/bin/sh
# The first process of a lab's VPS: what happens at boot and at the end, as far as a host needs it.

# An engine writes to both. How much of /proc is a mount of its own depends on what the container may.
for part in /sys /proc/sys; do
    ! mountpoint -q $part || mount -o remount,rw $part
done
# A container that was killed leaves what a machine that lost its power leaves.
rm -f /run/sshd.pid
mkdir -p /run/sshd
ssh-keygen -A >/dev/null
/usr/sbin/sshd
# What a service manager would start: units of one command that somebody has made here, and none of a package's.
for unit in /etc/systemd/system/multi-user.target.wants/*.service; do
    case $(readlink "$unit") in ../*) sh -c "$(sed -n 's/^ExecStart=//p' "$unit")" ;; esac
done
# The engine comes back with the machine once somebody has installed one.
[ ! -e /etc/init.d/docker ] || service docker start

end() {
    service docker stop
    kill "$(cat /run/sshd.pid)"
    exit 0
}
trap end TERM INT

# Waiting is also what collects the children of processes that have ended.
while :; do
    sleep 3600 &
    wait $!
done
