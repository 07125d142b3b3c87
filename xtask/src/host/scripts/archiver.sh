# Archives the database's WAL off the host, with a base backup each night, by pgBackRest, which encrypts them: what any moment since can
# be restored from. It reaches the server by its socket, reads its files, and writes into its own folder and that of backups.
# Usage: archiver.sh run PLACE ENDPOINT REGION AUTHORITY OWNER HOUR DAYS START
#        archiver.sh info | flush | recovering
#        archiver.sh recover MOMENT BYTES NAME DATABASE LIVE PAPERS-QUESTION
# They look for what is in the store; have all that was written until now come there; say `yes` while a moment is being recovered;
# make a backup like any other of a moment.
# PLACE is BUCKET/FOLDER/ENVIRONMENT of the store. HOUR is of UTC. A base backup is kept for DAYS, and the WAL since.

set -eu
umask 027
cluster=/var/lib/postgresql/data/cluster spool=/backups/wal told=/backups/archived.json
# Between two looks; after a failure; between two base backups that hold all; and how long a look may take.
pause=5 rest=60 week=561600
# In KiB: so much of the disk stays free, as what takes the server's WAL has it; and what one that recovers keeps of WAL.
least=524288 wal=1048576

# shellcheck source=/dev/null
. /scripts/moments.sh

ask() { PGCONNECT_TIMEOUT=10 psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@" postgres; }
rest() { pgbackrest --config=/tmp/pgbackrest.conf --log-level-console=warn "$@"; }
content() { if [ -e "$1" ]; then cat "$1"; else echo null; fi; }
put() { # FILE TEXT
    printf '%s' "$2" >"$1.next"
    mv "$1.next" "$1"
}
free() { stat -f -c '%a %S' /state | { read -r blocks size && echo $((blocks * size / 1024)); }; }

# `printf` is the shell's own: no value is an argument of a program. What the server calls its system tells one cluster from another.
configure() { # PLACE ENDPOINT REGION AUTHORITY OWNER DAYS
    secret() { cat "/run/secrets/$1"; }
    authorities=/etc/ssl/certs/ca-certificates.crt
    if [ -n "$4" ]; then
        authorities=/tmp/authority.pem
        printf '%s\n' "$4" >"$authorities"
    fi
    stanza=$(pg_controldata "$cluster" | sed -n 's/^Database system identifier: *//p')
    : "${stanza:?the cluster can not be read}"
    folder=${1#*/}
    case $2 in *.amazonaws.com) style=host ;; *) style=path ;; esac
    cat >/tmp/pgbackrest.conf <<END
[global]
repo1-type=s3
repo1-path=/$folder/archive-$5
repo1-s3-bucket=${1%%/*}
repo1-s3-endpoint=$2
repo1-s3-region=$3
repo1-s3-uri-style=$style
repo1-s3-key=$(secret backup_s3_key_id)
repo1-s3-key-secret=$(secret backup_s3_secret)
repo1-storage-ca-file=$authorities
repo1-bundle=y
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=$(secret backup_cipher_key)
repo1-retention-full-type=time
repo1-retention-full=$6
expire-auto=n
start-fast=y
compress-type=zst
lock-path=/tmp/pgbackrest
io-timeout=10
log-level-file=off
[$stanza]
pg1-path=$cluster
pg1-user=postgres
pg1-socket-path=/run/postgresql
END
    echo "$stanza" >/tmp/stanza
    # Of another cluster, or in another place, there is no base backup yet; and the WAL that waits may be of the one before, which
    # nobody would ever take.
    if [ "$(content /state/.of)" != "$stanza $1" ]; then
        rm -rf /state/.base /state/.full /state/.lost /state/.closing /state/.until /state/.last "$spool"
    fi
    echo "$stanza $1" >/state/.of
}

# Since when WAL is missing: the first hole that no base backup has come after.
lost() { if [ -e /state/.closing ]; then cat /state/.closing; else content /state/.lost; fi; }
lose() { if ! [ -e /state/.lost ]; then put /state/.lost "{\"at\":\"$(now)\"}"; fi; }

# `last_good` is the moment until which all can be restored: what alarms look at.
tell() { # FAILURE
    printf '{"v":1,"at":"%s","start":"%s","last_good":%s,"base":%s,"lost":%s,"failure":%s}\n' "$(now)" "$start" \
        "$(content /state/.until)" "$(content /state/.base)" "$(lost)" "$1" >/state/.told
    cat /state/.told >"$told.next"
    mv "$told.next" "$told"
}

# Which file of WAL it is, counted from the first: behind its timeline, its name has two numbers of eight digits.
number() { echo $((0x$(echo "$1" | cut -c 9-16) * 256 + 0x$(echo "$1" | cut -c 17-24))); }
# Each follows the one before, or what is between them was let go, and nobody may have been able to say so.
follow() { # NAME
    if [ ${#1} -ne 24 ]; then return 0; fi
    if [ -e /state/.last ]; then
        last=$(number "$(cat /state/.last)")
        if [ "$(number "$1")" -gt $((last + 1)) ]; then lose; fi
        # The server has called again.
        if [ "$(number "$1")" -le "$last" ]; then return 0; fi
    fi
    put /state/.last "$1"
}

# Oldest first; what is sent goes. What has failed is tried again by the next look.
push() {
    for file in "$spool"/[0-9A-F]*; do
        if ! [ -e "$file" ]; then return 0; fi
        date +%s >/tmp/beat
        # Also where what fails would not end it.
        rest --stanza="$stanza" archive-push "$file" || return 1
        follow "${file##*/}" || return 1
        rm -f "$file"
    done
}
# All until that moment can be restored when everything before the file that the server writes into was sent, without a hole.
advance() { # MOMENT
    if ! [ -e /state/.base ] || [ "$(lost)" != null ] || [ -e "$spool/lost" ]; then return 0; fi
    written=$(ask --command='SELECT pg_walfile_name(pg_current_wal_lsn())') || return 1
    sent=$(content /state/.last)
    if [ "$sent" = null ]; then sent=$(ask --command='SELECT last_archived_wal FROM pg_stat_archiver') || return 1; fi
    if [ -n "$sent" ] && [ "$(number "$sent")" -ge $(($(number "$written") - 1)) ]; then put /state/.until "{\"at\":\"$1\"}"; fi
}
# Beside a base backup, which waits for the WAL that it needs, and may take longer than who is told of nothing waits.
keep_pushing() {
    while :; do
        moment=$(now)
        if push 2>/tmp/push.wrong; then
            { advance "$moment" && tell null; } 2>/tmp/push.wrong || :
        else
            sleep $pause
        fi
        sleep 1
    done
}

# Whether a base backup is due: none is there, the night's hour has passed since the last, or what came since has a hole.
is_due() {
    if [ "$(lost)" != null ] || ! [ -e /state/.base ]; then return 0; fi
    last=$(fact at /state/.base | tr -cd 0-9)
    [ "$last" -lt "$(moment $((($(date +%s) - hour * 3600) / 86400 * 86400 + hour * 3600)))" ]
}

back_up() {
    # What comes then would be let go before the archive is whole again.
    if [ "$(free)" -lt $least ]; then
        echo "a base backup is due, and is not made: $(($(free) / 1024)) MiB of the disk are free, and WAL is let go below $((least / 1024))" >&2
        return 1
    fi
    # A hole that comes beside it is another.
    if [ -e /state/.closing ]; then rm -f /state/.lost; elif [ -e /state/.lost ]; then mv /state/.lost /state/.closing; fi
    kind='diff'
    if ! [ -e /state/.full ] || [ "$(fact at /state/.full | tr -cd 0-9)" -lt "$(moment $(($(date +%s) - week)))" ]; then kind=full; fi
    keep_pushing &
    pusher=$!
    # Its end is that of this: it must not go on beside the next look.
    trap 'kill "$pusher" 2>/dev/null || :' EXIT
    rest --stanza="$stanza" --type=$kind backup
    kill "$pusher"
    wait "$pusher" 2>/dev/null || :
    printf '{"at":"%s","kind":"%s"}' "$(now)" $kind >/state/.base
    if [ $kind = full ]; then cp /state/.base /state/.full; fi
    rm -f /state/.closing
    echo "$(now) a base backup was made ($kind)"
    # Nothing goes that a moment is being recovered from. A key that can remove nothing is a careful one.
    exec 8>>/state/.expiring
    if ! flock -n 8; then return 0; fi
    rest --stanza="$stanza" expire 2>/tmp/stuck || echo "$(now) older base backups could not be removed: $(text /tmp/stuck)"
}

look() { # As configure
    if ! [ -e /tmp/stanza ]; then configure "$@"; fi
    stanza=$(cat /tmp/stanza)
    # Until now the server has let its WAL go.
    if ! [ -d "$spool" ]; then
        lose
        rm -f /state/.last
        mkdir "$spool"
    fi
    if ! [ -e /tmp/greeted ]; then
        rest --stanza="$stanza" stanza-create
        touch /tmp/greeted
    fi
    # Before the hole is forgotten there, it is known here.
    if [ -e "$spool/lost" ]; then
        lose
        sync /state
        rm -f /state/.last "$spool/lost"
    fi
    # First of all, and whatever the server says: what is sent makes room on the disk.
    began=$(now)
    push
    server=$(ask --command="SELECT current_setting('archive_mode'), current_setting('archive_timeout'),
        last_failed_time IS NOT NULL AND coalesce(last_failed_time > last_archived_time, true) FROM pg_stat_archiver")
    case $server in
    on*) ;;
    *)
        lose
        echo "the database was started without an archive of its WAL: \`cargo xtask platform up\` starts it with one" >&2
        return 1
        ;;
    esac
    case $server in *'|t')
        echo "the database can't put its WAL into $spool: its log says why" >&2
        return 1
        ;;
    esac
    # A file of WAL a minute, where something is written, costs those alone who archive.
    case $server in *'|0|'*) ask --command="ALTER SYSTEM SET archive_timeout = '60s'" --command='SELECT pg_reload_conf()' >/tmp/reloaded ;; esac
    if is_due; then
        back_up
        began=$(now)
        push
    fi
    advance "$began"
    tell null
}

# Has the server end its file of WAL, with a transaction of now in it, and waits until that is in the store.
flush() {
    last=$(ask --command='SELECT pg_current_xact_id()' --command='SELECT pg_walfile_name(pg_switch_wal())' | tail -n 1)
    began=$(date +%s)
    until rest --stanza="$(cat /tmp/stanza)" archive-get "$last" /tmp/flushed.$$ 2>/dev/null; do
        if [ $(($(date +%s) - began)) -ge 120 ]; then
            echo "the last WAL, $last, did not come into the store within two minutes: $(cat $told)" >&2
            return 1
        fi
        sleep 1
    done
    rm -f /tmp/flushed.$$
}

# For the cluster, what it keeps of WAL, a dump that is as big at most, and what must stay free.
check_room() { # BYTES
    needs=$(($1 * 2 / 1024 + wal + least)) free=$(free)
    if [ "$free" -lt $needs ]; then
        echo "recovering the database beside itself, and the dump of it, need $((needs / 1024)) MiB, and $((free / 1024)) MiB are free" >&2
        return 1
    fi
}

# A cluster of that moment beside the one that is used, of which a backup is made like any other.
recover() { # MOMENT BYTES NAME DATABASE LIVE PAPERS-QUESTION
    exec 9>>/state/.recovering
    flock -n 9 || { echo "another moment is being recovered just now" >&2; return 1; }
    # What removes older base backups has ended, and begins no more.
    exec 8>>/state/.expiring
    flock --shared --wait 120 8 || { echo "older base backups are being removed, which has not ended for two minutes" >&2; return 1; }
    beside=/state/beside
    rm -rf "$beside"
    check_room "$2"
    mkdir -m 0700 "$beside"
    server=
    trap '[ -z "$server" ] || { kill -QUIT "$server" && wait "$server" || :; } 2>/dev/null; rm -rf "$beside"' EXIT
    at=$(echo "$1" | sed 's/T/ /; s/Z$/+00/')
    rest --stanza="$(cat /tmp/stanza)" --pg1-path="$beside/data" --type=time --target="$at" --target-action=promote restore >&2
    postgres -D "$beside/data" -c archive_mode=off -c listen_addresses= -c unix_socket_directories="$beside" -c hot_standby=off \
        -c shared_buffers=64MB -c fsync=off >"$beside/log" 2>&1 8>&- 9>&- &
    server=$!
    # It takes nobody before it is at that moment, and ends when it can't come there.
    until PGHOST=$beside pg_isready --quiet; do
        if ! kill -0 $server 2>/dev/null; then
            echo "the database could not be recovered to $1: $(sed -n -e 's/.*FATAL: *\(recovery .*\)/\1/p' -e 's/.*LOG: *\(last completed transaction .*\)/\1/p' "$beside/log" | tr '\n' ';')" >&2
            return 1
        fi
        if [ "$(free)" -lt $least ]; then
            echo "$1 is not recovered any further: $(($(free) / 1024)) MiB of the disk are free, and $((least / 1024)) must stay so" >&2
            return 1
        fi
        sleep 0.2
    done
    # It is going to be restored: its name is of long ago, and it is kept as if it were of now.
    PGHOST=$beside sh /scripts/database.sh dump "$4" "$3" "moment" "$5" "$1" "$6" wanted 8>&- 9>&-
}

case $1 in
info)
    rest --stanza="$(cat /tmp/stanza)" --output=json info
    exit
    ;;
flush | recover)
    "$@"
    exit
    ;;
recovering)
    exec 9>>/state/.recovering
    flock -n 9 || echo yes
    exit
    ;;
esac
shift
hour=$6 start=$8
trap 'exit 0' TERM
echo 0 >/tmp/rest
rm -rf /state/beside
while :; do
    date +%s >/tmp/beat
    if [ $(($(date +%s) - $(cat /tmp/rest))) -ge $rest ]; then
        # Not within the condition, where what fails would not end it.
        look "$1" "$2" "$3" "$4" "$5" "$7" 2>/tmp/wrong &
        if ! wait $!; then
            date +%s >/tmp/rest
            words=$(text /tmp/wrong)
            echo "$(now) nothing could be archived: $words"
            tell "{\"at\":\"$(now)\",\"words\":$words}" || echo "$(now) and that could not be written down" >&2
        fi
    fi
    # It ends at once when it is told to.
    sleep $pause &
    wait $! || :
done
