# What the database calls with each file of WAL that is full: it is put where the archiver takes it. As long as nobody archives, that
# folder is not there, and the file is not kept. Its name has `pgbackrest`, which looks for that in the setting `archive_command`.
# Usage: spool-for-pgbackrest.sh FILE NAME
#
# What fails here is called again, and until then the database keeps its WAL: so no failure may last until its disk is full.

set -u
umask 027
# In KiB: so much waits for a store that can't be reached, and so much must be free. Beyond that WAL is let go, since a database
# whose disk is full stops. What the server keeps of it for itself (`max_wal_size`) may be as much again.
most=1048576 least=524288 kept=2097152

spool=/backups/wal
[ -d $spool ] || exit 0

takes() { du -sk "$1" 2>/dev/null | { read -r kib _ && echo "$kib"; } || echo 0; }
free() { stat -f -c '%a %S' "$1" 2>/dev/null | { read -r blocks size && echo $((blocks * size / 1024)); } || echo 0; }

# Whether the server has kept so much that its disk is in danger.
is_in_danger() { [ "$(takes "$(dirname "$1")")" -ge $kept ] || [ "$(free "$(dirname "$1")")" -lt $least ]; }

# From here on nothing can be restored before the archiver has made a new base backup. Without the mark, the archiver finds the hole
# by the names of what comes.
let_go() {
    touch $spool/lost && sync $spool/lost $spool && exit 0
    if is_in_danger "$1"; then
        echo "$2 can neither be put into $spool nor noted as lost there, and the disk fills: it is let go" >&2
        exit 0
    fi
    exit 1
}

if [ "$(takes $spool)" -ge $most ] || [ "$(free $spool)" -lt $least ]; then let_go "$1" "$2"; fi
# The database calls again with the same one when it did not hear how this has ended.
if cp "$1" $spool/.next && sync $spool/.next && mv $spool/.next "$spool/$2" && sync $spool; then exit 0; fi
rm -f $spool/.next
# It may be for a moment only: what the server keeps meanwhile is bounded.
if is_in_danger "$1"; then let_go "$1" "$2"; fi
exit 1
