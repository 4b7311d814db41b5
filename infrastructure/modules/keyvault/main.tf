resource "azurerm_key_vault" "this" {
  name                = "kv-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  tenant_id = var.tenant_id
  sku_name  = "standard"
  # Roles, like everywhere else, instead of the vault's own list of access policies.
  rbac_authorization_enabled = true
  # Cannot be taken back, and keeps the vault's name for ninety days after a tear-down: for prod. A lock would add nothing to
  # that, and would keep role assignments on the vault from being taken away.
  purge_protection_enabled   = var.protected
  soft_delete_retention_days = var.protected ? 90 : 7
}

# The binary reads its secrets itself, on every host that serves or sweeps. Of the whole vault: it holds nothing else, and which
# secrets the rows of webhook endpoints name is not known here.
resource "azurerm_role_assignment" "reader" {
  for_each             = var.readers
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = each.value
  principal_type       = "ServicePrincipal"
}

# One of those who deploy puts the first API key there. Terraform itself never holds a secret.
resource "azurerm_role_assignment" "deployer" {
  for_each             = var.deployers
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = each.value
}

resource "azurerm_monitor_diagnostic_setting" "audit" {
  name                       = "audit"
  target_resource_id         = azurerm_key_vault.this.id
  log_analytics_workspace_id = var.workspace_id

  enabled_log {
    category = "AuditEvent"
  }
}
