# The folder of a container: `secrets/`, a file each, and `state/`, where it writes. All of it is USER's.
# Usage: container-folder.sh add|replace|make|forget|put-back|empty FOLDER USER

set -eu
umask 077
cd "$2"
# Whoever was killed between the two moves below has left none.
if ! [ -d secrets ] && [ -d before ]; then mv before secrets; fi
case $1 in
# Each value is one line behind its name; without the last line, the sender has died. `printf` is the shell's own: no value is
# an argument of a program. Those that were there are kept until the container has taken the new ones; the names of those that are
# not among the new ones are printed.
add | replace)
    rm -rf next
    mkdir -p state secrets next
    chmod 0755 . state
    chown "$3:$3" state
    if [ "$1" = add ]; then
        for file in secrets/*; do
            if [ -f "$file" ]; then cat "$file" >"next/${file#secrets/}"; fi
        done
    fi
    while IFS= read -r name; do
        if [ "$name" = end ]; then
            for file in secrets/*; do
                if [ -f "$file" ] && [ ! -f "next/${file#secrets/}" ]; then echo "${file#secrets/}"; fi
            done
            chown -R "$3:$3" next
            chmod 0400 next/*
            chmod 0500 next
            rm -rf before
            mv secrets before
            mv next secrets
            sync
            exit
        fi
        IFS= read -r value
        printf '%s' "$value" >"next/$name"
    done
    echo "the values did not come to their end" >&2
    exit 1
    ;;
# The same without values: those that are there stay.
make)
    rm -rf before
    mkdir -p state secrets
    chmod 0755 . state
    chown "$3:$3" state secrets
    chmod 0500 secrets
    ;;
# Forgets those that were there before.
forget)
    rm -rf before
    ;;
# There are none any more.
empty)
    rm -rf before next secrets
    ;;
put-back)
    if [ -d before ]; then
        rm -rf secrets
        mv before secrets
        sync
    fi
    ;;
esac
