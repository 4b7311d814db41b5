resource "azurerm_mssql_server" "this" {
  name                = "sql-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  # The only one that Azure SQL has.
  version = "12.0"
  # Said so that a plan shows it; the drivers of the binary speak no less.
  minimum_tls_version = "1.2"
  # Scans for known weaknesses without a storage account of its own.
  express_vulnerability_assessment_enabled = true

  # No SQL login exists. The identity of `orders migrate` is the administrator, so that it can make the other users itself.
  azuread_administrator {
    login_username              = var.administrator.name
    object_id                   = var.administrator.principal_id
    tenant_id                   = var.tenant_id
    azuread_authentication_only = true
  }
}

resource "azurerm_mssql_database" "this" {
  name      = "sqldb-${var.database_name}"
  server_id = azurerm_mssql_server.this.id
  tags      = var.tags

  sku_name                    = var.database.sku_name
  min_capacity                = var.database.min_capacity
  auto_pause_delay_in_minutes = var.database.auto_pause_delay_in_minutes
  max_size_gb                 = var.database.max_size_gb
  zone_redundant              = var.database.zone_redundant
  storage_account_type        = var.database.backup_storage

  short_term_retention_policy {
    retention_days = var.database.backup_retention_days
  }
}

# Functions on the Flex plan and AKS leave by addresses that change. This lets Azure's own addresses knock; Entra ID decides
# who is let in.
resource "azurerm_mssql_firewall_rule" "azure" {
  name             = "azure"
  server_id        = azurerm_mssql_server.this.id
  start_ip_address = "0.0.0.0"
  end_ip_address   = "0.0.0.0"
}

resource "azurerm_mssql_server_extended_auditing_policy" "this" {
  server_id              = azurerm_mssql_server.this.id
  log_monitoring_enabled = true
  # Who was refused a login, and who changed rights or tables; every statement would cost more than the database.
  audit_actions_and_groups = [
    "DATABASE_PERMISSION_CHANGE_GROUP",
    "DATABASE_PRINCIPAL_CHANGE_GROUP",
    "DATABASE_ROLE_MEMBER_CHANGE_GROUP",
    "FAILED_DATABASE_AUTHENTICATION_GROUP",
    "SCHEMA_OBJECT_CHANGE_GROUP",
  ]
}

# A server's audit goes where its database master sends it.
resource "azurerm_monitor_diagnostic_setting" "audit" {
  name                       = "audit"
  target_resource_id         = "${azurerm_mssql_server.this.id}/databases/master"
  log_analytics_workspace_id = var.workspace_id

  enabled_log {
    category = "SQLSecurityAuditEvents"
  }
}

# Nobody deletes the server or its database, in the portal or elsewhere, before this is taken away. Terraform itself would do
# just that first; scripts/deploy.sh refuses such a plan.
resource "azurerm_management_lock" "this" {
  count      = var.protected ? 1 : 0
  name       = "keep"
  scope      = azurerm_mssql_server.this.id
  lock_level = "CanNotDelete"
  notes      = "The orders are here."
}
