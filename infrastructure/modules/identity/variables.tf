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
}

variable "location" {
  description = "Azure region, in its short form (swedencentral)."
  type        = string
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
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
