variable "name" {
  description = "Project and environment, as in orders-dev."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,49}[a-z0-9]$", var.name))
    error_message = "Project and environment are at most 51 small letters, digits and hyphens."
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

variable "email" {
  description = "Who is told; null: the alerts only show in the portal."
  type        = string
  validation {
    condition     = try(can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", var.email)), false) || var.email == null
    error_message = "An e-mail address, or null."
  }
}

variable "workspace_id" {
  description = "Log Analytics workspace that the rules ask."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace whose Pods are looked after."
  type        = string
}

variable "servicebus_namespace_id" {
  description = "Service Bus namespace whose dead letters are counted."
  type        = string
}

variable "topic_name" {
  description = "Topic whose dead letters are counted."
  type        = string
}
