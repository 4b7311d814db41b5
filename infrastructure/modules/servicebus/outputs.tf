output "namespace_id" {
  description = "Resource id of the namespace."
  value       = azurerm_servicebus_namespace.this.id
}

output "namespace_name" {
  description = "Name of the namespace, as KEDA wants it."
  value       = azurerm_servicebus_namespace.this.name
}

output "fully_qualified_namespace" {
  description = "Host name of the namespace."
  value       = "${azurerm_servicebus_namespace.this.name}.servicebus.windows.net"
}

output "topic_name" {
  description = "Name of the topic that there is."
  value       = azurerm_servicebus_topic.this.name
}

output "subscription_name" {
  description = "Name of the subscription that there is."
  value       = azurerm_servicebus_subscription.notify.name
}

output "assignments" {
  description = "Who may do what: role definition, scope and object id, by NAME of the right and role of the system."
  value = merge(
    { for role, assigned in azurerm_role_assignment.sender : "sender/${role}" => { role = assigned.role_definition_name, scope = assigned.scope, principal_id = assigned.principal_id } },
    { for role, assigned in azurerm_role_assignment.receiver : "receiver/${role}" => { role = assigned.role_definition_name, scope = assigned.scope, principal_id = assigned.principal_id } },
    { for role, assigned in azurerm_role_assignment.scaler : "scaler/${role}" => { role = assigned.role_definition_name, scope = assigned.scope, principal_id = assigned.principal_id } },
  )
}

output "topic_id" {
  description = "Resource id of the topic."
  value       = azurerm_servicebus_topic.this.id
}

output "subscription_id" {
  description = "Resource id of the subscription."
  value       = azurerm_servicebus_subscription.notify.id
}
