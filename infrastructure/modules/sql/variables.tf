variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the server is sql-NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,57}[a-z0-9]$", var.name))
    error_message = "sql-NAME has at most 63 small letters, digits and hyphens."
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

variable "administrator" {
  description = "Identity that is the server's administrator."
  type = object({
    name         = string
    principal_id = string
  })
}

variable "database_name" {
  description = "The database is sqldb-DATABASE_NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,120}[a-z0-9]$", var.database_name))
    error_message = "sqldb-DATABASE_NAME has at most 128 small letters, digits and hyphens."
  }
}

# Neither Terraform nor the provider knows which of these go together; Azure says so in the middle of an apply.
variable "database" {
  description = "Size, price and safety. Serverless SKUs (GP_S_…) pause after auto_pause_delay_in_minutes; others have neither that nor min_capacity."
  type = object({
    sku_name                    = string
    min_capacity                = optional(number)
    auto_pause_delay_in_minutes = optional(number)
    max_size_gb                 = number
    zone_redundant              = bool
    backup_storage              = string
    backup_retention_days       = number
  })
  validation {
    condition     = can(regex("^(Basic|S[0-9]{1,2}|(GP|BC|HS)_(S_)?Gen5_[0-9]{1,3})$", var.database.sku_name))
    error_message = "The database's SKU is Basic, S0 to S12, or a vCore one such as GP_S_Gen5_1 and GP_Gen5_2."
  }
  validation {
    condition = (
      strcontains(var.database.sku_name, "_S_")
      ? try(contains([0.5, 0.75, 1, 1.25, 1.5, 1.75, 2], var.database.min_capacity), false)
      && try(var.database.auto_pause_delay_in_minutes == -1 || var.database.auto_pause_delay_in_minutes >= 15 && var.database.auto_pause_delay_in_minutes <= 10080, false)
      : var.database.min_capacity == null && var.database.auto_pause_delay_in_minutes == null
    )
    error_message = "A serverless SKU needs min_capacity (0.5 to 2) and auto_pause_delay_in_minutes (15 to 10080, or -1 for never); no other takes them."
  }
  # vCores: up to 4 TB in whole GB (of a serverless one 512 GB a vCore, roughly); DTUs: a few steps.
  validation {
    condition = (
      startswith(var.database.sku_name, "Basic") ? contains([0.1, 0.5, 1, 2], var.database.max_size_gb)
      : startswith(var.database.sku_name, "S") ? contains([0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1024], var.database.max_size_gb)
      : var.database.max_size_gb >= 1 && var.database.max_size_gb <= 4096 && floor(var.database.max_size_gb) == var.database.max_size_gb
    )
    error_message = "The database has 1 to 4096 whole GB; with a Basic or S SKU one of the sizes that they come in."
  }
  validation {
    condition     = contains(["Local", "Zone", "Geo", "GeoZone"], var.database.backup_storage)
    error_message = "Backups are kept in Local, Zone, Geo or GeoZone storage."
  }
  validation {
    condition     = var.database.backup_retention_days >= 1 && var.database.backup_retention_days <= 35
    error_message = "Backups are kept for 1 to 35 days."
  }
}

variable "protected" {
  description = "Whether the server and its database are locked against deletion."
  type        = bool
}

variable "workspace_id" {
  description = "Log Analytics workspace that hears of failed logins and changed rights."
  type        = string
}
