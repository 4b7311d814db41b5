#!/usr/bin/env bash
# Tells an order's whole story against a running service, on any host, and stops at the first lie.
# Usage: scripts/smoke.sh BASE_URL [KEY]      e.g. scripts/smoke.sh http://localhost:7071
# ORDERS_SMOKE_KEY_FILE names a file with the key in place of KEY, which other users of the machine can read.
# Its orders are told over the channel log alone, so that nobody outside hears of them.
set -euo pipefail

base=${1:?"usage: scripts/smoke.sh BASE_URL [KEY]"} key=${2:-}
[ -z "${ORDERS_SMOKE_KEY_FILE:-}" ] || key=$(<"$ORDERS_SMOKE_KEY_FILE")
base=${base%/}
for tool in curl jq; do command -v "$tool" >/dev/null || { echo "smoke.sh needs $tool" >&2; exit 1; }; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The key goes to curl through a file: other users of the machine can read a command line.
printf 'header = "x-functions-key: %s"\n' "$key" >"$work/key"

# WANTED_STATUS METHOD PATH [CURL_ARGUMENT…]: leaves the body in $work/body and the headers in $work/headers.
call() {
  local wanted=$1 method=$2 path=$3 status
  status=$(curl -sS --max-time 60 -K "$work/key" -X "$method" "$base$path" "${@:4}" -o "$work/body" -D "$work/headers" -w '%{http_code}')
  [ "$status" = "$wanted" ] || lie "$method $path answered $status instead of $wanted: $(head -c 600 "$work/body")"
  printf 'ok   %s %s: %s\n' "$method" "${path%%\?*}" "$status"
}
lie() { echo "LIE  $1" >&2; exit 1; }
body() { jq -er "$1" "$work/body" || lie "the answer has no $1: $(head -c 600 "$work/body")"; }
header() { tr -d '\r' <"$work/headers" | sed -n "s/^$1: //Ip" | tail -n 1; }
is() { [ "$2" = "$3" ] || lie "$1 is '$2' and should be '$3'"; }
json=(-H 'Content-Type: application/json')

call 200 GET /api/health/ready
body .status >"$work/ready"
is 'status' "$(<"$work/ready")" ready

customer="smoke-$(date +%s)-$$"
order=$(jq -nc --arg name "$customer" '{customerName: $name, currency: "EUR", lines: [{sku: "TEA-1", quantity: 2, unitPrice: 1250}], notify: {channels: ["log"]}}')
call 201 POST /api/orders "${json[@]}" -H "Idempotency-Key: $customer" -d "$order"
id=$(body .id)
is 'total' "$(body .total)" 2500
is 'Location' "$(header location)" "/api/orders/$id"
is 'ETag' "$(header etag)" '"1"'
cp "$work/body" "$work/placed"

call 201 POST /api/orders "${json[@]}" -H "Idempotency-Key: $customer" -d "$order"
is 'Idempotency-Replayed' "$(header idempotency-replayed)" true
cmp -s "$work/body" "$work/placed" || lie 'the replayed answer differs from the first'
call 422 POST /api/orders "${json[@]}" -H "Idempotency-Key: $customer" -d "${order/1250/1251}"
call 422 POST /api/orders "${json[@]}" -d '{}'
is 'content type of a refusal' "$(header content-type)" application/problem+json

call 200 GET "/api/orders/$id"
cmp -s "$work/body" "$work/placed" || lie 'the order reads otherwise than it was placed'
call 304 GET "/api/orders/$id" -H 'If-None-Match: "1"'
call 200 GET "/api/orders?customer=$customer"
is 'orders listed' "$(body '.items | length')" 1

call 412 PATCH "/api/orders/$id" "${json[@]}" -H 'If-Match: "7"' -d '{"status":"confirmed"}'
call 200 PATCH "/api/orders/$id" "${json[@]}" -H 'If-Match: "1"' -d '{"status":"confirmed"}'
is 'status' "$(body .status)" confirmed
call 200 POST "/api/orders/$id/cancel" "${json[@]}" -H 'If-Match: "2"' -d '{"reason":"other","note":"a smoke test"}'
is 'status' "$(body .status)" cancelled
call 409 PATCH "/api/orders/$id" "${json[@]}" -H 'If-Match: "3"' -d '{"status":"shipped"}'

# Placed and cancelled are news: at least two notifications, within two minutes.
for _ in $(seq 120); do
  call 200 GET "/api/orders/$id/timeline" >/dev/null
  [ "$(body '[.entries[] | select(.kind == "delivery.succeeded")] | length')" -ge 2 ] && told=yes && break
  sleep 1
done
[ "${told:-}" = yes ] || lie "nobody was told within two minutes: $(jq -c '[.entries[].kind]' "$work/body")"
jq -r '.entries[] | "     \(.at)  \(.kind)  \(.channel // "")"' "$work/body"
echo "ok   the customer was told; order $id tells the whole story"
