# The ways that people use today, each as it stands in their repositories and guides: over ssh, on the host.
# Usage: baseline.sh WAY RELEASE BACKEND-IMAGE FRONTEND-IMAGE DATABASE

set -u
cd ~/bench || exit
way=$1
cat >.env <<END
RELEASE=$2
BACKEND_IMAGE=$3
FRONTEND_IMAGE=$4
DATABASE=$5
END
compose() { ./docker-compose --ansi never "$@"; }

# Two of a service, until the new one is healthy; then the old one goes.
roll() { # SERVICE
    old=$(compose ps --quiet "$1")
    compose up --detach --no-deps --no-recreate --scale "$1=2" "$1" || return
    new=$(compose ps --quiet "$1" | grep -v "$old")
    waited=0
    until [ "$(docker inspect --format '{{.State.Health.Status}}' "$new")" = healthy ]; do
        waited=$((waited + 1))
        if [ $waited -gt 60 ]; then
            docker stop "$new" && docker rm "$new"
            return 1
        fi
        sleep 1
    done
    docker stop "$old" && docker rm "$old"
}

case $way in
script)
    compose pull --quiet backend frontend
    compose exec -T backend /usr/local/bin/tracehub-backend migrate </dev/null
    compose up --detach --no-deps backend
    sleep 15
    compose up --detach --no-deps frontend
    sleep 10
    docker exec bench-edge-1 wget -q -O /dev/null http://127.0.0.1:80/health/ready
    echo "Deployed."
    ;;
up)
    compose pull --quiet backend frontend
    compose up --detach
    ;;
rollout)
    compose pull --quiet backend frontend
    roll backend && roll frontend
    ;;
down) compose down ;;
reset)
    compose pull --quiet backend frontend
    compose up --detach --force-recreate --wait
    ;;
esac
