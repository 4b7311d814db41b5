resource "azurerm_user_assigned_identity" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  tags                = var.tags
}

# Entra ID takes a token of this Kubernetes ServiceAccount for one of the identity: no secret changes hands.
resource "azurerm_federated_identity_credential" "this" {
  count                     = var.service_account == null ? 0 : 1
  name                      = "aks-${var.service_account.name}"
  user_assigned_identity_id = azurerm_user_assigned_identity.this.id
  issuer                    = var.service_account.issuer
  subject                   = "system:serviceaccount:${var.service_account.namespace}:${var.service_account.name}"
  audience                  = ["api://AzureADTokenExchange"]
}
