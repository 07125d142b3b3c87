# What the database calls with each file of WAL that is full: it is put where the archiver takes it. As long as nobody archives, that
# folder is not there, and the file is not kept. Its name has `pgbackrest`, which looks for that in the setting `archive_command`.
# Usage: spool-for-pgbackrest.sh FILE NAME

set -eu
umask 027
# In KiB: so much waits for a store that can't be reached, and so much must be free. Beyond that WAL is let go, since a database
# whose disk is full stops.
most=1048576 least=524288

spool=/backups/wal
[ -d $spool ] || exit 0
read -r held _ <<END
$(du -sk $spool)
END
read -r blocks size <<END
$(stat -f -c '%a %S' $spool)
END
if [ "$held" -ge $most ] || [ $((blocks * size / 1024)) -lt $least ]; then
    # From here on nothing can be restored before the archiver has made a new base backup.
    touch $spool/lost
    exit 0
fi
# The database calls again with the same one when it did not hear how this has ended.
cp "$1" $spool/.next
sync $spool/.next
mv $spool/.next "$spool/$2"
sync $spool
