output "revision" {
  description = "Number of the release: one more with every upgrade."
  value       = helm_release.this.metadata.revision
}

output "manifests" {
  description = "Kubernetes objects by name, as the release carries them."
  value       = jsondecode(helm_release.this.values[0]).manifests
}
