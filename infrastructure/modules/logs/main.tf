resource "azurerm_log_analytics_workspace" "this" {
  name                = "log-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  sku               = "PerGB2018"
  retention_in_days = var.retention_in_days
  # A loop that logs must not become the largest item of the bill.
  daily_quota_gb = var.daily_quota_gb
  # Agents and diagnostic settings come with identities; the workspace's shared keys open nothing.
  local_authentication_enabled = false
}

resource "azurerm_application_insights" "this" {
  name                = "appi-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  application_type = "other"
  workspace_id     = azurerm_log_analytics_workspace.this.id
  # Entra ID only: the key in the connection string opens nothing.
  local_authentication_enabled = false
  # A sampled count of rejected messages is no count, and the workspace's quota already bounds the cost.
  sampling_percentage = 100
}

resource "azurerm_role_assignment" "publisher" {
  for_each             = var.publishers
  scope                = azurerm_application_insights.this.id
  role_definition_name = "Monitoring Metrics Publisher"
  principal_id         = each.value
  principal_type       = "ServicePrincipal"
}
