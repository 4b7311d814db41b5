variable "name" {
  description = "Project and environment, as in orders-dev; the cluster is aks-NAME."
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

variable "tenant_id" {
  description = "Entra tenant whose people and pipelines are let in."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.tenant_id))
    error_message = "A tenant id is a UUID in small letters."
  }
}

variable "sku_tier" {
  description = "Free, or Standard with an SLA for the API server."
  type        = string
  validation {
    condition     = contains(["Free", "Standard", "Premium"], var.sku_tier)
    error_message = "The cluster's tier is Free, Standard or Premium."
  }
}

variable "node_vm_size" {
  description = "Size of every node. It needs a temporary disk of at least 64 GB for the system disk: a size with a d, such as Standard_D2ads_v5."
  type        = string
  validation {
    condition     = can(regex("^Standard_[DEF][0-9]+[a-z]*d[a-z]*_v[0-9]+$", var.node_vm_size))
    error_message = "The node size is one with a temporary disk, such as Standard_D2ads_v5."
  }
}

variable "zones" {
  description = "Availability zones of the nodes: none, or up to three."
  type        = set(string)
  validation {
    condition     = length(setsubtract(var.zones, ["1", "2", "3"])) == 0
    error_message = "Zones are 1, 2 and 3."
  }
}

variable "system_nodes" {
  description = "Least and greatest number of nodes in the pool that every cluster has."
  type = object({
    min = number
    max = number
  })
  validation {
    condition     = var.system_nodes.min >= 1 && var.system_nodes.min <= var.system_nodes.max && var.system_nodes.max <= 100
    error_message = "1 <= min <= max <= 100."
  }
}

variable "user_nodes" {
  description = "Least and greatest number of nodes of a pool for our Pods alone; null: they run beside the system's."
  type = object({
    min = number
    max = number
  })
  validation {
    condition     = try(var.user_nodes.min >= 1 && var.user_nodes.min <= var.user_nodes.max && var.user_nodes.max <= 100, var.user_nodes == null)
    error_message = "1 <= min <= max <= 100."
  }
}

variable "authorized_ip_ranges" {
  description = "Addresses that may reach the API server; empty: all, and Entra ID decides."
  type        = set(string)
  validation {
    condition     = alltrue([for range in var.authorized_ip_ranges : can(cidrhost(range, 0))])
    error_message = "Ranges are in CIDR form, as in 203.0.113.0/24."
  }
}

variable "deployers" {
  description = "Object ids of those who deploy."
  type        = set(string)
}

variable "workspace_id" {
  description = "Log Analytics workspace that the agent sends to."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace whose Pods are logged."
  type        = string
}
