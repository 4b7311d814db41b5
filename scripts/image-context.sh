#!/usr/bin/env bash
# Lays out what functions/Dockerfile takes from its build stage, from the staged static binary: the program and the
# authorities that it trusts. Usage: scripts/image-context.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:?"usage: scripts/image-context.sh FOLDER"}
authorities=/etc/ssl/certs/ca-certificates.crt
[ -x target/app/orders ] || { echo 'nothing is staged; run scripts/stage.sh' >&2; exit 1; }
[ -s "$authorities" ] || { echo "this machine has no $authorities; apt-get install ca-certificates" >&2; exit 1; }
if readelf --program-headers target/app/orders | grep -q INTERP; then
  echo 'the binary is not static, and an image without a C library cannot run it' >&2
  exit 1
fi
mkdir -p "$folder/out"
install -m 0755 target/app/orders "$folder/out/orders"
install -m 0644 "$authorities" "$folder/out/ca-certificates.crt"
