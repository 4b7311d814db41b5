variable "name" {
  description = "Name of the release."
  type        = string
}

variable "manifests" {
  description = "Kubernetes objects by name, as modules/manifests renders them."
  type        = any
  validation {
    condition     = alltrue([for manifest in values(var.manifests) : can(manifest.apiVersion) && can(manifest.kind) && can(manifest.metadata.name)])
    error_message = "Every manifest has an apiVersion, a kind and a metadata.name."
  }
}
