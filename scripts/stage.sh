#!/usr/bin/env bash
# Builds the release binary, without `orders dev` and `orders emulator`, and lays the app out as the Functions host wants
# it: target/app, or the folder given. Static (musl) where that target is installed, else for this machine.
# Usage: scripts/stage.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

app=${1:-target/app}
triple=$(rustc -vV | sed -n 's/^host: //p')
static=${triple/-gnu/-musl}
built=target/release/orders
# The package is named so that the emulator's features are not built into what is deployed.
build=(cargo build --release --locked --package order-management --no-default-features --features application-insights --bin orders)
if [[ $triple == *-linux-* ]] && [ -e "$(rustc --print sysroot)/lib/rustlib/$static/lib" ]; then
  "${build[@]}" --target "$static"
  built=target/$static/release/orders
else
  echo "building for this machine alone; for a static binary: rustup target add $static" >&2
  "${build[@]}"
fi

rm -rf "$app"
mkdir -p "$app"
install -m 0755 "$built" "$app/orders"
install -m 0644 host.json "$app/"
for function in functions/*/function.json; do
  install -D -m 0644 "$function" "$app/$(basename "$(dirname "$function")")/function.json"
done
echo "staged in $app: $(find "$app" -name function.json | wc -l) functions"
