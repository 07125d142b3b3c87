# Sends what the environment's containers write to a store of logs, from the engine's own files: no container waits for it.
# Usage: shipper.sh START PREFIX ENVIRONMENT loki|tls|tcp ADDRESS PORT CA

set -eu
umask 077

# Secrets are files, each a line, of which xtask has refused what ends a string here.
secret() { if [ -s "/run/secrets/$1" ]; then cat "/run/secrets/$1"; fi; }

configure() {
    authorities=/etc/ssl/certs/ca-certificates.crt
    if [ -n "$6" ]; then
        authorities=/tmp/authority.pem
        printf '%s\n' "$6" >"$authorities"
    fi
    # What waits for another kind of receiver can't go to this one.
    case $3 in loki) kind=loki other=syslog ;; *) kind=syslog other=loki ;; esac
    rm -rf "/state/$other"
    mkdir -p "/state/$kind"
    # A disk queue that holds what the receiver can't take: when it is full, reading waits, and the engine's files turn round.
    queue='disk-buffer(reliable(yes) disk-buf-size(268435456) mem-buf-size(8388608) dir("/state/'$kind'")) persist-name("store")'
    case $3 in
    loki)
        user=$(secret logs_user)
        # What a proxy in between says is no word about the lines: without this syslog-ng drops them. The three others are.
        later='410 => disconnect, 424 => disconnect, 425 => disconnect, 428 => disconnect, 451 => disconnect, 504 => disconnect,
        508 => disconnect'
        if [ -n "$user" ]; then user="user('$user') password('$(secret logs_password)')"; fi
        destination="http(url('$4') method('POST') headers('Content-Type: application/json') $user
    tls(ca-file('$authorities') peer-verify(yes))
    body-prefix('{\"streams\":[') delimiter(',') body-suffix(']}')
    body('{\"stream\":{\"environment\":\"$2\",\"part\":\"\${.part}\"\${.of_release}},\"values\":[[\"\${S_UNIXTIME}\${S_USEC}000\",\"\${.text}\"]]}')
    batch-lines(500) batch-bytes(512kb) batch-timeout(1000) timeout(10)
    response-action(400 => drop, 413 => drop, 422 => drop, $later) $queue)"
        ;;
    tls) destination="syslog('$4' port($5) transport('tls') frac-digits(6) tls(ca-file('$authorities') peer-verify(required-trusted)) $queue)" ;;
    tcp) destination="syslog('$4' port($5) transport('tcp') frac-digits(6) $queue)" ;;
    esac
    cat <<END
@version: 3.38
options {
    log-msg-size(131072); log-fifo-size(300000); keep-timestamp(yes);
    use-dns(no); dns-cache(no); time-reopen(5); stats-freq(0);
};
# By polling, and all of a file at once: of one that the engine has put aside the end would not be read otherwise.
source kept {
    wildcard-file(base-dir('/containers') recursive(yes) filename-pattern('*-json.log') monitor-method('poll') follow-freq(1)
        max-files(100) log-fetch-limit(2000) log-iw-size(200000) flags(no-parse));
    file('/tmp/$start.log' follow-freq(1) flags(no-parse));
};
# Of the text, the end of the line is left out, and what is escaped stays whole: else it would be no JSON any more.
# The container's name is the tag; what has none, or another environment's, is nobody's business here.
parser line {
    regexp-parser(prefix('.') patterns('^\\{"log":"(?<text>(?:[^"\\\\]++|\\\\[^n]|\\\\n(?!"))*+)(?:\\\\n)?","stream":"\\w+","attrs":\\{"tag":"$1-(?:platform-|(?<release>[0-9]{8}t[0-9]{6}z-[0-9a-f]{12}(?:-dirty-[0-9a-f]{12})?)-)?(?<part>[a-z-]+?)(?:-run-[0-9a-f]+|-[0-9]+)?"\\},"time":"(?<time>[^"]+)"\\}\$'));
};
parser moment { date-parser(format('%Y-%m-%dT%H:%M:%S.%f%z', '%Y-%m-%dT%H:%M:%S%z') template('\${.time}')); };
parser decoded { json-parser(prefix('.line.')); };
rewrite fields {
    set(',"release":"\${.release}"' value('.of_release') condition('\${.release}' ne ''));
    set('\${.line.log}' value('MESSAGE'));
    subst('\\n\$', '', value('MESSAGE'));
    set('$2' value('HOST'));
    set('\${.part}' value('PROGRAM'));
    set('\${.release}' value('PID'));
};
destination store { $destination; };
log { source(kept); parser(line); parser(moment); parser(decoded); rewrite(fields); destination(store); flags(flow-control); };
END
}

# The number of a counter of what is sent.
counter() { echo "$counters" | sed -n "s/^dst[.].*;$1;\([0-9]*\)\$/\1/p" | head -n 1; }

# How far it is, for who looks: since when lines wait, while none goes away.
tell() {
    counters=$(syslog-ng-ctl stats --control=/tmp/control 2>/dev/null) || return 0
    now=$(date +%s) queued=$(counter queued) written=$(counter written) dropped=$(counter dropped)
    if [ "${queued:-0}" -eq 0 ] || [ "$written" != "$before" ]; then since=null; fi
    if [ "${queued:-0}" -gt 0 ] && [ "$since" = null ] && [ "$written" = "$before" ]; then since=$now; fi
    before=$written
    printf '{"start":"%s","at":%s,"sent":%s,"waiting":%s,"dropped":%s,"since":%s}\n' \
        "$1" "$now" "${written:-0}" "${queued:-0}" "${dropped:-0}" "$since" >/state/shipped.json.next
    chmod 644 /state/shipped.json.next
    mv /state/shipped.json.next /state/shipped.json
}

start=$1
shift
configure "$@" >/tmp/syslog-ng.conf
# A line of its own, so that there is one to be taken: under a name that no start before has had.
printf '{"log":"logs are shipped from here on\\n","stream":"stdout","attrs":{"tag":"%s-shipper"},"time":"%s"}\n' \
    "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"/tmp/$start.log"
syslog-ng --foreground --no-caps --stderr --cfgfile=/tmp/syslog-ng.conf --persist-file=/state/positions --pidfile=/tmp/pid --control=/tmp/control &
shipper=$!
trap 'kill "$shipper"; wait "$shipper"; exit 0' TERM
before='' since=null
while kill -0 "$shipper" 2>/dev/null; do
    tell "$start"
    sleep 2 &
    wait $!
done
wait "$shipper"
