# Puts another ledger, read from standard input, in the place of the one there is. That one is kept, under a name made of its
# content, which is printed. The file is replaced whole, so that there is one at each moment. One that comes late, from a
# driver whose lease has passed to somebody else, is refused.
# Usage: replace.sh FILE LEASE-FILE LEASE SIZE

file=$1
[ -e "$file" ] || : >>"$file"
exec 8<"$file" && flock 8 || exit 1
read -r lease <"$2"
[ "$lease" = "$3" ] || { echo "the lease has passed to somebody else" >&2; exit 11; }
cat >"$file.next" && [ "$(wc -c <"$file.next")" -eq "$4" ] && sync "$file.next" || exit 1
aside=
if [ -s "$file" ]; then
    sum=$(sha256sum <"$file") && aside=$file.damaged-$(printf %.12s "$sum") || exit 1
    [ -e "$aside" ] || { cp -p "$file" "$aside.next" && sync "$aside.next" && mv -f "$aside.next" "$aside"; } || exit 1
fi
mv -f "$file.next" "$file" && sync "${file%/*}" && echo "$aside"
