#!/usr/bin/env bash
# Builds the image and tries it, confined as docker-compose.yml confines it:   deploy/try_image.sh
# Tries an image that is there already:                            deploy/try_image.sh habitus:cpu
# TORCH_BACKEND (default: cpu) and TORCH_INDEX_URL are those of the Dockerfile. Where no Docker
# engine answers it lists the checks and exits with 0; otherwise with 1 when one of them fails.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:-}
container=habitus-try-$$
scratch=$(mktemp -d)
key=a-key-for-this-trial
num_failed=0

engine=$(docker version --format '{{.Server.Version}}' 2>/dev/null) || engine=""
if [ -n "$engine" ]; then
    echo "Docker engine $engine"
else
    echo "No Docker engine answers here, so nothing was tried. With one this would be checked:"
fi

finish() {
    if [ -n "$engine" ]; then docker rm --force "$container" >/dev/null 2>&1 || true; fi
    rm -rf "$scratch"
}
trap finish EXIT

check() {  # DESCRIPTION COMMAND [ARGUMENT]...
    local description=$1 output status
    shift
    if [ -z "$engine" ]; then
        echo "  - $description"
        return
    fi
    set +e  # a command in a condition would run on after a failure
    output=$(set -e; "$@" 2>&1)
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        echo "ok      $description${output:+: ${output##*$'\n'}}"
    else
        echo "FAILED  $description"
        sed 's/^/        /' <<<"$output" | tail -n 20
        num_failed=$((num_failed + 1))
    fi
}

must() {  # as check; nothing further can be tried when it fails
    local before=$num_failed
    check "$@"
    if [ "$num_failed" -gt "$before" ]; then exit 1; fi
}

build() {
    docker build --tag "$image" --build-arg TORCH_BACKEND="${TORCH_BACKEND-cpu}" \
        --build-arg TORCH_INDEX_URL="${TORCH_INDEX_URL:-}" . >"$scratch/build.log" 2>&1 ||
        { cat "$scratch/build.log"; return 1; }
    size
}

size() { docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.1f GB\n", $1 / 1e9 }'; }

python_in_image() { docker run --rm --entrypoint python "$image" -c "$1"; }

start() {
    echo "$key" >"$scratch/keys"
    chmod 755 "$scratch" && chmod 644 "$scratch/keys"
    docker run --detach --name "$container" --init --publish 127.0.0.1::8000 \
        --read-only --tmpfs /tmp:size=64m --cap-drop ALL --security-opt no-new-privileges:true \
        --memory 4g --pids-limit 1024 --env HABITUS_DEVICE=cpu \
        --env HABITUS_API_KEYS_FILE=/run/secrets/api_keys \
        --volume "$scratch/keys:/run/secrets/api_keys:ro" "$image" >/dev/null
    for _ in $(seq 120); do
        if ask /health/ready >/dev/null 2>&1; then return; fi
        sleep 1
    done
    docker logs --tail 15 "$container"
    return 1
}

ask() {  # PATH [CURL OPTION]...
    curl --silent --show-error --fail --max-time 60 --header "X-API-Key: $key" "${@:2}" \
        "http://$(docker port "$container" 8000)$1"
}

inside() { docker exec "$container" "$@"; }

is_confined() {
    [ "$(inside id -u):$(inside id -g)" = 10001:10001 ]
    [ "$(inside awk '/^Cap(Eff|Bnd)/ { print $2 }' /proc/1/status | sort -u)" = 0000000000000000 ]
    if inside touch /habitus/file 2>/dev/null; then return 1; fi
}

is_healthy() {
    for _ in $(seq 30); do
        if [ "$(docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; then
            return
        fi
        sleep 1
    done
    return 1
}

all_are_loaded() {
    local answer
    answer=$(ask /health/ready)
    [[ $answer == *'"missing":{}'* ]]
}

map_has_the_photos_size() {
    ask /confidence --form image=@docs/photo.jpg --output "$scratch/map.png"
    [ "$(pixels "$scratch/map.png")" = "$(pixels docs/map.png)" ]
    pixels "$scratch/map.png"
}

pixels() { head -c 24 "$1" | tail -c 8 | od -An -tu4 --endian=big | xargs; }

body_is_glb() {
    ask /mesh --header 'content-type: application/json' --data '{"betas":[2,-1]}' \
        --header 'accept: model/gltf-binary' --output "$scratch/body.glb"
    [ "$(head -c 4 "$scratch/body.glb")" = glTF ]
}

key_is_needed() {
    [ "$(curl --silent --output /dev/null --write-out '%{http_code}' \
        "http://$(docker port "$container" 8000)/models")" = 401 ]
}

peak_memory() {
    for _ in $(seq 16); do
        ask /clothing --form image=@docs/photo.jpg --output /dev/null &
        ask /confidence --form image=@docs/photo.jpg --output /dev/null &
    done
    wait
    local mib
    mib=$(inside sh -c 'cat /proc/[0-9]*/status' |
        awk '/^VmHWM/ && $2 > most { most = $2 } END { print int(most / 1024) }')
    echo "$mib MiB"
    [ "$mib" -lt 2048 ]
}

stops_cleanly() {
    ask /confidence --form image=@docs/photo.jpg --output "$scratch/last.png" &
    local request=$!
    sleep 0.3
    docker stop --time 40 "$container" >/dev/null
    wait "$request"
    [ "$(docker inspect --format '{{.State.ExitCode}}' "$container")" = 0 ]
}

if [ -z "$image" ]; then
    image=habitus:try
    must "the image builds" build
fi
check "torch imports; triton is not installed" python_in_image \
    "import importlib.util, torch; assert not importlib.util.find_spec('triton'); print(torch.__version__)"
check "the image has app, model, checkpoints and the licence, and no training" \
    docker run --rm --entrypoint sh "$image" -c \
    'cd /habitus && [ "$(echo *)" = "LICENSE app checkpoints $(echo habitus-*.dist-info) model venv" ]'
must "it becomes ready with a read-only root, no capabilities and 4 GB of memory" start
check "it runs as 10001:10001, without capabilities, and cannot write" is_confined
check "Docker's health check passes" is_healthy
check "every capability is loaded" all_are_loaded
check "/confidence answers with a map of the photo's size" map_has_the_photos_size
check "/clothing answers" ask /clothing --form image=@docs/photo.jpg --output /dev/null
check "/mesh answers with a GLB file" body_is_glb
check "without a key of the file it answers 401" key_is_needed
check "with 32 photos at once it has less than 2 GiB" peak_memory
check "SIGTERM lets a request finish and ends the process with 0" stops_cleanly

if [ -n "$engine" ]; then
    echo "$num_failed failed"
    [ "$num_failed" -eq 0 ]
fi
