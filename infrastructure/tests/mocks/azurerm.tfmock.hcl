# What Azure would answer: ids of the right shape, and values that the configuration reads back.
mock_data "azurerm_client_config" {
  defaults = {
    tenant_id = "10000000-0000-0000-0000-000000000000"
    object_id = "20000000-0000-0000-0000-000000000000"
    client_id = "30000000-0000-0000-0000-000000000000"
  }
}

mock_resource "azurerm_resource_group" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg" }
}

mock_resource "azurerm_user_assigned_identity" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id" }
}

mock_resource "azurerm_log_analytics_workspace" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log" }
}

mock_resource "azurerm_application_insights" {
  defaults = {
    id                = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Insights/components/appi"
    connection_string = "InstrumentationKey=40000000-0000-0000-0000-000000000000;IngestionEndpoint=https://swedencentral.in.applicationinsights.azure.com/"
  }
}

mock_resource "azurerm_servicebus_namespace" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns" }
}

mock_resource "azurerm_servicebus_topic" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns/topics/orders" }
}

mock_resource "azurerm_servicebus_subscription" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ServiceBus/namespaces/sbns/topics/orders/subscriptions/notify" }
}

mock_resource "azurerm_mssql_server" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Sql/servers/sql" }
}

mock_resource "azurerm_management_lock" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Sql/servers/sql/providers/Microsoft.Authorization/locks/keep" }
}

mock_resource "azurerm_mssql_database" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Sql/servers/sql/databases/sqldb" }
}

mock_resource "azurerm_key_vault" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv" }
}

mock_resource "azurerm_container_registry" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/cr" }
}

mock_resource "azurerm_kubernetes_cluster" {
  defaults = {
    id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks"
    oidc_issuer_url = "https://swedencentral.oic.prod-aks.azure.com/10000000-0000-0000-0000-000000000000/"
    kube_config = [{
      host                   = "https://aks.hcp.swedencentral.azmk8s.io:443"
      cluster_ca_certificate = "bW9jaw=="
      client_certificate     = ""
      client_key             = ""
      password               = ""
      username               = ""
    }]
  }
}

mock_resource "azurerm_storage_account" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st" }
}

mock_resource "azurerm_storage_container" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st/blobServices/default/containers/releases" }
}

mock_resource "azurerm_service_plan" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Web/serverFarms/asp" }
}

mock_resource "azurerm_monitor_action_group" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Insights/actionGroups/ag" }
}

mock_resource "azurerm_monitor_data_collection_rule" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Insights/dataCollectionRules/dcr" }
}

mock_resource "azurerm_communication_service" {
  defaults = {
    id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Communication/communicationServices/acs"
    hostname = "acs.europe.communication.azure.com"
  }
}

mock_resource "azurerm_email_communication_service" {
  defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Communication/emailServices/acse" }
}

mock_resource "azurerm_email_communication_service_domain" {
  defaults = {
    id                 = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Communication/emailServices/acse/domains/AzureManagedDomain"
    from_sender_domain = "00000000-0000-0000-0000-000000000000.azurecomm.net"
  }
}

# Every identity is somebody else.
override_resource {
  target = module.identity["functions"].azurerm_user_assigned_identity.this
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-functions"
    client_id    = "c0000000-0000-0000-0000-000000000001"
    principal_id = "a0000000-0000-0000-0000-000000000001"
  }
}

override_resource {
  target = module.identity["api"].azurerm_user_assigned_identity.this
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-api"
    client_id    = "c0000000-0000-0000-0000-000000000002"
    principal_id = "a0000000-0000-0000-0000-000000000002"
  }
}

override_resource {
  target = module.identity["migrate"].azurerm_user_assigned_identity.this
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-migrate"
    client_id    = "c0000000-0000-0000-0000-000000000003"
    principal_id = "a0000000-0000-0000-0000-000000000003"
  }
}

override_resource {
  target = module.identity["worker"].azurerm_user_assigned_identity.this
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-worker"
    client_id    = "c0000000-0000-0000-0000-000000000004"
    principal_id = "a0000000-0000-0000-0000-000000000004"
  }
}

override_resource {
  target = module.identity["keda"].azurerm_user_assigned_identity.this
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-keda"
    client_id    = "c0000000-0000-0000-0000-000000000005"
    principal_id = "a0000000-0000-0000-0000-000000000005"
  }
}

override_resource {
  target = module.aks.azurerm_user_assigned_identity.control_plane
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-aks"
    client_id    = "c0000000-0000-0000-0000-000000000006"
    principal_id = "a0000000-0000-0000-0000-000000000006"
  }
}

override_resource {
  target = module.aks.azurerm_user_assigned_identity.kubelet
  values = {
    id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-kubelet"
    client_id    = "c0000000-0000-0000-0000-000000000007"
    principal_id = "a0000000-0000-0000-0000-000000000007"
  }
}
