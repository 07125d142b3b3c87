# The first look at a host: makes an environment's folders where there are none, and says what the driver must know.
# Usage: arrive.sh ROOT ENVIRONMENT HOW; ENVIRONMENT is `-` where several may live beside each other; with the HOW `look`
# nothing is made, and `fresh` is said where there was nothing.

# Few programs are started: whoever waits for a rollback waits for this.
umask 022
if [ "$3" = look ]; then
    [ -d "$1/live" ] || echo "fresh 1"
    [ -d "$1" ] || { echo "absent 1"; exit; }
    cd "$1" || exit 1
else
    [ -d "$1" ] || mkdir -p "$1" || exit 1
    cd "$1" || exit 1
    for folder in live releases secrets backups edge platform; do [ -d "$folder" ] || mkdir "$folder" || exit 1; done
    # Room for what must be written when the disk is full: see live.sh.
    [ -s live/reserve ] || { head -c 32768 /dev/zero >live/reserve && sync live/reserve; } 2>/dev/null || rm -f live/reserve
fi
if [ "$2" != - ]; then
    if [ -f environment ]; then read -r found <environment; elif [ "$3" = look ]; then found=$2; else echo "$2" >environment && found=$2; fi
    [ "$found" = "$2" ] || echo "environment $found"
fi
while read -r name _ effective _; do
    case $name in Uid:) echo "uid $effective" ;; Gid:) echo "gid $effective" ;; esac
done </proc/$$/status
while read -r name kib _; do
    case $name in MemTotal:) echo "memory $kib" ;; MemAvailable:) echo "free_memory $kib"; break ;; esac
done </proc/meminfo
df -Pk . /var/lib/docker 2>/dev/null | {
    read -r _ && read -r root _ _ free _ && echo "disk $free" && read -r engine _ _ free _ &&
        if [ "$engine" != "$root" ]; then echo "engine_disk $free"; fi
}
echo "clock $(date +%s)"
