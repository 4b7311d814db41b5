#!/usr/bin/env bash
# Measures the release binary against a bare axum server that parses and echoes the same JSON: one run, interleaved, medians.
# Usage: [ORDERS=BINARY] scripts/bench.sh [ROUNDS [SECONDS]]   (default: 5 rounds of 3 seconds a figure; needs wrk, jq, curl)
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/bench-common.sh
source scripts/bench-common.sh

rounds=${1:-5} seconds=${2:-3}
cargo build --release --locked --quiet --bin orders --example echo
orders=${ORDERS:-target/release/orders}

# NAME PORT SETTING…: a service on a folder of its own.
start() {
  local name=$1 port=$2 begun=${EPOCHREALTIME/./}
  env "${@:3}" RUST_LOG=warn NOTIFY_CHANNELS=file "$orders" dev --port "$port" --data "$work/$name" >"$work/$name.log" 2>&1 &
  pids[$name]=$!
  first_answer "$port" /api/health/live
  awk -v us=$((${EPOCHREALTIME/./} - begun)) 'BEGIN { print us / 1000 }' >>"$work/start"
}

rss() { awk '/^VmRSS/ { printf "%.1f\n", $2 / 1024 }' "/proc/$1/status"; }
column() { awk -v n="$2" '{ print $n }' "$work/$1" | median; }

# ROW CONNECTIONS URL [post]: one run of wrk, its figures kept under the row. Leaves the number of answers in $answers.
load() {
  local figures
  figures=$(wrk -t1 -c"$2" -d"${seconds}s" -s functions/benches/load.lua "$3" -- "${4:-get}" | sed -n 's/^figures //p')
  [ "${figures##* }" = 0 ] || { echo "$1 at $2 connections: ${figures##* } requests failed" >&2; exit 1; }
  echo "$figures" >>"$work/$1-$2"
  answers=${figures%% *}
}

told() { wc -l 2>/dev/null <"$work/pace/notifications.jsonl" || echo 0; }

# CONNECTIONS: a load with everything on, until the last order is told: what the service keeps pace with.
pace() {
  local before begun
  before=$(told)
  begun=${EPOCHREALTIME/./}
  load pace "$1" http://127.0.0.1:7302/api/orders post
  until [ "$(told)" -ge $((before + answers)) ]; do sleep 0.02; done
  awk -v n="$answers" -v us=$((${EPOCHREALTIME/./} - begun)) 'BEGIN { print n / us * 1e6 }' >>"$work/told-$1"
}

target/release/examples/echo 7300 &
pids[echo]=$!
for _ in $(seq 20); do
  start probe 7303
  rss "${pids[probe]}" >>"$work/idle"
  kill "${pids[probe]}" && wait "${pids[probe]}"
done
start paused 7301 ORDERS_RELAY=off
start pace 7302
id=$(curl -s http://127.0.0.1:7301/api/orders -H 'Content-Type: application/json' -d "$order" | jq -r .id)

for round in $(seq "$rounds"); do
  for connections in 1 16 64; do
    printf 'round %s of %s, %s connections\n' "$round" "$rounds" "$connections" >&2
    load echo "$connections" http://127.0.0.1:7300/api/orders post
    load paused "$connections" http://127.0.0.1:7301/api/orders post
    load get "$connections" "http://127.0.0.1:7301/api/orders/$id"
    pace "$connections"
  done
done

# One order at a time: from the moment that the order carries to the line of its notification.
offset=$(told)
for _ in $(seq 200); do
  curl -s http://127.0.0.1:7302/api/orders -o /dev/null -w '%header{location}\n' -H 'Content-Type: application/json' \
    -d "$order" >>"$work/locations"
done
until [ "$(told)" -ge $((offset + 200)) ]; do sleep 0.02; done
tail -n +$((offset + 1)) "$work/pace/notifications.jsonl" |
  jq -r '.at - (.orderId | gsub("-"; "")[0:12] | explode | reduce .[] as $c (0; . * 16 + if $c > 90 then $c - 87 else $c - 48 end))' |
  sort -g >"$work/until-told"

row() { printf "| %s | %s | %.0f | %.2f | %.2f / %.2f |\n" "$1" "$3" "$(column "$2-$3" 2)" \
  "$(awk -v a="$(column "$2-$3" 2)" -v b="$(column "echo-$3" 2)" 'BEGIN { print a / b }')" "$(column "$2-$3" 3)" "$(column "$2-$3" 4)"; }
printf '\n| what | connections | a second | of the echo | p50 / p99 ms |\n| --- | --- | --- | --- | --- |\n'
for connections in 1 16 64; do
  row 'bare axum: parse, echo' echo "$connections"
  row 'POST, relay paused' paused "$connections"
  row 'POST, relay and Notify at work' pace "$connections"
  printf '| … placed and told | %s | %.0f | %.2f | |\n' "$connections" "$(median <"$work/told-$connections")" \
    "$(awk -v a="$(median <"$work/told-$connections")" -v b="$(column "echo-$connections" 2)" 'BEGIN { print a / b }')"
  row 'GET of one order' get "$connections"
done
printf '\n| what | |\n| --- | --- |\n'
printf '| start to the first 200 | %.1f ms |\n' "$(median <"$work/start")"
printf '| memory (RSS), idle | %.1f MB |\n' "$(median <"$work/idle")"
printf '| memory (RSS), after the load | %.1f MB |\n' "$(rss "${pids[pace]}")"
printf '| release binary | %.1f MB |\n' "$(stat -c %s "$orders" | awk '{ print $1 / 1e6 }')"
printf '| order placed to notification written | p50 %s ms, p99 %s ms |\n' "$(sed -n 100p "$work/until-told")" "$(sed -n 198p "$work/until-told")"
