variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world, without hyphens; the registry is crNAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]{3,48}$", var.name))
    error_message = "crNAME has 5 to 50 small letters and digits."
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

variable "sku" {
  description = "Basic (10 GB) or Standard (100 GB, more throughput); what Premium adds is private endpoints and replicas in other regions."
  type        = string
  validation {
    condition     = contains(["Basic", "Standard", "Premium"], var.sku)
    error_message = "The registry's SKU is Basic, Standard or Premium."
  }
}

variable "pull_principal_id" {
  description = "Object id of the identity that the cluster's nodes pull with."
  type        = string
}

variable "deployers" {
  description = "Object ids of those who deploy."
  type        = set(string)
}
