output "workspace_id" {
  description = "Resource id of the Log Analytics workspace."
  value       = azurerm_log_analytics_workspace.this.id
}

output "connection_string" {
  description = "Where telemetry is sent. Opens nothing; the provider counts it as a secret all the same."
  value       = azurerm_application_insights.this.connection_string
  sensitive   = true
}

output "publishers" {
  description = "Object ids that may send telemetry, by role of the system."
  value       = { for role, assigned in azurerm_role_assignment.publisher : role => assigned.principal_id }
}
