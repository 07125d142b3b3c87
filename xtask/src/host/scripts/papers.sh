# The files of papers, in their volume at /papers: each lies in its organisation's folder, and its name is the SHA-256 of its content.
# Usage: papers.sh check | send | receive USER

set -eu
umask 022

case $1 in
# Reads a list, `ORGANISATION/SHA-256 SIZE` a line; prints `missing NAME`, or `damaged NAME`, of each whose file is not what it was.
check)
    cat >/tmp/list
    if grep -v '^[0-9a-f-]*/[0-9a-f]\{64\} [0-9]*$' /tmp/list >&2; then
        echo "the list of papers is damaged" >&2
        exit 1
    fi
    sed 's,^\([^/]*\)/\([^ ]*\) .*,\2  /papers/\1/\2,' /tmp/list >/tmp/sums
    if [ -s /tmp/sums ]; then sha256sum -c /tmp/sums >/tmp/said 2>/tmp/wrong || :; else : >/tmp/said; fi
    # Who was ended in the middle has not read the rest.
    if [ "$(wc -l </tmp/said)" -ne "$(wc -l </tmp/list)" ]; then
        tail -n 3 /tmp/wrong >&2
        exit 1
    fi
    sed -n 's,^/papers/\(.*\): FAILED.*,\1,p' /tmp/said | while read -r name; do
        if [ -e "/papers/$name" ]; then echo "damaged $name"; else echo "missing $name"; fi
    done
    ;;
# Reads names, one a line, as many as a command may have; gives an archive of these files.
send)
    set -f
    # shellcheck disable=SC2046 # a word each: no name has a space in it
    set -- $(cat)
    tar -C /papers -cf - "$@"
    ;;
# Reads an archive of such files, by their names. Each gets its place when it is what its name says. One that lies there already is
# replaced: it was asked for since it is damaged.
receive)
    exec 7</papers
    flock 7
    rm -rf /papers/.next
    trap 'rm -rf /papers/.next' EXIT
    mkdir -m 0700 /papers/.next
    tar -x -C /papers/.next -f -
    sync
    chown "$2:$2" /papers
    cd /papers/.next
    for file in */*; do
        if ! echo "$file" | grep -q '^[0-9a-f-]*/[0-9a-f]\{64\}$' || [ "$(sha256sum <"$file" | cut -d ' ' -f 1)" != "${file#*/}" ]; then
            echo "what came as $file is something else" >&2
            exit 1
        fi
        mkdir -p "/papers/${file%/*}"
        chmod 0644 "$file"
        chown "$2:$2" "/papers/${file%/*}" "$file"
        # A mark by which the app would soon remove it was one of the file that is gone.
        rm -f "/papers/$file.unneeded"
        mv "$file" "/papers/$file"
    done
    sync
    ;;
esac
