variable "subscription_id" {
  description = "Azure subscription that everything is made in."
  type        = string
  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "A subscription id is a UUID in small letters."
  }
}

variable "environment" {
  description = "dev or prod; the rest of what differs between them is in environments/."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environment is dev or prod."
  }
}

variable "location" {
  description = "Azure region, in its short form. It must have the Flex Consumption plan and three availability zones."
  type        = string
  default     = "swedencentral"
  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "A region in its short form, as in swedencentral."
  }
}

variable "image" {
  description = "Image in the registry made here, orders:TAG@sha256:DIGEST. null on the very first run only: everything but the workload is made, so that there is a registry to push to."
  type        = string
  nullable    = true
  validation {
    condition     = var.image == null || can(regex("^orders:[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image has the form orders:TAG@sha256:DIGEST, its tag at most 40 small letters, digits and hyphens."
  }
}

variable "notify_host" {
  description = "Who receives from the subscription and tells the customers: aks or functions. HTTP is served by both."
  type        = string
  default     = "aks"
  validation {
    condition     = contains(["aks", "functions"], var.notify_host)
    error_message = "The host that notifies is aks or functions."
  }
}

variable "channels" {
  description = "How customers are told, unless the order says otherwise: log, email, webhook. With email its services are made; where webhooks go is a matter of rows, not of settings."
  type        = list(string)
  default     = ["log"]
  validation {
    condition     = length(var.channels) > 0 && length(setsubtract(var.channels, ["log", "email", "webhook"])) == 0 && length(distinct(var.channels)) == length(var.channels)
    error_message = "The channels are log, email and webhook, each at most once."
  }
  # The smoke test's orders are told over it alone, so that nobody outside hears of them.
  validation {
    condition     = contains(var.channels, "log")
    error_message = "The channel log is among them: the deployment's smoke test is told over it."
  }
}

variable "settings" {
  description = "Settings of the binary that Terraform does not know better (README.md has them all), for all who work; they go before its own. A secret is keyvault:NAME, and that secret is in the vault before it is named here; for ORDERS_CONSOLE_KEY the deployment makes one."
  type        = map(string)
  default     = {}
  validation {
    condition = alltrue([
      for name in keys(var.settings) : contains([
        "EMAIL_FROM", "EMAIL_PASSWORD", "EMAIL_SERVER", "IDEMPOTENCY_RETENTION", "NOTIFY_AT_MOST_ONCE", "NOTIFY_CONCURRENCY", "ORDERS_CONSOLE_KEY",
        "ORDERS_DATABASE_WAIT", "ORDERS_KEY_VAULT_REFRESH", "ORDERS_LEASE", "ORDERS_RETENTION", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_METRIC_EXPORT_INTERVAL",
        "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SDK_DISABLED", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG", "RUST_LOG", "ServiceBus__transport", "UNRECEIVED_AFTER",
      ], name)
    ])
    error_message = "A setting is one that the binary reads, and none that Terraform sets itself: see the list in variables.tf."
  }
  validation {
    condition     = alltrue([for name, value in var.settings : can(regex("^keyvault:[A-Za-z0-9-]{1,127}$", value)) if contains(["EMAIL_PASSWORD", "ORDERS_CONSOLE_KEY"], name)])
    error_message = "A secret is named, not told: keyvault:NAME."
  }
  validation {
    condition = (
      contains(keys(var.settings), "EMAIL_SERVER")
      ? contains(keys(var.settings), "EMAIL_FROM") && can(regex("^(smtps?://([^/:@]+@)?[^/@]+|https://[^/@]+)$", var.settings["EMAIL_SERVER"]))
      : !contains(keys(var.settings), "EMAIL_PASSWORD") && !contains(keys(var.settings), "EMAIL_FROM")
    )
    error_message = "A mail server of one's own is smtp://HOST:587, smtps://USER@HOST:465 or https://NAME.communication.azure.com, with EMAIL_FROM beside it and its password in EMAIL_PASSWORD alone."
  }
}

variable "gateway" {
  description = "Gateway (Gateway API) in the cluster that leads to the api, with the host names it serves; null: an internal load balancer."
  type = object({
    name      = string
    namespace = string
    hostnames = list(string)
  })
  default = null
  validation {
    condition = try(
      alltrue([for name in [var.gateway.name, var.gateway.namespace] : can(regex("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", name))])
      && length(var.gateway.hostnames) > 0 && alltrue([for name in var.gateway.hostnames : can(regex("^([*][.])?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])+[a-z]{2,63}$", name))]),
      var.gateway == null,
    )
    error_message = "A gateway has the name and the namespace of a Kubernetes object, and at least one host name, as in orders.example.com."
  }
}

variable "alert_email" {
  description = "Who is told when an alert fires; null: nobody, alerts show in the portal."
  type        = string
  default     = null
}

variable "authorized_ip_ranges" {
  description = "Addresses that may reach the cluster's API server, in CIDR form; empty: all, and Entra ID decides."
  type        = set(string)
  default     = []
}

variable "deployers" {
  description = "Object ids of those who deploy: of a group, or of people and pipelines. Empty: who runs Terraform, and nobody else until that is changed."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for id in var.deployers : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "An object id is a UUID in small letters."
  }
}

variable "cluster" {
  description = "Tier and nodes of the cluster. user_nodes null: our Pods run beside the system's."
  type = object({
    sku_tier     = string
    node_vm_size = string
    zones        = set(string)
    system_nodes = object({ min = number, max = number })
    user_nodes   = optional(object({ min = number, max = number }))
  })
}

variable "database" {
  description = "Size, price and safety of the database; see modules/sql."
  type = object({
    sku_name                    = string
    min_capacity                = optional(number)
    auto_pause_delay_in_minutes = optional(number)
    max_size_gb                 = number
    zone_redundant              = bool
    backup_storage              = string
    backup_retention_days       = number
  })
}

variable "database_connections" {
  description = "The most connections to the database that a Pod and an instance of the Function App have."
  type = object({
    pod      = number
    instance = number
  })
  validation {
    condition     = alltrue([for connections in values(var.database_connections) : connections >= 1 && connections <= 200])
    error_message = "1 to 200 connections."
  }
  # Everybody at once, and during a rollout half as many Pods again: a request above the SKU's limit is refused (error 10928).
  # Where functions notify there is no worker, and room to spare.
  validation {
    condition = (
      var.database_connections.pod * ceil((var.replicas.api.max + var.replicas.worker.max) * 1.5) + var.database_connections.instance * var.functions.maximum_instance_count
      <= try(
        # vCores: seventy-five requests at a time for each of a serverless database, a hundred for each of another.
        tonumber(regex("_([0-9]+)$", var.database.sku_name)[0]) * (strcontains(var.database.sku_name, "_S_") ? 75 : 100),
        { Basic = 30, S0 = 60, S1 = 90, S2 = 120, S3 = 200, S4 = 400, S6 = 800, S7 = 1600, S9 = 3200, S12 = 6400 }[var.database.sku_name],
      )
    )
    error_message = "All Pods (half as many again during a rollout) and instances together have more connections than the database's SKU takes requests: lower database_connections, replicas or functions.maximum_instance_count, or take a larger SKU."
  }
}

variable "functions" {
  description = "Scale and safety of the Function App. Flex Consumption spreads over zones in some regions only (README.md, Zones)."
  type = object({
    maximum_instance_count = number
    zone_balancing         = bool
    storage_replication    = string
  })
}

variable "replicas" {
  description = "Pods: of the api by CPU, of the worker by messages on the subscription."
  type = object({
    api    = object({ min = number, max = number })
    worker = object({ max = number, messages = number })
  })
  validation {
    condition     = var.replicas.api.min >= 2 && var.replicas.api.min <= var.replicas.api.max && var.replicas.api.max <= 100
    error_message = "At least two Pods serve, so that one may go: 2 <= api.min <= api.max <= 100."
  }
  validation {
    condition     = var.replicas.worker.max >= 1 && var.replicas.worker.max <= 100 && var.replicas.worker.messages >= 1 && var.replicas.worker.messages <= 1000
    error_message = "1 to 100 workers, for 1 to 1000 messages each."
  }
}

variable "sweep" {
  description = "How often an idle database is touched: NCRONTAB schedule of the Functions host, and longest sleep of the processes on AKS. Longer than auto_pause_delay_in_minutes lets a serverless database pause."
  type = object({
    schedule  = string
    max_sleep = string
  })
  validation {
    condition     = length(split(" ", var.sweep.schedule)) == 6 && can(regex("^[0-9]+(s|m|h|min)$", var.sweep.max_sleep))
    error_message = "The schedule has six fields, and the sleep is a duration such as 30s, 5m or 2h."
  }
}

variable "logs" {
  description = "How long logs are kept (days), and how much a day may bring (GB)."
  type = object({
    retention_in_days = number
    daily_quota_gb    = number
  })
}

variable "registry_sku" {
  description = "Basic or Standard."
  type        = string
}

variable "protected" {
  description = "Whether what cannot be made again is kept from being deleted: the database is locked, and deleted secrets and a deleted vault, whose name stays taken, can be brought back for ninety days."
  type        = bool
}
