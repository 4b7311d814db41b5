#!/usr/bin/env bash
# Runs scripts/deploy.sh with programs in place of Azure's that write down how they were called, and holds what could do
# harm: an apply without image is made only where there is no workload, and nothing is made where the state cannot be read.
# Usage: infrastructure/tests/deploy.sh FOLDER
# shellcheck disable=SC2016 # the programs' own variables
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=${1:?"usage: infrastructure/tests/deploy.sh FOLDER"}
rm -rf "$folder"
mkdir -p "$folder/copy/scripts" "$folder/copy/infrastructure" "$folder/copy/target/app" "$folder/bin"
folder=$(realpath "$folder")
cp scripts/deploy.sh "$folder/copy/scripts/"
echo 'subscription_id = "00000000-0000-0000-0000-000000000000"' >"$folder/copy/infrastructure/terraform.tfvars"
echo '# none' >"$folder/copy/infrastructure/backend.hcl"
git -C "$folder/copy" init --quiet
git -C "$folder/copy" add --all
git -C "$folder/copy" -c user.name=check -c user.email=check@localhost commit --quiet --message 'Check'

# NAME BODY: a program that writes down its arguments.
program() {
  printf '#!/usr/bin/env bash\necho "%s $*" >>"$CALLS"\n%s\n' "${1##*/}" "$2" >"$1"
  chmod +x "$1"
}
program "$folder/bin/terraform" 'case $* in
  *"state pull") cat "$STATE" ;;
  *"output -raw notify_host") printf aks ;;
  *"output -raw registry") printf registry.azurecr.io ;;
  *"output -raw"*) printf "${!#}" ;;
  *"show -json"*) printf "%s" "$PLAN" ;;
esac'
program "$folder/bin/az" 'case $* in
  "account show"*) echo "$SUBSCRIPTION" ;;
  *"repository show"*) echo sha256:0 ;;
  *"keyvault secret show"*value*) echo first=KEY,second=OTHER ;;
  *"keyvault secret show"*) [ -n "$SECRET" ] || { echo "ERROR: SecretNotFound" >&2; exit 3; } ;;
  *"functionapp keys"*) echo FUNCTION_KEY ;;
esac'
program "$folder/bin/kubectl" 'case $* in
  *port-forward*) echo "Forwarding from 127.0.0.1:4321 -> 8080"; exec sleep 60 ;;
  *identityId*) printf identity ;;
  *operator-restarted-for*) printf "$RESTARTED_FOR" ;;
esac'
for name in docker kubelogin zip curl; do program "$folder/bin/$name" ''; done
for name in package image-context; do program "$folder/copy/scripts/$name.sh" ''; done
program "$folder/copy/scripts/smoke.sh" 'echo "smoke.sh was told $(<"$ORDERS_SMOKE_KEY_FILE")" >>"$CALLS"'
program "$folder/copy/target/app/orders" 'echo first=KEY'
git -C "$folder/copy" add --all
git -C "$folder/copy" -c user.name=check -c user.email=check@localhost commit --quiet --message 'Check again'

named='{"planned_values":{"outputs":{"key_secrets":{"value":["orders-api-keys","orders-console-keys"]}}}}'
export PLAN=$named CALLS=$folder/calls SUBSCRIPTION=00000000-0000-0000-0000-000000000000 SECRET='' RESTARTED_FOR='' STATE=$folder/state
deploy() { # SETTING… [OPTION] ENVIRONMENT: what was called is in $CALLS
  local argument settings=() arguments=()
  for argument in "$@"; do
    if [[ $argument == *=* ]]; then settings+=("$argument"); else arguments+=("$argument"); fi
  done
  : >"$CALLS"
  env "${settings[@]}" PATH="$folder/bin:$PATH" "$folder/copy/scripts/deploy.sh" "${arguments[@]}" >"$folder/log" 2>&1
}
lie() { printf '%s\n' "$1" >&2; cat "$folder/log" "$CALLS" >&2; exit 1; }
called() { grep -qE -- "$1" "$CALLS" || lie "not called: $1"; }
not_called() { ! grep -qE -- "$1" "$CALLS" || lie "called: $1"; }
kept() { printf 'ok   %s\n' "$1"; }

: >"$STATE"
deploy dev || lie 'a first deployment fails'
called 'terraform .*plan .*first-run.tfvars'
called 'terraform .*plan .*-var=image=orders:.*@sha256:0'
[ "$(grep -c 'terraform .*apply -input=false .*/plan$' "$CALLS")" = 2 ] || lie 'what is applied is not what was planned'
called 'az keyvault secret set --vault-name key_vault --name orders-api-keys'
called 'az keyvault secret set --vault-name key_vault --name orders-console-keys'
called 'rollout restart deployment keda-operator'
called 'smoke.sh .*function_app_url$'
called 'smoke.sh was told FUNCTION_KEY$'
called 'smoke.sh http://127.0.0.1:4321$'
called 'smoke.sh was told KEY$'
[ "$(grep -c KEY "$CALLS")" = 2 ] || lie 'a key is an argument'
kept 'a first deployment makes a registry, an API key and the workload, and tells both hosts the smoke test'

echo '{"resources":[{"module":"module.aks","type":"azurerm_kubernetes_cluster"},{"module":"module.workload[0]","type":"helm_release"}]}' >"$STATE"
deploy SECRET=there RESTARTED_FOR=identity dev || lie 'a later deployment fails'
not_called 'first-run.tfvars'
not_called 'keyvault secret set'
not_called 'rollout restart'
called 'terraform .*plan .*-var=image=orders:'
kept 'a later one leaves the workload, its keys and the operator alone, and brings the image'

echo '{"resources":[{"module":"module.aks","type":"azurerm_kubernetes_cluster"}]}' >"$STATE"
deploy SECRET=there dev || lie 'a deployment that goes on fails'
called 'first-run.tfvars'
kept 'a first deployment that stopped half way begins again'

if deploy STATE=/nowhere dev; then lie 'a state that cannot be read is taken for none'; fi
not_called ' apply '
kept 'where the state cannot be read nothing is changed'

if deploy SUBSCRIPTION=another dev; then lie 'another subscription is deployed to'; fi
not_called 'terraform'
kept 'another subscription is refused before anything is done'

loss='{"planned_values":{"outputs":{"key_secrets":{"value":["k"]}}},"resource_changes":[{"address":"module.sql.azurerm_mssql_database.this","type":"azurerm_mssql_database","change":{"actions":["delete","create"]}}]}'
other='{"planned_values":{"outputs":{"key_secrets":{"value":["k"]}}},"resource_changes":[{"address":"module.alerts.this","type":"azurerm_monitor_metric_alert","change":{"actions":["delete"]}}]}'
if deploy SECRET=there "PLAN=$loss" prod; then lie 'a plan that deletes the database is applied in prod'; fi
grep -q 'deletes module.sql.azurerm_mssql_database.this; if that is meant' "$folder/log" || lie 'nobody is told what the plan deletes'
not_called ' apply '
if deploy SECRET=there 'PLAN=none' prod; then lie 'a plan that cannot be read is applied in prod'; fi
not_called ' apply '
deploy SECRET=there "PLAN=$other" prod || lie 'a plan that deletes an alert is refused'
deploy SECRET=there "PLAN=$loss" --allow-deletion prod || lie 'a deletion that is meant is refused'
kept 'prod loses no database, bus, vault or storage unless that is said'

touch "$folder/copy/uncommitted"
if deploy prod; then lie 'prod takes what no commit names'; fi
not_called 'terraform'
kept 'prod takes nothing that no commit names'
