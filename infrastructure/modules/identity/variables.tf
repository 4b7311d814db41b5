variable "name" {
  description = "Name of the identity."
  type        = string
  validation {
    condition     = can(regex("^id-[a-z0-9-]{1,120}$", var.name))
    error_message = "An identity's name begins with id- and has small letters, digits and hyphens."
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

variable "service_account" {
  description = "ServiceAccount that may act as this identity, and the cluster's OIDC issuer; null where the platform hands the identity out itself."
  type = object({
    issuer    = string
    namespace = string
    name      = string
  })
  default = null
}
