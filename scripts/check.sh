#!/usr/bin/env bash
# Everything that CI checks, step by step with its time. A missing tool is said loudly, and fails in CI.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local title=$1 begin=$SECONDS
  shift
  printf '\n== %s: %s\n' "$title" "$*"
  "$@"
  printf -- '-- %s took %s s\n' "$title" "$((SECONDS - begin))"
}

needs() {
  if command -v "$1" >/dev/null; then return 0; fi
  printf '\n!! %s is not installed, so its check was NOT made (%s)\n' "$1" "$2" >&2
  [ "${CI:-}" = true ] && exit 1
  return 1
}

# The advisory database is fetched over the network; where it cannot be had, the other checks still are.
dependencies() {
  cargo deny --config .deny.toml --all-features check bans licenses sources
  if cargo deny --config .deny.toml --all-features fetch db 2>/dev/null; then
    cargo deny --config .deny.toml --all-features check --disable-fetch advisories
  else
    echo '!! the advisory database cannot be fetched here: advisories were NOT checked' >&2
  fi
}

# The command in the README's section on tests, as it stands there.
readme_test_command() {
  sed -n '/^## Test$/,/^## /s/^    \(cargo test.*\)$/\1/p' README.md
}

# The binary that would be deployed, as an api and a worker on one database and one bus, tells an order's whole story.
smoke() (
  folder=$(mktemp -d) pids=() address=
  trap 'kill "${pids[@]}"; wait; rm -rf "$folder"' EXIT
  target/debug/servicebus-emulator --port 0 --admin-port 0 >"$folder/bus" &
  pids+=($!)
  until [ -s "$folder/bus" ]; do
    kill -0 $!
    sleep 0.05
  done
  keys=$(target/app/orders keys new smoke)
  export ORDERS_DATABASE="sqlite:$folder/orders.sqlite" ORDERS_KEYS="$keys" ORDERS_LISTEN=127.0.0.1:0 ServiceBus
  ServiceBus=$(<"$folder/bus")
  target/app/orders migrate >"$folder/log"
  target/app/orders worker >"$folder/worker" &
  pids+=($!)
  target/app/orders api >"$folder/api" &
  pids+=($!)
  until [ -n "$address" ]; do
    kill -0 $!
    sleep 0.05
    address=$(jq -r 'select(.message == "listening").address' "$folder/api")
  done
  ORDERS_SMOKE_KEY_FILE=<(echo "${keys#*=}") scripts/smoke.sh "http://$address" || { cat "$folder/log" "$folder/worker" "$folder/api"; exit 1; }
)

conformance=functions/servicebus-emulator/conformance

step 'Format' cargo fmt --all --check
step 'Lint' cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
read -r -a test_command <<<"$(readme_test_command)"
[ "${test_command[*]:-}" = 'cargo test' ] || { echo 'README.md names no test command' >&2; exit 1; }
step 'Test' "${test_command[@]}" --locked
RUSTDOCFLAGS='-D warnings' step 'Documentation' cargo doc --workspace --no-deps --document-private-items --locked
if needs cargo-deny 'cargo install --locked cargo-deny'; then step 'Dependencies' dependencies; fi
if needs shellcheck 'apt-get install shellcheck'; then step 'Scripts' shellcheck -x scripts/*.sh .ci/run .ci/infrastructure infrastructure/tests/*.sh "$conformance/run" functions/tests/*/run; fi
if needs node 'Node.js 20' && needs python3 'Python 3.9'; then step "Microsoft's clients" "$conformance/run" --websocket target/debug/servicebus-emulator; fi
examples=functions/examples/verify-webhook
if needs node 'Node.js 20'; then step 'Webhooks in Node' node "$examples/check.mjs"; fi
if needs python3 'Python 3.9'; then step 'Webhooks in Python' python3 -B "$examples/check.py"; fi
if needs python3 'Python 3.9'; then step 'E-mail' functions/tests/mail/run target/debug/orders; fi
if needs node 'Node.js 20' && needs chromium 'apt-get install chromium'; then step 'Console' functions/tests/browser/run target/debug/orders; fi
if needs zip 'apt-get install zip' && needs musl-gcc "apt-get install musl-tools; rustup target add $(uname -m)-unknown-linux-musl"; then
  step 'Package' scripts/package.sh
  if needs jq 'apt-get install jq'; then step 'Smoke' smoke; fi
fi
step 'Infrastructure' scripts/check-infrastructure.sh
printf '\nall checks passed in %s s\n' "$SECONDS"
