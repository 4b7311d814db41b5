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
  validation {
    condition     = can(regex("^[A-Za-z0-9._()-]{0,89}[A-Za-z0-9_()-]$", var.resource_group_name))
    error_message = "A resource group's name has at most 90 letters, digits, dots, underscores, parentheses and hyphens, and no dot at its end."
  }
}

variable "location" {
  description = "Azure region, in its short form (swedencentral)."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "A region in its short form, as in swedencentral."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  validation {
    condition     = length(var.tags) <= 50 && alltrue([for name, value in var.tags : length(name) <= 128 && length(value) <= 256])
    error_message = "At most 50 tags, with names of up to 128 and values of up to 256 characters."
  }
}

variable "tenant_id" {
  description = "Entra tenant whose identities are let in."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "A tenant id is a UUID in small letters."
  }
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
