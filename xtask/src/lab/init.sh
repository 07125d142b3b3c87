#!/bin/sh
# The first process of a lab's VPS: what happens at boot and at the end, as far as a host needs it.

mount -o remount,rw /sys
mount -o remount,rw /proc/sys
mkdir -p /run/sshd
ssh-keygen -A >/dev/null
/usr/sbin/sshd
# The engine comes back with the machine once somebody has installed one.
service docker start

end() {
    service docker stop
    exit 0
}
trap end TERM INT

# Waiting is also what collects the children of processes that have ended.
while :; do
    sleep 3600 &
    wait $!
done
