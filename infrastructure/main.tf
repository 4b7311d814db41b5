data "azurerm_client_config" "current" {}

locals {
  project     = "orders"
  environment = "${local.project}-${var.environment}"
  # Some names are unique in the world: the same five characters each time for this subscription and environment.
  suffix  = substr(sha256("${var.subscription_id}/${local.environment}"), 0, 5)
  unique  = "${local.environment}-${local.suffix}"
  compact = replace(local.unique, "-", "")

  # One place for the names that infrastructure, settings, manifests and scaler must agree on.
  namespace    = "orders"
  topic        = "orders"
  subscription = "notify"

  on_aks = var.notify_host == "aks"
  # The worker and KEDA exist only where AKS notifies.
  aks_roles = concat(["api", "migrate"], local.on_aks ? ["worker"] : [])
  # Both hosts publish, sweep and serve; sweeping tells customers too, so all of these read the channels' secrets.
  working_roles = concat(["functions", "api"], local.on_aks ? ["worker"] : [])

  deployers = length(var.deployers) > 0 ? var.deployers : [data.azurerm_client_config.current.object_id]

  # Unless a mail server of one's own is named.
  by_communication_services = contains(var.channels, "email") && !contains(keys(var.settings), "EMAIL_SERVER")

  tags = { project = local.project, environment = var.environment }

  place = {
    resource_group_name = azurerm_resource_group.this.name
    location            = azurerm_resource_group.this.location
    tags                = local.tags
  }
}

resource "azurerm_resource_group" "this" {
  name     = "rg-${local.environment}"
  location = var.location
  tags     = local.tags
}

module "logs" {
  source              = "./modules/logs"
  name                = local.environment
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  retention_in_days   = var.logs.retention_in_days
  daily_quota_gb      = var.logs.daily_quota_gb
  publishers          = { for role in local.working_roles : role => module.identity[role].principal_id }
}

module "aks" {
  source               = "./modules/aks"
  name                 = local.environment
  resource_group_name  = local.place.resource_group_name
  location             = local.place.location
  tags                 = local.place.tags
  tenant_id            = data.azurerm_client_config.current.tenant_id
  deployers            = local.deployers
  sku_tier             = var.cluster.sku_tier
  node_vm_size         = var.cluster.node_vm_size
  zones                = var.cluster.zones
  system_nodes         = var.cluster.system_nodes
  user_nodes           = var.cluster.user_nodes
  authorized_ip_ranges = var.authorized_ip_ranges
  workspace_id         = module.logs.workspace_id
  namespace            = local.namespace
}

# One identity a role, each with the narrowest rights that work.
module "identity" {
  source              = "./modules/identity"
  for_each            = toset(concat(["functions"], local.aks_roles, local.on_aks ? ["keda"] : []))
  name                = "id-${local.environment}-${each.key}"
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  service_account = each.key == "functions" ? null : {
    issuer = module.aks.oidc_issuer_url
    # KEDA's operator asks the broker, not our Pods; AKS runs it there.
    namespace = each.key == "keda" ? "kube-system" : local.namespace
    name      = each.key == "keda" ? "keda-operator" : each.key
  }
}

module "servicebus" {
  source              = "./modules/servicebus"
  name                = local.unique
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  topic_name          = local.topic
  subscription_name   = local.subscription
  senders             = { for role in local.working_roles : role => module.identity[role].principal_id }
  receivers           = { for role in [local.on_aks ? "worker" : "functions"] : role => module.identity[role].principal_id }
  scalers             = { for role in local.on_aks ? ["keda"] : [] : role => module.identity[role].principal_id }
}

module "sql" {
  source              = "./modules/sql"
  name                = local.unique
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  tenant_id           = data.azurerm_client_config.current.tenant_id
  administrator       = { name = module.identity["migrate"].name, principal_id = module.identity["migrate"].principal_id }
  database_name       = local.project
  database            = var.database
  protected           = var.protected
  workspace_id        = module.logs.workspace_id
}

module "keyvault" {
  source              = "./modules/keyvault"
  name                = local.unique
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  tenant_id           = data.azurerm_client_config.current.tenant_id
  protected           = var.protected
  readers             = { for role in local.working_roles : role => module.identity[role].principal_id }
  deployers           = local.deployers
  workspace_id        = module.logs.workspace_id
}

module "registry" {
  source              = "./modules/registry"
  name                = local.compact
  resource_group_name = local.place.resource_group_name
  location            = local.place.location
  tags                = local.place.tags
  sku                 = var.registry_sku
  pull_principal_id   = module.aks.kubelet_principal_id
  deployers           = local.deployers
}

module "email" {
  source              = "./modules/email"
  count               = local.by_communication_services ? 1 : 0
  name                = local.unique
  resource_group_name = local.place.resource_group_name
  tags                = local.place.tags
  senders             = { for role in local.working_roles : role => module.identity[role].principal_id }
}

module "functionapp" {
  source                                 = "./modules/functionapp"
  name                                   = local.unique
  storage_name                           = local.compact
  resource_group_name                    = local.place.resource_group_name
  location                               = local.place.location
  tags                                   = local.place.tags
  identity                               = module.identity["functions"]
  settings                               = merge(local.settings.functions, local.host_settings)
  application_insights_connection_string = module.logs.connection_string
  maximum_instance_count                 = var.functions.maximum_instance_count
  zone_balancing                         = var.functions.zone_balancing
  storage_replication                    = var.functions.storage_replication
}

module "manifests" {
  source     = "./modules/manifests"
  count      = var.image == null ? 0 : 1
  namespace  = local.namespace
  image      = "${module.registry.login_server}/${var.image}"
  client_ids = { for role in local.aks_roles : role => module.identity[role].client_id }
  settings   = { api = local.settings.api, worker = local.settings.worker, migrate = local.settings.migrate }
  api        = { min_replicas = var.replicas.api.min, max_replicas = var.replicas.api.max }
  gateway    = var.gateway
  mail_ports = local.mail_ports
  worker = local.on_aks ? {
    max_replicas         = var.replicas.worker.max
    messages_per_replica = var.replicas.worker.messages
    keda = {
      client_id            = module.identity["keda"].client_id
      tenant_id            = data.azurerm_client_config.current.tenant_id
      servicebus_namespace = module.servicebus.namespace_name
      topic_name           = module.servicebus.topic_name
      subscription_name    = module.servicebus.subscription_name
    }
  } : null
}

module "workload" {
  source    = "./modules/workload"
  count     = var.image == null ? 0 : 1
  name      = local.project
  manifests = module.manifests[0].manifests

  # The Pods log in from their first second on: with identities, roles and users that are there.
  depends_on = [module.aks, module.identity, module.servicebus, module.sql, module.keyvault, module.registry, module.email]
}

module "alerts" {
  source                  = "./modules/alerts"
  name                    = local.environment
  resource_group_name     = local.place.resource_group_name
  location                = local.place.location
  tags                    = local.place.tags
  email                   = var.alert_email
  workspace_id            = module.logs.workspace_id
  namespace               = local.namespace
  servicebus_namespace_id = module.servicebus.namespace_id
  topic_name              = module.servicebus.topic_name
}
