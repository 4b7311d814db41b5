output "name" {
  description = "Name of the vault."
  value       = azurerm_key_vault.this.name
}

# Not the resource's vault_uri: so the address is known before the vault is, and a plan shows it.
output "uri" {
  description = "Address of the vault."
  value       = "https://${azurerm_key_vault.this.name}.vault.azure.net"
}

output "readers" {
  description = "Object ids that may read secrets, by role of the system."
  value       = { for role, assigned in azurerm_role_assignment.reader : role => assigned.principal_id }
}

output "deployers" {
  description = "Object ids of those who deploy, as the role was given to them."
  value       = toset([for assigned in azurerm_role_assignment.deployer : assigned.principal_id])
}
