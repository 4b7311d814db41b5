output "resource_group" {
  description = "Resource group that everything is in."
  value       = azurerm_resource_group.this.name
}

output "registry" {
  description = "Host that images are pushed to."
  value       = module.registry.login_server
}

output "function_app" {
  description = "Name of the Function App."
  value       = module.functionapp.name
}

output "function_app_url" {
  description = "Where the Function App answers."
  value       = module.functionapp.url
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.aks.name
}

output "namespace" {
  description = "Kubernetes namespace of the workload."
  value       = local.namespace
}

output "key_vault" {
  description = "Name of the vault."
  value       = module.keyvault.name
}

output "api_keys_secret" {
  description = "Name of the secret that holds the API keys of the cluster's api; the secret itself is not known to Terraform."
  value       = local.api_keys_secret
}

output "key_secrets" {
  description = "Names of the secrets that hold keys of ours: of the api, and of the console where there is one."
  value       = local.key_secrets
}

output "notify_host" {
  description = "Who tells the customers."
  value       = var.notify_host
}

output "migrate_job" {
  description = "Name of the Job that brings the schema up to date; null before the first image."
  value       = try(module.manifests[0].manifests["migrate-job"].metadata.name, null)
}
