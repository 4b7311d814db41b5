variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the namespace is sbns-NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,43}[a-z0-9]$", var.name))
    error_message = "sbns-NAME has at most 50 small letters, digits and hyphens."
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

variable "topic_name" {
  description = "Topic that events are published on."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,258}[A-Za-z0-9]$", var.topic_name))
    error_message = "A topic's name has 2 to 260 letters, digits, dots, underscores and hyphens."
  }
}

variable "subscription_name" {
  description = "Subscription that Notify receives from."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,48}[A-Za-z0-9]$", var.subscription_name))
    error_message = "A subscription's name has 2 to 50 letters, digits, dots, underscores and hyphens."
  }
}

# Terraform and the provider take any text here; Azure refuses it in the middle of an apply.
variable "lock_duration" {
  description = "How long a received message belongs to its receiver: an ISO 8601 duration from PT45S to PT5M, in seconds or minutes."
  type        = string
  default     = "PT1M"
  validation {
    condition     = can(regex("^PT(4[5-9]S|[5-9][0-9]S|[1-2][0-9][0-9]S|300S|[1-5]M)$", var.lock_duration))
    error_message = "The lock duration is an ISO 8601 duration from PT45S to PT5M, as in PT1M."
  }
}

variable "senders" {
  description = "Object ids of the identities that publish, by role."
  type        = map(string)
}

variable "receivers" {
  description = "Object ids of the identities that receive, by role: of one host alone, since two would compete for the messages."
  type        = map(string)
  validation {
    condition     = length(var.receivers) == 1
    error_message = "Exactly one host receives from the subscription."
  }
}

variable "scalers" {
  description = "Object ids of the identities that read the subscription's depth, by role."
  type        = map(string)
}
