#!/bin/sh
# What one of the labs' machines has fetched is there for all. It is not fetched into the common folder itself: apt locks
# the folder that it fetches into, and the apt of a second machine fails there instead of waiting.

common=/var/cache/lab-packages
own=/var/cache/apt/archives

case "$1" in
take)
    for file in "$common"/*.deb; do
        [ ! -e "$file" ] || [ -e "$own/${file##*/}" ] || ln -sf "$file" "$own/"
    done
    ;;
give)
    # Under a name that nobody takes until it is whole. One that was cut off before is this machine's own.
    next=$common/.$(hostname)
    for file in "$own"/*.deb; do
        [ ! -f "$file" ] || [ -e "$common/${file##*/}" ] ||
            { cp "$file" "$next" && mv "$next" "$common/${file##*/}"; }
    done
    ;;
esac
exit 0
