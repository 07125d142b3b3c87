# Makes backups by itself, in a container beside the database's: one a night, and one after each migration. It reaches the
# server by its socket; whoever deploys, and whoever watches, reads what became of it in copies.json.
# Usage: copies.sh DATABASE HOUR SETTLED LEAST MOST DAYS [look | healthy | due NOW LAST]
# HOUR is of UTC. A migration is left alone for SETTLED seconds: its deploy may still be watched. LEAST backups are kept at
# least, MOST at most, and for DAYS.

set -eu
umask 027
database=$1 hour=$2 settled=$3 least=$4 most=$5 days=$6
# Between two looks; after a failure; and how long a look may take, with a dump in it, before nobody believes that it ends.
pause=15 rest=300 longest=2700

# A moment as 20260103020000, which is also how a backup's name begins: later is more.
moment() { date -u -d "@$1" +%Y%m%d%H%M%S; }
of_name() { echo "$1" | sed 's/^\([0-9]*\)t\([0-9]*\)z.*/\1\2/'; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# Whether the night's hour has passed since LAST: at NOW, in seconds since 1970.
night_has_passed() { # NOW LAST
    [ "$2" -lt "$(moment $((($1 - hour * 3600) / 86400 * 86400 + hour * 3600)))" ]
}
ask() { PGCONNECT_TIMEOUT=10 psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
# The facts of all backups, oldest first; those of the newest; one of them.
all() { for facts in [0-9]*z-*.json; do if [ -e "$facts" ]; then echo "$facts"; fi; done; }
newest() { all | tail -n 1; }
fact() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"]*\).*/\1/p" "$2"; }
# What a program has said, as a text of JSON.
text() { printf '"%s"' "$(tr -s '\n\t\r' '   ' <"$1" | tr -cd '\040-\176' | cut -c 1-600 | sed 's/[\\"]/\\&/g; s/ *$//')"; }

# Writes down the newest backup, whoever made it, and why the last try failed, or null.
tell() { # FAILURE
    last=$(newest)
    if [ -n "$last" ]; then good=$(cat "$last"); else good=null; fi
    printf '{"v":1,"at":"%s","last_good":%s,"failure":%s}\n' "$(now)" "$good" "$1" >.copies.next
    sync .copies.next
    mv .copies.next copies.json
    sync .
    echo "$last" >/tmp/told
}

# What one that was killed has left: it never counted, and takes room.
sweep() {
    rm -f .*z-copies.next ./*z-copies.*.next .copies.next
    for file in *z-copies.dump *z-copies.counts; do
        if ! [ -e "${file%.*}.json" ]; then rm -f "$file"; fi
    done
}

# By the same rule as whoever deploys; not while a backup is being loaded.
prune() {
    exec 8>>.loading
    flock -n 8 || return 0
    oldest=$(moment $(($(date +%s) - days * 86400)))
    kept=0
    for facts in $(all | sort -r); do
        name=${facts%.json}
        if [ $kept -ge "$least" ] && { [ $kept -ge "$most" ] || [ "$(of_name "$name")" -lt "$oldest" ]; }; then
            rm -f "$facts" "$name.dump" "$name.counts"
        fi
        kept=$((kept + 1))
    done
}

# Says why a backup is due, or nothing; an error when one is and the database can't say what it has.
due() {
    last=$(newest)
    night=
    if night_has_passed "$(date +%s)" "$(of_name "${last:-0t0z}")"; then night=night; fi
    if ! told=$(ask --command="SELECT coalesce(max(version), 0), coalesce(extract(epoch FROM now() - max(installed_on))::bigint, 0)
        FROM _sqlx_migrations WHERE success" "$database" 2>/tmp/said); then
        # Nobody has migrated it yet; or it is away, and nothing is wanted of it.
        if [ -z "$night" ] || grep -q 'does not exist' /tmp/said; then return 0; fi
        cat /tmp/said >&2
        return 1
    fi
    schema=${told%|*} age=${told#*|}
    if [ "$schema" = 0 ] || [ "$age" -le "$settled" ]; then return 0; fi
    if [ -n "$last" ] && [ "$(fact schema "$last")" != "$schema" ]; then
        echo migration
    else
        echo $night
    fi
}

# There must be room for all of it, since a full disk takes more down than the dump. What is not read back is no backup.
copy() { # WHY
    room=$(sh /copies/database.sh room "$database")
    size=${room%% *} free=${room#* }
    needs=$((size + size / 5)) free=${free% *}
    if [ "$free" -lt $needs ]; then
        echo "a dump of the database needs $((needs / 1048576 + 1)) MiB, and the folder of backups has $((free / 1048576)) MiB free" >&2
        return 1
    fi
    live=$(cat /live/live) || live=none
    sh /copies/database.sh dump "$database" "$(date -u +%Y%m%dt%H%M%Sz)-copies" "$1" "${live:-none}" "$(now)" >/tmp/made
}

case ${7:-} in
due)
    if night_has_passed "$8" "$9"; then echo night; fi
    exit
    ;;
healthy)
    [ $(($(date +%s) - $(cat /tmp/beat))) -lt $longest ]
    exit
    ;;
look)
    cd /backups
    why=$(due)
    if [ -n "$why" ]; then
        copy "$why"
        echo "$(now) a backup was made ($why): $(cat /tmp/made)"
    fi
    if [ "$(newest)" != "$(cat /tmp/told)" ]; then tell null; fi
    if [ -n "$why" ]; then prune; fi
    exit
    ;;
esac

cd /backups
trap 'exit 0' TERM
failed=0
echo nothing >/tmp/told
sweep
while :; do
    date +%s >/tmp/beat
    if [ $(($(date +%s) - failed)) -ge $rest ]; then
        # A program of its own: what fails in it ends it, and not this.
        if sh "$0" "$@" look 2>/tmp/wrong; then
            failed=0
        else
            failed=$(date +%s) words=$(text /tmp/wrong)
            echo "$(now) no backup could be made: $words"
            if ! { sweep && tell "{\"at\":\"$(now)\",\"words\":$words}"; }; then
                echo "$(now) and that could not be written down" >&2
            fi
        fi
    fi
    # It ends at once when it is told to.
    sleep $pause &
    wait $! || :
done
