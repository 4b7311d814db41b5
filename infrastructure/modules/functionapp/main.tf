resource "azurerm_storage_account" "this" {
  name                = "st${var.storage_name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  account_tier             = "Standard"
  account_replication_type = var.storage_replication
  # Entra ID only: the account's keys open nothing.
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  # Nobody comes by SFTP.
  local_user_enabled              = false
  allow_nested_items_to_be_public = false
  # The provider's default, and the least that Azure takes from new accounts; said so that a plan shows it.
  min_tls_version = "TLS1_2"

  # A package that was deleted by mistake is there for another week; after that only a deployment brings it.
  blob_properties {
    delete_retention_policy {
      days = 7
    }
    container_delete_retention_policy {
      days = 7
    }
  }
}

# The package that the app runs from.
resource "azurerm_storage_container" "releases" {
  name               = "releases"
  storage_account_id = azurerm_storage_account.this.id
}

# What the Functions host itself does there: its package, the timer's lease, its keys; queues and tables for its diagnostics.
resource "azurerm_role_assignment" "storage" {
  for_each             = toset(["Storage Blob Data Owner", "Storage Queue Data Contributor", "Storage Table Data Contributor"])
  scope                = azurerm_storage_account.this.id
  role_definition_name = each.value
  principal_id         = var.identity.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_service_plan" "this" {
  name                = "asp-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  os_type = "Linux"
  # Flex Consumption: scales from nothing, pays by use, and knows custom handlers.
  sku_name               = "FC1"
  zone_balancing_enabled = var.zone_balancing
}

resource "azurerm_function_app_flex_consumption" "this" {
  name                = "func-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  service_plan_id = azurerm_service_plan.this.id
  runtime_name    = "custom"
  runtime_version = "1.0"
  # The host and this binary need about 250 MB together; memory is what Flex charges for.
  instance_memory_in_mb  = 512
  maximum_instance_count = var.maximum_instance_count
  https_only             = true
  # Packages are published with Entra ID.
  webdeploy_publish_basic_authentication_enabled = false

  storage_container_type            = "blobContainer"
  storage_container_endpoint        = "https://${azurerm_storage_account.this.name}.blob.core.windows.net/${azurerm_storage_container.releases.name}"
  storage_authentication_type       = "UserAssignedIdentity"
  storage_user_assigned_identity_id = var.identity.id

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity.id]
  }

  site_config {
    # It becomes an app setting; given there too, it would be a difference in every plan.
    application_insights_connection_string = var.application_insights_connection_string
    # Clients of the last ten years speak it; 1.3 alone would shut some of them out.
    minimum_tls_version     = "1.2"
    scm_minimum_tls_version = "1.2"
  }

  app_settings = merge(var.settings, {
    # azurerm 5.2 writes a connection string without a key under this name, whatever the authentication type, and the host
    # would prefer it to the identity (hashicorp/terraform-provider-azurerm, issues 29693 and 29149). An app setting of the
    # same name replaces it. That the host takes an empty one for none depends on its version (Azure/azure-functions-host,
    # issue 11787 and its mend 11794); how to see it, and the way out, is in infrastructure/README.md. Price: reading back
    # hides the setting, so every plan shows it as added, and every apply restarts the app. `ignore_changes` must not silence
    # that: an update would then bring the provider's string back.
    AzureWebJobsStorage              = ""
    AzureWebJobsStorage__accountName = azurerm_storage_account.this.name
    AzureWebJobsStorage__credential  = "managedidentity"
    AzureWebJobsStorage__clientId    = var.identity.client_id
  })

  # An app that starts before its roles are there fails for minutes.
  depends_on = [azurerm_role_assignment.storage]
}
