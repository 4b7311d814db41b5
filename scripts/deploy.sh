#!/usr/bin/env bash
# From an empty subscription to a smoke-tested system, and again for every later version.
# Usage: scripts/deploy.sh [--what-if] [--allow-deletion] dev|prod
#   --what-if          prints every command without running it
#   --allow-deletion   in prod, also where Terraform's plan deletes a database, a bus, a vault, storage or a lock on them
# Needs: Linux on x86-64, az (logged in: az login), terraform, kubectl, kubelogin, jq, zip, docker or podman, and Rust with
# its musl target.
# ORDERS_BACKEND names the file that says where Terraform's state lies (infrastructure/README.md, "First run").
set -euo pipefail
cd "$(dirname "$0")/.."

what_if=false allow_deletion=false environment=''
for argument in "$@"; do
  case $argument in
    --what-if) what_if=true ;;
    --allow-deletion) allow_deletion=true ;;
    dev | prod) environment=$argument ;;
    *) environment='' && break ;;
  esac
done
[ -n "$environment" ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
backend=${ORDERS_BACKEND:-infrastructure/backend.hcl}

say() { printf '\n== %s\n' "$*" >&2; }

# Runs a command, or prints it in a form that can be pasted. Secrets go by files and pipes, never by arguments.
do_() {
  if $what_if; then printf '%q ' "$@"; echo; else "$@"; fi
}

# FILE COMMAND…: the command's output into a file of the working folder, which nobody else can read.
do_keep() {
  if $what_if; then printf '%q ' "${@:2}"; echo ">$work/$1"; else "${@:2}" >"$work/$1"; fi
}

# NAME: an output of Terraform; its name in capitals where nothing is run.
output() {
  if $what_if; then printf '%s' "${1^^}"; else terraform -chdir=infrastructure output -raw "$1"; fi
}

refuse() { echo "deploy.sh: $*" >&2; exit 1; }
engine=docker
command -v docker >/dev/null || engine=podman
if ! $what_if; then
  # Functions and nodes run x86-64, and the binary is built for the machine that builds it.
  [ "$(uname -sm)" = 'Linux x86_64' ] || refuse 'the binary for Azure is built on Linux on x86-64'
  for tool in az terraform kubectl kubelogin jq zip "$engine"; do
    command -v "$tool" >/dev/null || refuse "$tool is not installed"
  done
  # Takes the binary that was built in place of the Dockerfile's first stage, which docker can with BuildKit.
  [ "$engine" = podman ] || docker buildx version >/dev/null 2>&1 || refuse 'docker has no BuildKit (docker buildx)'
  [ -s "$backend" ] || refuse "there is no $backend, which says where Terraform's state lies (infrastructure/README.md, \"First run\")"
  # Terraform is told a subscription, and az takes the one that it was last set to.
  subscription=$(sed -nE 's/^subscription_id *= *"([^"]*)".*/\1/p' infrastructure/terraform.tfvars)
  [ "$(az account show --query id --output tsv)" = "$subscription" ] ||
    refuse "az is not set to the subscription of infrastructure/terraform.tfvars; run: az account set --subscription '$subscription'"
fi

tag=$(git rev-parse --short=12 HEAD)
if [ -n "$(git status --porcelain)" ]; then
  if [ "$environment" = prod ] && ! $what_if; then refuse 'there are changes that are not committed; prod gets what a commit names'; fi
  tag+=-$(date -u +%Y%m%d%H%M%S)
fi

if $what_if; then work=WORK; else work=$(mktemp -d); fi
trap 'kill "${forward:-}" 2>/dev/null || true; $what_if || rm -rf "$work"' EXIT

# What cannot be made again with what is in it, and the lock that keeps it.
lasting='^azurerm_(mssql_|servicebus_|key_vault$|storage_|management_lock$)'

# OPTION that says which image: the plan that will be applied, looked at.
plan() {
  local deleted
  do_ terraform -chdir=infrastructure plan -input=false -out="$work/plan" "-var-file=environments/$environment.tfvars" "$1"
  # Through a file: a plan that cannot be read is none that deletes nothing.
  if $what_if; then echo "terraform -chdir=infrastructure show -json $work/plan >$work/plan.json"; else terraform -chdir=infrastructure show -json "$work/plan" >"$work/plan.json"; fi
  if [ "$environment" = prod ] && ! $allow_deletion; then
    if $what_if; then
      echo "jq '.resource_changes[] | select(.change.actions | index(\"delete\")) | select(.type | test(\"$lasting\")) | .address' $work/plan.json      # anything: the end"
    else
      deleted=$(jq -r --arg lasting "$lasting" '.resource_changes[]? | select(.change.actions | index("delete")) | select(.type | test($lasting)) | .address' "$work/plan.json")
      [ -z "$deleted" ] || refuse "the plan deletes ${deleted//$'\n'/, }; if that is meant, run again with --allow-deletion"
    fi
  fi
}

apply() { do_ terraform -chdir=infrastructure apply -input=false "$work/plan"; }

# NAME: a secret with a first key, if there is none.
give_key() {
  if $what_if; then
    echo "az keyvault secret show --vault-name $vault --name $1 || { orders keys new first >$work/keys; az keyvault secret set --vault-name $vault --name $1 --file $work/keys; }"
  elif ! az keyvault secret show --vault-name "$vault" --name "$1" --query id --output tsv >/dev/null 2>"$work/error"; then
    grep -q SecretNotFound "$work/error" || { cat "$work/error" >&2; exit 1; }
    (umask 077 && target/app/orders keys new first | tr -d '\n' >"$work/keys")
    az keyvault secret set --vault-name "$vault" --name "$1" --file "$work/keys" --output none
  fi
}

login_to_cluster() {
  do_ az aks get-credentials --resource-group "$(output resource_group)" --name "$(output cluster)" --file "$work/kubeconfig" --overwrite-existing
  do_ kubelogin convert-kubeconfig --login azurecli --kubeconfig "$work/kubeconfig"
  export KUBECONFIG=$work/kubeconfig
}

say 'Terraform'
do_ terraform -chdir=infrastructure init -input=false -reconfigure -backend-config="$(realpath --relative-to=infrastructure "$backend")" -backend-config="key=orders-$environment.tfstate"
# Where there is a workload, an apply without image would take it away: so a state that cannot be read ends the script here.
first=true
if ! $what_if; then
  state=$(terraform -chdir=infrastructure state pull)
  if jq -es 'any(.[].resources[]?; (.module // "") | startswith("module.workload"))' <<<"$state" >/dev/null; then first=false; fi
  unset state
fi

if $first; then
  say 'First run only: everything but the workload, so that there is a registry to push to'
  # Of an option -var, null would be a text.
  plan -var-file=environments/first-run.tfvars
  apply
fi

say 'Build once: one static binary for image and package'
do_ scripts/package.sh target/app.zip
do_ scripts/image-context.sh "$work/image"

say 'Image'
registry=$(output registry)
# A token of an hour, for this registry alone; no password of it exists.
if $what_if; then
  echo "az acr login --name $registry --expose-token --query accessToken --output tsv | $engine login $registry --username 00000000-0000-0000-0000-000000000000 --password-stdin"
else
  az acr login --name "${registry%%.*}" --expose-token --query accessToken --output tsv --only-show-errors |
    "$engine" login "$registry" --username 00000000-0000-0000-0000-000000000000 --password-stdin
fi
do_ "$engine" build --file functions/Dockerfile --build-context "build=$work/image" --build-arg "REVISION=$tag" --tag "$registry/orders:$tag" .
do_ "$engine" push "$registry/orders:$tag"
# What runs is the digest that the registry has, whatever becomes of the tag.
digest=DIGEST
$what_if || digest=$(az acr repository show --name "${registry%%.*}" --image "orders:$tag" --query digest --output tsv)

say "The workload, version $tag: its plan"
plan "-var=image=orders:$tag@$digest"

say 'Keys for the api, and for the console where there is one, if there are none'
vault=$(output key_vault)
# Those that the plan names: a Pod does not start without its keys.
if $what_if; then key_secrets='ORDERS_API_KEYS_SECRET'; else key_secrets=$(jq -er '.planned_values.outputs.key_secrets.value[]' "$work/plan.json"); fi
for secret in $key_secrets; do give_key "$secret"; done

say "The workload, version $tag"
apply
secret=$(output api_keys_secret)

# An operator that started before its federated credential does not see it. The mark says for which identity it has.
login_to_cluster
namespace=$(output namespace)
if [ "$(output notify_host)" != functions ]; then
  say "KEDA's operator takes up its identity, if it has not"
  authentication=(kubectl --namespace "$namespace" get triggerauthentication service-bus --output)
  if $what_if || [ "$("${authentication[@]}" 'jsonpath={.spec.podIdentity.identityId}')" != "$("${authentication[@]}" 'jsonpath={.metadata.annotations.operator-restarted-for}')" ]; then
    do_ kubectl --namespace kube-system rollout restart deployment keda-operator
    do_ kubectl --namespace kube-system rollout status deployment keda-operator --timeout 5m
    identity=IDENTITY_ID
    $what_if || identity=$("${authentication[@]}" 'jsonpath={.spec.podIdentity.identityId}')
    do_ kubectl --namespace "$namespace" annotate --overwrite triggerauthentication service-bus "operator-restarted-for=$identity"
  fi
fi

say 'Function App'
group=$(output resource_group) app=$(output function_app)
do_ az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src target/app.zip

# URL: waits until the host answers there; a package that was just published is mounted first, and a database may sleep.
do_await() { do_ curl --silent --show-error --fail --output /dev/null --retry 30 --retry-all-errors --retry-delay 10 --retry-max-time 300 "$1/api/health/ready"; }

say 'Smoke test: Functions'
do_await "$(output function_app_url)"
do_keep key az functionapp keys list --resource-group "$group" --name "$app" --query functionKeys.default --output tsv
do_ env ORDERS_SMOKE_KEY_FILE="$work/key" scripts/smoke.sh "$(output function_app_url)"

say 'Smoke test: cluster, through a port-forward'
do_keep keys az keyvault secret show --vault-name "$vault" --name "$secret" --query value --output tsv
if $what_if; then
  echo "sed 's/,.*//; s/^[^=]*=//' $work/keys >$work/key"
  echo "kubectl --namespace $namespace port-forward service/api :80 >$work/forward &"
  port=PORT
else
  sed 's/,.*//; s/^[^=]*=//' "$work/keys" >"$work/key"
  kubectl --namespace "$namespace" port-forward service/api :80 >"$work/forward" &
  forward=$!
  for _ in $(seq 100); do
    port=$(sed -nE 's/^Forwarding from 127\.0\.0\.1:([0-9]+).*/\1/p' "$work/forward")
    [ -n "$port" ] && break
    sleep 0.1
  done
  [ -n "$port" ] || { echo 'kubectl does not forward a port' >&2; exit 1; }
fi
do_await "http://127.0.0.1:$port"
do_ env ORDERS_SMOKE_KEY_FILE="$work/key" scripts/smoke.sh "http://127.0.0.1:$port"
say "deployed: version $tag, $environment"
