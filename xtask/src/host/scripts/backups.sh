# Makes backups by itself, in a container beside the database's: one a night, and one after each migration. It reaches the
# server by its socket; whoever deploys, and whoever watches, reads what became of it in scheduled.json.
# Once a week the night's backup is restored into a database of its own and compared: what was never restored is only a hope.
# Usage: backups.sh DATABASE OWNER APP HOUR SETTLED LEAST MOST DAYS [look | healthy | due NOW LAST]
# HOUR is of UTC. A migration is left alone for SETTLED seconds: its deploy may still be watched. LEAST backups are kept at
# least, MOST at most, and for DAYS.

set -eu
umask 027
database=$1 owner=$2 app=$3 hour=$4 settled=$5 least=$6 most=$7 days=$8
scratch=${database}_trial
# Between two looks; after a backup, or a failure; and how long a look may take, with a dump in it, before nobody believes that
# it ends.
pause=15 rest=300 longest=2700
# By this name whoever migrates knows what reads each table here, and ends it.
export PGAPPNAME=scheduled_backup

# shellcheck source=/dev/null
. /scripts/moments.sh

# Whether the night's hour has passed since LAST: at NOW, in seconds since 1970.
night_has_passed() { # NOW LAST
    [ "$2" -lt "$(moment $((($1 - hour * 3600) / 86400 * 86400 + hour * 3600)))" ]
}
ask() { PGCONNECT_TIMEOUT=10 psql --username=postgres --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }

# Writes down the newest backup, whoever made it, and why the last try failed, or null.
tell() { # FAILURE
    last=$(newest)
    if [ -n "$last" ]; then good=$(cat "$last"); else good=null; fi
    if [ -e .rehearsal ]; then rehearsal=$(cat .rehearsal); else rehearsal=null; fi
    printf '{"v":1,"at":"%s","last_good":%s,"failure":%s,"rehearsal":%s}\n' "$(now)" "$good" "$1" "$rehearsal" >.scheduled.next
    sync .scheduled.next
    mv .scheduled.next scheduled.json
    sync .
    echo "$last" >/tmp/told
}

# What one that was killed has left: it never counted, and takes room. Not while one is being taken, or loaded.
sweep() (
    exec 8>>.loading
    flock -n 8 || exit 0
    rm -f .*z-scheduled.next .*z-scheduled.papers.next ./*z-scheduled.*.next .scheduled.next .rehearsal.next
    for file in *z-scheduled.dump *z-scheduled.counts *z-scheduled.papers; do
        if ! [ -e "${file%.*}.json" ]; then rm -f "$file"; fi
    done
    # And of a copy that came from off the host, and not to its end, or was only to be tried: whoever brings one is done in a day.
    find . -maxdepth 1 -type f -mmin +1440 '(' -name '.*.part' -o -name '.*.list' -o -name '*.next' -o -name 'rehearsed.*' ')' -exec rm -f {} +
    find . -maxdepth 1 -type f -mmin +1440 '(' -name '*z-*.papers' -o -name '*z-*.counts' ')' | while read -r file; do
        if ! [ -e "${file%.*}.json" ]; then rm -f "$file"; fi
    done
)

# By the same rule as whoever deploys; not while a backup is being loaded. In a process of its own, with which the lock ends.
prune() (
    exec 8>>.loading
    flock -n 8 || exit 0
    oldest=$(moment $(($(date +%s) - days * 86400)))
    kept=0
    for backup in $(all | by_time_here | sort -r); do
        name=${backup#*:} at=${backup%%:*}
        if [ $kept -ge "$least" ] && { [ $kept -ge "$most" ] || [ "$at" -lt "$oldest" ]; }; then
            rm -f "$name.json" "$name.dump" "$name.counts" "$name.papers"
        fi
        kept=$((kept + 1))
    done
)
# Since when it is here, or was last wanted: one that was taken from off the host is as new as its coming.
by_time_here() {
    while read -r facts; do
        wanted=$(fact wanted "$facts" | tr -cd 0-9)
        echo "${wanted:-$(of_name "$facts")}:${facts%.json}"
    done
}

# Says why a backup is due, or nothing; an error when one is and the database can't say what it has.
due() {
    last=$(newest)
    night=
    if night_has_passed "$(date +%s)" "$(of_name "${last:-0t0z}")"; then night=night; fi
    if ! told=$(ask --command="SELECT coalesce(max(version), 0), coalesce(extract(epoch FROM now() - max(installed_on))::bigint, 0)
        FROM _sqlx_migrations WHERE success" "$database" 2>/tmp/said); then
        if grep -q 'relation "_sqlx_migrations" does not exist' /tmp/said; then
            # It was made by other means, and has no baseline yet; or there is nothing in it.
            holds=$(ask --command="SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)')" "$database")
            if [ -n "$(all)" ] || [ "$holds" = t ]; then echo $night; fi
            return 0
        fi
        # Nobody has made it yet; or it is away, and nothing is wanted of it.
        if grep -q "database \"$database\" does not exist" /tmp/said; then
            if [ -z "$(all)" ]; then return 0; fi
        elif [ -z "$night" ]; then
            return 0
        fi
        cat /tmp/said >&2
        return 1
    fi
    schema=${told%|*} age=${told#*|}
    if [ "$schema" = 0 ] || [ "$age" -le "$settled" ]; then return 0; fi
    # Any that has this schema, also one whose name is ahead of the clock: else a dump would follow the other.
    has=$(all | xargs -r grep -l "\"schema\":$schema," | tail -n 1)
    if [ -n "$(all)" ] && [ "$(of_name "${has:-0t0z}")" -lt "$(moment $(($(date +%s) - age)))" ]; then
        echo migration
    else
        echo $night
    fi
}

# There must be room for all of it, since a full disk takes more down than the dump. What is not read back is no backup.
back_up() { # WHY
    room=$(sh /scripts/database.sh room "$database")
    size=${room%% *} free=${room#* }
    needs=$((size + size / 5)) free=${free% *}
    if [ "$free" -lt $needs ]; then
        echo "a dump of the database needs $((needs / 1048576 + 1)) MiB, and the folder of backups has $((free / 1048576)) MiB free" >&2
        return 1
    fi
    live=$(cat /live/live) || live=none
    sh /scripts/database.sh dump "$database" "$(date -u +%Y%m%dt%H%M%Sz)-scheduled" "$1" "${live:-none}" "$(now)" "$(cat /scripts/papers.sql)" >/tmp/made
}

# A schema as SQL, without what differs from one dump to the next: the server writes an expression that it has read with other
# parentheses.
plain() { grep -v -e '^--' -e '^[\]' -e '^$' "$1" | tr -d '()'; }

# Restores a backup, and compares its rows with those of its moment, its schema with the dump's, and each paper that it names
# with its file.
rehearse() { # NAME
    room=$(sh /scripts/database.sh room "$database")
    size=${room%% *} free=${room##* }
    if [ "$free" -lt $((size + size / 5)) ]; then
        echo "there is no room for a second database of $((size / 1048576 + 1)) MiB" >&2
        return 1
    fi
    sh /scripts/database.sh load "$1" "$scratch" "$owner" "$app"
    differs=$(sh /scripts/database.sh counts "$1" "$scratch")
    if [ -n "$differs" ]; then
        echo "the restored rows are not those of the dump: $differs" >&2
        return 1
    fi
    pg_restore --schema-only --file=/tmp/dumped "$1.dump"
    pg_dump --username=postgres --schema-only --file=/tmp/restored "$scratch"
    plain /tmp/dumped >/tmp/dumped.plain
    plain /tmp/restored >/tmp/restored.plain
    if ! diff /tmp/dumped.plain /tmp/restored.plain >&2; then
        echo "the restored schema is not that of the dump" >&2
        return 1
    fi
    sh /scripts/database.sh papers "$scratch" "$(cat /scripts/papers.sql)" >/tmp/named
    # In pieces, each of which is a sign of life: all of them may take hours.
    : >/tmp/lacking
    lines=$(wc -l </tmp/named) line=1
    while [ $line -le "$lines" ]; do
        date +%s >/tmp/beat
        sed -n "$line,$((line + 999))p" /tmp/named | sh /scripts/papers.sh check >>/tmp/lacking
        line=$((line + 1000))
    done
    if [ -s /tmp/lacking ]; then
        echo "of $(grep -c . /tmp/named) papers that it names, files are not as they were: $(grep -c . /tmp/lacking), $(head -n 3 /tmp/lacking)" >&2
        return 1
    fi
}

# A week and no rehearsal that ended well; half a day less, so that it does not come a day later each time.
week_has_passed() {
    ! grep -q '"failure":null' .rehearsal 2>/dev/null || [ "$(fact at .rehearsal | tr -cd 0-9)" -lt "$(moment $(($(date +%s) - 561600)))" ]
}

case ${9:-} in
due)
    shift 9
    if night_has_passed "$1" "$2"; then echo night; fi
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
        back_up "$why"
        date +%s >/tmp/rest
        echo "$(now) a backup was made ($why): $(cat /tmp/made)"
        tell null
        prune
        sweep
    fi
    if [ "$(newest)" != "$(cat /tmp/told)" ]; then tell null; fi
    if [ "$why" != night ] || ! week_has_passed; then exit; fi
    name=$(newest)
    name=${name%.json} failure=null
    # A program of its own, as below.
    if ! sh "$0" "$database" "$owner" "$app" "$hour" "$settled" "$least" "$most" "$days" rehearse "$name" 2>/tmp/amiss; then failure=$(text /tmp/amiss); fi
    sh /scripts/database.sh drop "$scratch"
    printf '{"at":"%s","backup":"%s","failure":%s}\n' "$(now)" "$name" "$failure" >.rehearsal.next
    sync .rehearsal.next
    mv .rehearsal.next .rehearsal
    echo "$(now) a rehearsal: $(cat .rehearsal)"
    tell null
    exit
    ;;
rehearse)
    cd /backups
    shift 9
    rehearse "$1"
    exit
    ;;
esac

cd /backups
trap 'exit 0' TERM
echo 0 >/tmp/rest
echo nothing >/tmp/told
sweep
# What a rehearsal has left that was killed. `_copy` is what an older platform called it.
for old in "$scratch" "${database}_copy"; do
    sh /scripts/database.sh drop "$old" 2>/tmp/wrong || cat /tmp/wrong
done
while :; do
    date +%s >/tmp/beat
    if [ $(($(date +%s) - $(cat /tmp/rest))) -ge $rest ]; then
        # A program of its own: what fails in it ends it, and not this.
        if ! sh "$0" "$@" look 2>/tmp/wrong; then
            date +%s >/tmp/rest
            words=$(text /tmp/wrong)
            echo "$(now) no backup could be made: $words"
            if ! { sweep && tell "{\"at\":\"$(now)\",\"words\":$words}"; }; then
                echo "$(now) and that could not be written down" >&2
            fi
            # A look that ends well, and finds nothing due, says so.
            echo nothing >/tmp/told
        fi
    fi
    # It ends at once when it is told to.
    sleep $pause &
    wait $! || :
done
