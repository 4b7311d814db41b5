output "name" {
  description = "Name of the registry."
  value       = azurerm_container_registry.this.name
}

# Not the resource's login_server: so that the image's name is known in a plan.
output "login_server" {
  description = "Host that images are pushed to and pulled from."
  value       = "${azurerm_container_registry.this.name}.azurecr.io"
}

output "puller" {
  description = "Object id that may pull."
  value       = azurerm_role_assignment.pull.principal_id
}

output "deployers" {
  description = "Object ids of those who deploy, as the role was given to them."
  value       = toset([for assigned in azurerm_role_assignment.push : assigned.principal_id])
}
