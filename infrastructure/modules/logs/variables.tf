variable "name" {
  description = "Project and environment, as in orders-dev; the resources are log-NAME and appi-NAME."
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

variable "retention_in_days" {
  description = "How long logs are kept: 30 to 730 days; the first 31 are free."
  type        = number
  validation {
    condition     = var.retention_in_days >= 30 && var.retention_in_days <= 730 && floor(var.retention_in_days) == var.retention_in_days
    error_message = "Logs are kept for 30 to 730 whole days."
  }
}

variable "daily_quota_gb" {
  description = "Ingestion stops for the day after so many GB."
  type        = number
  validation {
    condition     = var.daily_quota_gb > 0 && var.daily_quota_gb <= 100
    error_message = "The daily quota is above 0 and at most 100 GB."
  }
}

variable "publishers" {
  description = "Object ids of the identities that send telemetry, by role of the system."
  type        = map(string)
}
