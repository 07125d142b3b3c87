# What a machine has that somebody set up by hand. Changes nothing; of files that hold secrets it prints names alone.
# Usage: inventory.sh FOLDER VOLUME...
# Prints a line for each thing found: what it is, and its fields, with tabs between.

tab=$(printf '\t')
folder=$1
shift
echo "engine$tab$(docker version --format '{{.Server.Version}}' 2>/dev/null)"
df -Pk "$(docker info --format '{{.DockerRootDir}}')" | awk 'NR == 2 { print "disk\t" $4 "\t" $6 }'
for volume; do
    path=$(docker volume inspect --format '{{.Mountpoint}}' "$volume" 2>/dev/null) || continue
    echo "volume$tab$volume$tab$(du -sk "$path" 2>/dev/null | cut -f 1)"
done
[ ! -f "$folder/.env" ] || sed -n 's/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}\([A-Za-z_][A-Za-z0-9_]*\)[[:space:]]*=.*/variable\t\2/p' "$folder/.env"
if commit=$(git -c "safe.directory=$folder" -C "$folder" rev-parse HEAD 2>/dev/null); then
    echo "checkout$tab$commit$tab$(git -c "safe.directory=$folder" -C "$folder" status --porcelain --untracked-files=no | wc -l)"
fi
# Of a job, the program alone, and whether it may start the project: what stands before and behind that may be passwords. Of a line
# that is no plain command nothing is said but that it is there.
jobs() { # FIELDS BEFORE THE COMMAND, FILE
    folder=$folder awk -v before="$1" -v file="$2" '/^[ \t]*(#|$)/ || /^[ \t]*["\047]?[A-Za-z_][A-Za-z0-9_]*["\047]?[ \t]*=/ { next }
        {
            n = before + 1; if ($1 ~ /^@/) n -= 4
            while ($n ~ /^[A-Za-z_][A-Za-z0-9_]*=([^"\047\\`$()]*|"[^"\\`$]*"|\047[^\047]*\047)$/) n++
            program = $n; sub(/.*\//, "", program)
            if (program !~ /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/) program = "?"
            starts = index($0, ENVIRON["folder"]) || /docker[ -]compose/
            print "cron\t" file "\t" FNR "\t" program "\t" (starts ? "starts" : "")
        }' "$2"
}
for file in /var/spool/cron/crontabs/*; do [ ! -f "$file" ] || jobs 5 "$file"; done
for file in /etc/crontab /etc/cron.d/*; do
    if [ -f "$file" ] && grep -q -F -e docker -e "$folder" "$file"; then jobs 6 "$file"; fi
done
for unit in /etc/systemd/system/*.service /etc/init.d/*; do
    if [ -f "$unit" ] && grep -q -F -e "$folder" "$unit"; then echo "unit$tab$unit"; fi
done
for certificate in /etc/letsencrypt/live/*/cert.pem; do
    [ -f "$certificate" ] || continue
    echo "certificate$tab$certificate$tab$(openssl x509 -noout -enddate -in "$certificate" 2>/dev/null | cut -d = -f 2)"
done
