output "manifests" {
  description = "Kubernetes objects by name."
  value       = { for name, text in merge(local.everywhere, local.route, local.worker) : name => yamldecode(text) }
}
