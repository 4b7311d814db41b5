#!/usr/bin/env bash
# Stages the app and makes the zip that Azure takes: target/app.zip, or the file given. Refuses a binary that needs
# shared libraries of the machine it was built on. Usage: scripts/package.sh [FILE]
set -euo pipefail
cd "$(dirname "$0")/.."

zip=$(realpath -m "${1:-target/app.zip}")
command -v zip >/dev/null || { echo 'package.sh needs zip: apt-get install zip' >&2; exit 1; }
scripts/stage.sh target/app
# A static program has no interpreter to load shared libraries with.
if readelf --program-headers target/app/orders | grep -q INTERP; then
  echo "the binary is not static, and Azure's C library may be older than this machine's; run: rustup target add $(rustc -vV |
    sed -n 's/^host: \(.*\)-gnu$/\1-musl/p')" >&2
  exit 1
fi
rm -f "$zip"
(cd target/app && zip --quiet --recurse-paths "$zip" host.json orders ./*/function.json)
echo "packed $(unzip -Z1 "$zip" | wc -l) files into $zip"
