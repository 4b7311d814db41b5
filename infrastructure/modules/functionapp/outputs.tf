output "name" {
  description = "Name of the app."
  value       = azurerm_function_app_flex_consumption.this.name
}

output "url" {
  description = "Where the app answers."
  value       = "https://${azurerm_function_app_flex_consumption.this.name}.azurewebsites.net"
}

output "settings" {
  description = "App settings as they were given: of the binary, and of the Functions host."
  value       = azurerm_function_app_flex_consumption.this.app_settings
}
