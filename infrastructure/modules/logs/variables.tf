variable "name" {
  description = "Project and environment, as in orders-dev; the resources are log-NAME and appi-NAME."
  type        = string
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
