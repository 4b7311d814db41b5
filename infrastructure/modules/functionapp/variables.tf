variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the app is func-NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,53}[a-z0-9]$", var.name))
    error_message = "func-NAME has at most 60 small letters, digits and hyphens."
  }
}

variable "storage_name" {
  description = "The same without hyphens; the storage account is stSTORAGE_NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]{1,22}$", var.storage_name))
    error_message = "stSTORAGE_NAME has at most 24 small letters and digits."
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

variable "identity" {
  description = "Identity that the app is: for storage, bus, database and vault."
  type = object({
    id           = string
    client_id    = string
    principal_id = string
  })
}

variable "settings" {
  description = "App settings: those of the binary, and those of the Functions host that are no secret."
  type        = map(string)
  validation {
    condition     = alltrue([for name in keys(var.settings) : !startswith(name, "AzureWebJobsStorage") && !startswith(name, "FUNCTIONS_") && name != "APPLICATIONINSIGHTS_CONNECTION_STRING"])
    error_message = "The host's storage and its telemetry are set by this module, and its runtime by the plan."
  }
}

variable "application_insights_connection_string" {
  description = "Where the host and the binary send telemetry."
  type        = string
  sensitive   = true
}

variable "maximum_instance_count" {
  description = "At most so many instances, so that the database is not swamped: 1 to 1000."
  type        = number
  validation {
    condition     = var.maximum_instance_count >= 1 && var.maximum_instance_count <= 1000
    error_message = "1 to 1000 instances."
  }
}

variable "zone_balancing" {
  description = "Whether instances are spread over availability zones."
  type        = bool
}

variable "storage_replication" {
  description = "LRS, or ZRS: over three zones."
  type        = string
  validation {
    condition     = contains(["LRS", "ZRS"], var.storage_replication)
    error_message = "The storage account is replicated as LRS or ZRS."
  }
}
