# None of these waits for the federated credential, so that what needs the identity does not wait for the cluster.
output "id" {
  description = "Resource id."
  value       = azurerm_user_assigned_identity.this.id
}

output "name" {
  description = "Name, also as a user of the database."
  value       = azurerm_user_assigned_identity.this.name
}

output "client_id" {
  description = "Application id: what a process names when it asks for a token."
  value       = azurerm_user_assigned_identity.this.client_id
}

output "principal_id" {
  description = "Object id: what roles are assigned to."
  value       = azurerm_user_assigned_identity.this.principal_id
}

output "subject" {
  description = "ServiceAccount that may act as this identity; null where the platform hands it out."
  value       = one(azurerm_federated_identity_credential.this[*].subject)
}
