# The first look at a host: makes an environment's folders where there are none, and says what the driver must know.
# Usage: arrive.sh ROOT ENVIRONMENT; ENVIRONMENT is `-` where several may live beside each other.

umask 022
mkdir -p "$1" && cd "$1" || exit 1
mkdir -p live releases secrets backups edge platform || exit 1
# Room for what must be written when the disk is full: see live.sh.
[ -s live/reserve ] || { head -c 32768 /dev/zero >live/reserve && sync live/reserve; } 2>/dev/null || rm -f live/reserve
if [ "$2" != - ]; then
    if [ -f environment ]; then read -r found <environment; else echo "$2" >environment && found=$2; fi
    [ "$found" = "$2" ] || echo "environment $found"
fi
echo "uid $(id -u)"
echo "gid $(id -g)"
echo "disk $(df -Pk . | awk 'NR == 2 { print $4 }')"
echo "memory $(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)"
echo "clock $(date +%s)"
