# Holds the lease of an environment: a lock on a file that is never deleted (two holders would be possible), for as
# long as beats come. Line 1 of the file is the lease's number, line 2 says who holds it; it is written anew at each beat, so
# that its time says when the holder was last heard of.
# Usage: lease.sh FILE HOLDER MARK; MARK is NAME=VALUE, in the environment of all that the driver started on this
# machine, or `connection` when the driver is behind the ssh connection that started this.

file=$1 holder=$2 mark=$3
exec 9>>"$file" || exit 1
# Who only looks whether somebody holds it has it for an instant: that is waited for.
flock -n 9 || flock -w 1 9 2>/dev/null || exit 75
number=$(($(head -n 1 "$file" | grep -x '[0-9]*' || echo 0) + 1))
# Over what stands there, in one piece and as long as ever: a disk that is full can't leave it empty, which would have the
# numbers begin at 1 again.
tell() { printf '%s\n%-400.400s\n' "$number" "$1" 1<>"$file"; }
tell "$holder" && sync "$file" || exit 74
echo "$number"

# Nothing for 20 s is the same as the end: a connection that died without a word would hold the lease for hours.
while beat=$(timeout 20 dd bs=1 count=1 2>/dev/null 9>&-) && [ "$beat" = . ]; do tell "$holder"; done
[ "$beat" = q ] && exit 0

# The driver died or fell silent. Whatever it started must not go on once somebody else may begin, who is told.
tell "ending: $holder"
if [ "$mark" = connection ]; then
    # The connection's own sshd: with it go the forwarded socket and the input of every command of that driver.
    kill "$PPID"
    exit 0
fi
# One program for all of them: to start several for each process takes minutes on a machine that is busy.
grep -lzFxe "$mark" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ process _; do
    kill -9 "$process" 2>/dev/null
done
exit 0
