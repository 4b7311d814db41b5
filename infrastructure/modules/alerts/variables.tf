variable "name" {
  description = "Project and environment, as in orders-dev."
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
