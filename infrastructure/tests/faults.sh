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
# Terraform's. Those between `together` and `apart`, which none hides another of, share a copy and a run, unless they are asked
# for by name. Two copies are tried at a time.
fault() {
  [ "$wanted" = '  ' ] || [[ $wanted == *" $1 "* ]] || return 0
  names+=("$1") files+=("$2") changes+=("$3") complaints+=("$6")
  tests=$4 parts=$5 environment=${7:-dev}
  if ! $sharing; then go; fi
}
sharing=false names=() files=() changes=() complaints=()
together() { [ "$wanted" != '  ' ] || sharing=true; }
apart() { sharing=false; go; }
go() {
  [ "${#names[@]}" -gt 0 ] || return 0
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
  try >"$folder/${names[0]}.verdict" 2>&1 &
  names=() files=() changes=() complaints=()
}

# All that are gathered, in one copy.
try() {
  local copy=$folder/${names[0]} index before failed=true found=0
  mkdir -p "$copy"
  cp -r infrastructure "$copy/infrastructure"
  for index in "${!names[@]}"; do
    before=$(cksum <"$copy/infrastructure/${files[index]}")
    sed -E -i "${changes[index]}" "$copy/infrastructure/${files[index]}"
    if [ "$before" = "$(cksum <"$copy/infrastructure/${files[index]}")" ]; then echo "MISS ${names[index]}: the change changes nothing in ${files[index]}"; fi
  done
  terraform fmt -recursive "$copy/infrastructure" >/dev/null 2>&1 || true
  # shellcheck disable=SC2086 # several parts
  if ORDERS_INFRASTRUCTURE=$copy/infrastructure ORDERS_CHECK_FOLDER=$copy/work ORDERS_TESTS=$tests ORDERS_ENVIRONMENTS=$environment \
    scripts/check-infrastructure.sh $parts >"$copy/log" 2>&1; then
    failed=false
  fi
  for index in "${!names[@]}"; do
    if ! $failed; then
      echo "MISS ${names[index]}: nothing fails"
    elif ! grep -qE -- "${complaints[index]}" "$copy/log"; then
      echo "MISS ${names[index]}: something else fails: $(tail -n 3 "$copy/log")"
    else
      echo "found ${names[index]}"
      found=$((found + 1))
    fi
  done
  [ "$found" != "${#names[@]}" ] || rm -rf "$copy"
}

# Names that must agree, and who is who.
together
fault topic-in-settings settings.tf 's/(ORDERS_TOPIC += ).*/\1"order"/' wiring terraform 'topic and subscription have one name each'
fault namespace-in-settings settings.tf 's/(ServiceBus__fullyQualifiedNamespace += ).*/\1"other.servicebus.windows.net"/' wiring terraform 'same Service Bus namespace'
fault another-role modules/servicebus/main.tf 's/Azure Service Bus Data Sender/Azure Service Bus Data Owner/' wiring terraform 'all who work may send'
fault two-hosts-notify settings.tf 's/local.on_aks \? \{ "AzureWebJobs.Notify.Disabled" = "true" \} : \{\}/{}/' wiring terraform 'leaves the subscription to the worker'
fault foreign-identity modules/manifests/main.tf 's/client_id = var.client_ids\[role\]/client_id = var.client_ids["migrate"]/' wiring terraform 'names its own identity'
fault foreign-operator main.tf 's/module.identity\["keda"\].client_id/module.identity["worker"].client_id/' wiring terraform 'KEDA asks the broker as its own identity'
fault telemetry-without-login settings.tf 's/"ClientId=.*;Authorization=AAD"/"Authorization=AAD"/' wiring terraform 'telemetry is sent with Entra ID'
fault database-by-object-id settings.tf 's/(User Id=.*module.identity\["functions"\].)client_id/\1principal_id/' wiring terraform 'everybody logs in as himself'
fault foreign-service-account main.tf 's/"keda-operator" : each.key/"keda-operator" : "api"/' wiring terraform 'every ServiceAccount acts as one identity'
fault closed-mail-port main.tf 's/(mail_ports +=) local.mail_ports/\1 []/' wiring terraform 'may reach the port of the mail server'
apart
together
fault topic-in-scaler main.tf 's/(topic_name +=) module.servicebus.topic_name$/\1 "order"/' wiring terraform 'topic and subscription have one name each'
fault missing-sender main.tf 's/working_roles = concat\(\["functions", "api"\]/working_roles = concat(["functions"]/' wiring terraform 'all who work may send'
apart

# Settings.
together
fault setting-nobody-reads settings.tf 's/NOTIFY_CHANNELS/NOTIFY_CHANNEL/' settings terraform 'given a setting that nobody reads: NOTIFY_CHANNEL$'
fault setting-of-another-role settings.tf 's/\{ ORDERS_KEYS = /{ NOTIFY_SUBSCRIPTION = "notify", ORDERS_KEYS = /' settings terraform '"api":\{"missing":\["NOTIFY_CHANNELS"\],"too_many":\["NOTIFY_CHANNEL","NOTIFY_SUBSCRIPTION"\]'
fault setting-left-out settings.tf '/SWEEP_SCHEDULE +=/d' settings terraform 'missing \["NOTIFY_CHANNELS","SWEEP_SCHEDULE"\]'
fault given-setting-nobody-reads variables.tf 's/"EMAIL_FROM", "EMAIL_PASSWORD"/"EMAIL_SENDER", "EMAIL_PASSWORD"/' settings terraform 'takes a setting that nobody reads: EMAIL_SENDER'
fault metric-nobody-emits modules/alerts/main.tf 's/orders.messages.rejected/orders.messages.refused/' settings terraform 'waits for a metric that nobody emits'
fault password-in-settings settings.tf 's/Encrypt=True/User Id=sa;Password=secret;Encrypt=True/' settings terraform 'carries a password or a key'
apart

# Rights, switches and what Pods promise.
together
fault wrong-receiver main.tf 's/local.on_aks \? "worker" : "functions"/"functions"/' release terraform '^> functions: Azure Service Bus Data Receiver'
fault no-right-to-tables modules/functionapp/main.tf 's/, "Storage Table Data Contributor"//' release terraform '^< functions: Storage Table Data Contributor'
fault no-right-to-pull modules/registry/main.tf 's/"AcrPull"/"Reader"/' release terraform '^< kubelet: AcrPull'
fault no-right-to-a-first-key modules/keyvault/main.tf 's/(for_each +=) var.deployers/\1 toset([])/' release terraform '^< deployer: Key Vault Secrets Officer'
fault no-right-to-the-nodes-identity modules/aks/main.tf 's/"Managed Identity Operator"/"Reader"/' release terraform '^< aks: Managed Identity Operator'
fault no-right-to-tell modules/logs/main.tf 's/"Monitoring Metrics Publisher"/"Reader"/' release terraform '^< worker: Monitoring Metrics Publisher'
fault another-audience modules/identity/main.tf 's/AzureADTokenExchange/TokenExchange/' release terraform '^> token: .* for api://TokenExchange'
fault unregistered-service provider.tf '/"Microsoft.Network",/d' release terraform 'does not register Microsoft.Network'
fault telemetry-by-key modules/logs/main.tf '/azurerm_application_insights/,/^}/s/(local_authentication_enabled = )false/\1true/' release terraform 'azurerm_application_insights.this.local_authentication_enabled is true'
fault keys-of-the-storage-account modules/functionapp/main.tf 's/(shared_access_key_enabled +=) false/\1 true/' release terraform 'shared_access_key_enabled is true'
# shellcheck disable=SC2016 # sed's own dollar
fault secret-output outputs.tf '$a output "telemetry" {\n  value = module.logs.connection_string\n  sensitive = true\n}' release terraform 'output telemetry is a secret'
fault app-protocol modules/workload/manifests/api-service.yaml 's/(targetPort: http)/\1, appProtocol: http/' release terraform 'asks nobody for a path'
fault job-that-gives-up modules/workload/manifests/migrate-job.yaml 's/backoffLimit: 10000/backoffLimit: 6/' release terraform 'never runs again under its name'
fault no-time-to-end modules/workload/manifests/worker-deployment.yaml 's/(terminationGracePeriodSeconds:) 90/\1 30/' release terraform 'Pods end what they have begun'
fault never-asked modules/workload/manifests/worker-deployment.yaml '/readinessProbe:/,/failureThreshold/d' release terraform 'asked whether it lives, and sent to when it is ready'
fault closed-port modules/workload/manifests/networkpolicy.yaml 's/port: 5671/port: 5672/' release terraform 'Pods reach names'
fault open-metadata modules/workload/manifests/networkpolicy.yaml 's|except: \[169.254.169.254/32\]|except: []|' release terraform "reaches the node's own identity"
apart
together
fault one-zone-in-prod environments/prod.tfvars 's/(zone_redundant +=) true/\1 false/' release terraform 'zone_redundant is false' prod
fault unlocked-database environments/prod.tfvars 's/(protected +=) true/\1 false/' release terraform 'azurerm_management_lock.this\[0\].lock_level' prod
apart

# What Azure would refuse, or the script.
fault misspelt-argument modules/servicebus/main.tf 's/max_delivery_count/max_deliveries/' wiring terraform 'Unsupported argument'
fault impossible-lock modules/servicebus/variables.tf 's/default     = "PT1M"/default     = "1 minute"/' wiring terraform 'ISO 8601 duration'
fault swamped-database environments/prod.tfvars 's/pod = 4/pod = 8/' release terraform 'more connections than the database' prod
fault renamed-output outputs.tf 's/output "key_vault"/output "vault"/' wiring deploy 'reads the output key_vault'

# What Helm applies.
fault misspelt-field modules/workload/manifests/api-deployment.yaml 's/revisionHistoryLimit/revisionsHistoryLimit/' release 'terraform manifests' 'revisionsHistoryLimit'
fault misspelt-trigger modules/workload/manifests/worker-scaledobject.yaml 's/topicName:/topic:/' release 'terraform manifests' 'has no parameter topic$'
fault missing-probe-path modules/workload/manifests/api-deployment.yaml 's|/api/health/ready|/api/health/readiness|' release 'terraform manifests probes' 'no such path'
fault root-in-a-pod modules/workload/manifests/worker-deployment.yaml 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' release 'terraform manifests checkov' 'CKV_K8S_20'
# shellcheck disable=SC2016 # sed's own dollar
fault skip-without-need .checkov-skips '$a terraform both CKV_AZURE_999 is not needed' release 'terraform manifests checkov' 'skipped without need'

wait
cat "$folder"/*.verdict
missed=$(cat "$folder"/*.verdict | grep -c '^MISS' || true)
printf '%s faults found, %s missed\n' "$(cat "$folder"/*.verdict | grep -c '^found')" "$missed"
[ "$missed" = 0 ]
