#!/usr/bin/env bash
# Stages the app and runs it under the real Functions host: `func start`. Says what is missing and how to get it. Files
# that the settings name by a relative path, the database for one, are in .orders/func and outlive the staged app.
# Usage: scripts/dev.sh [ARGUMENTS OF func start]
set -euo pipefail
cd "$(dirname "$0")/.."

missing=0
lacks() {
  printf 'missing: %s\n   get it: %s\n' "$1" "$2" >&2
  missing=1
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
setting() { jq -r --arg name "$1" '.Values[$name] // empty' "$settings"; }

settings=local.settings.json
[ -e "$settings" ] || settings=local.settings.example.json
command -v jq >/dev/null || { echo 'dev.sh needs jq: apt-get install jq' >&2; exit 1; }
command -v func >/dev/null || lacks 'func, the Azure Functions Core Tools' 'npm install --global azure-functions-core-tools@4'
if [ "$(setting AzureWebJobsStorage)" = UseDevelopmentStorage=true ] && ! listens 10000; then
  lacks 'Azurite, the storage that the host keeps its timers in, on port 10000' 'npx azurite --silent --location target/azurite'
fi
if [[ $(setting ServiceBus) == *UseDevelopmentEmulator=true* ]] && ! listens 5672; then
  lacks 'a Service Bus emulator on port 5672' 'cargo run -- emulator'
fi
[ "$missing" = 0 ] || exit 1

scripts/stage.sh target/app
data=$PWD/.orders/func
mkdir -p "$data"
# The host starts the binary in the folder of the staged app, which goes at the next start.
jq --arg data "$data/" '
  (.Values.ORDERS_DATABASE | strings) |= sub("^sqlite:(?!/)"; "sqlite:" + $data)
  | (.Values.NOTIFY_FILE | strings | select(. != "")) |= sub("^(?!/)"; $data)' "$settings" >target/app/local.settings.json
settings=target/app/local.settings.json
ORDERS_DATABASE=$(setting ORDERS_DATABASE) target/app/orders migrate
exec func start --script-root target/app "$@"
