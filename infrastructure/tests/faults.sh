#!/usr/bin/env bash
# Deliberate faults, each on a copy of infrastructure/, each to be found by the check that names it: a check that finds
# nothing may be one that looks at nothing. Usage: infrastructure/tests/faults.sh [NAME…]
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=target/faults
wanted=" $* "
rm -rf "$folder"
mkdir -p "$folder"

# NAME FILE SED TESTS PARTS COMPLAINT [ENVIRONMENT]: with the change to the file, these parts fail and say so. TESTS limits
# Terraform's. Two are tried at a time.
fault() {
  [ "$wanted" = '  ' ] || [[ $wanted == *" $1 "* ]] || return 0
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
  try "$@" >"$folder/$1.verdict" 2>&1 &
}

try() {
  local name=$1 file=$2 change=$3 tests=$4 parts=$5 complaint=$6 copy=$folder/$1
  mkdir -p "$copy"
  cp -r infrastructure "$copy/infrastructure"
  sed -E -i "$change" "$copy/infrastructure/$file"
  if cmp -s "infrastructure/$file" "$copy/infrastructure/$file"; then
    echo "MISS $name: the change changes nothing in $file"
    return
  fi
  terraform fmt -recursive "$copy/infrastructure" >/dev/null 2>&1 || true
  # shellcheck disable=SC2086 # several parts
  if ORDERS_INFRASTRUCTURE=$copy/infrastructure ORDERS_CHECK_FOLDER=$copy/work ORDERS_TESTS=$tests ORDERS_ENVIRONMENTS=${7:-dev} \
    scripts/check-infrastructure.sh $parts >"$copy/log" 2>&1; then
    echo "MISS $name: nothing fails"
  elif ! grep -qE "$complaint" "$copy/log"; then
    echo "MISS $name: something else fails: $(tail -n 3 "$copy/log")"
  else
    echo "found $name"
    rm -rf "$copy"
  fi
}

fault topic-in-settings settings.tf 's/(ORDERS_TOPIC += ).*/\1"order"/' wiring terraform 'topic and subscription have one name each'
fault topic-in-scaler main.tf 's/(topic_name +=) module.servicebus.topic_name$/\1 "order"/' wiring terraform 'topic and subscription have one name each'
fault namespace-in-settings settings.tf 's/(ServiceBus__fullyQualifiedNamespace += ).*/\1"other.servicebus.windows.net"/' wiring terraform 'same Service Bus namespace'
fault missing-sender main.tf 's/working_roles = concat\(\["functions", "api"\]/working_roles = concat(["functions"]/' wiring terraform 'all who work may send'
fault wrong-receiver main.tf 's/local.on_aks \? "worker" : "functions"/"functions"/' wiring terraform 'the worker alone receives'
fault another-role modules/servicebus/main.tf 's/Azure Service Bus Data Sender/Azure Service Bus Data Owner/' wiring terraform 'all who work may send'
fault two-hosts-notify settings.tf 's/local.on_aks \? \{ "AzureWebJobs.Notify.Disabled" = "true" \} : \{\}/{}/' wiring terraform 'leaves the subscription to the worker'
fault foreign-identity modules/manifests/main.tf 's/client_id = var.client_ids\[role\]/client_id = var.client_ids["migrate"]/' wiring terraform 'names its own identity'
fault misspelt-argument modules/servicebus/main.tf 's/max_delivery_count/max_deliveries/' wiring terraform 'Unsupported argument'
fault app-protocol modules/workload/manifests/api-service.yaml 's/(targetPort: http)/\1, appProtocol: http/' release terraform 'asks nobody for a path'
fault job-that-gives-up modules/workload/manifests/migrate-job.yaml 's/backoffLimit: 10000/backoffLimit: 6/' release terraform 'never runs again under its name'
fault unregistered-service provider.tf '/"Microsoft.Network",/d' release terraform 'does not register Microsoft.Network'
fault telemetry-by-key modules/logs/main.tf 's/(local_authentication_enabled = )false/\1true/' release terraform 'local_authentication_enabled is true'
fault telemetry-without-login settings.tf 's/"ClientId=.*;Authorization=AAD"/"Authorization=AAD"/' wiring terraform 'telemetry is sent with Entra ID'
fault swamped-database environments/prod.tfvars 's/pod = 4/pod = 8/' release terraform 'more connections than the database' prod
fault unlocked-database environments/prod.tfvars 's/(protected +=) true/\1 false/' release terraform 'azurerm_management_lock.this\[0\].lock_level' prod
fault impossible-lock modules/servicebus/variables.tf 's/default     = "PT1M"/default     = "1 minute"/' wiring terraform 'ISO 8601 duration'
fault setting-nobody-reads settings.tf 's/NOTIFY_CHANNELS/NOTIFY_CHANNEL/' settings terraform 'given a setting that nobody reads'
fault metric-nobody-emits modules/alerts/main.tf 's/orders.messages.rejected/orders.messages.refused/' settings terraform 'waits for a metric that nobody emits'
fault password-in-settings settings.tf 's/Encrypt=True/User Id=sa;Password=secret;Encrypt=True/' settings terraform 'carries a password or a key'
fault keys-of-the-storage-account modules/functionapp/main.tf 's/(shared_access_key_enabled +=) false/\1 true/' release terraform 'shared_access_key_enabled is true'
fault one-zone-in-prod environments/prod.tfvars 's/(zone_redundant +=) true/\1 false/' release terraform 'zone_redundant is false' prod
# shellcheck disable=SC2016 # sed's own dollar
fault secret-output outputs.tf '$a output "telemetry" {\n  value = module.logs.connection_string\n  sensitive = true\n}' release terraform 'output telemetry is a secret'
fault renamed-output outputs.tf 's/output "key_vault"/output "vault"/' wiring 'terraform deploy' 'reads the output key_vault'
fault misspelt-field modules/workload/manifests/api-deployment.yaml 's/readinessProbe/readynessProbe/' release 'terraform manifests' 'readynessProbe'
fault misspelt-trigger modules/workload/manifests/worker-scaledobject.yaml 's/topicName:/topic:/' release 'terraform manifests' 'has no parameter topic$'
fault missing-probe-path modules/workload/manifests/api-deployment.yaml 's|/api/health/ready|/api/health/readiness|' release 'terraform manifests probes' 'no such path'
fault root-in-a-pod modules/workload/manifests/worker-deployment.yaml 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' release 'terraform manifests checkov' 'CKV_K8S_20'
# shellcheck disable=SC2016 # sed's own dollar
fault skip-without-need .checkov-skips '$a terraform both CKV_AZURE_999 is not needed' release 'terraform manifests checkov' 'skipped without need'

wait
cat "$folder"/*.verdict
missed=$(cat "$folder"/*.verdict | grep -vc '^found' || true)
printf '%s faults found, %s missed\n' "$(cat "$folder"/*.verdict | grep -c '^found')" "$missed"
[ "$missed" = 0 ]
