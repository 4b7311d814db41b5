#!/usr/bin/env bash
# Measures what the bus costs: the relay, the worker and the way of one event, over the emulator beside them, and over the
# emulator 20 ms away. Each round has fresh processes and a fresh database; medians.
# Usage: [ORDERS=BINARY] [EMULATOR=BINARY] scripts/bench-bus.sh [EVENTS [SINGLE [ROUNDS]]]
#        (default: 20,000 events at once, 200 orders one at a time, 3 rounds; needs wrk, jq, curl)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/bench-common.sh
source scripts/bench-common.sh

events=${1:-20000} single=${2:-200} rounds=${3:-3}
[ -n "${ORDERS:-}" ] || cargo build --release --locked --quiet --bin orders
orders=${ORDERS:-target/release/orders}
emulator=${EMULATOR:-$orders}
api=7311 worker=7312 amqp=7313 admin=7314
key=0123456789abcdef0123456789abcdef
bus="Endpoint=sb://127.0.0.1:$amqp;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true"
url="http://127.0.0.1:$api/api/orders"
tick=$(getconf CLK_TCK)

# NAME PORT SETTING…: `orders api` or `orders worker` on this round's folder, until it answers.
start() {
  env "${@:3}" ORDERS_DATABASE="sqlite:$work/$round/orders.sqlite" ORDERS_LISTEN="127.0.0.1:$2" ORDERS_KEYS="bench=$key" \
    RUST_LOG=warn NOTIFY_CHANNELS=file NOTIFY_FILE="$work/$round/told.jsonl" "$orders" "$1" >>"$work/log" 2>&1 &
  pids[$1]=$!
  first_answer "$2" /api/health/live
}

# NAME…: ends processes.
end() {
  local name
  for name in "$@"; do
    kill "${pids[$name]}"
    wait "${pids[$name]}" || true
    unset "pids[$name]"
  done
}

# Leaves in $waiting how many messages the subscription holds. Bash's own sockets again: this is asked all the time.
ask() {
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$admin"
  printf 'GET /orders/Subscriptions/notify HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
  IFS= read -r -d '' answer <&3 || true
  exec 3<&-
  [[ $answer =~ ActiveMessageCount\>([0-9]+)\< ]] || { echo "no count in: $answer" >&2; exit 1; }
  waiting=${BASH_REMATCH[1]}
}

# NAME: leaves in $now the microseconds of the clock, and in $used the clock ticks that the process has used.
look() {
  local stat
  read -r -a stat <"/proc/${pids[$1]}/stat"
  now=${EPOCHREALTIME/./} used=$((stat[13] + stat[14]))
}

told() { wc -l 2>/dev/null <"$work/$round/told.jsonl" || echo 0; }
note() { awk "BEGIN { print $2 }" >>"$work/$1-$distance"; }

# Places orders while no bus is named, so that their events wait in the outbox.
fill() {
  local figures
  count=0
  start api "$api"
  while [ "$count" -lt "$events" ]; do
    figures=$(wrk -t1 -c64 -d1s -s functions/benches/load.lua "$url?code=$key" -- post | sed -n 's/^figures //p')
    [ "${figures##* }" = 0 ] || { echo "${figures##* } requests failed" >&2; exit 1; }
    count=$((count + ${figures%% *}))
  done
  end api
}

relay() {
  local begun first spent
  start api "$api" ServiceBus="$bus"
  look api; begun=$now spent=$used
  ask; first=$waiting
  [ "$first" -lt "$count" ] || { echo 'too few events to measure the relay with' >&2; exit 1; }
  until [ "$waiting" -ge "$count" ]; do ask; done
  look api
  note relay "($count - $first) / ($now - $begun) * 1e6"
  note relay-cpu "($used - $spent) / $tick / ($count - $first) * 1e6"
  # wrk leaves before its last answers come, so there are a few more.
  sleep 0.5
  ask; count=$waiting
  end api
}

notify() {
  local begun first spent
  start worker "$worker" ServiceBus="$bus" ORDERS_RELAY=off
  look worker; begun=$now spent=$used
  ask; first=$waiting
  [ "$first" -gt 0 ] || { echo 'too few messages to measure the worker with' >&2; exit 1; }
  until [ "$waiting" = 0 ]; do ask; done
  look worker
  note worker "$first / ($now - $begun) * 1e6"
  until [ "$(told)" -ge "$count" ]; do sleep 0.02; done
  look worker
  note worker-cpu "($used - $spent) / $tick / $first * 1e6"
  end worker
}

# One order at a time: from the moment that the order carries to the moment that Notify has its event.
ways() {
  local place
  start api "$api" ServiceBus="$bus"
  start worker "$worker" ServiceBus="$bus"
  # The first finds links that are not there yet.
  curl -s "$url?code=$key" -o /dev/null -H 'Content-Type: application/json' -d "$order"
  count=$((count + 1))
  until [ "$(told)" -ge "$count" ]; do sleep 0.02; done
  for _ in $(seq "$single"); do
    curl -s "$url?code=$key" -o /dev/null -w '%header{location}\n' -H 'Content-Type: application/json' -d "$order" >>"$work/$round/places"
  done
  until [ "$(told)" -ge $((count + single)) ]; do sleep 0.02; done
  while read -r place; do
    curl -s "http://127.0.0.1:$api$place/timeline?code=$key" | jq '
      def ms: (.[:19] + "Z" | fromdate) * 1000 + (.[20:-1] | tonumber);
      def at($kind): .entries[] | select(.kind == $kind) | .at | ms;
      at("event.received") - at("order.created")' >>"$work/way-$distance"
  done <"$work/$round/places"
  end api worker
}

for distance in 0ms 20ms; do
  for number in $(seq "$rounds"); do
    printf 'emulator %s away, round %s of %s\n' "$distance" "$number" "$rounds" >&2
    round=$distance-$number
    mkdir "$work/$round"
    ORDERS_DATABASE="sqlite:$work/$round/orders.sqlite" "$orders" migrate >>"$work/log"
    fill
    "$emulator" emulator --port "$amqp" --admin-port "$admin" --delay "$distance" >>"$work/log" &
    pids[emulator]=$!
    first_answer "$admin" /health
    relay
    notify
    ways
    end emulator
  done
done

row() { printf '| %s | %.0f | %.0f |\n' "$1" "$(median <"$work/$2-0ms")" "$(median <"$work/$2-20ms")"; }
printf '\n| what | emulator beside it | 20 ms away |\n| --- | --- | --- |\n'
row 'relay: events a second' relay
row 'worker: messages a second' worker
row 'CPU of the api, µs an event relayed' relay-cpu
row 'CPU of the worker, µs a message handled and told' worker-cpu
for share in 50 99; do
  printf '| order placed to event received, p%s ms | %s | %s |\n' "$share" \
    "$(percentile "$share" <"$work/way-0ms")" "$(percentile "$share" <"$work/way-20ms")"
done
