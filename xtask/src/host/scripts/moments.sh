# What the scripts beside the database say of moments, of backups by their names, and of what a program has said. They read it; the
# folder of backups is where they are.

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
# A moment as 20260103020000, which is also how a backup's name begins: later is more.
moment() { date -u -d "@$1" +%Y%m%d%H%M%S; }
of_name() { echo "$1" | sed 's/^\([0-9]*\)t\([0-9]*\)z.*/\1\2/'; }
# The facts of all backups, oldest first; those of the newest; one of them. A name is by the clock of who made it, which may be
# ahead: what is of later than now is no newest one.
all() { for facts in [0-9]*z-*.json; do if [ -e "$facts" ]; then echo "$facts"; fi; done; }
newest() { { all && date -u +%Y%m%dt%H%M%Sz-~; } | LC_ALL=C sort | sed '/~$/,$d' | tail -n 1; }
fact() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"]*\).*/\1/p" "$2"; }
# What a program has said, as a text of JSON.
text() { printf '"%s"' "$(tr -s '\n\t\r' '   ' <"$1" | tr -cd '\040-\176' | cut -c 1-600 | sed 's/[\\"]/\\&/g; s/ *$//')"; }

