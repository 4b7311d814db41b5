output "name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "id" {
  description = "Resource id of the cluster."
  value       = azurerm_kubernetes_cluster.this.id
}

output "oidc_issuer_url" {
  description = "Issuer of the ServiceAccounts' tokens."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}

output "kubelet_principal_id" {
  description = "Object id of the identity that pulls images."
  value       = azurerm_user_assigned_identity.kubelet.principal_id
}

# Whoever uses these wants to talk to the API server, and is refused before the role is there.
output "host" {
  description = "Address of the API server."
  value       = azurerm_kubernetes_cluster.this.kube_config[0].host
  sensitive   = true
  depends_on  = [azurerm_role_assignment.deployer]
}

output "cluster_ca_certificate" {
  description = "Certificate of the API server's authority, in base64."
  value       = azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate
  sensitive   = true
  depends_on  = [azurerm_role_assignment.deployer]
}

output "deployers" {
  description = "Object ids of those who deploy, as the role was given to them."
  value       = toset([for assigned in azurerm_role_assignment.deployer : assigned.principal_id])
}
