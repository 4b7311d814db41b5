# Not the resource's fully_qualified_domain_name: so that the settings are known in a plan.
output "host" {
  description = "Host name of the server."
  value       = "${azurerm_mssql_server.this.name}.database.windows.net"
}

output "database_name" {
  description = "Name of the database."
  value       = azurerm_mssql_database.this.name
}

output "administrator" {
  description = "Object id of the server's administrator."
  value       = azurerm_mssql_server.this.azuread_administrator[0].object_id
}
