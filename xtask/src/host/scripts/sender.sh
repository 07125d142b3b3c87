# Sends off the host what a new one is made from: each new backup, the files of the papers that it names, and, when they have
# changed, the ledger and what is known of the releases. All of it is encrypted before it leaves, to a public key. What it has done is in /state/sent.json.
# It stands behind moments.sh. Usage: sender.sh PLACE RECIPIENT LEAST MOST DAYS ABOUT OWNER START [AUTHORITY]
# PLACE is BUCKET/FOLDER/ENVIRONMENT of the store; who comes there, files in /run/secrets tell. LEAST copies are kept there at
# least, MOST at most, and for DAYS. ABOUT is JSON: whose host this is, and what a new one must be given. OWNER stands in the names
# of what is sent: another host's, in the same place, is another's. By START, who has started this knows what it has said. The store's
# certificate is signed by AUTHORITY, in PEM, where that is one of somebody's own.

set -eu
umask 077
place=$1 recipient=$2 least=$3 most=$4 days=$5 about=$6 owner=$7 start=$8
# Between two looks, and after a failure; how long papers are sent before it is looked for a newer backup; how many, and how many
# bytes, of them at once.
pause=15 rest=300 turn=600 batch=200 batch_bytes=67108864
# What was sent to another key is in another folder: whoever has the new one can't open it, and all is sent again.
papers=store:$place/papers-$owner-$(printf %s "$recipient" | sha256sum | cut -c 1-8)

content() { if [ -e "$1" ]; then cat "$1"; else echo null; fi; }
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

store() {
    rclone --config=/tmp/rclone.conf --retries=3 --retries-sleep=2s --low-level-retries=3 --contimeout=10s --timeout=60s \
        --log-level=ERROR --ignore-times "$@"
}

# `printf` is the shell's own: no value is an argument of a program. The bucket is there already, and who may only write into it
# may not make one.
configure() { # AUTHORITY
    given() { if [ -s "/run/secrets/$1" ]; then printf '%s = %s\n' "$2" "$(cat "/run/secrets/$1")"; fi; }
    if [ -n "$1" ]; then
        printf '%s\n' "$1" >/tmp/authority.pem
        export SSL_CERT_FILE=/tmp/authority.pem
    fi
    provider=AWS
    if [ -s /run/secrets/backup_s3_endpoint ]; then provider=Other; fi
    {
        printf '[store]\ntype = s3\nprovider = %s\nno_check_bucket = true\n' $provider
        given backup_s3_endpoint endpoint
        given backup_s3_region region
        given backup_s3_key_id access_key_id
        given backup_s3_secret secret_access_key
    } >/tmp/rclone.conf
}

# An encrypted copy lies here until it is sent.
check_room() { # BYTES
    free=$(stat -f -c '%a %S' /state)
    free=$((${free% *} * ${free#* }))
    needs=$(($1 + $1 / 5 + 1048576))
    if [ $free -lt $needs ]; then
        echo "the encrypted copy needs $((needs / 1048576)) MiB until it is sent, and $((free / 1048576)) MiB are free" >&2
        return 1
    fi
}

# The store has all of it or nothing: what is cut on its way through a pipe would look like its end.
send() { # FILE NAME
    check_room "$(stat -c %s "$1")"
    age --encrypt --recipient "$recipient" <"$1" >/state/.next
    bytes=$(stat -c %s /state/.next)
    store copyto /state/.next "store:$place/$2"
    rm -f /state/.next
    there=$(store lsf --format=s "store:$place/$2")
    if [ "$there" != "$bytes" ]; then
        echo "the store was sent $bytes bytes as $2, and says that it has ${there:-none}" >&2
        return 1
    fi
}

# The ledger without a line that is being written, and the manifests: they name the commits and the images.
collect() {
    exec 8</host/ledger.jsonl
    flock --shared 8
    cat <&8 >/state/ledger.jsonl
    exec 8<&-
    printf '%s\n' "$about" >/state/about.json
    rm -rf /state/releases
    for manifest in /host/releases/*/release.json; do
        if [ -e "$manifest" ]; then
            folder=${manifest%/*}
            mkdir -p "/state/releases/${folder##*/}"
            cat "$manifest" >"/state/releases/${folder##*/}/release.json"
        fi
    done
    mkdir -p /state/releases
    tar -C /state -cf /state/host.tar about.json ledger.jsonl releases
}
collected() {
    {
        cat /state/about.json /state/ledger.jsonl
        for manifest in /state/releases/*/release.json; do if [ -e "$manifest" ]; then cat "$manifest"; fi; done
    } | sha256sum | cut -d ' ' -f 1
}

# Of what this host has sent and ends so. What has another name is somebody else's.
prune() { # ENDING
    store lsf --files-only "store:$place/" >/tmp/there || return 1
    oldest=$(moment $(($(date +%s) - days * 86400)))
    kept=0
    { grep "^[0-9]\{8\}t[0-9]\{6\}z-.*-$owner\\$1\$" /tmp/there || :; } | LC_ALL=C sort -r >/tmp/copies
    while read -r name; do
        if [ $kept -ge "$least" ] && { [ $kept -ge "$most" ] || [ "$(of_name "$name")" -lt "$oldest" ]; }; then
            store deletefile "store:$place/$name" </dev/null || return 1
        fi
        kept=$((kept + 1))
    done </tmp/copies
}
# The lists go with their dumps: of a backup whose dump never came there may be one, or of an older platform's there is none.
prune_copies() {
    prune .dump.age || return 1
    store lsf --files-only "store:$place/" >/tmp/there || return 1
    { grep "^[0-9]\{8\}t[0-9]\{6\}z-.*-$owner\.list\.age\$" /tmp/there || :; } >/tmp/copies
    while read -r name; do
        if ! grep -qxF "${name%.list.age}.dump.age" /tmp/there; then
            store deletefile "store:$place/$name" </dev/null || return 1
        fi
    done </tmp/copies
}
# That older ones can't be removed is a note: what was sent is there, and a key that can remove nothing is a careful one.
tidy() { # PRUNING
    if "$@" 2>/tmp/stuck; then
        rm -f /state/.note
    else
        printf '{"at":"%s","words":%s}' "$(now)" "$(text /tmp/stuck)" >/state/.note
    fi
    tell null
}

tell() { # FAILURE
    printf '{"v":1,"at":"%s","start":"%s","last_good":%s,"papers":%s,"host":%s,"note":%s,"failure":%s}\n' "$(now)" "$start" \
        "$(content /state/.sent)" "$(content /state/.papers)" "$(content /state/.host)" "$(content /state/.note)" "$1" >/state/.told
    # Who watches is another user.
    chmod 0644 /state/.told
    mv /state/.told /state/sent.json
}

send_backup() { # FACTS
    name=${1%.json}
    # A damaged dump must not take the place of a copy that is whole.
    if [ "$(sum "/backups/$name.dump")" != "$(fact sha256 "/backups/$1")" ]; then
        echo "the dump $name is not the one that was made" >&2
        return 1
    fi
    copy=$name-$owner.dump.age
    # Of one that an older platform has made, nobody knows which papers it names.
    if [ -e "$name.papers" ]; then
        mkdir -p /state/lists
        cat "$name.papers" >"/state/lists/.next"
        listed=$(fact papers_sha256 "/backups/$1")
        if [ "$(sum /state/lists/.next)" != "${listed:-$(sum /state/lists/.next)}" ]; then
            echo "the list of the papers that $name names is not the one that was made" >&2
            return 1
        fi
        mv /state/lists/.next "/state/lists/$name"
        # What comes back is compared with it: one copy may have been given another's name.
        { printf '.sha256|%s\n' "$(fact sha256 "/backups/$1")" && cat "$name.counts" "$name.papers"; } >/state/list
        send /state/list "$name-$owner.list.age"
        rm /state/list
    fi
    send "/backups/$name.dump" "$copy"
    printf '{"name":"%s","at":"%s","to":"s3://%s/%s","bytes":%s}' "$name" "$(fact at "/backups/$1")" "$place" "$copy" "$bytes" >/state/.sent.next
    mv /state/.sent.next /state/.sent
    tell null
    echo "$(now) $name was sent, $bytes bytes"
    tidy prune_copies
}

# The lines of one file that another has not; in each, no line is there twice.
only_in_first() { # FILE OTHER
    LC_ALL=C sort "$1" "$2" "$2" >/state/.both || return 1
    uniq -u /state/.both
}

# The papers of a list as the store has them, `NAME;BYTES` a line: age adds as much to each as it makes of nothing, and 16 bytes for
# each further 64 KiB.
encrypted() { # LIST
    of_nothing=$(age --encrypt --recipient "$recipient" </dev/null | wc -c)
    while read -r paper size; do echo "$paper;$((of_nothing + size + 16 * ((size - 1) / 65536)))"; done <"$1"
}

# What of the papers that the last backup names the store has not yet, or has not all of, in batches: each file is what its name says,
# or it is not sent, and named. After a while a newer backup has its turn.
send_papers() {
    name=$(last_sent)
    if [ -z "$name" ] || ! [ -e "/state/lists/$name" ]; then return 0; fi
    if [ "$name" = "$(content /tmp/settled)" ]; then return 0; fi
    # With each backup, and after each start: somebody, or a rule of the store's, may have removed some.
    if [ "$name" != "$(content /tmp/asked)" ]; then
        store lsf --files-only --format=ps -R "$papers" >/state/.there || [ $? -eq 3 ]
        sed -n 's/\.age;/;/p' /state/.there | LC_ALL=C sort >/state/papers
        echo "$name" >/tmp/asked
    fi
    encrypted "/state/lists/$name" | LC_ALL=C sort >/state/.wanted
    only_in_first /state/.wanted /state/papers >/state/.missing
    # What did not arrive the last time comes last: it keeps nothing else here.
    touch /tmp/refused
    only_in_first /state/.missing /tmp/refused >/state/.first
    only_in_first /state/.missing /state/.first >/state/.last
    cat /state/.first /state/.last >/state/.missing
    rm -rf /state/batch
    : >/state/.amiss
    : >/state/.tried
    left=$(grep -c . /state/.missing) || :
    number=0 bytes_now=0 began=$(date +%s)
    say_papers
    while read -r line <&3; do
        date +%s >/tmp/beat
        pack "${line%;*}"
        if [ $number -ge $batch ] || [ $bytes_now -ge $batch_bytes ]; then ship; fi
        if [ $(($(date +%s) - began)) -ge $turn ]; then break; fi
    done 3</state/.missing
    ship
    # What is amiss is looked for again with the next backup, and at the next start.
    if [ "$left" = "$amiss" ]; then
        echo "$name" >/tmp/settled
        rm -f /tmp/refused
        prune_papers
    fi
}
pack() { # PAPER
    if ! [ -e "/papers/$1" ]; then
        echo "missing $1" >>/state/.amiss
    elif [ "$(sum "/papers/$1")" != "${1#*/}" ]; then
        echo "damaged $1" >>/state/.amiss
    else
        size=$(stat -c %s "/papers/$1")
        check_room "$size"
        mkdir -p "/state/batch/${1%/*}"
        age --encrypt --recipient "$recipient" <"/papers/$1" >"/state/batch/$1.age"
        echo "$line" >>/state/.tried
        number=$((number + 1)) bytes_now=$((bytes_now + size))
    fi
}
ship() {
    if [ $number -gt 0 ]; then
        sed 's/;.*/.age/' /state/.tried >/state/.names
        copied=0
        store copy --transfers=2 --no-traverse /state/batch "$papers" || copied=$?
        store lsf --files-from-raw=/state/.names --files-only --format=ps -R "$papers" | sed 's/\.age;/;/' >/state/.there
        # Those that have arrived count, whatever became of the others.
        LC_ALL=C sort /state/.tried /state/.there | uniq -d >/state/.arrived
        arrived=$(grep -c . /state/.arrived) || :
        LC_ALL=C sort -u /state/.arrived /state/papers >/state/papers.next
        mv /state/papers.next /state/papers
        rm -rf /state/batch
        left=$((left - arrived))
        if [ "$arrived" != $number ]; then
            only_in_first /state/.tried /state/.arrived >>/tmp/refused
            say_papers
            echo "the store was sent $number papers, and says that it has $arrived of them" >&2
            return 1
        fi
        if [ $copied -ne 0 ]; then return 1; fi
        : >/state/.tried
        number=0 bytes_now=0
    fi
    say_papers
}
say_papers() {
    amiss=$(grep -c . /state/.amiss) || :
    # Since when some are to be sent, whatever was tried meanwhile.
    since=
    if [ $((left - amiss)) -gt 0 ]; then
        since=$(content /state/.papers | sed -n 's/.*"since":"\([^"]*\)".*/\1/p')
        since="\"since\":\"${since:-$(now)}\","
    fi
    printf '{"backup":"%s","at":"%s",%s"left":%s,"amiss":%s,"first":%s}' "$name" "$(now)" "$since" $((left - amiss)) "$amiss" "$(head -n 1 /state/.amiss >/tmp/first && text /tmp/first)" >/state/.papers.next
    mv /state/.papers.next /state/.papers
    tell null
}

# Of the papers that the store has, none that a kept copy names, or a backup that is here. Where a copy is from before its papers
# were listed, all stay.
prune_papers() {
    store lsf --files-only "store:$place/" >/tmp/there || return 0
    sed -n "s/-$owner\.dump\.age\$//p" /tmp/there >/tmp/copies
    while read -r name; do
        if ! [ -e "/state/lists/$name" ]; then return 0; fi
    done </tmp/copies
    # What can't be read to its end must not look like less.
    : >/state/.named
    for list in /state/lists/* /backups/*.papers; do
        if [ "${list%/*}" = /state/lists ] && ! grep -qxF "${list##*/}" /tmp/copies; then
            rm -f "$list"
        elif [ -e "$list" ]; then
            cut -d ' ' -f 1 "$list" >>/state/.named || return 0
        fi
    done
    LC_ALL=C sort -u -o /state/.named /state/.named || return 0
    cut -d ';' -f 1 /state/papers | LC_ALL=C sort -u >/state/.have || return 0
    only_in_first /state/.have /state/.named >/state/.gone || return 0
    if ! [ -s /state/.gone ]; then return 0; fi
    sed 's/$/.age/' /state/.gone >/state/.names
    if ! store delete --files-from-raw=/state/.names "$papers" 2>/tmp/stuck; then
        printf '{"at":"%s","words":%s}' "$(now)" "$(text /tmp/stuck)" >/state/.note
        tell null
    fi
}

send_host() { # SUM
    name=$(date -u +%Y%m%dt%H%M%Sz)-host-$owner
    send /state/host.tar "$name.host.age"
    printf '{"name":"%s","at":"%s","sum":"%s"}' "$name" "$(now)" "$1" >/state/.host.next
    mv /state/.host.next /state/.host
    tell null
    echo "$(now) the ledger was sent as $name"
    tidy prune .host.age
}

is_due() { # SUM
    [ "$1" != "$(content /state/.host | sed -n 's/.*"sum":"\([^"]*\)".*/\1/p')" ] || [ -n "$(find /state/.host -mmin +1200)" ]
}
last_sent() { content /state/.sent | sed -n 's/.*"name":"\([^"]*\)".*/\1/p'; }

# After each start the place is asked what it has, and is sent the ledger anew: so it is known that it can be read and written.
greet() {
    # Where nothing was ever sent, `rclone` finds no folder, and says so by 3.
    store lsf --files-only "store:$place/" >/tmp/there || [ $? -eq 3 ]
    if ! grep -qxF -e "$(last_sent)-$owner.dump.age" /tmp/there; then rm -f /state/.sent; fi
    touch /tmp/greeted
}

look() {
    if ! [ -e /tmp/greeted ]; then greet; fi
    facts=$(newest)
    if [ -n "$facts" ] && [ "${facts%.json}" != "$(last_sent)" ]; then send_backup "$facts"; fi
    if [ -e /host/ledger.jsonl ]; then
        collect
        is=$(collected)
        # While a deploy writes, it has another one at each look. Once a day it is sent in any case, so that its age says something.
        if [ "$is" = "$(content /tmp/seen)" ] && is_due "$is"; then send_host "$is"; fi
        echo "$is" >/tmp/seen
        rm -rf /state/releases /state/ledger.jsonl /state/about.json /state/host.tar
    fi
    send_papers
    if ! grep -q "\"start\":\"$start\".*\"failure\":null" /state/sent.json; then tell null; fi
}

# What was sent elsewhere is not there, and what was sent to another key nobody here may open: its papers lie in another folder.
begin() {
    if [ "$(content /state/.place)" != "$place" ]; then rm -rf /state/.sent /state/.papers /state/lists; fi
    if [ "$(content /state/.recipient)" != "$recipient" ]; then rm -f /state/.sent /state/.papers; fi
    echo "$place" >/state/.place
    echo "$recipient" >/state/.recipient
}

trap 'exit 0' TERM
configure "${9:-}"
cd /backups
rm -rf /state/.next /state/.told /state/batch /state/list
rm -f /state/.host
begin
echo 0 >/tmp/rest
# Who reads it is another user: it has its rights from the beginning.
if ! [ -s /state/sent.json ]; then tell null; fi
while :; do
    date +%s >/tmp/beat
    if [ $(($(date +%s) - $(cat /tmp/rest))) -ge $rest ]; then
        # Not within the condition, where what fails would not end it.
        look 2>/tmp/wrong &
        if ! wait $!; then
            date +%s >/tmp/rest
            words=$(text /tmp/wrong)
            echo "$(now) nothing could be sent: $words"
            rm -f /state/.next
            tell "{\"at\":\"$(now)\",\"words\":$words}" || echo "$(now) and that could not be written down" >&2
        fi
    fi
    # It ends at once when it is told to.
    sleep $pause &
    wait $! || :
done
