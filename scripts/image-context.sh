#!/usr/bin/env bash
# Lays out what functions/Dockerfile takes from its build stage, from the staged static binary: the program and the
# authorities that it trusts: Mozilla's, as Debian packs them, and none that this machine was given besides. Where there is no
# such package, ORDERS_AUTHORITIES names a bundle of them. Usage: scripts/image-context.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?"usage: scripts/image-context.sh FOLDER"}
mozilla=(/usr/share/ca-certificates/mozilla/*.crt)
authorities=("${mozilla[@]}")
[ -z "${ORDERS_AUTHORITIES:-}" ] || authorities=("$ORDERS_AUTHORITIES")
[ -x target/app/orders ] || { echo 'nothing is staged; run scripts/stage.sh' >&2; exit 1; }
[ -s "${authorities[0]}" ] || { echo "this machine has no ${authorities[0]}; apt-get install ca-certificates, or ORDERS_AUTHORITIES=FILE" >&2; exit 1; }
if readelf --program-headers target/app/orders | grep -q INTERP; then
  echo 'the binary is not static, and an image without a C library cannot run it' >&2
  exit 1
fi
mkdir -p "$folder/out"
install -m 0755 target/app/orders "$folder/out/orders"
cat "${authorities[@]}" >"$folder/out/ca-certificates.crt"
chmod 0644 "$folder/out/ca-certificates.crt"
