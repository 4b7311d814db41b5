#!/usr/bin/env bash
# Builds the image of functions/Dockerfile around the static binary in target/app, without a daemon and without a registry,
# runs it as strictly as the cluster does and tells it the smoke test's story. Usage: infrastructure/tests/image.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:?"usage: infrastructure/tests/image.sh FOLDER"}
limit=$((15 * 1000 * 1000))
name=localhost/orders:check
containers=()
for tool in buildah podman runc; do
  command -v "$tool" >/dev/null && continue
  printf '!! %s is not installed, so the image was NOT checked (apt-get install buildah podman runc uidmap)\n' "$tool" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
done
# vfs and chroot need no privilege that a container of CI lacks.
buildah() { command buildah --storage-driver vfs "$@"; }
podman() { command podman --storage-driver vfs --runtime runc "$@"; }
run() { # OPTION… IMAGE ARGUMENT…
  podman run --network=host --read-only --cap-drop=ALL --security-opt=no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"
}
ended() {
  [ -z "${bus:-}" ] || kill "$bus"
  for container in "${containers[@]}"; do podman rm --force --time 1 "$container" >/dev/null 2>&1 || true; done
}
trap ended EXIT

[ -x target/app/orders ] || scripts/stage.sh target/app
rm -rf "$folder"
scripts/image-context.sh "$folder/context"
buildah bud --quiet --isolation chroot --build-context "build=$folder/context" --build-arg REVISION=check --tag "$name" --file functions/Dockerfile . >/dev/null

inspect() { podman image inspect "$name" --format "$1"; }
is() { [ "$2" = "$3" ] || { echo "the image's $1 is '$2' and should be '$3'" >&2; exit 1; }; }
is user "$(inspect '{{.Config.User}}')" 65532:65532
is 'entry point' "$(inspect '{{json .Config.Entrypoint}}')" '["/orders"]'
is 'label for the revision' "$(inspect '{{index .Config.Labels "org.opencontainers.image.revision"}}')" check
size=$(inspect '{{.Size}}')
[ "$size" -le "$limit" ] || { echo "the image has $size bytes, more than $limit" >&2; exit 1; }

# Nothing but the binary and the authorities: no shell, no package manager.
mounted=$(podman image mount "$name")
find "$mounted" -type f -printf '/%P\n' | sort >"$folder/files"
podman image unmount "$name" >/dev/null
is 'list of files' "$(tr '\n' ' ' <"$folder/files")" '/etc/ssl/certs/ca-certificates.crt /orders '

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
data=$(mktemp -d)
chmod 0777 "$data"

# As on the cluster: migrate, then an api that asks for a key and a worker, on one database and one bus.
emulator=${ORDERS_EMULATOR:-target/debug/servicebus-emulator}
[ -x "$emulator" ] || cargo build --locked --package servicebus-emulator
"$emulator" --port 0 --admin-port 0 >"$folder/bus" &
bus=$!
until [ -s "$folder/bus" ]; do
  kill -0 "$bus"
  sleep 0.05
done
port=$(free_port) worker_port=$(free_port) key=$(target/app/orders keys new check)
settings=(--env ORDERS_DATABASE=sqlite:/data/orders.sqlite --env "ServiceBus=$(<"$folder/bus")" --env "ORDERS_KEYS=$key" --volume "$data:/data")
await() { # PORT CONTAINER
  for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$1/api/health/ready" >/dev/null && return
    sleep 0.1
  done
  podman logs "$2" >&2
  echo "the image is not ready within 10 seconds" >&2
  exit 1
}
run --rm "${settings[@]}" "$name" migrate >"$folder/migrate.log"
containers+=("$(run --detach "${settings[@]}" --env "ORDERS_LISTEN=127.0.0.1:$port" "$name" api)")
containers+=("$(run --detach "${settings[@]}" --env "ORDERS_LISTEN=127.0.0.1:$worker_port" "$name" worker)")
await "$port" "${containers[0]}"
await "$worker_port" "${containers[1]}"
is 'status without a key' "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/api/orders")" 401
ORDERS_SMOKE_KEY_FILE=<(echo "${key#*=}") scripts/smoke.sh "http://127.0.0.1:$port" >"$folder/smoke.log" 2>&1 || { tail -n 5 "$folder/smoke.log" >&2; exit 1; }
printf '%s promises of the smoke test were kept\n' "$(grep -c '^ok' "$folder/smoke.log")"
for container in "${containers[@]}"; do
  podman stop --time 50 "$container" >/dev/null
  is 'exit code after SIGTERM' "$(podman inspect --format '{{.State.ExitCode}}' "$container")" 0
done
rm -rf "$data"
printf 'the image has %s bytes of at most %s\n' "$size" "$limit"
