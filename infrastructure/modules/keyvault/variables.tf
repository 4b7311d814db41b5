variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the vault is kv-NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "kv-NAME has at most 24 small letters, digits and single hyphens."
  }
}

variable "resource_group_name" {
  description = "Resource group that everything goes into."
  type        = string
}

variable "location" {
  description = "Azure region, in its short form (swedencentral)."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
}

variable "tenant_id" {
  description = "Entra tenant whose identities are let in."
  type        = string
}

variable "protected" {
  description = "Whether deleted secrets and a deleted vault can be brought back for ninety days, and by nobody destroyed before."
  type        = bool
}

variable "readers" {
  description = "Object ids of the identities that read secrets, by role."
  type        = map(string)
}

variable "deployers" {
  description = "Object ids of those who deploy."
  type        = set(string)
}

variable "workspace_id" {
  description = "Log Analytics workspace that hears of every read secret."
  type        = string
}
