variable "name" {
  description = "Project, environment and a suffix that makes it unique in the world; the services are acs-NAME and acse-NAME."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,57}[a-z0-9]$", var.name))
    error_message = "acse-NAME has at most 63 small letters, digits and hyphens."
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

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  validation {
    condition     = length(var.tags) <= 50 && alltrue([for name, value in var.tags : length(name) <= 128 && length(value) <= 256])
    error_message = "At most 50 tags, with names of up to 128 and values of up to 256 characters."
  }
}

variable "senders" {
  description = "Object ids of the identities that send, by role of the system."
  type        = map(string)
}
