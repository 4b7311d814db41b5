output "workspace_id" {
  description = "Resource id of the Log Analytics workspace."
  value       = azurerm_log_analytics_workspace.this.id
}

output "connection_string" {
  description = "Where telemetry is sent. Can write, cannot read; Microsoft counts it as an identifier, the provider as a secret."
  value       = azurerm_application_insights.this.connection_string
  sensitive   = true
}
