resource "azurerm_container_registry" "this" {
  name                = "cr${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags

  sku = var.sku
  # Pulling and pushing go by role.
  admin_enabled = false
}

resource "azurerm_role_assignment" "pull" {
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPull"
  principal_id         = var.pull_principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "push" {
  for_each             = var.deployers
  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPush"
  principal_id         = each.value
}
