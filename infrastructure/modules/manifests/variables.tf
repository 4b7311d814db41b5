variable "namespace" {
  description = "Namespace that everything goes into."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "A namespace has at most 63 small letters, digits and hyphens."
  }
}

variable "image" {
  description = "Image with registry, tag and digest: HOST/orders:TAG@sha256:DIGEST."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9/-]+:[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?@sha256:[0-9a-f]{64}$", var.image))
    error_message = "The image has the form HOST/NAME:TAG@sha256:DIGEST; the tag names a Job, so it has at most 40 small letters, digits and hyphens."
  }
}

variable "client_ids" {
  description = "Application id of each role's identity: api, migrate, and worker where there is one."
  type        = map(string)
  validation {
    condition     = length(setsubtract(["api", "migrate"], keys(var.client_ids))) == 0 && length(setsubtract(keys(var.client_ids), ["api", "migrate", "worker"])) == 0
    error_message = "The roles are api, migrate and, where this cluster notifies, worker."
  }
}

variable "settings" {
  description = "Environment of each role."
  type = object({
    api     = map(string)
    worker  = map(string)
    migrate = map(string)
  })
}

variable "api" {
  description = "Least and greatest number of Pods that serve HTTP."
  type = object({
    min_replicas = number
    max_replicas = number
  })
  validation {
    condition     = var.api.min_replicas >= 2 && var.api.min_replicas <= var.api.max_replicas
    error_message = "At least two Pods serve, so that one may go: 2 <= min_replicas <= max_replicas."
  }
}

variable "worker" {
  description = "How KEDA scales the worker, and what it may ask; null where another host notifies."
  type = object({
    max_replicas         = number
    messages_per_replica = number
    keda = object({
      client_id            = string
      tenant_id            = string
      servicebus_namespace = string
      topic_name           = string
      subscription_name    = string
    })
  })
  validation {
    condition     = try(var.worker.max_replicas >= 1 && var.worker.messages_per_replica >= 1, var.worker == null)
    error_message = "max_replicas and messages_per_replica are at least 1."
  }
}

variable "mail_ports" {
  description = "Ports that a mail server of one's own listens on; empty: none is called."
  type        = list(number)
  validation {
    condition     = alltrue([for port in var.mail_ports : port >= 1 && port <= 65535])
    error_message = "A port is a number from 1 to 65535."
  }
}

variable "gateway" {
  description = "Gateway that leads to the api; null: an internal load balancer does."
  type = object({
    name      = string
    namespace = string
    hostnames = list(string)
  })
}
